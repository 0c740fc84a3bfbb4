"""A cell, one point of the matrix, and its readable id."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase

from watchdog.model.lock import LockRequest


def smoke_name(subject: str) -> str:
    """Return the name of the module that a subject's own smoke is in, if it has one."""
    return f"smoke_{subject.replace('-', '_')}"


class Table(StrEnum):
    """The tables of the matrix; every cell belongs to one."""

    CORE = "core"
    TODAY = "today"
    GRID = "grid"
    VERSIONS = "versions"
    TAIL = "tail"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One point of the matrix.

    Attributes:
        id: readable, stable from run to run, selectable with globs.
        oldest: packages to install in the oldest version that the requirements allow.
        framework, foundation, version: the columns of the table it is in: a series or a rule.
    """

    id: str
    table: Table
    subject: str
    python: str
    requirements: tuple[str, ...]
    oldest: tuple[str, ...] = ()
    framework: str | None = None
    foundation: str | None = None
    version: str | None = None

    def lock_request(self, as_of: datetime) -> LockRequest:
        """Return the request for the lock of this cell at a cutoff (UTC)."""
        return LockRequest(self.requirements, self.python, as_of, oldest=self.oldest)


LABEL = r"prerelease|oldest-allowed|resolved|\d+\.\d+"
"""Pattern of the label that a column has in cell ids."""

_NAME = r"[a-z0-9]+(?:-[a-z0-9]+)*"
_SUBJECT = re.compile(_NAME)
_CELL = re.compile(rf"{_NAME}/({'|'.join(Table)})/py\d{{1,3}}\.\d{{1,3}}(/[^/\s]+)*", re.ASCII)
_COLUMN = re.compile(rf".+?-({LABEL})")


def is_subject(name: str) -> bool:
    """Return whether a text can be the name of a subject.

    Files are named after subjects, so a name has no slash.
    """
    return _SUBJECT.fullmatch(name) is not None


def is_cell(cell_id: str) -> bool:
    """Return whether a text can be the id of a cell.

    A journal may hold other texts: damaged ones, and ids of other versions of the watchdog.
    """
    return _CELL.fullmatch(cell_id) is not None


def parse_cell_id(cell_id: str) -> Cell:
    """Return the cell that an id names, without its requirements.

    That is all that the tables of a report need.
    """
    subject, table, python, *rest = cell_id.split("/")
    version = rest.pop(0) if table == Table.VERSIONS and rest else None
    framework, foundation, *_ = (*map(_column_label, rest), None, None)
    return Cell(
        id=cell_id,
        table=Table(table),
        subject=subject,
        python=python.removeprefix("py"),
        requirements=(),
        framework=framework,
        foundation=foundation,
        version=version,
    )


def _column_label(column: str) -> str | None:
    """Return the series or rule after the package's name: `3.1` of `flask-3.1`."""
    match = _COLUMN.fullmatch(column)
    return match[1] if match else None


def matches_glob(cell_id: str, glob: str) -> bool:
    """Return whether a glob selects a cell.

    A glob may match the whole id, or a leading part of it up to a slash.
    """
    return fnmatchcase(cell_id, glob) or fnmatchcase(cell_id, glob.rstrip("/") + "/*")
