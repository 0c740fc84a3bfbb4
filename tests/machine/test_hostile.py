"""Hostile packages in each isolation of the sandbox are contained, and the run continues.

Each of them returns 42, as its smoke expects, only where it got what it wanted. The dangerous ones
are bounded by themselves: 1024 processes, one file of 600 MB. What plain limits cannot contain is
not tried under them; SECURITY.md says what that is.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import ecosystem
import pytest
from ecosystem import PYTHON
from fault_world import trials_run
from home import Home, Tell
from isolations import usable_isolations
from loopback_index import LoopbackIndex

from watchdog.model.evidence import Isolation

SECRET = "a-secret-that-no-cell-may-see"
CONFINED = frozenset({Isolation.BUBBLEWRAP, Isolation.NAMESPACES})
ALL = frozenset(Isolation)


@dataclass(frozen=True)
class Attack:
    """What a package does, in which isolations it is run, and what its record must have."""

    code: str
    isolations: frozenset[Isolation] = ALL
    outcome: str = "broken"
    symptom: str = ""


# BACKWARDS, SECRETS, REPORTS, PORT, MARK are replaced by where they are in this test.
ATTACKS = {
    "reads-ssh": Attack(
        "def use():\n    assert 'BACKWARDS'[::-1] in open('SECRETS/.ssh/id_ed25519').read()\n"
        "    return 42\n",
        CONFINED,
        symptom="FileNotFoundError",
    ),
    "reads-home": Attack(
        "import os\ndef use():\n    there = os.path.isdir('REALHOME')\n"
        "    found = os.listdir('REALHOME') if there else []\n"
        "    assert set(found) - {'.pyenv', '.local', '.cache'}, 'nothing of it'\n    return 42\n",
        CONFINED,
        symptom="nothing of it",
    ),
    "reads-ledger": Attack(
        "import os\ndef use():\n    os.listdir('REPORTS')\n    return 42\n",
        CONFINED,
        symptom="FileNotFoundError",
    ),
    "reads-cells": Attack(
        "import os\ndef use():\n    own = os.path.dirname(os.getcwd())\n"
        "    others = set(os.listdir(os.path.dirname(own))) - {os.path.basename(own)}\n"
        "    assert others, 'nobody else is here'\n    return 42\n",
        CONFINED,
        symptom="nobody else is here",
    ),
    "reads-own-environment": Attack(
        "import os\ndef use():\n    assert 'BACKWARDS'[::-1] in str(os.environ), 'not in it'\n"
        "    return 42\n",
        symptom="not in it",
    ),
    "reads-environments": Attack(
        "import glob\ndef use():\n    for name in glob.glob('/proc/[0-9]*/environ'):\n"
        "        try:\n            if b'BACKWARDS'[::-1] in open(name, 'rb').read():\n"
        "                return 42\n        except OSError:\n            pass\n"
        "    raise KeyError('nothing of it')\n",
        CONFINED,
        symptom="nothing of it",
    ),
    "connects-out": Attack(
        "import socket\ndef use():\n"
        "    socket.create_connection(('127.0.0.1', PORT), 2).close()\n    return 42\n",
        CONFINED,
        symptom="ConnectionRefusedError",
    ),
    "asks-a-name": Attack(
        "import socket\ndef use():\n    socket.create_connection(('192.0.2.1', 80), 2)\n"
        "    return 42\n",
        CONFINED,
        symptom="unreachable",
    ),
    "forks": Attack(
        "import os, time\ndef use():\n    for _ in range(10):\n        try:\n"
        "            os.fork()\n        except OSError:\n            pass\n"
        "    time.sleep(60)\n",
    ),
    "eats-memory-together": Attack(
        "import os, time\ndef use():\n    for _ in range(5):\n        if os.fork() == 0:\n"
        "            held = b'x' * 150_000_000\n            time.sleep(60)\n"
        "    time.sleep(60)\n",
        CONFINED,
        symptom="MB of memory, all its processes together",
    ),
    "prints-a-result": Attack(
        "import json, os\ndef use():\n"
        "    print(json.dumps({'event': 'test', 'name': 'test_use', 'outcome': 'passed'}))\n"
        "    print(json.dumps({'event': 'end'}), flush=True)\n    os._exit(0)\n",
        symptom="no result",
    ),
    "writes-events": Attack(
        "import json, os\ndef use():\n    with open('../events.jsonl', 'a') as out:\n"
        "        for kind in ('testing', 'test', 'end'):\n"
        "            told = {'event': kind, 'name': 'test_use', 'outcome': 'passed'}\n"
        "            out.write(json.dumps(told) + chr(10))\n    os._exit(0)\n",
        symptom="no result",
    ),
    "patches-the-probe": Attack(
        "import __main__\ndef test(self, name, function):\n"
        "    self.emit('test', name=name, title='', outcome='passed')\n    return True\n"
        "__main__.Probe.test = test\ndef use():\n    raise KeyError('lost')\n",
        symptom="Forged",
    ),
    "tells-the-end-early": Attack(
        "import os, sys\ndef use():\n    frame = sys._getframe()\n"
        "    while 'self' not in frame.f_locals:\n        frame = frame.f_back\n"
        "    frame.f_locals['self'].emit('end', warnings=[])\n    os._exit(0)\n",
        symptom="Forged",
    ),
    "exits": Attack("import os\ndef use():\n    os._exit(0)\n", symptom="no result"),
    "closes-stdout": Attack(
        "import os\ndef use():\n    os.close(1)\n    os.close(2)\n    os._exit(0)\n",
        symptom="no result",
    ),
    "closes-stdout-and-goes-on": Attack(
        "import os\ndef use():\n    os.close(1)\n    os.close(2)\n    return 42\n",
        outcome="works",
    ),
    "fills-the-disk": Attack(
        "def use():\n    with open('big', 'wb') as out:\n        for _ in range(600):\n"
        "            out.write(b'x' * 1_000_000)\n    return 42\n",
    ),
    "prints-a-gigabyte": Attack(
        "import os\ndef use():\n    for _ in range(1000):\n        os.write(1, b'x' * 1_000_000)\n"
        "    return 42\n",
        outcome="",  # a slow machine does not get to its end in time
    ),
    "loops": Attack(
        "import signal\ndef use():\n    for number in set(signal.Signals):\n        try:\n"
        "            signal.signal(number, signal.SIG_IGN)\n        except (OSError, ValueError):\n"
        "            pass\n    while True:\n        pass\n",
        symptom="Timeout",
    ),
    "leaves-a-daemon": Attack(
        "import subprocess\ndef use():\n"
        "    subprocess.Popen(['sleep', 'MARK1'], start_new_session=True)\n    return 42\n",
        outcome="works",
    ),
    "hides-a-daemon": Attack(
        "import subprocess\ndef use():\n"
        "    subprocess.Popen(['sleep', 'MARK2'], start_new_session=True, env={})\n"
        "    return 42\n",
        CONFINED,
        outcome="works",
    ),
    "injects": Attack(
        "def use():\n    raise ValueError('<script>alert(1)</script>' + chr(27) + '[31m' + "
        "chr(10) + '::error::pwned')\n",
        symptom="ValueError: <script>alert(1)</script>",
    ),
    "kills-its-parent": Attack(  # never under limits: there the parent is the watchdog
        "import os\ndef use():\n    os.kill(os.getppid(), 9)\n"
        "    os.killpg(os.getpgid(os.getppid()), 9)\n    os.kill(-1, 9)\n    return 42\n",
        CONFINED,
    ),
    "kills-its-group": Attack(
        "import os\ndef use():\n    os.killpg(os.getpgrp(), 9)\n    return 42\n",
    ),
    "poisons-the-store": Attack(  # it may write to what it has; nobody else has that
        "import flask, os\ndef use():\n    path = os.path.realpath(flask.__file__)\n"
        "    folder = os.path.dirname(path)\n    os.mkdir(folder + '/planted')\n"
        "    os.rename(path, path + '.gone')\n    return 42\n",
        CONFINED,
        outcome="works",
    ),
    "makes-namespaces": Attack(
        "import ctypes\ndef use():\n    libc = ctypes.CDLL(None, use_errno=True)\n"
        "    assert libc.unshare(0x10000000) == 0, 'not allowed'\n    return 42\n",
        CONFINED,
        symptom="not allowed",
    ),
}


@dataclass
class Ran:
    """A run over the hostile packages, and what was seen of it from outside."""

    home: Home
    isolation: Isolation
    code: int
    errors: str
    accepted: list[Any]
    mark: str
    again: int

    def record(self, name: str) -> dict[str, Any]:
        path = self.home.folder / "reports" / "ledger" / f"ext-{name}.jsonl"
        found: dict[str, Any] = json.loads(path.read_text("utf-8").splitlines()[-1])
        return found

    def alive(self, mark: str) -> list[str]:
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark.encode() in (place / "cmdline").read_bytes():
                    found.append(place.name)
        return found


@pytest.fixture(scope="module", params=usable_isolations())
def ran(request: pytest.FixtureRequest, build_once: Callable[..., Path]) -> Ran:
    """A run over the hostile packages in one isolation, the same for every worker."""
    isolation: Isolation = request.param
    folder = build_once(f"hostile-{isolation}", partial(run_hostile_packages, isolation))
    seen = json.loads((folder / "seen.json").read_text("utf-8"))
    home = Home(folder, "", folder / "caches", in_process=False)  # its index has stopped
    return Ran(home, isolation, **seen)


def run_hostile_packages(isolation: Isolation, folder: Path) -> None:
    """Run the hostile packages in a folder, and write there what was seen of it from outside."""
    secrets = folder / "home"
    (secrets / ".ssh").mkdir(parents=True)
    (secrets / ".ssh" / "id_ed25519").write_text(SECRET, "utf-8")
    index, mark = LoopbackIndex(), f"{time.time_ns() % 10**7}"
    index.start()
    accepted: list[Any] = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)  # noqa: FBT003
    names = [name for name, attack in ATTACKS.items() if isolation in attack.isolations]
    ecosystem.begin(index, folder)
    replaced = {
        "REALHOME": str(Path.home()),
        "SECRETS": str(secrets),
        "REPORTS": str(folder / "reports"),
        "MARK": mark + "00",
        "PORT": str(listener.getsockname()[1]),
        "BACKWARDS": SECRET[::-1],
    }
    for name in names:
        module, code = f"ext_{name.replace('-', '_')}", ATTACKS[name].code
        for word, value in replaced.items():
            code = code.replace(word, value)
        index.add(
            f"ext-{name}", "1.0", ecosystem.day(4), files={f"{module}.py": code}, requires=["flask"]
        )
        smoke = ecosystem.SMOKE.format(name=f"ext-{name}", module=module)
        (folder / "smokes" / f"smoke_{module}.py").write_text(smoke, "utf-8")
    matrix = [
        f'python: ["{PYTHON}"]',
        "limits: {seconds: 8, memory_mb: 300}",
        "tables:",
        "  today: {}",
        "extensions:",
    ]
    matrix += [f"  ext-{name}: {{name: {name}}}" for name in names]
    (folder / "matrix.yaml").write_text("\n".join(matrix) + "\n", "utf-8")
    home = Home(folder, index.url, folder / "caches", in_process=False)
    done = home(
        "run",
        "--sandbox",
        isolation,
        "--jobs",
        "3",
        HOME=str(secrets),
        GITHUB_TOKEN=SECRET,
        GITHUB_ACTIONS="true",
        A_TOKEN=SECRET,
    )
    with contextlib.suppress(BlockingIOError):
        accepted.append(listener.accept()[1])
    listener.close()
    again = trials_run(home("run", "--sandbox", isolation, HOME=str(secrets)).stderr)
    index.stop()
    seen = {
        "code": done.returncode,
        "errors": done.stderr,
        "accepted": accepted,
        "mark": mark,
        "again": again,
    }
    (folder / "seen.json").write_text(json.dumps(seen), "utf-8")


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_is_contained(ran: Ran, tell: Tell, name: str) -> None:
    """Each attack is contained, and its record has the expected outcome and no secret."""
    attack = ATTACKS[name]
    if ran.isolation not in attack.isolations:
        pytest.skip("plain limits cannot contain it; SECURITY.md says so")
    record = ran.record(name)
    judgement = record["judgement"]
    assert not attack.outcome or judgement["outcome"] == attack.outcome, record
    assert attack.symptom in judgement.get("symptom", ""), record
    assert {e["sandbox"] for e in record["evidence"]} == {ran.isolation}
    assert SECRET not in json.dumps(record)
    seen = " ".join([judgement["outcome"], judgement.get("symptom", "")])
    tell(f"a package that {name.replace('-', ' ')}", seen.strip(), ran.again, ran.code)


def test_run_completes_despite_attacks(ran: Ran) -> None:
    """The run ends with exit code 0, a state for each cell and a report."""
    assert ran.code == 0, ran.errors
    assert "Traceback" not in ran.errors
    states = ran.home.states()
    assert len(states) == sum(ran.isolation in attack.isolations for attack in ATTACKS.values())
    assert (ran.home.folder / "reports" / "index.html").is_file()


def test_sandbox_blocks_connections(ran: Ran) -> None:
    """No cell reached a server outside the sandbox."""
    if ran.isolation is Isolation.LIMITS:
        pytest.skip("plain limits do not close the network; SECURITY.md says so")
    assert ran.accepted == []


def test_no_process_outlives_its_cell(ran: Ran) -> None:
    """No process that a cell started is still alive after the run."""
    assert ran.alive(f"{ran.mark}00") == []


def test_large_output_is_cut(ran: Ran) -> None:
    """The log of a gigabyte of output is short and says how much was cut."""
    log = ran.record("prints-a-gigabyte")["evidence"][0]["log"]
    assert len(log) < 20_000
    assert "bytes cut" in log


def test_package_text_is_escaped(ran: Ran) -> None:
    """Text of a package has no effect on the terminal, the workflow log or the pages."""
    assert "\x1b[31m" not in ran.errors
    assert not [line for line in ran.errors.splitlines() if line.startswith("::error::pwned")]
    for page in (ran.home.folder / "reports").rglob("*.html"):
        assert "<script>alert(1)" not in page.read_text("utf-8")


def test_store_is_unchanged_by_attacks(ran: Ran) -> None:
    """The package store has no file of an attack and has lost none of its own."""
    if ran.isolation is Isolation.LIMITS:
        pytest.skip("plain limits do not protect files; SECURITY.md says so")
    store = ran.home.caches / "watchdog" / "packages"
    assert list(store.rglob("flask.py"))
    assert not [*store.rglob("planted"), *store.rglob("*.gone")]


def test_temporary_folders_are_removed(ran: Ran) -> None:
    """No temporary folder of the run is left."""
    mine = str(os.getuid())
    left = [p for p in Path(tempfile.gettempdir()).glob("fw-*/c*") if ran.mark in str(p)]
    assert (mine, left) == (mine, [])
