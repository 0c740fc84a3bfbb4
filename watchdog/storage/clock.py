"""The current time for stored results; SOURCE_DATE_EPOCH fixes it, as in other tools.

See https://reproducible-builds.org/specs/source-date-epoch/: seconds since 1970, UTC. Two runs with
the same value, on the same index, write the same pages.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime


def now() -> datetime:
    """Return the current instant, or that of SOURCE_DATE_EPOCH if it is set; UTC."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH", "")
    if fixed.isdigit():
        return datetime.fromtimestamp(int(fixed), UTC)
    return datetime.now(UTC)
