"""The forecast as values and as a file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter

from watchdog.storage import files


class Source(StrEnum):
    """How a risk came to be known."""

    WARNING = "warning"
    SCAN = "scan"
    PRERELEASE = "prerelease"


class Kind(StrEnum):
    """What is the matter with what is used."""

    ANNOUNCED = "announced"
    GONE = "gone"
    BROKEN = "broken"


@dataclass(frozen=True)
class Risk:
    """A use that will fail, or fails where no smoke comes by.

    Attributes:
        package, package_version: who takes it away, and the release that was asked.
        symbol: what is used, as full name where that is known.
        text: what the package says, or what one sees.
        removed_in: the version that is named for it.
        file, line, code: where the subject uses it.
        lazy: whether that is inside a function, which runs only when it is called.
        seen: the cutoff of the forecast that told it first, UTC.
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
        """What two risks have in common that are one to the reader."""
        return self.subject, self.package, self.symbol.rsplit(".", 1)[-1]


@dataclass(frozen=True)
class Forecast:
    """What threatens the field at a cutoff, the most used subjects first."""

    as_of: datetime
    python: str
    subjects: int
    risks: tuple[Risk, ...]


_FORECAST = TypeAdapter(Forecast)


def forecast_json(forecast: Forecast) -> str:
    """A forecast as JSON, as it is kept."""
    return _FORECAST.dump_json(forecast, indent=1).decode() + "\n"


def read_forecast(reports: Path) -> Forecast | None:
    """The forecast that was kept last, if any."""
    return files.read_json(reports / "forecast.json", _FORECAST)
