"""Tests of the limits of what a distribution may bring."""

from __future__ import annotations

import itertools

import pytest

from watchdog.model.package_limits import FILES, NAME_BYTES, UNPACKED_BYTES, find_excess, size_text

BOTOCORE = [(f"botocore/data/{n}/service-2.json", 5_000) for n in range(20_000)]


@pytest.mark.parametrize(
    ("files", "excess"),
    [
        ([], None),
        (BOTOCORE, None),
        ([("a/" + "x" * NAME_BYTES, 1)], None),
        ([("a.bin", UNPACKED_BYTES)], None),
        (
            [("a.bin", UNPACKED_BYTES // 2), ("b.bin", UNPACKED_BYTES)],
            "its wheel would unpack to 2.17 GB; the limit is 1.45 GB",
        ),
        (
            [("x" * 300 + "/a.py", 1)],
            "its wheel has a file name of 300 characters; the limit is 255",
        ),
        ([("a-1.dist-info/METADATA", 60_000_000)], "its METADATA has 60 MB; the limit is 5 MB"),
        ([("a-1.dist-info/RECORD", 60_000_000)], "its RECORD has 60 MB; the limit is 20 MB"),
        ([("a.egg-info/PKG-INFO", 60_000_000)], "its PKG-INFO has 60 MB; the limit is 5 MB"),
        ([("a/METADATA", 60_000_000)], None),
    ],
)
def test_excess_is_said(files: list[tuple[str, int]], excess: str | None) -> None:
    """A distribution beyond a limit is told with its figure and the limit."""
    assert find_excess(files, "its wheel") == excess


def test_no_more_files_are_read_than_permitted() -> None:
    """A list of files without end is left at the limit."""
    endless = (("a", 1) for _ in itertools.count())
    assert find_excess(endless) == f"it has more than {FILES:,} files, which is the limit"


@pytest.mark.parametrize(
    ("size", "text"), [(10, "10 bytes"), (2_500, "2.5 kB"), (60_000_000, "60 MB")]
)
def test_size_is_written_as_people_do(size: int, text: str) -> None:
    """Sizes are written with the unit that suits them."""
    assert size_text(size) == text
