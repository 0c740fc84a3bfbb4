"""When there is enough for the first page of a run."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from watchdog.runner.cell_runs import wait_for_most


async def _is_enough(ended: int, number: int) -> bool:
    """Return whether so many ended tasks of a number are enough."""
    forever = asyncio.Event()

    async def cell(index: int) -> None:
        if index >= number - ended:  # the last ones, so that order does not matter
            return
        await forever.wait()

    tasks = [asyncio.create_task(cell(index)) for index in range(number)]
    waiting = asyncio.create_task(wait_for_most(cast("Any", tasks)))
    for _ in range(3 * number + 3):
        await asyncio.sleep(0)
    enough = waiting.done()
    forever.set()
    await asyncio.gather(waiting, *tasks)
    return enough


@pytest.mark.parametrize(
    ("number", "needed"), [(1, 1), (9, 9), (10, 9), (19, 18), (20, 18), (100, 90)]
)
def test_first_page_needs_nine_in_ten(number: int, needed: int) -> None:
    """One cell in ten may be late; of fewer than ten none may."""
    assert asyncio.run(_is_enough(needed, number))
    assert not asyncio.run(_is_enough(needed - 1, number))


def test_first_page_error() -> None:
    """What ends a run is not hidden by waiting."""

    async def fail() -> None:
        raise OSError("the disk is full")

    async def wait() -> None:
        await wait_for_most([cast("Any", asyncio.create_task(fail()))])

    with pytest.raises(OSError, match="the disk is full"):
        asyncio.run(wait())
