"""From the matrix and the releases on the index to cells. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime

from watchdog.matrix.schema import CoreTable, GridTable, Matrix
from watchdog.matrix.version_rules import VersionChoice, choose_versions
from watchdog.model.cell import Cell, Table, matches_glob
from watchdog.model.release import Release

Releases = Mapping[str, Sequence[Release]]


def expand_cells(matrix: Matrix, releases: Releases) -> tuple[Cell, ...]:
    """Every cell of the matrix, in the order of its tables; excluded ones too (see excluded())."""
    return tuple(
        dict.fromkeys(
            [
                *_core(matrix, releases),
                *_today(matrix),
                *_grid(matrix, releases),
                *_versions(matrix, releases),
            ]
        )
    )


def select_cells(
    cells: Sequence[Cell],
    *,
    only: Sequence[str] = (),
    tables: Sequence[Table] = (),
    pythons: Sequence[str] = (),
) -> tuple[Cell, ...]:
    """The cells that match one of the globs, tables and Pythons; an empty choice means all."""
    return tuple(
        cell
        for cell in cells
        if (not only or any(matches_glob(cell.id, glob) for glob in only))
        and (not tables or cell.table in tables)
        and (not pythons or cell.python in pythons)
    )


def exclusion_reason(cell: Cell, matrix: Matrix, today: date) -> str | None:
    """Why matrix.yaml leaves this cell out, if it does."""
    return _mark(cell, matrix.exclude, today)


def known_issue_reason(cell: Cell, matrix: Matrix, today: date) -> str | None:
    """Why matrix.yaml expects this cell to break, if it does."""
    return _mark(cell, matrix.known_issues, today)


def _mark(cell: Cell, marks: Sequence[object], today: date) -> str | None:
    for mark in marks:
        if mark.holds(today) and matches_glob(cell.id, mark.cells):  # type: ignore[attr-defined]
            return str(mark.reason)  # type: ignore[attr-defined]
    return None


def _pin(name: str, choice: VersionChoice) -> tuple[str, ...]:
    return (f"{name}=={choice.version}",) if choice.version else ()


def _oldest(name: str, choice: VersionChoice) -> tuple[str, ...]:
    return (name,) if choice.oldest else ()


def _columns(
    matrix: Matrix, table: CoreTable | GridTable, releases: Releases
) -> list[tuple[VersionChoice, VersionChoice, str]]:
    """Each version of the framework with each beneath it, and how an id calls the two."""
    framework, foundation = matrix.core_names
    beneaths = choose_versions(table.foundation, releases[foundation])
    return [
        (version, beneath, f"{framework}-{version.label}/{foundation}-{beneath.label}")
        for version in choose_versions(table.framework, releases[framework])
        for beneath in beneaths
    ]


def _core(matrix: Matrix, releases: Releases) -> Iterator[Cell]:
    if not (table := matrix.tables.core):
        return
    framework, foundation = matrix.core_names
    columns = _columns(matrix, table, releases)
    for python in table.python:
        for version, beneath, named in columns:
            yield Cell(
                id=f"{framework}/core/py{python}/{named}",
                table=Table.CORE,
                subject=framework,
                python=python,
                requirements=(*_pin(framework, version), *_pin(foundation, beneath)),
                oldest=_oldest(foundation, beneath),
                framework=version.label,
                foundation=beneath.label,
            )


def _pythons(matrix: Matrix, subject: str, wanted: Sequence[str]) -> list[str]:
    allowed = matrix.extensions[subject].python
    return [p for p in wanted if allowed is None or p in allowed]


def _today(matrix: Matrix) -> Iterator[Cell]:
    if not (table := matrix.tables.today):
        return
    for subject in matrix.extensions:
        for python in _pythons(matrix, subject, table.python or matrix.python):
            yield Cell(
                id=f"{subject}/today/py{python}",
                table=Table.TODAY,
                subject=subject,
                python=python,
                requirements=matrix.requirements(subject),
            )


def _grid(matrix: Matrix, releases: Releases) -> Iterator[Cell]:
    if not (table := matrix.tables.grid):
        return
    framework, foundation = matrix.core_names
    columns = _columns(matrix, table, releases)
    for subject in filter(table.covers, matrix.extensions):
        for python in _pythons(matrix, subject, table.python):
            for version, beneath, named in columns:
                yield Cell(
                    id=f"{subject}/grid/py{python}/{named}",
                    table=Table.GRID,
                    subject=subject,
                    python=python,
                    requirements=(
                        *matrix.requirements(subject),
                        *_pin(framework, version),
                        *_pin(foundation, beneath),
                    ),
                    oldest=(*_oldest(framework, version), *_oldest(foundation, beneath)),
                    framework=version.label,
                    foundation=beneath.label,
                )


def _versions(matrix: Matrix, releases: Releases) -> Iterator[Cell]:
    if not (table := matrix.tables.versions):
        return
    framework = matrix.framework
    frameworks = choose_versions(table.framework, releases[framework])
    for subject, extension in matrix.extensions.items():
        # A scenario has no versions of its own.
        if extension.install is not None or not table.covers(subject):
            continue
        versions = choose_versions(table.subject, releases[subject])
        for python in _pythons(matrix, subject, table.python):
            for under in frameworks:
                for version in versions:
                    column = f"{framework}-{under.label}"
                    yield Cell(
                        id=f"{subject}/versions/py{python}/{version.label}/{column}",
                        table=Table.VERSIONS,
                        subject=subject,
                        python=python,
                        requirements=(
                            *(_pin(subject, version) or (subject,)),
                            *extension.requires,
                            *_pin(framework, under),
                        ),
                        oldest=(*_oldest(subject, version), *_oldest(framework, under)),
                        framework=under.label,
                        version=version.label,
                    )


def newest_releases(releases: Releases) -> dict[str, tuple[str, datetime]]:
    """The last final release of each package, and when it came."""
    found: dict[str, tuple[str, datetime]] = {}
    for name, every in releases.items():
        for release in every:
            if release.uploaded and release.final:
                found[name] = (str(release.version), release.uploaded)
    return found


def first_releases(
    releases: Releases, names: Sequence[str]
) -> tuple[tuple[str, str, datetime], ...]:
    """The first final release of each series (`2.3`) of these packages: name, version, day."""
    found: dict[tuple[str, tuple[int, ...]], tuple[str, str, datetime]] = {}
    for name in names:
        for release in releases.get(name, ()):
            version = release.version
            if release.uploaded and release.final:
                key = (name, version.release[:2])
                found.setdefault(key, (name, str(version), release.uploaded))
    return tuple(found.values())
