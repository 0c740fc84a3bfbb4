"""Tests every fault in each isolation of the sandbox, as root and not: `nox -s faults`.

Runs the tests that inject faults and the tests with hostile packages once for each leg (an
isolation, as root or not), and writes docs/faults.md from what they measured. A leg or a test that
cannot run on this machine is listed with the reason.
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

from uv import find_uv_bin

from watchdog.model.evidence import Isolation

ROOT = Path(__file__).parent.parent
INJECTED = ("tests/machine/test_faults.py", "tests/machine/test_faults_machine.py")
HOSTILE = "tests/machine/test_hostile.py"
NOBODY = 65534
NOT_ROOT = "not root"
# setpriv searches for its command with the rights of root; `env`, which it starts, has none.
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
    """One way to run the tests: an isolation, as root or not."""

    isolation: str
    root: bool

    @property
    def title(self) -> str:
        """Return the heading of the leg's column."""
        return self.isolation if self.root else f"{self.isolation}, {NOT_ROOT}"

    @property
    def name(self) -> str:
        """Return the name for files and for the command line, such as `limits-user`."""
        return f"{self.isolation}-{'root' if self.root else 'user'}"


LEGS = tuple(Leg(isolation.value, root) for root in (True, False) for isolation in Isolation)


@dataclass
class Row:
    """A fault, and its result in each leg."""

    fault: str
    sees: str = ""
    again: set[int] = field(default_factory=set)
    codes: set[int] = field(default_factory=set)
    legs: dict[Leg, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """A test as a leg reported it.

    Attributes:
        name: module and test.
        row: what the test measured, if it ran that far.
        why: the reason for which it was skipped.
        failed: true if it failed.
    """

    name: str
    row: Mapping[str, object] | None
    why: str = ""
    failed: bool = False


def pytest_command(leg: Leg, python: str, folder: Path, tests: Sequence[str]) -> list[str]:
    """Return the pytest command of a leg; it gives up the rights of root where the leg has none."""
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


def find_public_python(folder: Path) -> str:
    """Return a Python with this project that every user may run, or "" if there is none.

    If the current one is not accessible, create an environment in `folder`.
    """
    if _nobody_can_run(sys.executable):
        return sys.executable
    systems = (p for p in ("/usr/bin/python3", "/usr/local/bin/python3") if _nobody_can_run(p))
    system_python = next(systems, "")
    path = folder / "environment"
    if not system_python or path.exists():
        return str(path / "bin" / "python") if system_python else ""
    uv = find_uv_bin()
    subprocess.run([uv, "venv", "-q", "--python", system_python, str(path)], check=True)
    argv = [uv, "pip", "install", "-q", "--python", str(path), "-e", str(ROOT), "--group", "tests"]
    subprocess.run(argv, check=True, cwd=ROOT)
    return str(path / "bin" / "python")


def _nobody_can_run(python: str) -> bool:
    argv = [*AS_NOBODY, python, "-c", ""]
    try:
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run(leg: Leg, folder: Path, tests: Sequence[str]) -> str | None:
    """Run the tests of a leg and put its JUnit report into `folder`.

    Returns:
        The reason why the leg could not run, or None.
    """
    if leg.root and os.geteuid() != 0:
        return "this is not run by root"
    python = sys.executable
    path = folder / leg.name
    parts = [path, path / "home", path / "tmp"]  # HOME holds nothing else
    for part in parts:
        part.mkdir(parents=True)
    env = dict(os.environ) | {
        "FLASK_WATCHDOG_SANDBOX": leg.isolation,
        "TMPDIR": str(path / "tmp"),
    }
    if not leg.root and os.geteuid() == 0:
        if not shutil.which("setpriv"):
            return "setpriv is not installed (Debian: util-linux)"
        folder.chmod(0o755)
        for part in parts:
            os.chown(part, NOBODY, NOBODY)
        if not (python := find_public_python(folder)):
            return "no Python here may be run by everybody"
        env |= {
            "HOME": str(path / "home"),
            "USER": "nobody",
            "PATH": f"{Path(python).parent}:{os.defpath}",
        }
        for name in ("PYENV_ROOT", "UV_CACHE_DIR", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
            env.pop(name, None)
    print(f"{leg.title}:", flush=True)
    argv = pytest_command(leg, python, path, tests)
    done = subprocess.run(argv, cwd=ROOT, env=env, check=False)
    report = path / f"{leg.name}.xml"
    if not report.is_file():
        return f"pytest ended with code {done.returncode}"
    shutil.copyfile(report, folder / report.name)
    return None


def read_cases(report: Path) -> list[Case]:
    """Read the tests of a leg from its JUnit report."""
    cases = []
    for element in ET.parse(report).getroot().iter("testcase"):  # noqa: S314  our own
        rows = [p.get("value", "") for p in element.iter("property") if p.get("name") == "row"]
        skipped = element.find("skipped")
        failed = element.find("failure") is not None or element.find("error") is not None
        why = "" if skipped is None else str(skipped.get("message"))
        name = f"{str(element.get('classname')).rpartition('.')[2]}::{element.get('name')}"
        # Tests that are parametrized over isolations have the isolation in their name.
        name = re.sub(rf"(\[|-)({'|'.join(i.value for i in Isolation)}|auto)(?=-|\])", r"\1", name)
        cases.append(Case(name, json.loads(rows[0]) if rows else None, why, failed))
    return cases


def source_order(case: Case) -> tuple[str, int, int]:
    """Return a key that sorts cases as their tests stand in the source.

    Reports are in the order in which tests ended, which differs from run to run.
    """
    module, _, name = case.name.partition("::")
    text = (ROOT / "tests" / "machine" / f"{module}.py").read_text("utf-8")
    function, _, parameters = name.partition("[")
    parameter = text.find(parameters.rstrip("]").partition("-")[0])
    return module, text.find(f"def {function}("), parameter


def make_table(legs: Mapping[Leg, Sequence[Case]], module: str) -> tuple[list[Row], list[str]]:
    """Return the rows of the faults that a module tests, and the footnotes.

    Footnotes are the reasons why some tests were skipped.
    """
    measured = [c for cases in legs.values() for c in cases if c.name.startswith(module) and c.row]
    faults: dict[str, str] = {}
    for case in sorted(measured, key=source_order):
        faults.setdefault(case.name, str(case.row["fault"] if case.row else ""))
    rows = {fault: Row(fault) for fault in faults.values()}
    notes: list[str] = []
    for leg, cases in legs.items():
        for case in cases:
            if case.name in faults:
                _add_result(rows[faults[case.name]], leg, case, notes)
    return list(rows.values()), notes


def _add_result(row: Row, leg: Leg, case: Case, notes: list[str]) -> None:
    """Add the result of a test in one leg to the row of its fault."""
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


def format_range(numbers: Iterable[int]) -> str:
    """Return the smallest and the largest number as text, or the only one."""
    ordered = sorted(set(numbers))
    return "–".join(str(n) for n in (ordered if len(ordered) < 3 else (ordered[0], ordered[-1])))  # noqa: PLR2004


def table_lines(rows: Sequence[Row], notes: Sequence[str], legs: Sequence[Leg]) -> list[str]:
    """Return a table and its footnotes as lines of Markdown."""
    heads = ["fault", "seen", "again", "exit", *(leg.title for leg in legs)]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for row in rows:
        sees = row.sees.replace("|", "\\|").replace("<", "&lt;")
        codes = " or ".join(str(code) for code in sorted(row.codes))
        cells = [row.fault, sees, format_range(row.again), codes]
        cells += [row.legs.get(leg, "") for leg in legs]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *(f"[{n}] {why}  " for n, why in enumerate(notes, 1))]
    return lines


def make_page(folder: Path, missing: Mapping[Leg, str], appendix: str) -> str:
    """Return the text of docs/faults.md.

    Args:
        folder: where the JUnit reports are.
        missing: the legs that did not run, with the reason.
        appendix: the end of the page, which is written by hand.
    """
    legs = {leg: read_cases(folder / f"{leg.name}.xml") for leg in LEGS if leg not in missing}
    counts = Counter(
        "failed" if case.failed else "skipped" if case.why else "passed"
        for cases in legs.values()
        for case in cases
    )
    lines = [HEAD, "## Faults", ""]
    rows, notes = make_table(legs, "test_faults")
    lines += table_lines(rows, notes, list(legs))
    lines += ["", "## Hostile packages", ""]
    rows, notes = make_table(legs, "test_hostile")
    lines += table_lines(rows, notes, list(legs))
    lines += ["", "## The legs", ""]
    lines.append(
        f"{len(legs)} legs, {counts['passed']} tests passed, {counts['failed']} failed, "
        f"{counts['skipped']} were not tried, for the reasons above."
    )
    lines += [f"- {leg.title}: not run, {why}" for leg, why in missing.items()]
    return "\n".join(lines).rstrip() + "\n" + (f"\n{appendix}" if appendix else "")


APPENDIX = "## More than once"
"""The heading from which on docs/faults.md is written by hand."""


def main() -> int:
    """Run the legs, write docs/faults.md and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--legs", default="", help="run only these, such as limits-user,limits-root"
    )
    parser.add_argument(
        "--from", dest="reports", type=Path, help="run nothing, use the reports in this folder"
    )
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "faults.md")
    parser.add_argument("tests", nargs="*", default=[*INJECTED, HOSTILE])
    arguments = parser.parse_args()
    names = arguments.legs.split(",") if arguments.legs else [leg.name for leg in LEGS]
    folder = arguments.reports or Path(tempfile.mkdtemp(prefix="fw-faults-"))
    if arguments.reports is None:
        missing = {leg: "not asked for" for leg in LEGS if leg.name not in names}
        reasons = {leg: run(leg, folder, arguments.tests) for leg in LEGS if leg.name in names}
        missing |= {leg: why for leg, why in reasons.items() if why}
    else:
        missing = {leg: "no report" for leg in LEGS if not (folder / f"{leg.name}.xml").is_file()}
    text = arguments.into.read_text("utf-8") if arguments.into.is_file() else ""
    appendix = text[text.index(APPENDIX) :] if APPENDIX in text else ""
    arguments.into.write_text(make_page(folder, missing, appendix), "utf-8")
    failures = [
        case.name
        for leg in LEGS
        if leg not in missing
        for case in read_cases(folder / f"{leg.name}.xml")
        if case.failed
    ]
    summary = f"{arguments.into} from the reports in {folder}; {len(failures)} failed"
    print(summary, *failures, sep="\n  ")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
