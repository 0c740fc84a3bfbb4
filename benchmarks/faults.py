"""Every fault in each isolation of the sandbox, as root and not: `nox -s faults`.

Runs the tests that inject faults and those of hostile packages once for each leg, and writes
docs/faults.md from what they measured. What cannot be tried here is told with its reason.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from watchdog.model.evidence import Isolation

ROOT = Path(__file__).parent.parent
INJECTED = ("tests/machine/test_faults.py", "tests/machine/test_faults_machine.py")
HOSTILE = "tests/machine/test_hostile.py"
NOBODY = 65534
SOMEBODY = "not root"
# What setpriv itself starts it still finds with the rights of root; `env` has none any more.
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "env")
HEAD = """# What happens when something goes wrong

Written by `nox -s faults` from what its tests measured: real processes, real signals, file systems
that are full, an index that lies ([test_faults.py](../tests/machine/test_faults.py),
[test_faults_machine.py](../tests/machine/test_faults_machine.py),
[test_hostile.py](../tests/machine/test_hostile.py)). A column is a leg: one isolation of the
[sandbox](../SECURITY.md), as root or as somebody without rights. What ended before a fault is in
the ledger and is not run again; each test checks that.

*Seen* is what the command or the cell says. *Again* is how many trials the next, undisturbed run
had to run: where the fault came before any cell ended, all of them. *Exit* is the code of the
disturbed run: 0 nothing new, 3 infrastructure (no verdict), 130 interrupted, -9 killed.
"""


@dataclass(frozen=True)
class Leg:
    """One way to run the tests."""

    means: str
    root: bool

    @property
    def title(self) -> str:
        return self.means if self.root else f"{self.means}, {SOMEBODY}"

    @property
    def name(self) -> str:
        return f"{self.means}-{'root' if self.root else 'user'}"


LEGS = tuple(Leg(means.value, root) for root in (True, False) for means in Isolation)


@dataclass
class Row:
    """A fault, and what the legs say of it."""

    fault: str
    sees: str = ""
    again: set[int] = field(default_factory=set)
    codes: set[int] = field(default_factory=set)
    legs: dict[Leg, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """A test as a leg reported it: `row` is what it told, `why` the reason for skipping it."""

    name: str
    row: Mapping[str, object] | None
    why: str = ""
    failed: bool = False


def command(leg: Leg, python: str, folder: Path, tests: Sequence[str]) -> list[str]:
    """Pytest for a leg; as nobody where we are root and the leg is not."""
    argv = [
        python,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        f"--basetemp={folder}/tests",
        f"--junitxml={folder}/{leg.name}.xml",
        "-n",
        "auto",
        "--dist",
        "worksteal",
        *tests,
    ]
    if not leg.root and os.geteuid() == 0:
        argv = [*AS_NOBODY, *argv]
    return argv


def readable_python(folder: Path) -> str:
    """A Python with this project that nobody in particular may run."""
    if _anybody_runs(sys.executable):
        return sys.executable
    real = next((p for p in ("/usr/bin/python3", "/usr/local/bin/python3") if _anybody_runs(p)), "")
    place = folder / "environment"
    if not real or place.exists():
        return str(place / "bin" / "python") if real else ""
    uv = shutil.which("uv") or "uv"
    subprocess.run([uv, "venv", "-q", "--python", real, str(place)], check=True)
    argv = [uv, "pip", "install", "-q", "--python", str(place), "-e", str(ROOT), "--group", "tests"]
    subprocess.run(argv, check=True, cwd=ROOT)
    return str(place / "bin" / "python")


def _anybody_runs(python: str) -> bool:
    argv = [*AS_NOBODY, python, "-c", ""]
    try:
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run(leg: Leg, folder: Path, tests: Sequence[str]) -> str | None:
    """Run a leg, its report beside the others; why not, where it cannot be had."""
    if leg.root and os.geteuid() != 0:
        return "this is not run by root"
    python = sys.executable
    place = folder / leg.name
    parts = [place, place / "home", place / "tmp"]  # no HOME in which everything lies
    for part in parts:
        part.mkdir(parents=True)
    env = dict(os.environ) | {"FLASK_WATCHDOG_SANDBOX": leg.means, "TMPDIR": str(place / "tmp")}
    if not leg.root and os.geteuid() == 0:
        if not shutil.which("setpriv"):
            return "setpriv is not installed (Debian: util-linux)"
        folder.chmod(0o755)
        for part in parts:
            os.chown(part, NOBODY, NOBODY)
        if not (python := readable_python(folder)):
            return "no Python here may be run by everybody"
        env |= {
            "HOME": str(place / "home"),
            "USER": "nobody",
            "PATH": f"{Path(python).parent}:{os.defpath}",
        }
        for name in ("PYENV_ROOT", "UV_CACHE_DIR", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
            env.pop(name, None)
    print(f"{leg.title}:", flush=True)
    argv = command(leg, python, place, tests)
    done = subprocess.run(argv, cwd=ROOT, env=env, check=False)
    report = place / f"{leg.name}.xml"
    if not report.is_file():
        return f"pytest ended with code {done.returncode}"
    shutil.copyfile(report, folder / report.name)
    return None


def cases(report: Path) -> list[Case]:
    """The tests of a leg."""
    found = []
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314  our own
        rows = [p.get("value", "") for p in case.iter("property") if p.get("name") == "row"]
        skipped = case.find("skipped")
        failed = case.find("failure") is not None or case.find("error") is not None
        why = "" if skipped is None else str(skipped.get("message"))
        name = f"{str(case.get('classname')).rpartition('.')[2]}::{case.get('name')}"
        # The means is a part of the name of what is parametrised over it.
        name = re.sub(rf"(\[|-)({'|'.join(m.value for m in Isolation)}|auto)(?=-|\])", r"\1", name)
        found.append(Case(name, json.loads(rows[0]) if rows else None, why, failed))
    return found


def place(case: Case) -> tuple[str, int, int]:
    """Where the test of a case stands: tests that run side by side end in any order."""
    module, _, name = case.name.partition("::")
    text = (ROOT / "tests" / "machine" / f"{module}.py").read_text("utf-8")
    function, _, chosen = name.partition("[")
    parameter = text.find(chosen.rstrip("]").partition("-")[0])
    return module, text.find(f"def {function}("), parameter


def table(legs: Mapping[Leg, Sequence[Case]], module: str) -> tuple[list[Row], list[str]]:
    """The rows of one kind of fault, and the reasons why some were not tried, as footnotes."""
    faults: dict[str, str] = {}
    notes: list[str] = []
    told = [c for found in legs.values() for c in found if c.name.startswith(module) and c.row]
    for case in sorted(told, key=place):
        faults.setdefault(case.name, str(case.row["fault"] if case.row else ""))
    rows = {fault: Row(fault) for fault in faults.values()}
    for leg, found in legs.items():
        for case in found:
            if (fault := faults.get(case.name)) is None:
                continue
            row = rows[fault]
            if case.failed:
                row.legs[leg] = "**failed**"
            elif case.row is None:
                if case.why not in notes:
                    notes.append(case.why)
                row.legs.setdefault(leg, f"[{notes.index(case.why) + 1}]")
            else:
                row.sees = row.sees or str(case.row["sees"])
                row.again.add(int(str(case.row["again"])))
                row.codes.add(int(str(case.row["code"])))
                row.legs.setdefault(leg, "✓")
    return list(rows.values()), notes


def numbers(found: Iterable[int]) -> str:
    ordered = sorted(set(found))
    return "–".join(str(n) for n in (ordered if len(ordered) < 3 else (ordered[0], ordered[-1])))  # noqa: PLR2004


def lines(rows: Sequence[Row], notes: Sequence[str], legs: Sequence[Leg]) -> list[str]:
    heads = ["fault", "seen", "again", "exit", *(leg.title for leg in legs)]
    told = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in rows:
        sees = row.sees.replace("|", "\\|").replace("<", "&lt;")
        codes = " or ".join(str(code) for code in sorted(row.codes))
        cells = [row.fault, sees, numbers(row.again), codes]
        cells += [row.legs.get(leg, "") for leg in legs]
        told.append("| " + " | ".join(cells) + " |")
    told += ["", *(f"[{n}] {why}  " for n, why in enumerate(notes, 1))]
    return told


def page(folder: Path, missing: Mapping[Leg, str], kept: str) -> str:
    """docs/faults.md, from the reports in a folder; `kept` is what others wrote at its end."""
    legs = {leg: cases(folder / f"{leg.name}.xml") for leg in LEGS if leg not in missing}
    counted = Counter(
        "failed" if case.failed else "skipped" if case.why else "passed"
        for found in legs.values()
        for case in found
    )
    told = [HEAD, "## Faults", ""]
    rows, notes = table(legs, "test_faults")
    told += lines(rows, notes, list(legs))
    told += ["", "## Hostile packages", ""]
    rows, notes = table(legs, "test_hostile")
    told += lines(rows, notes, list(legs))
    told += ["", "## The legs", ""]
    told.append(
        f"{len(legs)} legs, {counted['passed']} tests passed, {counted['failed']} failed, "
        f"{counted['skipped']} were not tried, for the reasons above."
    )
    told += [f"- {leg.title}: not run, {why}" for leg, why in missing.items()]
    return "\n".join(told).rstrip() + "\n" + (f"\n{kept}" if kept else "")


MORE = "## More than once"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--legs", default="", help="only these, such as limits-user,limits-root")
    parser.add_argument("--from", dest="reports", type=Path, help="only write, from these reports")
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "faults.md")
    parser.add_argument("tests", nargs="*", default=[*INJECTED, HOSTILE])
    given = parser.parse_args()
    wanted = [leg for leg in LEGS if not given.legs or leg.name in given.legs.split(",")]
    folder = given.reports or Path(tempfile.mkdtemp(prefix="fw-faults-"))
    missing = {leg: "not asked for" for leg in LEGS if leg not in wanted}
    if given.reports is None:
        told = {leg: run(leg, folder, given.tests) for leg in wanted}
        missing |= {leg: why for leg, why in told.items() if why}
    else:
        missing = {leg: "no report" for leg in LEGS if not (folder / f"{leg.name}.xml").is_file()}
    text = given.into.read_text("utf-8") if given.into.is_file() else ""
    kept = text[text.index(MORE) :] if MORE in text else ""
    given.into.write_text(page(folder, missing, kept), "utf-8")
    bad = [
        c.name
        for leg in LEGS
        if leg not in missing
        for c in cases(folder / f"{leg.name}.xml")
        if c.failed
    ]
    print(f"{given.into} from the reports in {folder}; {len(bad)} failed", *bad, sep="\n  ")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
