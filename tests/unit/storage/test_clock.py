"""What time it is for what is written down."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from watchdog.storage import clock


def test_now_uses_source_date_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """SOURCE_DATE_EPOCH sets the current time."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1760000000")
    assert clock.now() == datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC)


@pytest.mark.parametrize("told", ["", "soon", "-1"])
def test_now_ignores_invalid_epoch(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    """An invalid SOURCE_DATE_EPOCH is ignored."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", told)
    before = datetime.now(UTC)
    assert before <= clock.now() <= datetime.now(UTC)
