"""Faults, injected with real processes: what the user sees, what is lost, the exit code.

docs/faults.md tells them as a table.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import ecosystem
import pytest
from conftest import Home
from ecosystem import NOW, PYTHON, SMOKE, day
from loopback_index import LoopbackIndex

from watchdog.interpreters import find
from watchdog.ledger import Ledger
from watchdog.model import Outcome
from watchdog.process import Processes

KILLS = int(os.environ.get("WATCHDOG_KILLS", "3"))
"""At how many random moments a run is killed; the issue asks for 200."""

NAMES = ("ext-one", "ext-two", "ext-three", "ext-bad")
Fault = Callable[[str, bytes], tuple[int, bytes] | None]


@dataclass
class World:
    """An index of a test's own with a few packages, and a folder to run in."""

    index: LoopbackIndex
    home: Home

    def run(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return self.home("run", *args, **env)

    def reports(self) -> Path:
        return self.home.folder / "reports"


@pytest.fixture
def world(empty_index: LoopbackIndex, tmp_path: Path) -> World:
    for interpreter in find([PYTHON], Processes()).values():
        if interpreter.setuptools:
            empty_index.add("setuptools", interpreter.setuptools, day(0))
    empty_index.add("werkzeug", "3.0.0", day(0), files=ecosystem.werkzeug(3))
    empty_index.add("flask", "3.0.0", day(1), files=ecosystem.flask(), requires=["werkzeug"])
    (tmp_path / "smokes").mkdir()
    (tmp_path / "smokes" / "smoke_flask.py").write_text(ecosystem.CORE_SMOKE, "utf-8")
    lines = [f'python: ["{PYTHON}"]', "limits: {seconds: 20, memory_mb: 512}"]
    lines += ["tables:", "  today: {}", "extensions:"]
    for name in NAMES:
        module = name.replace("-", "_")
        answer = 41 if name == "ext-bad" else 42
        files = {f"{module}.py": f"def use():\n    return {answer}\n"}
        empty_index.add(name, "1.0", day(4), files=files, requires=["flask"])
        smoke = SMOKE.format(name=name, module=module)
        (tmp_path / "smokes" / f"smoke_{module}.py").write_text(smoke, "utf-8")
        lines.append(f"  {name}: {{name: {name}}}")
    (tmp_path / "matrix.yaml").write_text("\n".join(lines) + "\n", "utf-8")
    return World(empty_index, Home(tmp_path, empty_index.url, tmp_path / "caches"))


def cell(name: str) -> str:
    return f"{name}/today/py{PYTHON}"


# The smoke of ext-bad never passed with this version, so it is not called broken.
GOOD = {cell(n): "unjudged" if n == "ext-bad" else "works" for n in NAMES}


def page_of(name: str, status: int, change: Callable[[bytes], bytes]) -> Fault:
    def fault(path: str, data: bytes) -> tuple[int, bytes] | None:
        return (status, change(data)) if path == f"/simple/{name}/" else None

    return fault


def slowly(_path: str, _data: bytes) -> None:
    time.sleep(0.3)


INDEX_FAULTS: dict[str, Fault] = {
    "429": page_of("ext-one", 429, lambda _: b"slow down"),
    "500": page_of("ext-one", 500, lambda _: b"oops"),
    "truncated": page_of("ext-one", 200, lambda data: data[: len(data) // 2]),
    "not-json": page_of("ext-one", 200, lambda _: b"[]"),
}


@pytest.mark.parametrize("name", INDEX_FAULTS)
def test_an_index_that_answers_wrongly_gives_3_and_no_verdict(world: World, name: str) -> None:
    world.index.fault = INDEX_FAULTS[name]
    done = world.run()
    assert done.returncode == 3, done.stderr
    assert "the package index cannot be read" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (world.reports() / "runs.jsonl").exists()
    world.index.fault = None
    again = world.run()
    assert again.returncode == 0, again.stderr
    assert world.home.states() == GOOD


def test_a_slow_index_is_waited_for(world: World) -> None:
    world.index.fault = slowly
    done = world.run()
    assert done.returncode == 0, done.stderr
    assert world.home.states() == GOOD


def after_the_pages(world: World, change: Callable[[], None]) -> None:
    """Do something when the first file is asked for: everything is resolved by then."""
    done: list[str] = []

    def fault(path: str, _data: bytes) -> None:
        if path.startswith("/files/") and path.endswith(".whl") and not done:
            done.append(path)
            change()

    world.index.fault = fault


def test_a_file_with_another_hash_is_never_installed_and_never_a_verdict(world: World) -> None:
    def fault(path: str, data: bytes) -> tuple[int, bytes] | None:
        if path.startswith("/files/ext-one/") and path.endswith(".whl"):
            return 200, data[:-1] + bytes([data[-1] ^ 1])
        return None

    world.index.fault = fault
    done = world.run()
    assert done.returncode == 0, done.stderr
    assert world.home.states() == GOOD | {cell("ext-one"): "error"}
    assert not (world.reports() / "ledger" / "ext-one.jsonl").exists()
    world.index.fault = None
    assert world.run().returncode == 0
    assert world.home.states() == GOOD


def test_a_release_that_is_deleted_while_we_look_is_our_trouble_not_a_breakage(
    world: World,
) -> None:
    held = world.index.files["ext-two"]
    after_the_pages(world, lambda: world.index.files.__setitem__("ext-two", []))
    done = world.run("--jobs", "1")
    assert done.returncode == 0, done.stderr
    assert world.home.states() in (GOOD, GOOD | {cell("ext-two"): "error"})
    world.index.files["ext-two"] = held


def test_a_release_that_is_yanked_while_we_look_is_still_installed(world: World) -> None:
    def yank() -> None:
        for upload in world.index.files["ext-two"]:
            upload.yanked = True

    after_the_pages(world, yank)
    done = world.run()
    assert done.returncode == 0, done.stderr
    assert world.home.states() == GOOD


def in_a_mount(world: World, options: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run where a small or read-only file system lies over a folder; only root may do that."""
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("a file system of its own can be mounted by root on Linux only")
    folder.mkdir(parents=True, exist_ok=True)
    command = f'mount -t tmpfs -o {options} tmpfs {folder} && exec "$@"'
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", command, "sh", *world.home.argv("run")],
        cwd=world.home.folder, env=world.home.env, text=True, capture_output=True, timeout=240,
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize("place", ["caches/watchdog", "caches/uv", "reports"])
def test_a_full_disk_gives_no_verdict(world: World, place: str) -> None:
    done = in_a_mount(world, "size=40k", world.home.folder / place)
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 3), done.stderr
    if done.returncode == 0 and place != "reports":
        assert set(world.home.states().values()) <= {"error", "unjudged", "works"}
    again = world.run()
    assert again.returncode == 0, again.stderr
    assert world.home.states() == GOOD


@pytest.mark.parametrize("place", ["caches/watchdog", "reports"])
def test_a_folder_that_cannot_be_written_gives_3_and_a_sentence(world: World, place: str) -> None:
    done = in_a_mount(world, "ro", world.home.folder / place)
    assert "Traceback" not in done.stderr
    assert done.returncode == 3, done.stderr
    assert "Read-only file system" in done.stderr or "cannot be written" in done.stderr


def test_a_torn_line_loses_one_cell_which_runs_again(world: World) -> None:
    assert world.run().returncode == 0
    path = world.reports() / "ledger" / "ext-two.jsonl"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - 40])
    done = world.run()
    assert done.returncode == 0, done.stderr
    assert "1 trials run" in done.stderr
    assert world.home.states() == GOOD
    lines = path.read_text("utf-8").splitlines()
    assert json.loads(lines[-1])["subject"] == "ext-two", "a whole line of its own"


def test_a_damaged_entry_of_the_store_is_noticed_and_fetched_anew(world: World) -> None:
    assert world.run().returncode == 0
    (file,) = (world.home.caches / "watchdog" / "packages").rglob("ext_one.py")
    good = file.read_text("utf-8")
    file.write_text("raise SystemExit\n", "utf-8")
    shutil.rmtree(world.reports())
    done = world.run()
    assert done.returncode == 0, done.stderr
    assert world.home.states() == GOOD
    assert file.read_text("utf-8") == good


def test_two_runs_at_once_in_one_folder_lose_nothing(world: World) -> None:
    started = [
        subprocess.Popen(
            world.home.argv("run", "--as-of", day(50 + n).isoformat()), cwd=world.home.folder,
            env=world.home.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for n in range(2)
    ]  # fmt: skip
    ended = [(p.communicate(timeout=200)[1], p.returncode) for p in started]
    assert [code for _, code in ended] == [0, 0], ended
    ledger = Ledger(world.reports())
    assert len(ledger.runs()) == 2
    assert ledger.skipped_lines == 0
    assert all({c: str(e.state) for c, e in r.cells.items()} == GOOD for r in ledger.runs())


def marked(text: str) -> list[int]:
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if text.encode() in (place / "environ").read_bytes():
                found.append(int(place.name))
    return found


def start(world: World, *args: str, mark: str = "C.UTF-8") -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        world.home.argv("run", *args), cwd=world.home.folder,
        env=world.home.env | {"LC_ALL": mark}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Whoever runs the tests in the background lets them inherit that it is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(KILLS))
def test_killed_at_a_random_moment_the_next_run_gives_the_same(world: World, seed: int) -> None:
    moment = random.Random(seed).uniform(0.2, 4.0)  # noqa: S311  a moment, no secret
    process = start(world)
    time.sleep(moment)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = world.run()
    assert done.returncode == 0, done.stderr
    assert world.home.states() == GOOD
    assert Ledger(world.reports()).skipped_lines <= 1


def sleeper(world: World, code: str) -> None:
    """Publish a package that stays for long, so that there is a cell to be killed."""
    world.index.add("ext-one", "1.1", day(5), files={"ext_one.py": code}, requires=["flask"])


SLEEPS = "import subprocess, time\ndef use():\n    time.sleep(600)\n"
LEAVES = (
    "import subprocess, time\ndef use():\n"
    "    subprocess.Popen(['sleep', '600'], start_new_session=True)\n    time.sleep(600)\n"
)


def wait_for(what: Callable[[], object], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("means", ["auto", "limits"])
def test_whatever_ends_the_watchdog_ends_every_cell(
    world: World, how: signal.Signals, means: str
) -> None:
    if how is signal.SIGKILL and means == "limits":
        pytest.skip("then a cell of its own session lives until its alarm; SECURITY.md says so")
    sleeper(world, LEAVES)
    mark = f"C.UTF-8@{world.home.folder.name}"
    process = start(world, "--only", "ext-one", "--sandbox", means, mark=mark)
    assert wait_for(lambda: [p for p in marked(mark) if b"sleep" in command(p)])
    process.send_signal(how)
    assert process.wait(30) in (130, -9)
    assert wait_for(lambda: not marked(mark)), [command(p) for p in marked(mark)]


def command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize("who", ["probe.py", "watchdog/keeper"])
def test_a_killed_probe_or_keeper_is_told_and_the_run_ends(world: World, who: str) -> None:
    sleeper(world, SLEEPS)
    mark = f"C.UTF-8@{world.home.folder.name}"
    process = start(world, mark=mark)
    try:
        assert wait_for(lambda: [p for p in marked(mark) if b"smoke_ext_one" in command(p)])
        victims = [p for p in marked(mark) if who.encode() in command(p)]
        if not victims:
            pytest.skip("there is no keeper under plain limits")
        for victim in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        assert process.wait(100) in (0, 1, 3)
    finally:
        process.kill()
    records = list((world.reports() / "ledger").glob("ext-one.jsonl"))
    for path in records:
        for line in path.read_text("utf-8").splitlines():
            assert json.loads(line)["judgement"]["outcome"] != Outcome.WORKS
    sleeper_gone = [u for u in world.index.files["ext-one"] if "1.1" not in u.filename]
    world.index.files["ext-one"] = sleeper_gone
    done = world.run("--as-of", NOW.isoformat())
    assert done.returncode == 0, done.stderr
    assert world.home.states()[cell("ext-two")] == "works"
