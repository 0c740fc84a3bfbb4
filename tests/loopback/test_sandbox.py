"""The sandbox from outside: its isolation, what a cell sees, and bytecode."""

from __future__ import annotations

import contextlib
import json
import marshal
import os
import shutil
import socket
import sys
import threading
from pathlib import Path

import pytest
from ecosystem import PYTHON
from home import Home

from watchdog.environments.interpreters import find_interpreters
from watchdog.model.evidence import Isolation
from watchdog.model.release import Interpreter
from watchdog.runner import probe_report
from watchdog.sandbox.process import Processes
from watchdog.sandbox.sandbox import Sandbox, find_python_paths
from watchdog.storage.ledger import Ledger

ONLY = ("--only", "ext-works")


def confined_here(scratch: Path) -> bool:
    processes = Processes()
    interpreters = find_interpreters([PYTHON], processes).values()
    sandbox = Sandbox(processes, scratch, scratch / "store", interpreters)
    try:
        return sandbox.choose() is not Isolation.LIMITS
    finally:
        processes.stop_all()
        sandbox.close()


def evidence(home: Home) -> dict[str, object]:
    path = home.folder / "reports" / "ledger" / "ext-works.jsonl"
    found: dict[str, object] = json.loads(path.read_text("utf-8").splitlines()[-1])["evidence"][0]
    return found


def test_record_names_sandbox(home: Home) -> None:
    """The record names the sandbox, but another sandbox does not run the cell again."""
    assert home("run", *ONLY, "--sandbox", "limits").returncode == 0
    assert evidence(home)["sandbox"] == "limits"
    again = home("run", *ONLY)
    assert "0 trials run" in again.stderr, "records of limits are reused in every other isolation"


def test_run_reports_weak_sandbox(home: Home) -> None:
    """A run says so when it does not use the strongest sandbox."""
    done = home("run", *ONLY, FLASK_WATCHDOG_SANDBOX="limits")
    assert "Cells are confined by limits (as requested)" in done.stderr


def test_run_unavailable_sandbox_exits_2(home: Home) -> None:
    """Asking for a sandbox that does not work here gives exit code 2 and a message."""
    only = str(Path(sys.executable).parent)  # bubblewrap is no Python program
    done = home("run", *ONLY, "--sandbox", "bubblewrap", PATH=only)
    assert done.returncode == 2, done.stderr
    assert "--sandbox bubblewrap does not work here" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="there is no umask")
def test_sandbox_with_strict_umask(home: Home, tmp_path: Path) -> None:
    """Cells use the same sandbox when files are created for their owner only."""
    assert home("run", *ONLY).returncode == 0
    usual = evidence(home)
    before = os.umask(0o077)
    try:
        again = home(
            "run", *ONLY, "--reports", str(tmp_path / "again"), FLASK_WATCHDOG_CACHE=str(tmp_path)
        )
    finally:
        os.umask(before)
    assert again.returncode == 0, again.stderr
    (record,) = (tmp_path / "again" / "ledger" / "ext-works.jsonl").read_text("utf-8").splitlines()
    assert json.loads(record)["evidence"][0]["sandbox"] == usual["sandbox"]


def test_ledger_reads_records_without_sandbox(run_copy: Home) -> None:
    """Records that were written before the sandbox existed can be read."""
    path = run_copy.folder / "reports" / "ledger" / "ext-works.jsonl"
    record = json.loads(path.read_text("utf-8").splitlines()[0])
    del record["evidence"][0]["sandbox"]
    path.write_text(json.dumps(record) + "\n", "utf-8")
    ledger = Ledger(run_copy.folder / "reports")
    assert ledger.skipped_lines == 0
    kept = ledger.get(record["fingerprint"])
    assert kept is not None
    assert kept.evidence[0].sandbox is None


def test_bytecode_is_not_taken_from_cell(home: Home, tmp_path: Path) -> None:
    """The store keeps its own bytecode, not what a cell wrote into its copy."""
    if not confined_here(tmp_path / "try"):
        pytest.skip("plain limits let a cell write to the store; SECURITY.md says so")
    home.caches = tmp_path / "caches"
    smoke = home.folder / "smokes" / "smoke_ext_works.py"
    # What it was compiled to is replaced in the cell's own copy, right after the import.
    smoke.write_text(
        smoke.read_text("utf-8") + "    import werkzeug\n"
        "    with open(werkzeug.__cached__, 'r+b') as out:\n"
        "        out.truncate(16)\n        out.seek(16)\n        out.write(b'planted')\n",
        "utf-8",
    )
    done = home("run", *ONLY)
    assert home.states()[f"ext-works/today/py{PYTHON}"] == "works", done.stderr
    (kept,) = (home.caches / "watchdog" / "packages").rglob("__pycache__/werkzeug.*.pyc")
    data = kept.read_bytes()
    assert b"planted" not in data
    assert marshal.loads(data[16:]).co_names  # noqa: S302  our own, from a line of this test


def test_visible_follows_symlinks(tmp_path: Path) -> None:
    """The visible paths are the Python's folder and every symbolic link on the way to it."""
    real = tmp_path / "opt" / "python" / "bin" / "python3.99"
    real.parent.mkdir(parents=True)
    real.touch()
    middle, first = tmp_path / "middle", tmp_path / "first"
    middle.symlink_to(real)
    first.symlink_to("middle")
    shown, links = find_python_paths([Interpreter(str(first), "3.99.1", None, "linux")])
    assert shown == [str(tmp_path / "opt" / "python")]
    assert links == [(str(first), "middle"), (str(middle), str(real))]


def test_visible_hides_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python inside the home folder does not make the home folder visible."""
    monkeypatch.setenv("HOME", str(tmp_path))
    python = tmp_path / "bin" / "python3.99"
    python.parent.mkdir()
    python.touch()
    shown, _ = find_python_paths([Interpreter(str(python), "3.99.1", None, "linux")])
    assert str(tmp_path) not in shown


def test_smoke_test_names_from_source() -> None:
    """The names of a smoke's tests are read from its source without running it."""
    assert probe_report.defined_tests(
        "def test_a():\n    1/0\nif x:\n    def test_b(): pass\n"
    ) == ("test_a",)
    assert probe_report.defined_tests("def (:") == ()


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="apt install redis-server")
def test_confined_cell_reaches_service(home: Home) -> None:
    """A confined cell can talk to the Redis server of its run."""
    matrix = home.folder / "matrix.yaml"
    text = matrix.read_text("utf-8")
    old = "  ext-works: {name: Ext-Works}"
    assert old in text
    matrix.write_text(
        text.replace(old, "  ext-works: {name: Ext-Works, services: [redis]}"), "utf-8"
    )
    smoke = home.folder / "smokes" / "smoke_ext_works.py"
    smoke.write_text(
        "import os, socket\nfrom ext_works import use\n\n\ndef test_use():\n    'It answers'\n"
        "    assert use() == 42\n"
        "    port = int(os.environ['WATCHDOG_REDIS'].split(':')[2].split('/')[0])\n"
        "    with socket.create_connection(('127.0.0.1', port), 5) as s:\n"
        "        s.sendall(b'PING\\r\\n')\n        assert s.recv(9).startswith(b'+PONG')\n",
        "utf-8",
    )
    done = home("run", *ONLY)
    assert home.states()[f"ext-works/today/py{PYTHON}"] == "works", done.stderr
    assert os.environ.get("WATCHDOG_REDIS") is None


def test_confined_cell_reaches_given_server(home: Home, tmp_path: Path) -> None:
    """A confined cell can talk to a server whose address the user gave."""
    if not confined_here(tmp_path / "try"):
        pytest.skip("plain limits do not close the network; SECURITY.md says so")
    server = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                with client:
                    client.sendall(client.recv(100).upper())

    threading.Thread(target=answer, daemon=True).start()
    matrix = home.folder / "matrix.yaml"
    old, new = "{name: Ext-Works}", "{name: Ext-Works, services: [mongodb]}"
    matrix.write_text(matrix.read_text("utf-8").replace(old, new), "utf-8")
    (home.folder / "smokes" / "smoke_ext_works.py").write_text(
        "import os, socket\n\n\ndef test_use():\n    'It answers'\n"
        "    address = os.environ['WATCHDOG_MONGODB']\n"
        "    port = int(address.split(':')[2].split('/')[0])\n"
        "    with socket.create_connection(('127.0.0.1', port), 5) as s:\n"
        "        s.sendall(b'hello')\n        assert s.recv(9) == b'HELLO'\n",
        "utf-8",
    )
    address = f"mongodb://localhost:{server.getsockname()[1]}/cell{{number}}"
    done = home("run", *ONLY, WATCHDOG_MONGODB=address)
    server.close()
    assert home.states()[f"ext-works/today/py{PYTHON}"] == "works", done.stderr
