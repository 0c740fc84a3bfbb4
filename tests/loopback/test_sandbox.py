"""The sandbox as its users see it: which means, what it shows, what it keeps of bytecode."""

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


def test_the_means_stand_in_the_record_and_change_no_fingerprint(home: Home) -> None:
    assert home("run", *ONLY, "--sandbox", "limits").returncode == 0
    assert evidence(home)["sandbox"] == "limits"
    again = home("run", *ONLY)
    assert "0 trials run" in again.stderr, "what limits found is known under every other means"


def test_a_run_says_when_it_is_not_the_strongest(home: Home) -> None:
    done = home("run", *ONLY, FLASK_WATCHDOG_SANDBOX="limits")
    assert "Cells are confined by limits (as requested)" in done.stderr


def test_means_that_are_not_here_end_the_run_with_a_sentence(home: Home) -> None:
    only = str(Path(sys.executable).parent)  # bubblewrap is no Python program
    done = home("run", *ONLY, "--sandbox", "bubblewrap", PATH=only)
    assert done.returncode == 2, done.stderr
    assert "--sandbox bubblewrap does not work here" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="there is no umask")
def test_who_keeps_files_to_themselves_has_the_same_cells(home: Home, tmp_path: Path) -> None:
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


def test_records_of_before_the_sandbox_are_still_read(run_copy: Home) -> None:
    path = run_copy.folder / "reports" / "ledger" / "ext-works.jsonl"
    record = json.loads(path.read_text("utf-8").splitlines()[0])
    del record["evidence"][0]["sandbox"]
    path.write_text(json.dumps(record) + "\n", "utf-8")
    ledger = Ledger(run_copy.folder / "reports")
    assert ledger.skipped_lines == 0
    kept = ledger.get(record["fingerprint"])
    assert kept is not None
    assert kept.evidence[0].sandbox is None


def test_bytecode_is_compiled_by_us_and_never_taken_from_a_cell(home: Home, tmp_path: Path) -> None:
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


def test_a_python_of_links_is_seen_with_every_link_on_the_way(tmp_path: Path) -> None:
    real = tmp_path / "opt" / "python" / "bin" / "python3.99"
    real.parent.mkdir(parents=True)
    real.touch()
    middle, first = tmp_path / "middle", tmp_path / "first"
    middle.symlink_to(real)
    first.symlink_to("middle")
    shown, links = find_python_paths([Interpreter(str(first), "3.99.1", None, "linux")])
    assert shown == [str(tmp_path / "opt" / "python")]
    assert links == [(str(first), "middle"), (str(middle), str(real))]


def test_a_python_in_the_home_does_not_show_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    python = tmp_path / "bin" / "python3.99"
    python.parent.mkdir()
    python.touch()
    shown, _ = find_python_paths([Interpreter(str(python), "3.99.1", None, "linux")])
    assert str(tmp_path) not in shown


def test_the_tests_of_a_smoke_are_read_not_run() -> None:
    assert probe_report.test_names("def test_a():\n    1/0\nif x:\n    def test_b(): pass\n") == (
        "test_a",
    )
    assert probe_report.test_names("def (:") == ()


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="apt install redis-server")
def test_a_confined_cell_reaches_the_services_of_its_run(home: Home) -> None:
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


def test_a_server_that_is_given_is_reached_from_inside_and_nothing_else(
    home: Home, tmp_path: Path
) -> None:
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
