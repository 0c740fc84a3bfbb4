"""Which share of each package's public interface its smoke runs, as values and as a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter

from watchdog.storage.files import read_json


@dataclass(frozen=True, kw_only=True)
class Share:
    """Numbers of public functions and classes: those that ran, and all."""

    executed: int
    public: int


@dataclass(frozen=True, kw_only=True)
class ApiCoverage:
    """The content of api-coverage.json.

    Attributes:
        as_of: the cutoff at which the packages were installed, UTC.
        python: series, `3.13`.
        shares: by subject; those that could not be measured are missing.
    """

    as_of: datetime
    python: str
    shares: Mapping[str, Share]


_COVERAGE = TypeAdapter(ApiCoverage)


def coverage_json(coverage: ApiCoverage) -> str:
    """Return the content of the file."""
    return _COVERAGE.dump_json(coverage, indent=1).decode() + "\n"


def read_coverage(reports: Path) -> ApiCoverage | None:
    """Return what was measured last; None if nothing was."""
    return read_json(reports / "api-coverage.json", _COVERAGE)
