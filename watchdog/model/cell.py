"""A cell, one point of the matrix, and its readable id."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase

from watchdog.model.lock import LockRequest


def smoke_name(subject: str) -> str:
    """The module that holds the smoke of a subject, where it has one of its own."""
    return f"smoke_{subject.replace('-', '_')}"


class Table(StrEnum):
    """The tables of cells; `control` and `check` are made on demand."""

    CORE = "core"
    TODAY = "today"
    GRID = "grid"
    VERSIONS = "versions"
    CONTROL = "control"
    CHECK = "check"


@dataclass(frozen=True)
class Cell:
    """One point of the matrix.

    Attributes:
        id: readable, stable from run to run, selectable with globs.
        framework, foundation, version: the columns it belongs to in its table (series or rule).
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

    def question(self, as_of: datetime) -> LockRequest:
        return LockRequest(self.requirements, self.python, as_of, oldest=self.oldest)


LABEL = r"prerelease|oldest-allowed|resolved|\d+\.\d+"
"""What the label of a choice may look like."""

_NAME = r"[a-z0-9]+(?:-[a-z0-9]+)*"
_SUBJECT = re.compile(_NAME)
_CELL = re.compile(rf"{_NAME}/({'|'.join(Table)})/py\d{{1,3}}\.\d{{1,3}}(/[^/\s]+)*", re.ASCII)
_COLUMN = re.compile(rf".+?-({LABEL})")


def is_subject(name: str) -> bool:
    """Whether a name can be that of a subject: a file is called after it, so it has no slash."""
    return _SUBJECT.fullmatch(name) is not None


def is_cell(cell_id: str) -> bool:
    """Whether an id can be that of a cell; a journal may hold others, damaged or of another day."""
    return _CELL.fullmatch(cell_id) is not None


def parse_cell_id(cell_id: str) -> Cell:
    """The cell an id names, without its requirements: what a table of a report needs."""
    subject, table, python, *rest = cell_id.split("/")
    version = rest.pop(0) if table == Table.VERSIONS and rest else None
    framework, foundation, *_ = (*map(_label, rest), None, None)
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


def _label(column: str) -> str | None:
    """The series or rule at the end of a column's name, whatever package is before it."""
    found = _COLUMN.fullmatch(column)
    return found[1] if found else None


def matches_glob(cell_id: str, glob: str) -> bool:
    """Whether a glob selects a cell: the whole id, or a leading part of it up to a slash."""
    return fnmatchcase(cell_id, glob) or fnmatchcase(cell_id, glob.rstrip("/") + "/*")
