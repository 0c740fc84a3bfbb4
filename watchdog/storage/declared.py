"""What a subject's metadata allows of the framework beside what works: values and their file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from packaging.version import Version
from pydantic import AliasChoices, Field, TypeAdapter

from watchdog.storage import files


@dataclass(frozen=True)
class SeriesResult:
    """The result of one series of the framework with a subject.

    Attributes:
        framework: the series; early versions of the watchdog wrote it as `flask`.
        allowed: whether the metadata allows it; None if that is not known.
        works: whether it works with some foundation on some Python; None if the framework
            itself breaks on all of them, or nothing could be judged.
        symptom: the error if it does not work.
    """

    framework: Annotated[str, Field(validation_alias=AliasChoices("framework", "flask"))]
    allowed: bool | None
    works: bool | None
    symptom: str | None = None


@dataclass(frozen=True)
class Measured:
    """The results of a subject with the series of the framework, the oldest first."""

    subject: str
    version: str
    series: tuple[SeriesResult, ...]

    @property
    def allows_broken(self) -> tuple[SeriesResult, ...]:
        """The series that the metadata allows and that do not work."""
        return tuple(s for s in self.series if s.allowed and s.works is False)

    @property
    def forbids_working(self) -> tuple[SeriesResult, ...]:
        """The series that the metadata forbids and that work."""
        return tuple(s for s in self.series if s.allowed is False and s.works)

    def suggestion(self, framework: str) -> str | None:
        """Return a `Requires-Dist` that allows exactly what works, None if nothing works.

        It says nothing about future releases: if the newest series works, there is no upper
        bound.
        """
        working = [n for n, s in enumerate(self.series) if s.works]
        if not working:
            return None
        first, last = working[0], working[-1]
        bounds = [f">={_minor(self.series[first].framework)}"]
        broken = [n for n, s in enumerate(self.series) if s.works is False]
        bounds += [f"!={_minor(self.series[n].framework)}.*" for n in broken if first < n < last]
        if later := [n for n in broken if n > last]:
            bounds.append(f"<{_minor(self.series[later[0]].framework)}")
        return f"Requires-Dist: {framework}{','.join(bounds)}"


def _minor(version: str) -> str:
    return ".".join(str(n) for n in Version(version).release[:2])


_MEASURED = TypeAdapter(list[Measured])


def declared_json(results: Sequence[Measured]) -> str:
    """Return the content of `declared.json`."""
    return _MEASURED.dump_json(list(results), indent=1).decode() + "\n"


def read_declared(reports: Path) -> list[Measured]:
    """Return the results in `declared.json`; none if it is missing or not valid."""
    return files.read_json(reports / "declared.json", _MEASURED) or []
