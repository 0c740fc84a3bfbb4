"""A few packages on an index of their own, for tests that inject faults."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import ecosystem
from ecosystem import PYTHON, SMOKE, day
from home import Home
from loopback_index import LoopbackIndex

from watchdog.storage.files import read_lines

NAMES = ("ext-one", "ext-two", "ext-three", "ext-bad")
TRIALS = len(NAMES) + 1
"""Number of trials of a first run: one for each package, and the core control."""

Fault = Callable[[str, bytes], tuple[int, bytes] | None]
Judgements = dict[str, tuple[str, str | None]]
"""Outcome and signature by fingerprint."""


def cell_id(name: str) -> str:
    """Return the id of a package's cell."""
    return f"{name}/today/py{PYTHON}"


# The smoke of ext-bad has never passed, so its state is not `broken`.
GOOD = {cell_id(n): "unjudged" if n == "ext-bad" else "works" for n in NAMES}


@dataclass
class World:
    """An index with a few packages, and a folder to run in."""

    index: LoopbackIndex
    home: Home
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def close(self) -> None:
        """Kill the runs that a failed test has left."""
        for process in self.started:
            process.kill()
            process.wait()

    def run(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run the matrix."""
        return self.home("run", *args, **env)

    def reports(self) -> Path:
        """Return the reports folder."""
        return self.home.folder / "reports"

    def judgements(self) -> Judgements:
        """Read outcome and signature of each fingerprint from the ledger."""
        judgements: Judgements = {}
        for path in sorted((self.reports() / "ledger").glob("*.jsonl")):
            for line in read_lines(path):
                if line is not None:
                    stored = line["judgement"]
                    judgements[line["fingerprint"]] = (stored["outcome"], stored.get("signature"))
        return judgements

    def next_run(self) -> int:
        """Run without faults, assert the right states, and return the number of trials run."""
        stored = len(self.judgements())
        done = self.run()
        assert done.returncode == 0, done.stderr
        assert self.home.states() == GOOD
        again = trials_run(done.stderr)
        assert again == TRIALS - stored, "stored trials are not run again, all others are"
        return again

    def error_reason(self) -> str:
        """Return the reason of the first cell with the state `error` in the last run."""
        cells = self.home.last_run()["cells"].values()
        return next((str(c["reason"]) for c in cells if c["state"] == "error"), "")


def publish_world(index: LoopbackIndex, folder: Path) -> World:
    """Publish a few packages, one of them bad, and write their matrix and smokes."""
    ecosystem.begin(index, folder)
    lines = [f'python: ["{PYTHON}"]', "limits: {seconds: 20, memory_mb: 512}"]
    lines += ["tables:", "  today: {}", "extensions:"]
    for name in NAMES:
        module = name.replace("-", "_")
        number = 41 if name == "ext-bad" else 42
        files = {f"{module}.py": f"def use():\n    return {number}\n"}
        index.add(name, "1.0", day(4), files=files, requires=["flask"])
        smoke = SMOKE.format(name=name, module=module)
        (folder / "smokes" / f"smoke_{module}.py").write_text(smoke, "utf-8")
        lines.append(f"  {name}: {{name: {name}}}")
    (folder / "matrix.yaml").write_text("\n".join(lines) + "\n", "utf-8")
    return World(index, Home(folder, index.url, folder / "caches", in_process=False))


SELF_TEST = Path("caches", "watchdog", "self-test.json")
"""Where a run leaves in its folder that the self test passed."""


def pass_self_test(folder: Path) -> None:
    """Run a world without faults, which also runs the self test."""
    index = LoopbackIndex()
    index.start()
    done = publish_world(index, folder).run()
    index.stop()
    assert (folder / SELF_TEST).is_file(), done.stderr


def open_world(index: LoopbackIndex, folder: Path, passed: Path) -> Iterator[World]:
    """Publish a world and close it after the test; the body of a fixture.

    Args:
        index: gets the packages.
        folder: of the world, empty.
        passed: folder of a world in which the self test passed: it is not run again, since it has
            three times as many trials as the world.
    """
    world = publish_world(index, folder)
    (folder / SELF_TEST).parent.mkdir(parents=True)
    shutil.copyfile(passed / SELF_TEST, folder / SELF_TEST)
    yield world
    world.close()


def last_line(errors: str) -> str:
    """Return the last line that is not empty."""
    lines = [line for line in errors.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def trials_run(errors: str) -> int:
    """Return the number of trials that a run has run, from its stderr."""
    return int(re.findall(r"(\d+) trials run", errors)[0])


def start(world: World, *args: str, mark: str = "C.UTF-8") -> subprocess.Popen[bytes]:
    """Start a run that the test disturbs; its stderr is written to its folder."""
    with (world.home.folder / "errors.txt").open("wb") as errors:
        process = subprocess.Popen(
            world.home.argv("run", *args),
            cwd=world.home.folder,
            env=world.home.env | {"LC_ALL": mark},
            stdout=subprocess.DEVNULL,
            stderr=errors,
            # Tests that run in the background inherit an ignored SIGINT from the shell.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
    world.started.append(process)
    return process


def stderr_of(world: World) -> str:
    """Return what the run of start() has written to stderr so far."""
    return (world.home.folder / "errors.txt").read_text("utf-8")


def marked_processes(mark: str) -> list[int]:
    """Return the ids of the processes that have a text in their environment."""
    pids = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (path / "environ").read_bytes():
                pids.append(int(path.name))
    return pids


def command_line(pid: int) -> bytes:
    """Return the command line of a process; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def kill(pids: list[int]) -> None:
    """Send SIGKILL to processes."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def wait_for(condition: Callable[[], object], seconds: float = 60) -> bool:
    """Wait until a condition is true; return false if it is not within these seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def on_first_download(world: World, change: Callable[[], object]) -> None:
    """Do something when the first wheel is downloaded; all cells are resolved by then.

    The first request for a wheel only reads which files it has, the second one downloads it.
    """
    done: list[str] = []
    listed: set[str] = set()

    def fault(path: str, _data: bytes) -> None:
        if path.startswith("/files/") and path.endswith(".whl") and not done:
            if path in listed:
                done.append(path)
                change()
            listed.add(path)

    world.index.fault = fault


def publish_sleeper(world: World, code: str) -> None:
    """Publish a version of ext-one that runs for long, so that its cell can be killed."""
    world.index.add("ext-one", "1.1", day(5), files={"ext_one.py": code}, requires=["flask"])


def remove_sleeper(world: World) -> None:
    """Remove that version from the index."""
    others = [u for u in world.index.files["ext-one"] if "1.1" not in u.filename]
    world.index.files["ext-one"] = others


SLEEPS = "import subprocess, time\ndef use():\n    time.sleep(600)\n"
LEAVES = (
    "import subprocess, time\ndef use():\n"
    "    subprocess.Popen(['sleep', '600'], start_new_session=True)\n    time.sleep(600)\n"
)
