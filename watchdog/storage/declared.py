"""What a subject's metadata allows of the framework, and what works, as values and as a file."""

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
    """One series of the framework beside a subject.

    Attributes:
        framework: the series; files of old call it `flask`.
        allowed: whether the metadata allows it; None where that is not known.
        works: whether it works with something beneath on some Python; None where the framework
            itself breaks on all of them, or nothing could be judged.
        symptom: what one sees where it does not.
    """

    framework: Annotated[str, Field(validation_alias=AliasChoices("framework", "flask"))]
    allowed: bool | None
    works: bool | None
    symptom: str | None = None


@dataclass(frozen=True)
class Measured:
    """A subject over the series of the framework, the oldest first."""

    subject: str
    version: str
    series: tuple[SeriesResult, ...]

    @property
    def allows_broken(self) -> tuple[SeriesResult, ...]:
        return tuple(s for s in self.series if s.allowed and s.works is False)

    @property
    def forbids_working(self) -> tuple[SeriesResult, ...]:
        return tuple(s for s in self.series if s.allowed is False and s.works)

    def suggestion(self, framework: str) -> str | None:
        """A `Requires-Dist` that allows what works and no more; None where that is not known.

        Towards the future it says nothing: what works with the newest series gets no upper bound.
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


def declared_json(found: Sequence[Measured]) -> str:
    """As `declared.json` holds it."""
    return _MEASURED.dump_json(list(found), indent=1).decode() + "\n"


def read_declared(reports: Path) -> list[Measured]:
    """What was measured the last time; nothing where that cannot be read."""
    return files.read_json(reports / "declared.json", _MEASURED) or []
