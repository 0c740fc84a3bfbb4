"""How the measure of smokes is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from watchdog.storage.smoke_recall import (
    SMOKE_RECALL,
    NewFailure,
    SeenBy,
    SmokeRecall,
    add_smoke_recall,
    read_smoke_recall,
)
from watchdog.storage.suites import SuiteState

NOW = datetime(2026, 11, 30, tzinfo=UTC)
LOST = NewFailure(tests=("a.py::one",), symptom="KeyError: 'lost'", signature="KeyError")
RECALL = SmokeRecall(
    package="werkzeug",
    release="3.0.0",
    released=NOW,
    subject="ext",
    version="1.0",
    python="3.11",
    ran_at=NOW,
    state=SuiteState.COMPARED,
    changed=("werkzeug 3.0.0",),
    passed=9,
    failed=1,
    suite=(LOST,),
    smoke_digest="abc",
)


def test_every_line_is_read(tmp_path: Path) -> None:
    """All measurements of a release and a package are read, the oldest first."""
    again = replace(RECALL, smoke=(LOST,), smoke_digest="abd")
    other = replace(RECALL, subject="other", suite=())
    for recall in (RECALL, other, again):
        add_smoke_recall(tmp_path, recall)
    assert read_smoke_recall(tmp_path) == {
        ("werkzeug", "3.0.0", "ext"): (RECALL, again),
        ("werkzeug", "3.0.0", "other"): (other,),
    }


def test_damaged_lines_are_skipped(tmp_path: Path) -> None:
    """A line that is cut short or of another kind does no harm to the others."""
    add_smoke_recall(tmp_path, RECALL)
    path = tmp_path / SMOKE_RECALL
    path.write_bytes(b'{"subject": "x"}\n[1]\n\xff\n' + path.read_bytes() + b'{"subject": "e')
    add_smoke_recall(tmp_path, RECALL)
    assert read_smoke_recall(tmp_path) == {RECALL.key: (RECALL, RECALL)}
    assert read_smoke_recall(tmp_path / "nowhere") == {}


WARNING = replace(LOST, is_warning=True)
OWN_CODE = replace(LOST, is_own_code=True)


@pytest.mark.parametrize(
    ("suite", "smoke", "expected"),
    [
        ((LOST,), (LOST,), SeenBy.BOTH),
        ((LOST,), (), SeenBy.SUITE),
        ((), (LOST,), SeenBy.SMOKE),
        ((), (), SeenBy.NEITHER),
        ((WARNING,), (), SeenBy.NEITHER),
        ((WARNING,), (LOST,), SeenBy.SMOKE),
        ((WARNING, LOST), (), SeenBy.SUITE),
        ((OWN_CODE,), (), SeenBy.OWN_CODE),
        ((OWN_CODE, LOST), (), SeenBy.SUITE),
        ((OWN_CODE,), (LOST,), SeenBy.BOTH),
        ((OWN_CODE, WARNING), (), SeenBy.OWN_CODE),
    ],
)
def test_seen_by(
    suite: tuple[NewFailure, ...], smoke: tuple[NewFailure, ...], expected: SeenBy
) -> None:
    """A mere warning breaks nothing, and what breaks only the tests is told apart."""
    assert replace(RECALL, suite=suite, smoke=smoke).seen_by is expected
