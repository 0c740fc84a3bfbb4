"""Releases on the index, their files and moments, and the Pythons they are installed on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from packaging.version import Version


@dataclass(frozen=True)
class File:
    """One file of a release on the index."""

    name: str
    uploaded: datetime | None
    yanked: bool = False
    requires_python: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Release:
    """A version of a distribution, with its files."""

    name: str
    version: Version
    files: tuple[File, ...]

    @property
    def uploaded(self) -> datetime | None:
        """When the first of its files arrived; None where the index does not tell."""
        return min((f.uploaded for f in self.files if f.uploaded), default=None)

    @property
    def yanked(self) -> bool:
        return all(f.yanked for f in self.files)

    @property
    def final(self) -> bool:
        """Whether an installer takes it unasked: neither a prerelease nor yanked."""
        return not self.yanked and not self.version.is_prerelease


@dataclass(frozen=True)
class Interpreter:
    """A Python on this machine that cells can run on.

    Attributes:
        path: absolute path of the executable.
        version: full version, `3.11.7`.
        setuptools: version that `python -m venv` would put beside the code of a newcomer;
            None from Python 3.12 on, where it brings none.
        platform: as sysconfig names it, `linux-x86_64`.
    """

    path: str
    version: str
    setuptools: str | None
    platform: str

    @property
    def series(self) -> str:
        return ".".join(self.version.split(".")[:2])


@dataclass(frozen=True)
class Arrival:
    """A moment at which a version could be installed for the first time, or from another file.

    Attributes:
        settled: when the file was there that installers took from then on.
        first: whether it could not be installed before.
    """

    instant: datetime
    settled: datetime
    name: str
    version: Version
    first: bool


def series_of(version: Version) -> str:
    """The minor series a version belongs to: `2.3` for 2.3.7."""
    return f"{version.major}.{version.minor}"


def short_version(version: Version) -> str:
    """`3.0.0` as people write it in a bound: `3`."""
    text = version.public
    while text.endswith(".0"):
        text = text.removesuffix(".0")
    return text


PYTHON_RELEASES = {
    "3.6": date(2016, 12, 23),
    "3.7": date(2018, 6, 27),
    "3.8": date(2019, 10, 14),
    "3.9": date(2020, 10, 5),
    "3.10": date(2021, 10, 4),
    "3.11": date(2022, 10, 24),
    "3.12": date(2023, 10, 2),
    "3.13": date(2024, 10, 7),
    "3.14": date(2025, 10, 7),
}
"""Day of the first final release: PEPs 494, 537, 569, 596, 619, 664, 693, 719, 745."""


def how_to_install_python(series: str) -> str:
    """What to type to get a Python this machine lacks."""
    return f"Python {series} is not on this machine; get it with: uv python install {series}"
