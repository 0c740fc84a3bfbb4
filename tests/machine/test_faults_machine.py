"""What a machine may do to a run: its clock, its memory, its Python, its processes."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ecosystem import NOW, PYTHON, day
from fault_world import (
    GOOD,
    NAMES,
    World,
    cell_id,
    command_line,
    kill,
    last_line,
    marked_processes,
    on_first_download,
    open_world,
    start,
    stderr_of,
    trials_run,
    wait_for,
)
from home import Tell
from loopback_index import LoopbackIndex

from watchdog.environments.interpreters import find_interpreters
from watchdog.sandbox.process import Processes
from watchdog.storage.journal import Journal

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
GROUPS = Path("/sys/fs/cgroup/memory")


@pytest.fixture
def world(empty_index: LoopbackIndex, tmp_path: Path, passed_self_test: Path) -> Iterator[World]:
    yield from open_world(empty_index, tmp_path, passed_self_test)


def test_clock_back_between_runs(world: World, tell: Tell) -> None:
    """A clock set back between two runs loses nothing, runs nothing again and gives a message."""
    assert world.run(SOURCE_DATE_EPOCH=str(int(NOW.timestamp()))).returncode == 0
    earlier = day(50)
    done = world.run(
        "--as-of", earlier.isoformat(), SOURCE_DATE_EPOCH=str(int(earlier.timestamp()))
    )
    assert done.returncode == 0, done.stderr
    assert trials_run(done.stderr) == 0
    assert "runs with a later cutoff" in done.stderr
    runs = Journal(world.reports()).runs()
    assert [run.as_of for run in runs] == [earlier, NOW]
    assert all({c: str(e.state) for c, e in r.cells.items()} == GOOD for r in runs)
    seen = next(line for line in done.stderr.splitlines() if "later cutoff" in line)
    tell("the clock goes back between two runs", seen, world.next_run(), done.returncode)


CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/stat.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t which, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    struct stat there;
    if (!real) real = (int (*)(clockid_t, struct timespec *)) dlsym(RTLD_NEXT, "clock_gettime");
    int done = real(which, now);
    if (which == CLOCK_REALTIME && stat(getenv("WENT_BACK"), &there) == 0)
        now->tv_sec -= 30 * 86400;
    return done;
}
"""
"""The machine's clock thirty days earlier as soon as a file is there. (libfaketime would be the
known way; with it Python's time.sleep() fails, because it sleeps until a moment.)"""


@LINUX
def test_clock_back_during_run(world: World, tell: Tell) -> None:
    """A clock set back during a run does not change its result."""
    if not (compiler := shutil.which("cc")):
        pytest.skip("there is no C compiler for a clock that goes back")
    library, went_back = world.home.folder / "clock.so", world.home.folder / "went-back"
    argv = [compiler, "-shared", "-fPIC", "-o", str(library), "-xc", "-", "-ldl"]
    subprocess.run(argv, input=CLOCK, text=True, check=True)
    on_first_download(world, went_back.touch)
    done = subprocess.run(
        world.home.argv("run")[:-2],
        cwd=world.home.folder,
        text=True,
        capture_output=True,
        timeout=240,
        check=False,
        env=world.home.env | {"LD_PRELOAD": str(library), "WENT_BACK": str(went_back)},
    )
    assert done.returncode == 0, done.stderr
    assert world.home.states() == GOOD
    assert world.home.last_run()["finished"] < world.home.last_run()["as_of"], "it did go back"
    world.index.fault = None
    seen = "nothing: the cutoff is read once, durations come from another clock"
    tell("the clock goes back during a run", seen, world.next_run(), done.returncode)


def copied_python(into: Path) -> Path:
    """A Python of this series that may be removed."""
    real = Path(find_interpreters([PYTHON], Processes())[PYTHON].path).resolve()
    name = f"python{PYTHON}"
    (into / "bin").mkdir(parents=True)
    shutil.copy2(real, into / "bin" / name)
    left_out = ("test", "tests", "site-packages", "dist-packages", "idlelib", "config-*", "tkinter")
    shutil.copytree(
        real.parent.parent / "lib" / name,
        into / "lib" / name,
        ignore=shutil.ignore_patterns(*left_out),
        symlinks=False,
    )
    (into / "lib" / name / "site-packages").mkdir(exist_ok=True)
    return into / "bin" / name


def remove(folder: Path) -> None:
    """Remove a folder that somebody still writes to: a Python that runs writes its bytecode."""
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)


def test_python_removed_during_run(world: World, tell: Tell) -> None:
    """A Python that is removed during a run gives errors but no false verdict."""
    prefix = world.home.folder / "python"
    python = copied_python(prefix)
    path = os.pathsep.join([str(python.parent), os.environ["PATH"]])
    listed = world.home("plan", "--format", "json", PATH=path)
    assert listed.returncode == 0, listed.stderr
    on_first_download(world, lambda: remove(prefix))
    done = world.run("--jobs", "1", PATH=path)
    assert "Traceback" not in done.stderr
    assert not prefix.exists()
    states = world.home.states()
    for name in NAMES:  # what ended before may well be known; nothing else is
        assert states[cell_id(name)] in {GOOD[cell_id(name)], "error"}
    assert "error" in states.values(), done.stderr
    assert done.returncode in (0, 3), done.stderr
    seen = world.error_reason()
    world.index.fault = None
    assert "error" not in {outcome for outcome, _ in world.judgements().values()}
    done_again = world.run()
    assert done_again.returncode == 0, done_again.stderr
    assert world.home.states() == GOOD
    tell("a Python is removed during a run", seen, trials_run(done_again.stderr), done.returncode)


def limited(world: World, megabytes: int) -> subprocess.CompletedProcess[str]:
    """Run with so much address space for each process."""
    size = megabytes * 1024 * 1024
    return subprocess.run(
        world.home.argv("run"),
        cwd=world.home.folder,
        env=world.home.env,
        text=True,
        capture_output=True,
        timeout=240,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size)),
    )


@LINUX
@pytest.mark.parametrize("megabytes", [160, 1100, 1300])
def test_watchdog_memory_limit(world: World, tell: Tell, megabytes: int) -> None:
    """With little memory for the watchdog a run gives no false verdict and no traceback."""
    done = limited(world, megabytes)
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in (0, 3), done.stderr
    for outcome, _ in world.judgements().values():
        assert outcome in {"works", "broken"}
    if done.returncode == 0:
        assert set(world.home.states().values()) <= {"error", "unjudged", "works"}
    seen = last_line(done.stderr) if done.returncode else world.error_reason()
    fault = f"address space for the watchdog: {megabytes} MB"
    tell(fault, seen or "nothing", world.next_run(), done.returncode)


@contextlib.contextmanager
def memory_group(megabytes: int) -> Iterator[Path]:
    """A control group of the kernel with so much memory; what needs more of it is killed."""
    group = GROUPS / f"watchdog-{os.getpid()}-{time.time_ns()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(megabytes * 1024 * 1024))
    except OSError as e:
        pytest.skip(f"no control group for memory can be made here ({e.strerror})")
    try:
        yield group
    finally:
        wait_for(lambda: not (group / "cgroup.procs").read_text().split(), 20)
        group.rmdir()


EATS = "def use():\n    held = []\n    while True:\n        held.append(b'x' * 5_000_000)\n"


@LINUX
def test_cell_killed_by_kernel_for_memory(world: World, tell: Tell) -> None:
    """A cell that the kernel kills for lack of memory is an error."""
    world.index.add("ext-one", "1.1", day(5), files={"ext_one.py": EATS}, requires=["flask"])
    with memory_group(200) as group:

        def join() -> None:
            (group / "cgroup.procs").write_text(str(os.getpid()))

        done = subprocess.run(
            world.home.argv("run", "--jobs", "1"),
            cwd=world.home.folder,
            env=world.home.env,
            text=True,
            capture_output=True,
            timeout=240,
            check=False,
            preexec_fn=join,
        )
    assert done.returncode in (0, 3, -9), done.stderr
    assert "Traceback" not in done.stderr
    seen = "nothing any more"
    if done.returncode == 0:
        assert world.home.states()[cell_id("ext-one")] == "error", done.stderr
        seen = world.error_reason()
    world.index.files["ext-one"] = world.index.files["ext-one"][:1]
    tell("the kernel kills for want of memory", seen, world.next_run(), done.returncode)


@LINUX
def test_killed_uv_is_error(world: World, tell: Tell) -> None:
    """Killing uv while it installs gives errors but no false verdict."""

    def hold(path: str, _data: bytes) -> None:
        if path.startswith("/files/ext-one/"):
            time.sleep(3)

    world.index.fault = hold
    mark = f"C.UTF-8@{world.home.folder.name}"
    process = start(world, mark=mark)
    killed: list[int] = []
    while process.poll() is None:
        found = [
            p
            for p in marked_processes(mark)
            if b"ext-one" in command_line(p) and b"pip" in command_line(p)
        ]
        found += [
            p for p in children(process.pid) if command_line(p).split(b"\0")[0].endswith(b"uv")
        ]
        kill(found)
        killed += found
        time.sleep(0.02)
    assert killed
    assert process.returncode in (0, 3), stderr_of(world)
    assert "Traceback" not in stderr_of(world)
    seen = last_line(stderr_of(world))
    if process.returncode == 0:
        assert set(world.home.states().values()) <= {"error", "unjudged", "works"}
        seen = world.error_reason()
    world.index.fault = None
    tell("SIGKILL of every uv that is started", seen, world.next_run(), process.returncode)


def children(pid: int) -> list[int]:
    found = []
    for place in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(child) for child in place.read_text("utf-8").split()]
    return found


@LINUX
def test_killed_run_folder_is_removed(world: World, tmp_path: Path) -> None:
    """The next run removes the temporary folders of a killed run."""
    place = tmp_path / "temporary"
    place.mkdir()
    world.home.extra["TMPDIR"] = str(place)
    on_first_download(world, lambda: time.sleep(2))
    process = start(world)
    assert wait_for(lambda: list(place.glob("fw-run-*")))
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(place.glob("fw-run-*")), "a killed run removes nothing"
    world.next_run()
    assert not list(place.glob("fw-*"))
