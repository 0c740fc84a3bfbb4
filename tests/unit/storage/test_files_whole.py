from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import TypeAdapter

from watchdog.storage import files

NUMBERS = TypeAdapter(list[int])


def test_write_atomic_and_read_json(tmp_path: Path) -> None:
    """Written JSON is read back; a missing file or another type gives None."""
    path = tmp_path / "deep" / "numbers.json"
    assert files.read_json(path, NUMBERS) is None
    files.write_atomic(path, b"[1, 2]")
    assert files.read_json(path, NUMBERS) == [1, 2]
    files.write_atomic(path, b'{"1": 2}')
    assert files.read_json(path, NUMBERS) is None


def test_write_atomic_with_many_writers(tmp_path: Path) -> None:
    """With many writers one content remains, without temporary files."""
    path = tmp_path / "numbers.json"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: files.write_atomic(path, f"[{n}]".encode()), range(64)))
    found = files.read_json(path, NUMBERS)
    assert found is not None
    assert found[0] in range(64)
    assert list(tmp_path.iterdir()) == [path]
