"""Faults, injected with real processes: what the user sees, what is lost, the exit code.

`nox -s faults` runs these in each isolation of the sandbox, as root and not, and writes
docs/faults.md from what they report. FLASK_WATCHDOG_SANDBOX selects the isolation.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ecosystem import day
from fault_world import (
    GOOD,
    LEAVES,
    SLEEPS,
    Fault,
    Judgements,
    World,
    cell_id,
    command_line,
    kill,
    last_line,
    marked_processes,
    on_first_download,
    open_world,
    publish_sleeper,
    publish_world,
    remove_sleeper,
    start,
    stderr_of,
    trials_run,
    wait_for,
)
from home import Tell
from loopback_index import LoopbackIndex

from watchdog.model.evidence import Outcome
from watchdog.storage.journal import Journal
from watchdog.storage.ledger import Ledger

KILLS = int(os.environ.get("WATCHDOG_KILLS", "3"))
"""At how many random moments a run is killed; 200 have been tried (docs/faults.md)."""

ISOLATION = os.environ.get("FLASK_WATCHDOG_SANDBOX", "auto")


@pytest.fixture
def world(empty_index: LoopbackIndex, tmp_path: Path, passed_self_test: Path) -> Iterator[World]:
    yield from open_world(empty_index, tmp_path, passed_self_test)


def page_of(name: str, status: int, change: Callable[[bytes], bytes]) -> Fault:
    def fault(path: str, data: bytes) -> tuple[int, bytes] | None:
        return (status, change(data)) if path == f"/simple/{name}/" else None

    return fault


def slowly(_path: str, _data: bytes) -> None:
    time.sleep(0.3)


INDEX_FAULTS: dict[str, Fault] = {
    "the index answers 429": page_of("ext-one", 429, lambda _: b"slow down"),
    "the index answers 500": page_of("ext-one", 500, lambda _: b"oops"),
    "the index sends half a page": page_of("ext-one", 200, lambda data: data[: len(data) // 2]),
    "the index sends something else": page_of("ext-one", 200, lambda _: b"[]"),
}


@pytest.mark.parametrize("name", INDEX_FAULTS)
def test_index_wrong_answer_exits_3(world: World, tell: Tell, name: str) -> None:
    """When the index answers wrongly, run exits with 3 and stores nothing."""
    world.index.fault = INDEX_FAULTS[name]
    done = world.run()
    assert done.returncode == 3, done.stderr
    assert "the package index cannot be read" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (world.reports() / "runs.jsonl").exists()
    world.index.fault = None
    tell(name, last_line(done.stderr), world.next_run(), done.returncode)


def test_index_down_exits_3(world: World, tell: Tell) -> None:
    """When the index is down, run exits with 3 and a message without traceback."""
    done = world.run(UV_DEFAULT_INDEX="http://127.0.0.1:9/simple/")
    assert done.returncode == 3, done.stderr
    assert "the package index cannot be read" in done.stderr
    assert "Traceback" not in done.stderr
    tell("the index is down", last_line(done.stderr), world.next_run(), done.returncode)


def test_slow_index_only_delays(world: World, tell: Tell) -> None:
    """A slow index delays the run but does not change its result."""
    world.index.fault = slowly
    done = world.run()
    assert done.returncode == 0, done.stderr
    assert world.home.states() == GOOD
    world.index.fault = None
    tell("the index is slow", "it takes longer", world.next_run(), done.returncode)


def test_unfetchable_file_is_error(world: World, tell: Tell) -> None:
    """A file that cannot be fetched makes its cell an error, and other cells are unaffected."""

    def fault(path: str, _data: bytes) -> tuple[int, bytes] | None:
        return (500, b"oops") if path.startswith("/files/ext-one/") else None

    world.index.fault = fault
    done = world.run()
    assert done.returncode == 0, done.stderr
    assert world.home.states() == GOOD | {cell_id("ext-one"): "error"}
    seen = world.error_reason()
    world.index.fault = None
    tell("the index answers 500 for a file", seen, world.next_run(), done.returncode)


FILE_FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "a file with another hash": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "the index sends a part of a file": lambda data: data[: data.index(b"PK\x01\x02") - 40],
}


@pytest.mark.parametrize("name", FILE_FAULTS)
def test_wrong_file_is_error(world: World, tell: Tell, name: str) -> None:
    """A file that is not the one of the page makes its cell an error and no record is stored."""

    def fault(path: str, data: bytes) -> tuple[int, bytes] | None:
        if path.startswith("/files/ext-one/") and path.endswith(".whl"):
            return 200, FILE_FAULTS[name](data)
        return None

    world.index.fault = fault
    done = world.run()
    assert done.returncode == 0, done.stderr
    assert world.home.states() == GOOD | {cell_id("ext-one"): "error"}
    assert not (world.reports() / "ledger" / "ext-one.jsonl").exists()
    seen = world.error_reason()
    world.index.fault = None
    tell(name, seen, world.next_run(), done.returncode)


def test_deleted_release_is_error(world: World, tell: Tell) -> None:
    """A release deleted after resolving gives an error or the right result, but no breakage."""
    held = world.index.files["ext-two"]
    on_first_download(world, lambda: world.index.files.__setitem__("ext-two", []))
    done = world.run("--jobs", "1")
    assert done.returncode == 0, done.stderr
    assert world.home.states() in (GOOD, GOOD | {cell_id("ext-two"): "error"})
    seen = world.error_reason() or "it was fetched before it went"
    world.index.files["ext-two"] = held
    world.index.fault = None
    fault = "a release is deleted between resolving and installing"
    tell(fault, seen, world.next_run(), done.returncode)


def test_yanked_release_still_installs(world: World, tell: Tell) -> None:
    """A release yanked after resolving is still installed."""

    def yank() -> None:
        for upload in world.index.files["ext-two"]:
            upload.yanked = True

    on_first_download(world, yank)
    done = world.run()
    assert done.returncode == 0, done.stderr
    assert world.home.states() == GOOD
    for upload in world.index.files["ext-two"]:
        upload.yanked = False
    fault = "a release is yanked between resolving and installing"
    tell(fault, "nothing: the lock pins it", world.next_run(), done.returncode)


def in_a_mount(world: World, options: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run with a small or read-only file system mounted on a folder, as the current user."""
    if sys.platform != "linux" or not shutil.which("unshare"):
        pytest.skip("a file system of its own can be mounted on Linux only")
    folder.mkdir(parents=True, exist_ok=True)
    mount = f"mount -t tmpfs -o {options} tmpfs {folder}"
    outside, inside = ["unshare", "-m"], ""
    if os.geteuid() != 0:  # mount as root of a namespace, then become the user again
        outside = ["unshare", "-m", "-r"]
        inside = f"unshare -U --map-user={os.geteuid()} --map-group={os.getegid()} --"
        mount = f"mount -t tmpfs -o {options},mode=777 tmpfs {folder}"
        if subprocess.run(
            [*outside, "sh", "-c", mount], capture_output=True, check=False
        ).returncode:
            pytest.skip("this system lets only root mount a file system")
    return subprocess.run(
        [*outside, "sh", "-c", f'{mount} && exec {inside} "$@"', "sh", *world.home.argv("run")],
        cwd=world.home.folder,
        env=world.home.env,
        text=True,
        capture_output=True,
        timeout=240,
        check=False,
    )


PLACES = {"caches/watchdog": "our caches", "caches/uv": "uv's cache", "reports": "the reports"}


@pytest.mark.parametrize("place", PLACES)
def test_full_disk_gives_no_false_verdict(world: World, tell: Tell, place: str) -> None:
    """A full disk gives no false verdict and no traceback."""
    done = in_a_mount(world, "size=40k", world.home.folder / place)
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 3), done.stderr
    seen = last_line(done.stderr)
    if done.returncode == 0 and place != "reports":
        assert set(world.home.states().values()) <= {"error", "unjudged", "works"}
        seen = world.error_reason()
    tell(f"the disk is full under {PLACES[place]}", seen, world.next_run(), done.returncode)


@pytest.mark.parametrize("place", PLACES)
def test_read_only_folder_exits_3(world: World, tell: Tell, place: str) -> None:
    """When a folder is read-only, run exits with 3 and a message without traceback."""
    done = in_a_mount(world, "ro", world.home.folder / place)
    assert "Traceback" not in done.stderr
    assert done.returncode == 3, done.stderr
    assert "Read-only file system" in done.stderr or "cannot be written" in done.stderr
    seen = last_line(done.stderr)
    tell(f"read-only: {PLACES[place]}", seen, world.next_run(), done.returncode)


def test_torn_ledger_line_runs_again(world: World, tell: Tell) -> None:
    """A torn ledger line causes only its own cell to run again."""
    assert world.run().returncode == 0
    path = world.reports() / "ledger" / "ext-two.jsonl"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - 40])
    assert world.next_run() == 1
    written = path.read_text("utf-8").splitlines()
    assert json.loads(written[-1])["subject"] == "ext-two", "a whole line of its own"
    doctor = world.home("doctor")
    seen = next(line for line in doctor.stdout.splitlines() if "ledger" in line)
    tell("the last line of the ledger is torn", f"doctor: {seen}", 1, 0)


def test_damaged_store_entry_is_replaced(world: World, tell: Tell) -> None:
    """A damaged entry of the package store is replaced and changes no outcome."""
    assert world.run().returncode == 0
    (file,) = (world.home.caches / "watchdog" / "packages").rglob("ext_one.py")
    good = file.read_text("utf-8")
    file.write_text("raise SystemExit\n", "utf-8")
    shutil.rmtree(world.reports())
    done = world.run()
    assert done.returncode == 0, done.stderr
    assert world.home.states() == GOOD
    assert file.read_text("utf-8") == good
    seen = "nothing: it is fetched anew"
    tell("a damaged entry of the package store", seen, world.next_run(), done.returncode)


def test_damaged_bytecode_is_replaced(world: World, tell: Tell) -> None:
    """Damaged bytecode in the store is made again and changes no outcome."""
    assert world.run().returncode == 0
    found = (world.home.caches / "watchdog" / "packages").rglob("*.pyc")
    damaged = [p for p in found if p.name.startswith(("ext_", "flask.", "werkzeug."))]
    assert len(damaged) == 6
    for path in damaged:
        path.write_bytes(path.read_bytes()[:40])
    shutil.rmtree(world.reports())
    done = world.run()
    assert done.returncode == 0, done.stderr
    assert world.home.states() == GOOD
    assert all(path.stat().st_size > 40 for path in damaged)
    seen = "nothing: it is removed, and made again"
    tell("damaged bytecode in the package store", seen, world.next_run(), done.returncode)


def test_damaged_bytecode_behind_an_error_page(world: World) -> None:
    """Damaged bytecode is found in the log where the symptom is the answer of a server."""
    assert world.run().returncode == 0
    found = (world.home.caches / "watchdog" / "packages").rglob("*.pyc")
    (damaged,) = (p for p in found if p.name.startswith("ext_one."))
    damaged.write_bytes(damaged.read_bytes()[:40])
    smoke = world.home.folder / "smokes" / "smoke_ext_one.py"
    smoke.write_text(
        "import traceback\n\n\ndef test_answer():\n    try:\n        import ext_one\n"
        "    except Exception:\n        traceback.print_exc()\n"
        "        raise RuntimeError('HTTP Error 500') from None\n"
        "    assert ext_one.use() is not None\n",
        "utf-8",
    )
    shutil.rmtree(world.reports())
    assert world.run().returncode == 0
    assert world.home.states() == GOOD
    assert damaged.stat().st_size > 40


def test_two_runs_in_one_folder(world: World, tell: Tell) -> None:
    """Two runs at once in one folder both finish and lose nothing."""
    started = [
        subprocess.Popen(
            world.home.argv("run", "--as-of", day(50 + n).isoformat()),
            cwd=world.home.folder,
            env=world.home.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in range(2)
    ]
    ended = [(p.communicate(timeout=200)[1], p.returncode) for p in started]
    assert [code for _, code in ended] == [0, 0], ended
    ledger, journal = Ledger(world.reports()), Journal(world.reports())
    assert len(journal.runs()) == 2
    assert (ledger.skipped_lines, journal.skipped_lines) == (0, 0)
    assert all({c: str(e.state) for c, e in r.cells.items()} == GOOD for r in journal.runs())
    tell("two runs at once in one folder", "nothing: both end", world.next_run(), 0)


@dataclass(frozen=True)
class Undisturbed:
    """What a run from nothing gives when nobody disturbs it, and the seconds it takes."""

    seconds: float
    known: Judgements


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    index = LoopbackIndex()
    index.start()
    world = publish_world(index, tmp_path_factory.mktemp("undisturbed"))
    started = time.monotonic()
    done = world.run()
    seconds = time.monotonic() - started
    index.stop()
    assert done.returncode == 0, done.stderr
    return Undisturbed(seconds, world.judgements())


@pytest.mark.parametrize("seed", range(KILLS))
def test_kill_at_random_moment(
    world: World,
    undisturbed: Undisturbed,
    tell: Tell,
    record_property: Callable[..., None],
    seed: int,
) -> None:
    """After a kill at a random moment the next run gives the result of an undisturbed run."""
    share = random.Random(seed).random()  # noqa: S311  a moment, no secret
    process = start(world)
    time.sleep(share * undisturbed.seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = len(world.judgements())
    again = world.next_run()
    assert world.judgements() == undisturbed.known
    assert Ledger(world.reports()).skipped_lines <= 1
    for name, value in (("share", round(share, 3)), ("kept", kept), ("again", again)):
        record_property(name, value)
    tell("SIGKILL of the watchdog at a random moment", "nothing any more", again, -9)


WAYS = {
    signal.SIGTERM: "SIGTERM",
    signal.SIGINT: "Ctrl-C",
    signal.SIGKILL: "SIGKILL while cells leave processes behind",
}


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("isolation", ["auto", "limits"] if ISOLATION == "auto" else [ISOLATION])
def test_watchdog_end_stops_all_cells(
    world: World, tell: Tell, how: signal.Signals, isolation: str
) -> None:
    """No process of a cell remains after the watchdog was terminated or killed."""
    publish_sleeper(world, LEAVES)
    mark = f"C.UTF-8@{world.home.folder.name}"
    process = start(world, "--only", "ext-one", "--sandbox", isolation, mark=mark)
    assert wait_for(lambda: [p for p in marked_processes(mark) if b"sleep" in command_line(p)])
    process.send_signal(how)
    code = process.wait(30)
    assert code in (130, -9)
    again = None
    if how is signal.SIGKILL and isolation == "limits":
        # Nobody can end then what left its group: the next run does, by the folder it came from.
        remove_sleeper(world)
        again = world.next_run()
    assert wait_for(lambda: not marked_processes(mark)), [
        command_line(p) for p in marked_processes(mark)
    ]
    remove_sleeper(world)
    seen = last_line(stderr_of(world)) if code == 130 else "nothing any more"
    tell(WAYS[how], seen, world.next_run() if again is None else again, code)


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize(
    ("who", "called"), [("probe", b"/probe.py"), ("supervisor", b"/supervisor")]
)
def test_killed_probe_or_supervisor(world: World, tell: Tell, who: str, called: bytes) -> None:
    """A killed probe or supervisor gives no false verdict, and the run ends."""
    publish_sleeper(world, SLEEPS)
    mark = f"C.UTF-8@{world.home.folder.name}"
    process = start(world, mark=mark)
    assert wait_for(
        lambda: [p for p in marked_processes(mark) if b"smoke_ext_one" in command_line(p)]
    )

    def there() -> list[int]:
        return [p for p in marked_processes(mark) if called in command_line(p)]

    wait_for(there, 5)
    found = there()
    if not found and who == "supervisor":
        pytest.skip("there is no supervisor under plain limits")
    assert found, [command_line(p) for p in marked_processes(mark)]
    kill(found)
    code = process.wait(100)
    assert code in (0, 1, 3)
    for path in (world.reports() / "ledger").glob("ext-one.jsonl"):
        for line in path.read_text("utf-8").splitlines():
            assert json.loads(line)["judgement"]["outcome"] != Outcome.WORKS
    seen = world.error_reason() or last_line(stderr_of(world))
    remove_sleeper(world)
    done = world.run()
    assert done.returncode == 0, done.stderr
    assert world.home.states() == GOOD
    tell(f"SIGKILL of a {who}", seen, trials_run(done.stderr), code)
