"""Runs thousands of made-up cells with random faults: `nox -s soak`.

First the cells run undisturbed into one folder. Then they run into other folders while a seeded
random generator kills the watchdog and its processes, makes the index fail, damages stored files
and fills the disk. A run that ended is started again; when all cells are done before the time is
over, the next round begins with empty folders. After a last undisturbed run of each round, its
ledger must be equal to that of the undisturbed cells, and no process, folder or descriptor may be
left. The figures that are written do not depend on the machine.
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
"""Number of series of the framework, and of the package it depends on."""
PARTS = 10
SHOWN = 5
"""Results that differ of which each round shows no more."""
BETWEEN_RUNS = ("a damaged store entry", "a torn ledger line", "a full disk")
KILLED_PROCESSES = {
    "SIGKILL of a probe": "/probe.py",
    "SIGKILL of the supervisor": "watchdog/sandbox/supervisor",
    "SIGKILL of uv": "/uv",
}
SIGNALS = {
    "SIGKILL of the watchdog": signal.SIGKILL,
    "SIGTERM of the watchdog": signal.SIGTERM,
}
INDEX_FAULTS: dict[str, Callable[[bytes], tuple[int, bytes] | None]] = {
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
"""Code of the parts that break with some versions of Werkzeug; every other part works."""


@dataclass
class Figures:
    """The results of a soak; none of them depends on the speed of the machine.

    Attributes:
        rounds: how often all cells were started with empty folders while there were faults.
        lost: fingerprints of the undisturbed run that are missing in a round.
        different: fingerprints with another outcome or signature in a round.
        states_differ: cells with another state in a round.
        descriptors, megabytes: of the process that ran all cells undisturbed: after its first
            tenth, before its last tenth, and the maximum.
        cache_megabytes: of the undisturbed run, and the maximum of the rounds.
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
        """Return true if nothing was lost, changed or left behind."""
        bad = (self.lost, self.different, self.states_differ, self.processes_left)
        # A program may open a library late, but only once; a leak grows with the number of cells.
        leaks = self.descriptors[1] > self.descriptors[0] + 20
        return not any(bad) and not self.folders_left and not leaks


def publish(index: LoopbackIndex) -> None:
    """Publish a framework, the package it depends on, and parts that use both."""
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
    """Write a matrix of at least `cells` cells (subjects x series x series) and its smokes."""
    smokes = folder / "smokes"
    smokes.mkdir(parents=True)
    (smokes / "smoke_flask.py").write_text(
        "import flask\n\n\ndef test_it():\n    flask.Flask('x')\n"
    )
    across = min(SERIES, max(1, round(cells**0.5)))
    subjects = [f"scenario-n{n:04}" for n in range(-(-cells // across**2))]
    lines = [
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
        lines.append(f"  {name}: {{name: {name}, install: [flask, part-{part}]}}")
    (folder / "matrix.yaml").write_text("\n".join(lines) + "\n", "utf-8")


@dataclass
class Soak:
    """Runs the cells in a folder and injects random faults.

    Attributes:
        folder: holds matrix, smokes, reports, caches and temporary files.
        index: the index that serves the packages.
        chance: the source of randomness.
        figures: receives the number of runs.
        options: further options of each run.
        pause: mean time between two faults, in seconds.
    """

    folder: Path
    index: LoopbackIndex
    chance: random.Random
    figures: Figures
    options: Sequence[str]
    pause: float

    def __post_init__(self) -> None:
        self.mark = f"C.UTF-8@soak-{os.getpid()}"
        self.counts: Counter[str] = Counter()
        self.samples: list[tuple[int, int]] = []
        (self.folder / "temporary").mkdir()

    def start(self, reports: str, *, full: bool = False) -> subprocess.Popen[bytes]:
        """Start a run; if `full`, uv's cache is on a file system that is nearly full."""
        options = ["--matrix", str(self.folder / "matrix.yaml"), "--reports", reports]
        options += ["--smokes", str(self.folder / "smokes"), "--as-of", NOW.isoformat()]
        argv = [sys.executable, "-m", "watchdog", "run", *options, *self.options]
        caches = self.folder / f"caches-{reports}"
        if full:
            (caches / "uv").mkdir(parents=True, exist_ok=True)
            mount = f"mount -t tmpfs -o size=40k tmpfs {caches / 'uv'}"
            argv = ["unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', "sh", *argv]
        outer = {k: v for k, v in os.environ.items() if not k.startswith(("UV_", "GITHUB_"))}
        env = outer | {
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

    def errors(self) -> str:
        """Return what the last run wrote to stderr."""
        return (self.folder / "errors.txt").read_text("utf-8", "replace")

    def run_undisturbed(self, reports: str) -> None:
        """Run all cells without faults and sample the process meanwhile."""
        self.index.fault = None
        process = self.start(reports)
        while process.poll() is None:
            # Samples begin with the first cell; before that the process has opened little.
            if any((self.folder / reports / "ledger").glob("*.jsonl")):
                self.sample(process.pid)
            time.sleep(0.5)
        if process.returncode not in (0, 1):
            raise SystemExit(f"an undisturbed run failed: {self.errors()}")

    def sample(self, pid: int) -> None:
        """Store the number of open descriptors and the resident megabytes of a process."""
        with contextlib.suppress(OSError, IndexError, ValueError):
            pages = int(Path(f"/proc/{pid}/statm").read_text("utf-8").split()[1])
            opened = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208  only their number
            self.samples.append((opened, pages * os.sysconf("SC_PAGE_SIZE") // 1_000_000))

    def run_disturbed(self, minutes: float) -> list[str]:
        """Run all cells with faults, in one round after another, until the time is over.

        Returns:
            The reports folders of the rounds.
        """
        until, folders = time.monotonic() + minutes * 60, list[str]()
        while time.monotonic() < until:
            folders.append(f"disturbed-{len(folders) + 1}")
            self.run_round(folders[-1], until)
        return folders

    def run_round(self, reports: str, until: float) -> None:
        """Start runs with faults until the time is over or all cells are done."""
        while time.monotonic() < until:
            self.index.fault = None
            full = self.inject_between_runs(reports)
            process = self.start(reports, full=full)
            self.figures.runs += 1
            while process.poll() is None and time.monotonic() < until:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(self.chance.expovariate(1 / self.pause))
                if process.poll() is None:
                    self.inject(process)
            if process.poll() is None:
                self.count("SIGKILL of the watchdog")
                process.kill()
            process.wait()
            if "Traceback" in self.errors():
                raise SystemExit(self.errors())
            if process.returncode in (0, 1) and "infrastructure failed" not in self.errors():
                return

    def count(self, fault: str) -> None:
        """Count a fault that was injected."""
        self.counts[fault] += 1

    def inject(self, process: subprocess.Popen[bytes]) -> None:
        """Inject a random fault into a run."""
        fault = self.chance.choice([*SIGNALS, *KILLED_PROCESSES, *INDEX_FAULTS])
        if number := SIGNALS.get(fault):
            process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)
            self.count(fault)
        elif name := KILLED_PROCESSES.get(fault):
            victims = [pid for pid in self.processes() if name.encode() in _command_line(pid)]
            if victims:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.chance.choice(victims), signal.SIGKILL)
                    self.count(fault)
        else:
            self.inject_index_fault(fault)

    def inject_index_fault(self, fault: str) -> None:
        """Make every answer of the index wrong until the next fault."""
        respond = INDEX_FAULTS[fault]
        counted = [False]

        def wrong(_path: str, data: bytes) -> tuple[int, bytes] | None:
            if not counted[0]:
                counted[0] = True
                self.count(fault)
            return respond(data)

        self.index.fault = wrong

    def inject_between_runs(self, reports: str) -> bool:
        """Inject a random fault, or none, before the next run.

        Returns:
            True if the next run is to have a full disk.
        """
        fault = self.chance.choice([*BETWEEN_RUNS, *INDEX_FAULTS, "", ""])
        if fault in INDEX_FAULTS:
            self.inject_index_fault(fault)
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

    def processes(self) -> list[int]:
        """Return the ids of the processes that a run started; they inherit its `LC_ALL`."""
        pids = []
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self.mark.encode() in (path / "environ").read_bytes():
                    pids.append(int(path.name))
        return pids


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


Judgements = dict[str, tuple[str, str | None]]
"""Outcome and signature by fingerprint."""


def read_ledger(reports: Path) -> Judgements:
    """Read outcome and signature of each fingerprint from the ledger."""
    judgements: Judgements = {}
    for path in sorted((reports / "ledger").glob("*.jsonl")):
        for line in read_lines(path):
            if line is not None:
                stored = line["judgement"]
                judgement = (str(stored["outcome"]), stored.get("signature"))
                # A line that was torn is written again; both must be equal if both can be read.
                if judgements.setdefault(line["fingerprint"], judgement) != judgement:
                    judgements[line["fingerprint"]] = ("twice, otherwise", None)
    return judgements


def read_states(reports: Path) -> dict[str, str]:
    """Read the state of each cell of the last run."""
    return {i: str(e.state) for i, e in Journal(reports).runs()[-1].cells.items()}


def folder_megabytes(folder: Path) -> float:
    """Return the size of all files below a folder, in megabytes."""
    sizes = (p.lstat().st_size for p in folder.rglob("*") if p.is_file())
    return round(sum(sizes) / 1_000_000, 1)


def run_soak(folder: Path, arguments: argparse.Namespace) -> Figures:
    """Run the whole soak in a new folder and return its figures."""
    figures = Figures(arguments.seed, arguments.minutes)
    index = LoopbackIndex()
    index.start()
    publish(index)
    write_cells(folder, arguments.cells)
    chance = random.Random(arguments.seed)  # noqa: S311  faults, no secrets
    options = ["--jobs", str(arguments.jobs)]
    soak = Soak(folder, index, chance, figures, options, arguments.pause)
    report = print if arguments.loud else lambda *_: None
    soak.run_undisturbed("undisturbed")
    report("undisturbed:", soak.errors().splitlines()[-2:])
    samples = tuple(soak.samples)
    rounds = soak.run_disturbed(arguments.minutes)
    report("disturbed:", figures.runs, "runs", dict(soak.counts))
    for reports in rounds:
        soak.run_undisturbed(reports)
        report(f"at last, {reports}:", soak.errors().splitlines()[-2:])
    index.stop()
    figures.faults = dict(sorted(soak.counts.items()))
    figures.processes_left = len(soak.processes())
    figures.folders_left = len(list((folder / "temporary").glob("fw-*")))
    compare_rounds(figures, folder, rounds, report)
    measure_resources(figures, folder, rounds, samples)
    return figures


def compare_rounds(
    figures: Figures, folder: Path, rounds: Sequence[str], report: Callable[..., None]
) -> None:
    """Count what the rounds have lost or judged differently; report some of it."""
    expected = read_ledger(folder / "undisturbed")
    expected_states = read_states(folder / "undisturbed")
    figures.rounds, figures.cells = len(rounds), len(expected_states)
    figures.fingerprints = len(expected)
    for reports in rounds:
        judgements, states = read_ledger(folder / reports), read_states(folder / reports)
        figures.lost += len(expected.keys() - judgements.keys())
        different = [k for k, v in judgements.items() if expected.get(k) != v]
        figures.different += len(different)
        for key in different[:SHOWN]:
            report(f"{reports}: {key}: {judgements[key]} instead of {expected.get(key)}")
        cells = expected_states.keys() | states.keys()
        other = [i for i in sorted(cells) if expected_states.get(i) != states.get(i)]
        figures.states_differ += len(other)
        for cell in other[:SHOWN]:
            report(f"{reports}: {cell}: {states.get(cell)} instead of {expected_states.get(cell)}")


def measure_resources(
    figures: Figures, folder: Path, rounds: Sequence[str], samples: Sequence[tuple[int, int]]
) -> None:
    """Fill in descriptors, memory and the size of the caches."""
    tenth = len(samples) // 10  # without the time in which the process starts and ends
    settled = samples[tenth : -tenth or None] or [(0, 0)]
    opened, memory = zip(*settled, strict=True)
    figures.descriptors = (opened[0], opened[-1], max(opened))
    figures.megabytes = (memory[0], memory[-1], max(memory))
    caches = [folder_megabytes(folder / f"caches-{name}") for name in ("undisturbed", *rounds)]
    figures.cache_megabytes = (caches[0], max(caches[1:], default=0))


def main() -> int:
    """Run the soak, write docs/soak.json and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=20, help="duration of the faults")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--pause", type=float, default=12, help="mean seconds between faults")
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "soak.json")
    parser.add_argument("--loud", action="store_true", help="print the progress")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fw-soak-") as temporary:
        figures = run_soak(Path(temporary).resolve(), arguments)
    arguments.into.write_text(json.dumps(asdict(figures), indent=1) + "\n", "utf-8")
    for name, value in asdict(figures).items():
        print(f"{name:<16} {value}")
    return 0 if figures.sound else 1


if __name__ == "__main__":
    sys.exit(main())
