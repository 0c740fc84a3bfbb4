"""How source distributions are unpacked: only plain files, inside of the folder, within limits."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from watchdog.errors import LimitError
from watchdog.resolver import sdist
from watchdog.resolver.sdist import unpack_sdist


def tar(*members: tarfile.TarInfo) -> bytes:
    """Return an archive whose files hold as many letters as they are long."""
    out = io.BytesIO()
    with tarfile.open(None, "w:gz", out) as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return out.getvalue()


def member(
    name: str, size: int = 3, kind: bytes = tarfile.REGTYPE, mode: int = 0o600
) -> tarfile.TarInfo:
    """Return a member of an archive."""
    info = tarfile.TarInfo(name)
    info.size = size if kind == tarfile.REGTYPE else 0
    info.type, info.mode, info.linkname = kind, mode, "../../outside"
    return info


def files(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


def test_unpacks_plain_files(tmp_path: Path) -> None:
    """Files lose the folder they share, and can be read by others."""
    content = tar(member("a-1/x.py"), member("a-1/b/run.sh", mode=0o700), member("./a-1/c.txt"))
    unpack_sdist("a-1.tar.gz", content, tmp_path / "in")
    assert files(tmp_path / "in") == ["b/run.sh", "c.txt", "x.py"]
    assert (tmp_path / "in" / "b" / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "in" / "x.py").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "wrong",
    [
        member("a-1/../outside"),
        member("/a-1/outside"),
        member("a-1/link", kind=tarfile.SYMTYPE),
        member("a-1/hard", kind=tarfile.LNKTYPE),
        member("a-1/pipe", kind=tarfile.FIFOTYPE),
        member("a-1/null", kind=tarfile.CHRTYPE),
        member("a-1/" + "y" * 300),
        member("outside"),
    ],
    ids=lambda m: m.name[:20] if isinstance(m, tarfile.TarInfo) else "",
)
def test_leaves_out_what_does_not_belong_there(tmp_path: Path, wrong: tarfile.TarInfo) -> None:
    """Links, devices and paths that lead out of the folder are not written."""
    unpack_sdist("a-1.tar.gz", tar(wrong, member("a-1/x.py")), tmp_path / "in")
    assert files(tmp_path) == ["in/x.py"]


def test_zip(tmp_path: Path) -> None:
    """A zip is unpacked in the same way."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a-1/x.py", "pass")
        archive.writestr("a-1/../../outside", "pass")
    unpack_sdist("a-1.zip", out.getvalue(), tmp_path / "in")
    assert files(tmp_path) == ["in/x.py"]


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive with too many files, or with too much in them, is not taken."""
    monkeypatch.setattr(sdist, "FILES", 2)
    with pytest.raises(LimitError, match="more than 2 files"):
        unpack_sdist("a.tar.gz", tar(*[member(f"a-1/{n}") for n in range(3)]), tmp_path)
    monkeypatch.setattr(sdist, "SDIST_UNPACKED_BYTES", 100)
    with pytest.raises(LimitError, match="100 bytes"):
        unpack_sdist("a.tar.gz", tar(member("a-1/x", 101)), tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"nothing", tar(member("a-1/x", 5000))[:60]],
    # Not the bytes themselves: the time of the archive is among them, and a test must have the
    # same name in every worker.
    ids=["empty", "text", "cut off"],
)
def test_damaged(tmp_path: Path, content: bytes) -> None:
    """What is no archive is said to be none."""
    with pytest.raises(LimitError, match="cannot be unpacked"):
        unpack_sdist("a-1.tar.gz", content, tmp_path)
