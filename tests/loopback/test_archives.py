"""Archives that reach out of where they are unpacked, or grow without end: nothing comes of them.

uv unpacks them; this holds it to that, where it works.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ecosystem import PYTHON, day
from isolations import usable_isolations
from loopback_index import LoopbackIndex, Upload

from watchdog.environments.interpreters import find_interpreters
from watchdog.errors import InfrastructureError, InstallError
from watchdog.model.evidence import Isolation
from watchdog.resolver.index import Index
from watchdog.resolver.uv import Uv
from watchdog.resolver.uv_install import UvInstaller
from watchdog.runner.wheel_builder import build_wheel
from watchdog.sandbox import build
from watchdog.sandbox.build import BuildSandbox
from watchdog.sandbox.process import Processes
from watchdog.sandbox.sandbox import Sandbox

PROJECT = '[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["."]\n'


@dataclass
class Place:
    """uv in its build sandbox, with an index of a test's own."""

    folder: Path
    index: LoopbackIndex
    uv: Uv

    def offer(self, filename: str, data: bytes) -> None:
        self.index.files["evil"] = [Upload(filename, data, day(1))]

    def install(self) -> str:
        """Install it; why it was refused, if it was."""
        hashed = hashlib.sha256(self.index.files["evil"][0].data).hexdigest()
        try:
            UvInstaller(self.uv).install(
                [f"evil==1.0 --hash=sha256:{hashed}"],
                find_interpreters([PYTHON], Processes())[PYTHON],
                prefix=self.folder / "into" / "prefix",
            )
        except (InstallError, InfrastructureError) as e:
            return str(e) + getattr(e, "log", "")
        return ""

    def planted(self) -> list[Path]:
        """What bears the name of the plant outside of where it was to be installed."""
        inside = self.folder / "into" / "prefix"
        found = [*self.folder.rglob("planted*"), *Path("/").glob("planted*")]
        return [path for path in found if not path.is_relative_to(inside)]


@pytest.fixture(params=usable_isolations())
def place(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    empty_index: LoopbackIndex,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Place]:
    isolation: Isolation = request.param
    monkeypatch.setenv("UV_DEFAULT_INDEX", empty_index.url)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setattr(build, "FILE_BYTES", 20_000_000)
    processes, scratch = Processes(), tmp_path / "scratch"
    (tmp_path / "into").mkdir()
    scratch.mkdir()
    empty_index.add("flask", "3.0.0", day(1))
    interpreters = find_interpreters([PYTHON], Processes()).values()
    sandbox = Sandbox(processes, scratch, scratch / "store", interpreters, wanted=isolation)
    with contextlib.closing(Index((empty_index.url,), tmp_path / "index")) as index:
        place = BuildSandbox(processes, sandbox, scratch, servers=lambda: index.servers("flask"))
        try:
            yield Place(tmp_path, empty_index, Uv(processes, scratch, build_sandbox=place))
        finally:
            processes.stop_all()
            place.close()
            sandbox.close()


def added(*entries: tuple[zipfile.ZipInfo | str, bytes]) -> bytes:
    """A right wheel with more in it than its RECORD lists."""
    out = io.BytesIO(build_wheel("evil", "1.0", {"evil.py": ""}))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info


def climbing() -> bytes:
    return added(*(("../" * depth + "planted.txt", b"x") for depth in range(1, 9)))


def rooted() -> bytes:
    return added(("/planted.txt", b"x"))


def by_a_link() -> bytes:
    return added((link("out"), b"../../../.."), ("out/planted.txt", b"x"))


@pytest.mark.parametrize("make", [climbing, rooted, by_a_link])
def test_wheel_stays_inside_prefix(place: Place, make: Callable[[], bytes]) -> None:
    """A wheel with climbing, absolute or linked paths writes nothing outside its prefix."""
    place.offer("evil-1.0-py3-none-any.whl", make())
    place.install()
    assert place.planted() == []


def source(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    texts = {
        "pyproject.toml": PROJECT,
        "b.py": "raise RuntimeError('it was built')\n",
        "PKG-INFO": "Metadata-Version: 1.0\nName: evil\nVersion: 1.0\n",
    }
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, text in texts.items():
            info = tarfile.TarInfo(f"evil-1.0/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
        for info, data in entries:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def linked(name: str, target: str, kind: bytes) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


SOURCES = {
    "climbs": lambda: source((tarfile.TarInfo("evil-1.0/../../../planted.txt"), b"x")),
    "is-rooted": lambda: source((tarfile.TarInfo("/planted.txt"), b"x")),
    "links-out": lambda: source(
        linked("evil-1.0/out", "../../../../..", tarfile.SYMTYPE),
        (tarfile.TarInfo("evil-1.0/out/planted.txt"), b"x"),
    ),
    "links-hard": lambda: source(linked("evil-1.0/passwd", "/etc/passwd", tarfile.LNKTYPE)),
}


@pytest.mark.parametrize("name", SOURCES)
def test_sdist_stays_inside_its_folder(place: Place, name: str) -> None:
    """A source archive with unsafe paths writes nothing outside its folder."""
    place.offer("evil-1.0.tar.gz", SOURCES[name]())
    assert place.install(), "it cannot be built in any case"
    assert place.planted() == []


@pytest.mark.slow
def test_archive_bomb_is_stopped(
    place: Place,
) -> None:
    """A file that grows without end is stopped by the limits of what unpacks it."""
    place.offer("evil-1.0-py3-none-any.whl", added(("bomb.bin", b"0" * 60_000_000)))
    assert place.install()
    sizes = [path.stat().st_size for path in place.folder.rglob("*") if path.is_file()]
    assert max(sizes) <= 20_000_000
