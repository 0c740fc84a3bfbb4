"""A cell that a preloaded Python starts is like one that begins with a fresh Python."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from watchdog.environments.interpreters import find_interpreters
from watchdog.environments.links import create_venv
from watchdog.model.evidence import Isolation
from watchdog.model.release import Interpreter
from watchdog.runner.preloaded import LibraryChangedError, PreloadedPythons
from watchdog.sandbox.process import Processes
from watchdog.sandbox.sandbox import Job, JobResult, Sandbox, cell_environment

PYTHONS = find_interpreters([f"3.{minor}" for minor in range(8, 16)], Processes())
OPTIONS = ("-I", "-X", "faulthandler")

# What a program can see of how it was started; `CELL` is where its folder is.
SURROUNDINGS = r"""
import json, os, resource, signal, site, sys, sysconfig, traceback, warnings
warnings.simplefilter("always")
caught = []
warnings.showwarning = lambda message, category, file, line, *_: caught.append((str(file), line))
status = open("/proc/self/status").read().splitlines()
wanted = ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapAmb", "NoNewPrivs", "Umask",
          "SigIgn", "SigCgt", "Threads")
def refused(name, *arguments):
    try:
        getattr(os, name)(*arguments)
    except OSError as e:
        return e.strerror
def here(value):
    return json.loads(json.dumps(value).replace(CELL, "CELL"))
print(json.dumps(here({
    "argv": sys.argv, "orig_argv": getattr(sys, "orig_argv", 0), "executable": sys.executable,
    "prefixes": (sys.prefix, sys.exec_prefix, sys.base_prefix), "path": sys.path,
    "flags": str(sys.flags), "xoptions": sys._xoptions, "warnoptions": sys.warnoptions,
    "paths": sysconfig.get_paths(), "modules": sorted(sys.modules),
    "main": {n: type(v).__name__ if n == "__loader__" else str(v)
             for n, v in vars(sys.modules["__main__"]).items()
             if n.startswith("__") and n != "__warningregistry__"},
    "site": [site.PREFIXES, site.USER_BASE, site.USER_SITE, site.ENABLE_USER_SITE],
    "environ": dict(os.environ), "cwd": os.getcwd(), "input": sys.stdin.read(),
    "streams": [(s.name, s.encoding, s.errors, s.line_buffering, s.isatty())
                for s in (sys.stdin, sys.stdout, sys.stderr)],
    "files": sorted(os.readlink("/proc/self/fd/" + n).split(":")[0]
                    for n in os.listdir("/proc/self/fd") if int(n) < 3),
    "open": len(os.listdir("/proc/self/fd")),
    "status": [line for line in status if line.split(":")[0] in wanted],
    "limits": [resource.getrlimit(getattr(resource, n)) for n in sorted(dir(resource))
               if n.startswith("RLIMIT_") and n not in ("RLIMIT_OFILE", "RLIMIT_RSS")],
    "signals": [str(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGPIPE, signal.SIGTERM)],
    "session": os.getsid(0) == os.getpid(), "pid": os.getpid() < 10,
    "depth": len(traceback.extract_stack()) < 3,
    "refused": [refused("chroot", "/"), refused("setuid", 0), refused("sethostname", "x")
                if hasattr(os, "sethostname") else 0],
    "seen": sorted(os.listdir("..")), "root": sorted(os.listdir("/")),
})))
"""


@dataclass
class Cells:
    """Runs programs as cells of one Python."""

    sandbox: Sandbox
    pythons: PreloadedPythons
    interpreter: Interpreter
    folder: Path
    count: int = 0

    def __call__(self, code: str, *, preloaded: bool, seconds: float = 60) -> JobResult:
        """Run a program; it writes to the file `out`."""
        self.count += 1
        folder = self.folder / f"cell{self.count}"
        folder.mkdir()
        python = create_venv(folder / "env", self.interpreter)
        program = folder / "program.py"
        program.write_text(code.replace("CELL", repr(str(folder)), 1), "utf-8")
        arguments = [str(program), "argument"]
        job = Job(
            argv=[str(python), *OPTIONS, *arguments],
            env={**cell_environment(folder, python), "OWN": "ä"},
            folder=folder,
            visible=("env", "program.py"),
            channel="out",
            stdin="some input",
            seconds=seconds,
            memory_mb=2048,
        )
        if preloaded:
            python_of = self.pythons.for_cell("subject", self.interpreter, OPTIONS, arguments)
            job = replace(job, preloaded=python_of)
        return self.sandbox.run(job)

    def preload(self) -> None:
        """Wait until cells are started by the preloaded Python."""
        for _ in range(200):
            if self("pass", preloaded=True).preloaded:
                return
        raise AssertionError("the preloaded Python does not start")


def cells_of(interpreter: Interpreter, scratch: Path) -> Iterator[Cells]:
    processes = Processes()
    sandbox = Sandbox(processes, scratch, scratch / "store", [interpreter])
    try:
        if sandbox.choose() is not Isolation.NAMESPACES:
            pytest.skip("only the namespaces of Linux start cells from a preloaded Python")
        cells = Cells(sandbox, PreloadedPythons(scratch), interpreter, scratch)
        cells.preload()
        yield cells
    finally:
        processes.stop_all()
        sandbox.close()


@pytest.fixture(params=list(PYTHONS))
def cells(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cells]:
    """Cells of each Python of this machine."""
    yield from cells_of(PYTHONS[request.param], tmp_path)


@pytest.fixture
def newest(tmp_path: Path) -> Iterator[Cells]:
    """Cells of the newest Python of this machine."""
    yield from cells_of(PYTHONS[list(PYTHONS)[-1]], tmp_path)


@pytest.mark.slow
def test_surroundings(cells: Cells) -> None:
    """A program finds the same: paths, streams, rights, limits, signals, files, modules."""
    fresh, begun = (cells(SURROUNDINGS, preloaded=way) for way in (False, True))
    assert (fresh.preloaded, begun.preloaded) == (False, True)
    assert fresh.finished.returncode == begun.finished.returncode == 0, begun.finished.output
    one, other = (json.loads(result.finished.output) for result in (fresh, begun))
    # Python 3.8 imports this one with the first text file that it opens, anywhere.
    assert set(one.pop("modules")) ^ set(other.pop("modules")) <= {"_bootlocale"}
    assert one.pop("main") == other.pop("main")
    assert one == other


def test_nothing_is_passed_on(newest: Cells) -> None:
    """A cell leaves nothing behind that the next one finds, nor its processes."""
    leaves = (
        "import builtins, json, os, sys, threading, time, warnings\n"
        "builtins.LEFT = json.LEFT = sys.LEFT = 1\nos.environ['LEFT'] = '1'\nos.umask(0)\n"
        "sys.modules['left'] = json\nsys.path.append('left')\nwarnings.simplefilter('error')\n"
        "json.dumps = None\nopen('/tmp/left', 'w').close()\nopen('left', 'w').close()\n"
        "os.open('/', 0)\n"
        "if os.fork() == 0:\n    time.sleep(60)\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\nos._exit(0)\n"
    )
    looks = (
        "import builtins, json, os, sys, threading, warnings\n"
        "found = [hasattr(builtins, 'LEFT'), hasattr(json, 'LEFT'), hasattr(sys, 'LEFT'),\n"
        " 'LEFT' in os.environ, 'left' in sys.modules, 'left' in sys.path, json.dumps is None,\n"
        " os.path.exists('/tmp/left'), os.path.exists('left'), threading.active_count() > 1,\n"
        " any(f[0] == 'error' for f in warnings.filters), os.umask(0) != 0o022,\n"
        " sum(n.isdigit() for n in os.listdir('/proc')) > 3,\n"
        " len(os.listdir('/proc/self/fd')) > 4]\n"
        "print(json.dumps(found))\n"
    )
    before = newest(looks, preloaded=True)
    left = newest(leaves, preloaded=True)
    after = newest(looks, preloaded=True)
    assert left.preloaded
    assert left.finished.returncode == 0, left.finished.output
    assert json.loads(after.finished.output) == [False] * 14
    assert before.finished.output == after.finished.output


def test_random_numbers(newest: Cells) -> None:
    """Two cells draw different random numbers, and different temporary names."""
    draws = (
        "import random, secrets, tempfile, uuid\n"
        "print(random.random(), secrets.token_hex(), uuid.uuid4(), tempfile.mkdtemp())\n"
    )
    one, other = (newest(draws, preloaded=True).finished.output.split() for _ in range(2))
    assert not set(one) & set(other)


@pytest.mark.parametrize(
    ("code", "returncode"),
    [
        ("import sys; sys.exit(3)", 3),
        ("raise ValueError('it')", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9),
        ("import ctypes; ctypes.string_at(0)", -11),
        ("x = 'x' * 3_000_000_000", 1),
    ],
)
def test_ends(newest: Cells, code: str, returncode: int) -> None:
    """It ends with the same code and the same output, however it ends."""
    fresh, begun = (newest(code, preloaded=way) for way in (False, True))
    assert begun.preloaded
    assert fresh.finished.returncode == begun.finished.returncode == returncode

    def last(result: JobResult) -> list[str]:
        return result.finished.output.strip().splitlines()[-1:]

    if returncode == 1:
        assert last(fresh) == last(begun)


def test_time_limit(newest: Cells) -> None:
    """A cell that does not end is killed at its limit."""
    result = newest("import time; time.sleep(60)", preloaded=True, seconds=1)
    assert result.preloaded
    assert result.finished.timed_out


def test_replaced_function(newest: Cells) -> None:
    """A subject that replaces a function which other modules hold begins with a fresh Python."""
    pythons, interpreter = newest.pythons, newest.interpreter
    keeps = "import os, textwrap; textwrap.dedent = len; os.fork() or os._exit(5); os._exit(4)"
    kept = newest(keeps, preloaded=True)
    assert (kept.finished.returncode, kept.library_changed) == (4, False)
    pythons.check("subject", interpreter, kept)
    replaces = "import contextlib, functools, os; functools.wraps = len; os._exit(0)"
    result = newest(replaces, preloaded=True)
    assert result.library_changed
    with pytest.raises(LibraryChangedError):
        pythons.check("subject", interpreter, result)
    assert "functools.wraps" in (pythons.reason("subject", interpreter) or "")
    assert not newest("pass", preloaded=True).preloaded
    assert pythons.for_cell("other", interpreter, OPTIONS, ["x"]) is not None
