"""How long a compiled package had no wheel for a new Python: the usual trouble of its first weeks.

Pure values; `resolver/compiled_wheels.py` finds them in what the index shows of a package.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

NOT_THERE_YET = "not there yet"
"""How the reason begins of what no wheel was published for, on a Python that is new."""


class Meanwhile(StrEnum):
    """What an installer took on a new Python before there was a wheel for it."""

    SOURCE = "built from source"
    STABLE = "has a wheel of the stable interface"
    PURE = "has a wheel without compiled code"


@dataclass(frozen=True, kw_only=True)
class FirstWheel:
    """The first wheel that a package has for one Python, of any version.

    Attributes:
        uploaded: upload time of the wheel, UTC.
    """

    version: str
    uploaded: datetime


@dataclass(frozen=True, kw_only=True)
class WheelWait:
    """How long a package had no wheel for a series of Python.

    Attributes:
        released: the day of the first final release of that series.
        first: the first wheel that was made for it; None if there is none yet.
        meanwhile: what an installer took on the day of its release.
    """

    released: date
    first: FirstWheel | None
    meanwhile: Meanwhile

    @property
    def days(self) -> int | None:
        """Days from the release of the Python to the wheel; negative if the wheel was earlier."""
        return (self.first.uploaded.date() - self.released).days if self.first else None


def not_there_yet(release: str, python: str, released: date, first: FirstWheel | None) -> str:
    """Return the reason for which a package cannot be judged on a new Python, in words.

    Args:
        release: name and version of what does not build.
        python: the series.
        released: its day.
        first: the first wheel for it, if one has come since.
    """
    text = (
        f"{NOT_THERE_YET}: {release} does not build here, and the package has no wheel for "
        f"Python {python}, released on {released}"
    )
    if first is None:
        return text
    return f"{text}; the first came on {first.uploaded:%Y-%m-%d}, with {first.version}"
