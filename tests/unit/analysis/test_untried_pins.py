"""Which failures are tried again with what cures them on another Python."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from watchdog.analysis.history.explanation import has_untried_pins
from watchdog.model.history import Explanation
from watchdog.model.lock import Lock

REQUIREMENTS = ("flask", "ext")


def explanation(python: str, typed: str = "", tried: tuple[str, ...] = ()) -> Explanation:
    """An explanation with the pins that make it work, or those that were tried in vain."""
    return Explanation(
        subject="ext",
        python=python,
        fails=("KeyError",),
        breaks=Lock.of({"ext": "1.0"}),
        checked=datetime(2026, 11, 30, tzinfo=UTC),
        spans=(),
        typed=(*REQUIREMENTS, *typed.split()) if typed else None,
        how="bound" if typed else None,
        lock=None,
        tried=tried,
    )


@pytest.mark.parametrize(
    ("own", "others", "expected"),
    [
        (None, [explanation("3.10", "core<2 base<3")], False),
        (explanation("3.13"), [explanation("3.10", "core<2 base<3")], True),
        (explanation("3.13", "core<2"), [explanation("3.10", "base<3")], False),
        (
            explanation("3.13", tried=("core<2 base<3",)),
            [explanation("3.10", "core<2 base<3")],
            False,
        ),
        (explanation("3.13"), [explanation("3.10")], False),
        (explanation("3.13"), [], False),
    ],
    ids=["works", "untried", "cured", "tried", "nothing-found", "alone"],
)
def test_has_untried_pins(
    own: Explanation | None, others: list[Explanation], expected: bool
) -> None:
    """Only where nothing is known, and the pins of another Python have not been tried."""
    known = [*others, own] if own else others
    assert has_untried_pins(own, known, REQUIREMENTS) is expected
