"""What the build of a source distribution may do to the machine it is built on: nothing."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import ecosystem
import pytest
from ecosystem import PYTHON, SMOKE, day
from home import Home
from isolations import usable_isolations
from loopback_index import LoopbackIndex

from watchdog.model.evidence import Isolation
from watchdog.sandbox.build import _loopback_addresses, _reached_by_name, server_of

SECRET = "a-secret-that-no-build-may-see"

PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'

# The wheel holds what the backend found out during the build; so does its own METADATA.
BACKEND = """
import base64, hashlib, os, socket, subprocess, sys, zipfile

INFO = "ext_one-1.0.dist-info"
META = "Metadata-Version: 2.1\\nName: ext-one\\nVersion: 1.0\\nRequires-Dist: flask\\n"
FOUND = []


def attempt(function):
    try:
        if function():
            FOUND.append(function.__name__)
    except Exception:
        pass


def reads_a_key():
    return open("SECRETS/.ssh/id_ed25519").read()


def reads_the_reports():
    return os.listdir("REPORTS")


def sees_a_token():
    return "A_TOKEN" in os.environ


def connects_elsewhere():
    return socket.create_connection(("127.0.0.1", PORT), 2)


def plants_something():  # where it may seem to succeed, on a disk of its own
    open("STORE/planted", "w").write("x")


def reads_the_token_of_another_process():
    for place in os.listdir("/proc"):
        try:
            if b"A_TOKEN=" in open("/proc/" + place + "/environ", "rb").read():
                return True
        except OSError:
            pass


def sets_the_system():
    return open("/proc/sys/kernel/core_pattern", "r+").close() is None


def mounts():
    return subprocess.call(["mount", "-t", "tmpfs", "none", "/usr"], stderr=-3) == 0


def try_all():
    for function in (reads_a_key, reads_the_reports, sees_a_token, connects_elsewhere,
                     plants_something, reads_the_token_of_another_process, MORE):
        attempt(function)
    subprocess.Popen(["sleep", "MARK"], start_new_session=True, env={}, stdout=-3, stderr=-3)


def prepare_metadata_for_build_wheel(folder, settings=None):
    EXTRA
    os.mkdir(os.path.join(folder, INFO))
    with open(os.path.join(folder, INFO, "METADATA"), "w") as out:
        out.write(META)
    return INFO


def build_wheel(folder, settings=None, metadata=None):
    EXTRA
    try_all()
    files = {
        "ext_one.py": "def use():\\n    assert not %r, %r\\n    return 42\\n" % (FOUND, FOUND),
        INFO + "/METADATA": META,
        INFO + "/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        record += "%s,sha256=%s,%d\\n" % (path, digest.decode(), len(text))
    files[INFO + "/RECORD"] = record + INFO + "/RECORD,,\\n"
    name = "ext_one-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as out:
        for path, text in files.items():
            out.writestr(path, text)
    return name
"""


class World:
    """An index with one source distribution, whose build does what a test wants."""

    def __init__(self, folder: Path, index: LoopbackIndex) -> None:
        self.index, self.home = index, Home(folder, index.url, folder / "caches", in_process=False)
        self.secrets = folder / "home"
        (self.secrets / ".ssh").mkdir(parents=True)
        (self.secrets / ".ssh" / "id_ed25519").write_text(SECRET, "utf-8")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.mark = f"{time.time_ns() % 10**7}00"
        ecosystem.begin(index, folder)
        lines = [f'python: ["{PYTHON}"]', "tables:", "  today: {}", "extensions:"]
        for name in ("ext-one", "ext-two"):
            module = name.replace("-", "_")
            smoke = SMOKE.format(name=name, module=module)
            (folder / "smokes" / f"smoke_{module}.py").write_text(smoke, "utf-8")
            lines.append(f"  {name}: {{name: {name}}}")
        index.add(
            "ext-two",
            "1.0",
            day(4),
            files={"ext_two.py": "def use():\n    return 42\n"},
            requires=["flask"],
        )
        (folder / "matrix.yaml").write_text("\n".join(lines) + "\n", "utf-8")

    def publish(self, *, extra: str = "pass", more: str = "") -> None:
        backend = BACKEND
        for word, value in {
            "SECRETS": str(self.secrets),
            "REPORTS": str(self.home.folder / "reports"),
            "STORE": str(self.home.caches / "watchdog" / "packages"),
            "EXTRA": extra,
            "PORT": str(self.listener.getsockname()[1]),
            "MARK": self.mark,
            "MORE": more,
        }.items():
            backend = backend.replace(word, value)
        files = {
            "pyproject.toml": PROJECT,
            "backend.py": backend,
            "PKG-INFO": "Metadata-Version: 1.0\nName: ext-one\nVersion: 1.0\n",
        }
        self.index.add_sdist("ext-one", "1.0", day(4), files=files)

    def run(self, isolation: Isolation) -> str:
        done = self.home("run", "--sandbox", isolation, HOME=str(self.secrets), A_TOKEN=SECRET)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        assert self.home.states()[f"ext-two/today/py{PYTHON}"] == "works"
        return done.stderr

    def record(self) -> str:
        path = self.home.folder / "reports" / "ledger" / "ext-one.jsonl"
        return path.read_text("utf-8").splitlines()[-1]

    def left(self) -> list[str]:
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self.mark.encode() in (place / "cmdline").read_bytes():
                    found.append(place.name)
        return found


@pytest.fixture
def world(tmp_path: Path, empty_index: LoopbackIndex) -> Iterator[World]:
    world = World(tmp_path, empty_index)
    with world.listener:
        yield world


CONFINED = [m for m in usable_isolations() if m.values[0] is not Isolation.LIMITS]


@pytest.mark.slow
@pytest.mark.parametrize("isolation", CONFINED)
def test_confined_build_reaches_only_index(world: World, isolation: Isolation) -> None:
    """A confined build works but reads no secret, reaches no other server and plants no file."""
    world.publish(more="sets_the_system, mounts")
    world.run(isolation)
    record = world.record()
    assert json.loads(record)["judgement"]["outcome"] == "works", record
    assert SECRET not in record
    assert world.left() == []
    assert not list(world.home.caches.rglob("planted"))


@pytest.mark.slow
def test_unconfined_build_attacks_succeed(world: World) -> None:
    """With limits as the only sandbox, the attacks of a build succeed, but it sees no token."""
    world.publish()
    (world.home.folder / "reports").mkdir()
    (world.home.folder / "reports" / "there.txt").touch()
    (world.home.caches / "watchdog" / "packages").mkdir(parents=True)
    world.run(Isolation.LIMITS)
    found = json.loads(world.record())["judgement"]["symptom"]
    for name in ("reads_a_key", "reads_the_reports", "connects_elsewhere", "reads_the_token_of"):
        assert name in found, found
    assert list(world.home.caches.rglob("planted"))
    assert "sees_a_token" not in found, "the environment is an allow-list in every isolation"


@pytest.mark.slow
@pytest.mark.parametrize("isolation", CONFINED)
@pytest.mark.parametrize(
    "extra",
    [
        "os.kill(-1, 9)",
        "os.kill(0, 9)",
        "[os.fork() for _ in range(11)] and __import__('time').sleep(30)",
    ],
    ids=["kills-everybody", "kills-its-group", "forks"],
)
def test_hostile_build_does_not_stop_run(world: World, isolation: Isolation, extra: str) -> None:
    """A build that kills processes or forks fails, and the run goes on without leftovers."""
    world.publish(extra=extra)
    world.run(isolation)
    assert world.home.states()[f"ext-one/today/py{PYTHON}"] != "works"
    assert world.left() == []


@pytest.mark.slow
@pytest.mark.parametrize("isolation", [*CONFINED, Isolation.LIMITS])
def test_build_has_low_priority(world: World, isolation: Isolation) -> None:
    """A build and its session have a low priority, so that cells do not wait for it."""
    world.publish(
        extra="assert os.nice(0) == 5, 'nice'; own = '/proc/self/autogroup'; "
        "assert not os.path.exists(own) or 'nice 5' in open(own).read(), 'session'"
    )
    world.run(isolation)
    assert json.loads(world.record())["judgement"]["stage"] == "smoke"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://index.example/simple", ("index.example", 443)),
        ("http://index.example:3141/root/pypi/+simple/", ("index.example", 3141)),
        ("https://me:secret@index.example/simple", ("index.example", 443)),
        ("file:///srv/wheels", None),
        ("/srv/wheels", None),
        ("https://index.example:port/simple", None),
    ],
)
def test_server_of_url(url: str, expected: tuple[str, int] | None) -> None:
    """The server of a URL is its host and port, or None for folders and invalid URLs."""
    assert server_of(url) == expected


def test_addresses_are_unique_per_server() -> None:
    """Each server gets its own loopback address, and localhost keeps its own."""
    servers = [("a.example", 443), ("b.example", 443), ("localhost", 8080)]
    found = _loopback_addresses(servers)
    assert found["localhost"] == "127.0.0.1"
    assert len(set(found.values())) == 3


def test_named_servers_reject_proxy_and_ip(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers cannot be named when a proxy is set or when one is a bare IP address."""
    for name in [n for n in os.environ if n.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    assert _reached_by_name([("a.example", 443), ("127.0.0.1", 80)])
    assert not _reached_by_name([("192.0.2.7", 443)])
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert not _reached_by_name([("a.example", 443)])


@pytest.mark.slow
def test_builds_listed_builds_only_listed(world: World) -> None:
    """With --builds listed, only packages in the list builds are built from source."""
    world.publish()
    done = world.home("run", "--builds", "listed")
    assert done.returncode == 0, done.stderr
    cell = f"ext-one/today/py{PYTHON}"
    entry = world.home.last_run()["cells"][cell]
    assert entry["state"] == "unjudged"
    assert "ext-one 1.0 would be built from source; `builds` does not list it" in entry["reason"]
    assert not list((world.home.caches / "watchdog" / "packages").rglob("ext_one.py"))
    matrix = world.home.folder / "matrix.yaml"
    matrix.write_text("builds: [ext-one]\n" + matrix.read_text("utf-8"), "utf-8")
    assert world.home("run", "--builds", "listed").returncode == 0
    assert world.home.states()[cell] == "works"


@pytest.mark.slow
def test_record_has_hashes_and_builds(world: World) -> None:
    """A record contains the hash of each file and how each package was built."""
    world.publish()
    world.run(Isolation.LIMITS)
    record = json.loads(world.record())
    upload = world.index.files["ext-one"][0]
    assert record["files"]["ext-one"] == hashlib.sha256(upload.data).hexdigest()
    assert set(record["files"]) >= {"ext-one", "flask", "werkzeug"}
    assert list(record["built"]) == ["ext-one"]
    assert record["built"]["ext-one"].endswith(", limits")
