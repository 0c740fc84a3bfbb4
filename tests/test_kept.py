from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import TypeAdapter

from watchdog import kept

NUMBERS = TypeAdapter(list[int])


def test_what_was_written_is_read_and_what_is_something_else_is_not(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "numbers.json"
    assert kept.read(path, NUMBERS) is None
    kept.write(path, b"[1, 2]")
    assert kept.read(path, NUMBERS) == [1, 2]
    kept.write(path, b'{"1": 2}')
    assert kept.read(path, NUMBERS) is None


def test_of_many_writers_one_wins_and_nothing_is_left_over(tmp_path: Path) -> None:
    path = tmp_path / "numbers.json"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: kept.write(path, f"[{n}]".encode()), range(64)))
    found = kept.read(path, NUMBERS)
    assert found is not None
    assert found[0] in range(64)
    assert list(tmp_path.iterdir()) == [path]
