"""Thousands of made-up cells, disturbed at random for a while: `nox -s soak`.

First the cells run undisturbed into one folder. Then they run again into another, while a seeded
chance kills the watchdog and its parts, lets the index fail, damages what is kept and fills the
disk; whatever ended is started again, and where all is done before the time is over, the next
round begins from nothing. After a last undisturbed run of each round its ledger must say the same
of every cell, and nothing may be left: no process, no folder, no descriptor. Written down is only
what does not belong to the machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from watchdog.environments import interpreters
from watchdog.sandbox.process import Processes
from watchdog.storage.files import read_lines
from watchdog.storage.journal import Journal

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
from loopback_index import LoopbackIndex  # noqa: E402  the index of the tests

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
START = datetime(2025, 10, 20, 12, tzinfo=UTC)
NOW = START + timedelta(days=60)
SERIES = 10
"""So many series of the framework, and so many of what it stands on."""
PARTS = 10
BETWEEN = ("a damaged store entry", "a torn ledger line", "a full disk")
KILLED = {
    "SIGKILL of a probe": "/probe.py",
    "SIGKILL of the supervisor": "watchdog/sandbox/supervisor",
    "SIGKILL of uv": "/uv",
}
ENDED = {
    "SIGKILL of the watchdog": signal.SIGKILL,
    "SIGTERM of the watchdog": signal.SIGTERM,
}
INDEX: dict[str, Callable[[bytes], tuple[int, bytes] | None]] = {
    "index: 500": lambda _: (500, b"oops"),
    "index: 429": lambda _: (429, b"slow down"),
    "index: half an answer": lambda data: (200, data[: len(data) // 2]),
    "index: slow": lambda _: time.sleep(1),
}
SMOKE = """# {number}
import flask
import {part}


def test_use():
    assert {part}.use(flask.Flask("x")) == 42
"""
FLASK = "import werkzeug\nclass Flask:\n    def __init__(self, name):\n        self.name = name\n"
GOOD = "def use(app):\n    return 42\n"
USES = {
    0: "from werkzeug import gone\n" + GOOD,
    1: "import werkzeug\ndef use(app):\n    return 42 if werkzeug.NUMBER < 8 else 41\n",
}
"""What breaks, and with which Werkzeug; every other part is good."""


@dataclass
class Figures:
    """What a soak found; nothing of it is a time or belongs to the machine.

    Attributes:
        rounds: how often all cells were begun from nothing while there were faults.
        lost: fingerprints of the undisturbed run that a round does not have.
        different: those of which it says something else.
        descriptors, megabytes: of the process that ran all cells undisturbed: after its first
            tenth, before its last, and the most.
        cache_megabytes: of the undisturbed run, and the most of a round.
    """

    seed: int
    minutes: float
    cells: int = 0
    fingerprints: int = 0
    rounds: int = 0
    runs: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    different: int = 0
    states_differ: int = 0
    processes_left: int = 0
    folders_left: int = 0
    descriptors: tuple[int, int, int] = (0, 0, 0)
    megabytes: tuple[int, int, int] = (0, 0, 0)
    cache_megabytes: tuple[float, float] = (0, 0)

    @property
    def sound(self) -> bool:
        bad = (self.lost, self.different, self.states_differ, self.processes_left)
        # What a program opens once (a page, a library) may come late; a leak grows with cells.
        leaks = self.descriptors[1] > self.descriptors[0] + 20
        return not any(bad) and not self.folders_left and not leaks


def publish(index: LoopbackIndex) -> None:
    """A framework and what it stands on, some series of each, and parts that use them."""
    for interpreter in interpreters.find_interpreters([PYTHON], Processes()).values():
        if interpreter.setuptools:
            index.add("setuptools", interpreter.setuptools, START)
    for number in range(SERIES):
        day, gone = START + timedelta(days=number), "" if number > SERIES - 2 else "gone = 1\n"
        files = {"werkzeug.py": f"NUMBER = {number}\n{gone}"}
        index.add("werkzeug", f"1.{number}.0", day, files=files)
        files = {"flask.py": f"{FLASK}NUMBER = {number}\n"}
        index.add("flask", f"1.{number}.0", day, files=files, requires=["werkzeug"])
    for number in range(PARTS):
        files = {f"part_{number}.py": USES.get(number, GOOD)}
        day = START + timedelta(days=SERIES)
        index.add(f"part-{number}", "1.0", day, files=files, requires=["flask"])


def write_cells(folder: Path, cells: int) -> None:
    """A matrix of at least so many cells: subjects x series x series."""
    smokes = folder / "smokes"
    smokes.mkdir(parents=True)
    (smokes / "smoke_flask.py").write_text(
        "import flask\n\n\ndef test_it():\n    flask.Flask('x')\n"
    )
    across = min(SERIES, max(1, round(cells**0.5)))
    subjects = [f"scenario-n{n:04}" for n in range(-(-cells // across**2))]
    told = [
        f'python: ["{PYTHON}"]',
        "limits: {seconds: 30, memory_mb: 512}",
        "tables:",
        "  grid:",
        f'    python: ["{PYTHON}"]',
        f'    flask: ["last {across}"]',
        f'    werkzeug: ["last {across}"]',
        "extensions:",
    ]
    for number, name in enumerate(subjects):
        part = number % PARTS
        smoke = SMOKE.format(number=number, part=f"part_{part}")
        (smokes / f"smoke_{name.replace('-', '_')}.py").write_text(smoke, "utf-8")
        told.append(f"  {name}: {{name: {name}, install: [flask, part-{part}]}}")
    (folder / "matrix.yaml").write_text("\n".join(told) + "\n", "utf-8")


@dataclass
class Soak:
    """A folder to run in, and the chance that disturbs it."""

    folder: Path
    index: LoopbackIndex
    chance: random.Random
    figures: Figures
    extra: Sequence[str]
    pause: float

    def __post_init__(self) -> None:
        self.mark = f"C.UTF-8@soak-{os.getpid()}"
        self.counted: Counter[str] = Counter()
        self.samples: list[tuple[int, int]] = []
        (self.folder / "temporary").mkdir()

    def start(self, reports: str, *, full: bool = False) -> subprocess.Popen[bytes]:
        """Start a run; with a full disk under uv's cache if need be."""
        given = ["--matrix", str(self.folder / "matrix.yaml"), "--reports", reports]
        given += ["--smokes", str(self.folder / "smokes"), "--as-of", NOW.isoformat(), *self.extra]
        argv = [sys.executable, "-m", "watchdog", "run", *given]
        caches = self.folder / f"caches-{reports}"
        if full:
            (caches / "uv").mkdir(parents=True, exist_ok=True)
            mount = f"mount -t tmpfs -o size=40k tmpfs {caches / 'uv'}"
            argv = ["unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', "sh", *argv]
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("UV_", "GITHUB_"))}
        env = kept | {
            "UV_DEFAULT_INDEX": self.index.url,
            "UV_CACHE_DIR": str(caches / "uv"),
            "UV_HTTP_RETRIES": "0",
            "FLASK_WATCHDOG_CACHE": str(caches / "watchdog"),
            "TMPDIR": str(self.folder / "temporary"),
            "LC_ALL": self.mark,
        }
        with (self.folder / "errors.txt").open("wb") as errors:
            return subprocess.Popen(
                argv, cwd=self.folder, env=env, stdout=subprocess.DEVNULL, stderr=errors
            )

    def said(self) -> str:
        return (self.folder / "errors.txt").read_text("utf-8", "replace")

    def undisturbed(self, reports: str) -> None:
        """Run to the end."""
        self.index.fault = None
        process = self.start(reports)
        while process.poll() is None:
            # Before its first cell it has hardly opened anything, however slowly it begins.
            if any((self.folder / reports / "ledger").glob("*.jsonl")):
                self.sample(process.pid)
            time.sleep(0.5)
        if process.returncode not in (0, 1):
            raise SystemExit(f"a run that nobody disturbed ended so: {self.said()}")

    def sample(self, pid: int) -> None:
        with contextlib.suppress(OSError, IndexError, ValueError):
            pages = int(Path(f"/proc/{pid}/statm").read_text("utf-8").split()[1])
            opened = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208  only their number
            self.samples.append((opened, pages * os.sysconf("SC_PAGE_SIZE") // 1_000_000))

    def disturbed(self, minutes: float) -> list[str]:
        """Do all cells with faults, and again from nothing, until the time is over; the folders."""
        until, folders = time.monotonic() + minutes * 60, list[str]()
        while time.monotonic() < until:
            folders.append(f"disturbed-{len(folders) + 1}")
            self.disturb(folders[-1], until)
        return folders

    def disturb(self, reports: str, until: float) -> None:
        """Run again and again, with faults, until the time is over or nothing is left to do."""
        while time.monotonic() < until:
            self.index.fault = None
            full = self.between(reports)
            process = self.start(reports, full=full)
            self.figures.runs += 1
            while process.poll() is None and time.monotonic() < until:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(self.chance.expovariate(1 / self.pause))
                if process.poll() is None:
                    self.live(process)
            if process.poll() is None:
                self.count("SIGKILL of the watchdog")
                process.kill()
            process.wait()
            if "Traceback" in self.said():
                raise SystemExit(self.said())
            if process.returncode in (0, 1) and "infrastructure failed" not in self.said():
                return

    def count(self, fault: str) -> None:
        self.counted[fault] += 1

    def live(self, process: subprocess.Popen[bytes]) -> None:
        """Something happens to a run."""
        fault = self.chance.choice([*ENDED, *KILLED, *INDEX])
        if how := ENDED.get(fault):
            process.send_signal(how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)
            self.count(fault)
        elif name := KILLED.get(fault):
            victims = [pid for pid in self.alive() if name.encode() in _command(pid)]
            if victims:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.chance.choice(victims), signal.SIGKILL)
                    self.count(fault)
        else:
            self.lying(fault)

    def lying(self, fault: str) -> None:
        """Let the index fail, for whatever is asked of it until the next fault."""
        answer = INDEX[fault]
        counted = [False]

        def wrong(_path: str, data: bytes) -> tuple[int, bytes] | None:
            if not counted[0]:
                counted[0] = True
                self.count(fault)
            return answer(data)

        self.index.fault = wrong

    def between(self, reports: str) -> bool:
        """Something happened while nothing ran; whether the disk is to be full."""
        fault = self.chance.choice([*BETWEEN, *INDEX, "", ""])
        if fault in INDEX:
            self.lying(fault)
        elif fault == "a damaged store entry":
            entries = self.folder / f"caches-{reports}" / "watchdog" / "packages" / "any"
            if files := sorted(entries.glob("*/site/[fpw]*.py")):
                self.chance.choice(files).write_text("raise SystemExit\n", "utf-8")
                self.count(fault)
        elif fault == "a torn ledger line":
            files = sorted((self.folder / reports / "ledger").glob("*.jsonl"))
            if files and (data := (path := self.chance.choice(files)).read_bytes()):
                path.write_bytes(data[: len(data) - self.chance.randrange(2, 60)])
                self.count(fault)
        elif fault == "a full disk" and sys.platform == "linux" and os.geteuid() == 0:
            self.count(fault)
            return True
        return False

    def alive(self) -> list[int]:
        """The processes that descend from a run, by what stands in their environment."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self.mark.encode() in (place / "environ").read_bytes():
                    found.append(int(place.name))
        return found


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


Said = dict[str, tuple[str, str | None]]


def ledger(reports: Path) -> Said:
    """What the ledger says of each fingerprint: outcome and signature."""
    found: Said = {}
    for path in sorted((reports / "ledger").glob("*.jsonl")):
        for line in read_lines(path):
            if line is not None:
                judged = line["judgement"]
                told = (str(judged["outcome"]), judged.get("signature"))
                before = found.setdefault(line["fingerprint"], told)
                if before != told:  # what was torn, and is whole all the same
                    found[line["fingerprint"]] = ("twice, otherwise", None)
    return found


def states(reports: Path) -> dict[str, str]:
    return {i: str(e.state) for i, e in Journal(reports).runs()[-1].cells.items()}


def megabytes(folder: Path) -> float:
    sizes = (p.lstat().st_size for p in folder.rglob("*") if p.is_file())
    return round(sum(sizes) / 1_000_000, 1)


def soak(folder: Path, given: argparse.Namespace) -> Figures:
    """The whole soak, in a new folder."""
    figures = Figures(given.seed, given.minutes)
    index = LoopbackIndex()
    index.start()
    publish(index)
    write_cells(folder, given.cells)
    chance = random.Random(given.seed)  # noqa: S311  faults, no secrets
    soaked = Soak(folder, index, chance, figures, ["--jobs", str(given.jobs)], given.pause)
    told = print if given.loud else lambda *_: None
    soaked.undisturbed("undisturbed")
    told("undisturbed:", soaked.said().splitlines()[-2:])
    samples = tuple(soaked.samples)
    disturbed = soaked.disturbed(given.minutes)
    told("disturbed:", figures.runs, "runs", dict(soaked.counted))
    for reports in disturbed:
        soaked.undisturbed(reports)
        told(f"at last, {reports}:", soaked.said().splitlines()[-2:])
    index.stop()
    wanted, one = ledger(folder / "undisturbed"), states(folder / "undisturbed")
    figures.rounds, figures.cells, figures.fingerprints = len(disturbed), len(one), len(wanted)
    figures.faults = dict(sorted(soaked.counted.items()))
    for reports in disturbed:
        found, other = ledger(folder / reports), states(folder / reports)
        figures.lost += len(wanted.keys() - found.keys())
        figures.different += sum(wanted.get(k) != v for k, v in found.items())
        figures.states_differ += sum(one.get(i) != other.get(i) for i in one.keys() | other.keys())
    figures.processes_left = len(soaked.alive())
    figures.folders_left = len(list((folder / "temporary").glob("fw-*")))
    # Without the time in which it begins and ends.
    settled = samples[len(samples) // 10 : -(len(samples) // 10) or None] or [(0, 0)]
    opened, memory = zip(*settled, strict=True)
    figures.descriptors = (opened[0], opened[-1], max(opened))
    figures.megabytes = (memory[0], memory[-1], max(memory))
    caches = [megabytes(folder / f"caches-{which}") for which in ("undisturbed", *disturbed)]
    figures.cache_megabytes = (caches[0], max(caches[1:], default=0))
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=20, help="so long there are faults")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--pause", type=float, default=12, help="seconds between faults, about")
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "soak.json")
    parser.add_argument("--loud", action="store_true", help="tell how it goes on")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fw-soak-") as temporary:
        figures = soak(Path(temporary).resolve(), given)
    given.into.write_text(json.dumps(asdict(figures), indent=1) + "\n", "utf-8")
    for name, value in asdict(figures).items():
        print(f"{name:<16} {value}")
    return 0 if figures.sound else 1


if __name__ == "__main__":
    sys.exit(main())
