from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from ecosystem import BACKEND, NOW, PYTHON, day
from loopback_index import LoopbackIndex

from watchdog.environments.builder import Environments
from watchdog.environments.interpreters import find_interpreters
from watchdog.environments.links import Linker
from watchdog.environments.store import Store
from watchdog.errors import InstallError
from watchdog.model.lock import Installation, Lock
from watchdog.resolver.index import Index
from watchdog.resolver.uv import Uv
from watchdog.resolver.uv_install import UvInstaller
from watchdog.sandbox.process import Processes

INTERPRETER = find_interpreters([PYTHON], Processes())[PYTHON]


@dataclass
class Place:
    index: LoopbackIndex
    environments: Environments
    folder: Path

    def make(self, *pins: tuple[str, str], reference: bool = False, name: str = "e") -> Path:
        build = self.environments.install if reference else self.environments.link
        lock = Lock(tuple(sorted(pins)))
        installation = Installation(lock=lock, interpreter=INTERPRETER, as_of=NOW)
        return build(installation, self.folder / name)

    def run(self, python: Path, code: str) -> str:
        done = subprocess.run(
            [str(python), "-I", "-c", code], text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture
def place(
    empty_index: LoopbackIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    if INTERPRETER.setuptools:
        empty_index.add("setuptools", INTERPRETER.setuptools, day(0))
    monkeypatch.setenv("UV_DEFAULT_INDEX", empty_index.url)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    processes = Processes()
    with contextlib.closing(Index((empty_index.url,), tmp_path / "pages")) as index:
        installer = UvInstaller(Uv(processes, tmp_path))
        store = Store(installer, index, processes, tmp_path / "store")
        environments = Environments(installer, store, Linker(tmp_path / "links"))
        yield Place(empty_index, environments, tmp_path)


LOOK = """
import importlib.metadata as m, json, sys, os
import one, two, shared.left, shared.right
names = sorted(d.metadata["Name"] for d in m.distributions())
entry = [e.value for e in m.entry_points(group="made.up")] if sys.version_info >= (3, 10) else []
data = open(os.path.join(os.path.dirname(one.__file__), "data.txt")).read()
print(json.dumps([names, entry, data, one.__name__, two.VALUE,
                  os.path.relpath(one.__file__, sys.prefix)]))
"""


def publish(place: Place) -> tuple[tuple[str, str], ...]:
    """A package with data and entry points, a bare module, and two that share a namespace."""
    place.index.add(
        "one",
        "1.0",
        day(1),
        files={"one/__init__.py": "", "one/data.txt": "some data"},
        entry_points="[made.up]\nx = one:y\n\n[console_scripts]\nsay-one = two:say\n",
    )
    place.index.add(
        "two", "1.0", day(1), files={"two.py": "VALUE = 2\ndef say():\n    print('said')\n"}
    )
    place.index.add("left", "1.0", day(1), files={"shared/left.py": ""})
    place.index.add("right", "1.0", day(1), files={"shared/right.py": "", "shared/deep/a.py": ""})
    return tuple((name, "1.0") for name in ("one", "two", "left", "right"))


def test_link_behaves_like_reference(place: Place) -> None:
    """A linked environment behaves like a reference environment."""
    pins = publish(place)
    linked = place.make(*pins, name="linked")
    reference = place.make(*pins, reference=True, name="reference")
    assert json.loads(place.run(linked, LOOK)) == json.loads(place.run(reference, LOOK))


def test_linked_console_script_runs(place: Place) -> None:
    """A console script of a linked environment runs."""
    linked = place.make(*publish(place))
    done = subprocess.run([linked.parent / "say-one"], text=True, capture_output=True, check=True)
    assert done.stdout == "said\n"


def test_bytecode_is_shared_by_environments(place: Place) -> None:
    """Bytecode that the first import needs is reused by every later environment."""
    pins = publish(place)
    code = "import one, two, os; print(*(os.path.getmtime(m.__cached__) for m in (one, two)))"
    first = place.run(place.make(*pins, name="a"), code)
    assert place.run(place.make(*pins, name="b"), code) == first


def test_package_is_fetched_once(place: Place) -> None:
    """A second environment with the same packages causes no request to the index."""
    pins = publish(place)
    place.make(*pins, name="a")
    asked = len(place.index.requests)
    place.make(*pins, name="b")
    assert len(place.index.requests) == asked


@pytest.mark.skipif(INTERPRETER.setuptools is None, reason="this Python brings no setuptools")
def test_setuptools_version_of_environment(place: Place) -> None:
    """An environment has the setuptools of venv unless the lock pins another version."""
    place.index.add("setuptools", "99.0", day(1))
    code = "import importlib.metadata as m; print(m.version('setuptools'))"
    assert place.run(place.make(name="a"), code) == INTERPRETER.setuptools
    assert place.run(place.make(("setuptools", "99.0"), name="b"), code) == "99.0"


@pytest.mark.skipif(INTERPRETER.setuptools is None, reason="this Python brings no setuptools")
def test_setuptools_before_its_release(place: Place) -> None:
    """The setuptools of venv is installed even at a cutoff before its release."""
    place.index.files["setuptools"][0].uploaded = NOW - timedelta(days=1)
    place.index.add("one", "1.0", day(1), files={"one.py": ""})
    lock, early = Lock((("one", "1.0"),)), NOW - timedelta(days=9)
    installation = Installation(lock=lock, interpreter=INTERPRETER, as_of=early)
    for build in (place.environments.link, place.environments.install):
        python = build(installation, place.folder / build.__name__)
        assert place.run(python, "import one, setuptools; print(one.__name__)") == "one"


def test_same_file_of_two_packages(place: Place) -> None:
    """When two packages ship the same file, the later one wins."""
    place.index.add("aa", "1.0", day(1), files={"same.py": "WHO = 'aa'\n"})
    place.index.add("bb", "1.0", day(1), files={"same.py": "WHO = 'bb'\n"})
    python = place.make(("aa", "1.0"), ("bb", "1.0"))
    assert place.run(python, "import same; print(same.WHO)") == "bb"


def test_build_failure_raises_install_error(place: Place) -> None:
    """A source distribution that does not build raises InstallError with the cause."""
    place.index.add_sdist(
        "bad",
        "1.0",
        day(1),
        {
            "pyproject.toml": BACKEND,
            "b.py": "raise RuntimeError('no')\n",
            "PKG-INFO": "Metadata-Version: 1.0\nName: bad\nVersion: 1.0\n",
        },
    )
    with pytest.raises(InstallError, match="RuntimeError: no"):
        place.make(("bad", "1.0"))
