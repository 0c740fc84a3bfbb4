"""A small world to break things in, with an index of its own."""

from __future__ import annotations

import contextlib
import os
import re
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
"""What a run from nothing has to run: each of them, and the core under them."""

Fault = Callable[[str, bytes], tuple[int, bytes] | None]
Known = dict[str, tuple[str, str | None]]


def cell(name: str) -> str:
    return f"{name}/today/py{PYTHON}"


# The smoke of ext-bad never passed with this version, so it is not called broken.
GOOD = {cell(n): "unjudged" if n == "ext-bad" else "works" for n in NAMES}


@dataclass
class World:
    """An index of a test's own with a few packages, and a folder to run in."""

    index: LoopbackIndex
    home: Home
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def close(self) -> None:
        """End what a test that fell over left running; its processes are nobody else's to find."""
        for process in self.started:
            process.kill()
            process.wait()

    def run(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return self.home("run", *args, **env)

    def reports(self) -> Path:
        return self.home.folder / "reports"

    def known(self) -> Known:
        """What the ledger says of each fingerprint: outcome and signature."""
        found = {}
        for path in sorted((self.reports() / "ledger").glob("*.jsonl")):
            for line in read_lines(path):
                if line is not None:
                    judged = line["judgement"]
                    found[line["fingerprint"]] = (judged["outcome"], judged.get("signature"))
        return found

    def next_run(self) -> int:
        """Run undisturbed after a fault: all is well. How many trials that had to run."""
        kept = len(self.known())
        done = self.run()
        assert done.returncode == 0, done.stderr
        assert self.home.states() == GOOD
        again = trials(done.stderr)
        assert again == TRIALS - kept, "what had ended is not run again, all else is"
        return again

    def trouble(self) -> str:
        """What the last run says of the first cell that it could not judge."""
        cells = self.home.last_run()["cells"].values()
        return next((str(c["reason"]) for c in cells if c["state"] == "error"), "")


def published(index: LoopbackIndex, folder: Path) -> World:
    """A few packages on an index, one of them bad, and a folder with their matrix and smokes."""
    ecosystem.begin(index, folder)
    text = [f'python: ["{PYTHON}"]', "limits: {seconds: 20, memory_mb: 512}"]
    text += ["tables:", "  today: {}", "extensions:"]
    for name in NAMES:
        module = name.replace("-", "_")
        answer = 41 if name == "ext-bad" else 42
        files = {f"{module}.py": f"def use():\n    return {answer}\n"}
        index.add(name, "1.0", day(4), files=files, requires=["flask"])
        smoke = SMOKE.format(name=name, module=module)
        (folder / "smokes" / f"smoke_{module}.py").write_text(smoke, "utf-8")
        text.append(f"  {name}: {{name: {name}}}")
    (folder / "matrix.yaml").write_text("\n".join(text) + "\n", "utf-8")
    return World(index, Home(folder, index.url, folder / "caches", in_process=False))


def opened(index: LoopbackIndex, folder: Path) -> Iterator[World]:
    """The body of a fixture: such a world, and nothing left of it afterwards."""
    world = published(index, folder)
    yield world
    world.close()


def last_line(errors: str) -> str:
    """The last thing a command said."""
    told = [line for line in errors.splitlines() if line.strip()]
    return told[-1] if told else ""


def trials(errors: str) -> int:
    """How many trials a run says that it ran."""
    return int(re.findall(r"(\d+) trials run", errors)[0])


def start(world: World, *args: str, mark: str = "C.UTF-8") -> subprocess.Popen[bytes]:
    """Start a run that a test means to disturb; what it prints lies in its folder."""
    with (world.home.folder / "errors.txt").open("wb") as errors:
        process = subprocess.Popen(
            world.home.argv("run", *args),
            cwd=world.home.folder,
            env=world.home.env | {"LC_ALL": mark},
            stdout=subprocess.DEVNULL,
            stderr=errors,
            # Whoever runs the tests in the background lets them inherit that it is ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
    world.started.append(process)
    return process


def said(world: World) -> str:
    """What the run that start() began said until now."""
    return (world.home.folder / "errors.txt").read_text("utf-8")


def marked(text: str) -> list[int]:
    """The processes in whose environment a text stands."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if text.encode() in (place / "environ").read_bytes():
                found.append(int(place.name))
    return found


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def end(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def wait_for(what: Callable[[], object], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.05)
    return False


def after_the_pages(world: World, change: Callable[[], object]) -> None:
    """Do something when the first file is asked for: everything is resolved by then."""
    done: list[str] = []

    def fault(path: str, _data: bytes) -> None:
        if path.startswith("/files/") and path.endswith(".whl") and not done:
            done.append(path)
            change()

    world.index.fault = fault


def sleeper(world: World, code: str) -> None:
    """Publish a package that stays for long, so that there is a cell to be killed."""
    world.index.add("ext-one", "1.1", day(5), files={"ext_one.py": code}, requires=["flask"])


def no_sleeper(world: World) -> None:
    kept = [u for u in world.index.files["ext-one"] if "1.1" not in u.filename]
    world.index.files["ext-one"] = kept


SLEEPS = "import subprocess, time\ndef use():\n    time.sleep(600)\n"
LEAVES = (
    "import subprocess, time\ndef use():\n"
    "    subprocess.Popen(['sleep', '600'], start_new_session=True)\n    time.sleep(600)\n"
)
