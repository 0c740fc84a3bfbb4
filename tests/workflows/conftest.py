from __future__ import annotations

from collections.abc import Iterator

import pytest
from loopback_issues import LoopbackIssues


@pytest.fixture
def github() -> Iterator[LoopbackIssues]:
    there = LoopbackIssues()
    there.start()
    yield there
    there.stop()
