"""What time it is for what is written down."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from watchdog.storage import clock


def test_source_date_epoch_fixes_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1760000000")
    assert clock.now() == datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)


@pytest.mark.parametrize("told", ["", "soon", "-1"])
def test_anything_else_is_the_time_itself(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", told)
    before = datetime.now(UTC)
    assert before <= clock.now() <= datetime.now(UTC)
