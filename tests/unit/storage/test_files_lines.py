from __future__ import annotations

from pathlib import Path

import pytest

from watchdog.storage import files


def test_append_and_read_lines(tmp_path: Path) -> None:
    """Appended objects are read back in order."""
    path = tmp_path / "deep" / "file.jsonl"
    files.append_line(path, {"b": 1, "a": "ü"})
    files.append_line(path, {"c": None})
    assert list(files.read_lines(path)) == [{"a": "ü", "b": 1}, {"c": None}]
    assert path.read_text("utf-8").startswith('{"a": "ü", "b": 1}\n')


@pytest.mark.parametrize("torn", ['{"a": 1', "[" * 100_000, "7", "\x00"])
def test_read_lines_damaged_line(tmp_path: Path, torn: str) -> None:
    """A damaged line is read as None and does not affect the next one."""
    path = tmp_path / "file.jsonl"
    path.write_text(torn, "utf-8")
    files.append_line(path, {"a": 2})
    assert list(files.read_lines(path)) == [None, {"a": 2}]


def test_read_lines_missing_file(tmp_path: Path) -> None:
    """A missing file has no lines."""
    assert list(files.read_lines(tmp_path / "none.jsonl")) == []
