"""The forecast as values and as a file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter

from watchdog.storage import files


class Source(StrEnum):
    """The way in which a risk was found."""

    WARNING = "warning"
    SCAN = "scan"
    PRERELEASE = "prerelease"


class Kind(StrEnum):
    """The state of a used API: its removal is announced, it is removed, or its use fails."""

    ANNOUNCED = "announced"
    GONE = "gone"
    BROKEN = "broken"


@dataclass(frozen=True, kw_only=True)
class Risk:
    """A use of an API that is deprecated, removed, or fails on a prerelease.

    Attributes:
        package, package_version: the package that removes it, and the release that was examined.
        symbol: what is used, as full name if that is known.
        text: the package's announcement, or the error.
        removed_in: the version that the announcement names.
        file, line, code: where the subject uses it.
        lazy: True if that is inside a function, which runs only when it is called.
        seen: cutoff of the first forecast with this risk, UTC.
    """

    subject: str
    version: str
    package: str
    package_version: str
    symbol: str
    source: Source
    kind: Kind
    text: str
    removed_in: str | None
    file: str
    line: int
    code: str
    lazy: bool = False
    seen: datetime | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What two risks have in common that are the same for a reader."""
        return self.subject, self.package, self.symbol.rsplit(".", 1)[-1]


@dataclass(frozen=True)
class Forecast:
    """The risks of all subjects at a cutoff, the most used subjects first.

    Attributes:
        as_of: the cutoff, UTC.
        subjects: how many subjects were examined.
        interpreter: full version of the Python that was asked what it has; None in a forecast that
            was not about Python itself.
    """

    as_of: datetime
    python: str
    subjects: int
    risks: tuple[Risk, ...]
    interpreter: str | None = None


_FORECAST = TypeAdapter(Forecast)


def forecast_json(forecast: Forecast) -> str:
    """Return the content of `forecast.json`."""
    return _FORECAST.dump_json(forecast, indent=1).decode() + "\n"


def read_forecast(reports: Path) -> Forecast | None:
    """Return the forecast in `forecast.json`; None if it is missing or not valid."""
    return files.read_json(reports / "forecast.json", _FORECAST)
