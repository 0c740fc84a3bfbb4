"""Releases on the index with their files and upload times, and Pythons to install them on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from packaging.version import Version


@dataclass(frozen=True)
class File:
    """One file of a release on the index.

    Attributes:
        url: where it is, as the page says it: absolute, or relative to the page. Only in what was
            just read from an index.
    """

    name: str
    uploaded: datetime | None
    yanked: bool = False
    requires_python: str | None = None
    sha256: str | None = None
    url: str | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Release:
    """A version of a distribution, with its files."""

    name: str
    version: Version
    files: tuple[File, ...]

    @property
    def uploaded(self) -> datetime | None:
        """Upload time of its first file, UTC; None if the index publishes no upload times."""
        return min((f.uploaded for f in self.files if f.uploaded), default=None)

    @property
    def yanked(self) -> bool:
        """True if all its files are yanked."""
        return all(f.yanked for f in self.files)

    @property
    def final(self) -> bool:
        """True if an installer takes it by default: neither a prerelease nor yanked."""
        return not self.yanked and not self.version.is_prerelease


@dataclass(frozen=True)
class Interpreter:
    """A Python on this machine that cells can run on.

    Attributes:
        path: absolute path of the executable.
        version: full version, `3.11.7`.
        setuptools: version that `python -m venv` installs in a new environment; None from
            Python 3.12 on, where it installs none.
        platform: as sysconfig names it, `linux-x86_64`.
    """

    path: str
    version: str
    setuptools: str | None
    platform: str

    @property
    def series(self) -> str:
        """Its minor series, `3.11`."""
        return ".".join(self.version.split(".")[:2])

    @property
    def prerelease(self) -> bool:
        """True if it is no final release: nobody has it who did not ask for it."""
        return Version(self.version.removesuffix("+")).is_prerelease


@dataclass(frozen=True)
class Arrival:
    """An instant from which on a version can be installed, or is installed from another file.

    Attributes:
        instant: upload time of the first file that counts, UTC.
        settled: upload time of the file that installers have taken ever since, UTC.
        first: True if the version could not be installed before.
    """

    instant: datetime
    settled: datetime
    name: str
    version: Version
    first: bool


def series_of(version: Version) -> str:
    """Return the minor series that a version belongs to: `2.3` for 2.3.7."""
    return f"{version.major}.{version.minor}"


def short_version(version: Version) -> str:
    """Return a version without trailing zeros, as people write it in a bound: `3` for 3.0.0."""
    text = version.public
    while text.endswith(".0"):
        text = text.removesuffix(".0")
    return text


def how_to_install_python(series: str) -> str:
    """Return a sentence that says how to install a Python that this machine lacks."""
    return f"Python {series} is not on this machine; get it with: uv python install {series}"


_ONE_UPLOAD = timedelta(days=1)
"""The wheel and the source of a release arrive minutes apart."""


def upload_span(files: Iterable[File]) -> tuple[datetime, datetime] | None:
    """Return when the first and the last file of a release's upload arrived, UTC.

    Wheels for later Pythons may follow years after the release; they do not count. None if no time
    is known.
    """
    times = sorted(file.uploaded for file in files if file.uploaded)
    if not times:
        return None
    return times[0], max(time for time in times if time - times[0] < _ONE_UPLOAD)
