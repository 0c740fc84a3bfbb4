from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from watchdog.environments.links import SITE, Linker, read_entry

ELSEWHERE = Path("/dev/shm")
"""Another file system than that of tmp_path, mostly."""


def entry(folder: Path, *files: str) -> Path:
    for file in files:
        path = folder / SITE / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file)
    return folder


def linked(linker: Linker, into: Path, *entries: Path) -> Path:
    site = into / "lib" / SITE
    site.mkdir(parents=True)
    (into / "bin").mkdir()
    linker.link((read_entry(e) for e in entries), into / "bin" / "python", site)
    return site


def test_linker_shares_links(tmp_path: Path) -> None:
    """Two environments share the same links to an entry of the store."""
    one = entry(tmp_path / "one", "one.py", "data/file")
    linker = Linker(tmp_path / "links")
    first, second = (linked(linker, tmp_path / name, one) for name in ("a", "b"))
    for name in ("one.py", "data"):
        assert (first / name).is_symlink()
        assert os.path.samestat((first / name).lstat(), (second / name).lstat())
    assert (second / "data" / "file").read_text() == "data/file"


def test_linker_merges_folders(tmp_path: Path) -> None:
    """Folders of the same name are merged, and the later file wins."""
    left = entry(tmp_path / "left", "shared/left.py", "same.py")
    right = entry(tmp_path / "right", "shared/right.py", "same.py")
    (right / SITE / "same.py").write_text("later")
    linker = Linker(tmp_path / "links")
    linked(linker, tmp_path / "before", left)
    site = linked(linker, tmp_path / "a", left, right)
    assert sorted(p.name for p in (site / "shared").iterdir()) == ["left.py", "right.py"]
    assert (site / "same.py").read_text() == "later"
    assert [p.name for p in (left / SITE / "shared").iterdir()] == ["left.py"]


def test_linker_on_other_file_system(tmp_path: Path) -> None:
    """An environment on another file system gets working links of its own."""
    if not ELSEWHERE.is_dir() or ELSEWHERE.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("one file system only")
    one = entry(tmp_path / "one", "one.py")
    with tempfile.TemporaryDirectory(dir=ELSEWHERE) as folder:
        site = linked(Linker(tmp_path / "links"), Path(folder, "a"), one)
        assert (site / "one.py").is_symlink()
        assert (site / "one.py").read_text() == "one.py"
