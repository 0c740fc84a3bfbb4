from __future__ import annotations

from pathlib import Path

import pytest

from watchdog.storage import files


def test_what_is_added_is_read_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.jsonl"
    files.append_line(path, {"b": 1, "a": "ü"})
    files.append_line(path, {"c": None})
    assert list(files.read_lines(path)) == [{"a": "ü", "b": 1}, {"c": None}]
    assert path.read_text("utf-8").startswith('{"a": "ü", "b": 1}\n')


@pytest.mark.parametrize("torn", ['{"a": 1', "[" * 100_000, "7", "\x00"])
def test_a_line_that_is_no_object_is_told_and_stepped_over(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "file.jsonl"
    path.write_text(torn, "utf-8")
    files.append_line(path, {"a": 2})
    assert list(files.read_lines(path)) == [None, {"a": 2}]


def test_no_file_is_no_lines(tmp_path: Path) -> None:
    assert list(files.read_lines(tmp_path / "none.jsonl")) == []
