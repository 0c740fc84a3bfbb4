"""A package of the long tail that does not build is a gap; a listed one is broken."""

from __future__ import annotations

import pytest

from watchdog.model.cell import parse_cell_id
from watchdog.model.evidence import Stage
from watchdog.model.verdict import State, Verdict
from watchdog.pipeline import _gap_in_tail


@pytest.mark.parametrize(
    ("cell", "stage", "state"),
    [
        ("flask-a/tail/py3.13", Stage.INSTALL, State.UNJUDGED),
        ("flask-a/tail/py3.13", Stage.SMOKE, State.BROKEN),
        ("flask-a/today/py3.13", Stage.INSTALL, State.BROKEN),
    ],
)
def test_gap_in_tail(cell: str, stage: Stage, state: State) -> None:
    """Only the failed installation of a package of the long tail is no breakage."""
    broken = Verdict(
        parse_cell_id(cell), State.BROKEN, stage=stage, symptom="error: lber.h", signature="x"
    )
    verdict = _gap_in_tail(broken)
    assert verdict.state is state
    if state is State.UNJUDGED:
        assert verdict.reason == "it cannot be installed: error: lber.h"
