"""Expands the matrix into cells, using the releases on the index. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import product

from watchdog.matrix.schema import CellException, CoreTable, GridTable, Matrix
from watchdog.matrix.suggestions import did_you_mean
from watchdog.matrix.version_rules import VersionChoice, choose_versions
from watchdog.model.cell import Cell, Table, matches_glob
from watchdog.model.release import Release

Releases = Mapping[str, Sequence[Release]]
"""The releases of each distribution, the oldest version first."""


def expand_cells(matrix: Matrix, releases: Releases) -> tuple[Cell, ...]:
    """Return every cell of the matrix, in the order of its tables.

    Excluded cells are among them; see exclusion_reason().
    """
    return tuple(
        dict.fromkeys(
            [
                *_core_cells(matrix, releases),
                *_today_cells(matrix),
                *_grid_cells(matrix, releases),
                *_versions_cells(matrix, releases),
                *_tail_cells(matrix),
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
    """Return the cells that match one of the globs, tables and Pythons; empty means all."""
    return tuple(
        cell
        for cell in cells
        if (not only or any(matches_glob(cell.id, glob) for glob in only))
        and (not tables or cell.table in tables)
        and (not pythons or cell.python in pythons)
    )


def selection_problems(
    cells: Sequence[Cell], selected: Sequence[Cell], only: Sequence[str]
) -> tuple[str, ...]:
    """Return what is wrong with a selection: a glob that matches no cell, or that none is left.

    Args:
        cells: all cells of the matrix.
        selected: those that are left.
        only: the globs of the selection.
    """
    subjects = {cell.subject for cell in cells}
    unmatched = tuple(
        f"--only {glob}: no cell of the matrix matches"
        f"{did_you_mean(glob.partition('/')[0], subjects)}"
        for glob in only
        if not any(matches_glob(cell.id, glob) for cell in cells)
    )
    if unmatched or selected:
        return unmatched
    return ("no cell of the matrix matches the selection",)


def exclusion_reason(cell: Cell, matrix: Matrix, today: date) -> str | None:
    """Return the reason why matrix.yaml excludes a cell, None if it does not."""
    return _exception_reason(cell, matrix.exclude, today)


def known_issue_reason(cell: Cell, matrix: Matrix, today: date) -> str | None:
    """Return the reason why matrix.yaml expects a cell to break, None if it does not."""
    return _exception_reason(cell, matrix.known_issues, today)


def _exception_reason(cell: Cell, exceptions: Sequence[CellException], today: date) -> str | None:
    for exception in exceptions:
        if exception.holds(today) and matches_glob(cell.id, exception.cells):
            return exception.reason
    return None


def _pin(name: str, choice: VersionChoice) -> tuple[str, ...]:
    """Return the requirement for a chosen version; none if the resolver decides."""
    return (f"{name}=={choice.version}",) if choice.version else ()


def _oldest(name: str, choice: VersionChoice) -> tuple[str, ...]:
    """Return the name if the resolver is to take the oldest allowed version."""
    return (name,) if choice.oldest else ()


def _core_columns(
    matrix: Matrix, table: CoreTable | GridTable, releases: Releases
) -> list[tuple[VersionChoice, VersionChoice, str]]:
    """Return each version of the framework with each of the foundation, and their part of an id."""
    framework, foundation = matrix.core_names
    above = choose_versions(table.framework, releases[framework])
    below = choose_versions(table.foundation, releases[foundation])
    return [
        (upper, lower, f"{framework}-{upper.label}/{foundation}-{lower.label}")
        for upper, lower in product(above, below)
    ]


def _core_cells(matrix: Matrix, releases: Releases) -> Iterator[Cell]:
    table = matrix.tables.core
    if table is None:
        return
    framework, foundation = matrix.core_names
    columns = _core_columns(matrix, table, releases)
    for python, (upper, lower, id_part) in product(table.python, columns):
        yield Cell(
            id=f"{framework}/core/py{python}/{id_part}",
            table=Table.CORE,
            subject=framework,
            python=python,
            requirements=(*_pin(framework, upper), *_pin(foundation, lower)),
            oldest=_oldest(foundation, lower),
            framework=upper.label,
            foundation=lower.label,
        )


def _allowed_pythons(matrix: Matrix, subject: str, pythons: Sequence[str]) -> list[str]:
    """Return those of some Pythons that matrix.yaml allows for a subject."""
    allowed = matrix.extensions[subject].python
    return [python for python in pythons if allowed is None or python in allowed]


def _today_cells(matrix: Matrix) -> Iterator[Cell]:
    table = matrix.tables.today
    if table is None:
        return
    every = matrix.python if table.python is None else table.python
    for subject in matrix.extensions:
        for python in _allowed_pythons(matrix, subject, every):
            yield Cell(
                id=f"{subject}/today/py{python}",
                table=Table.TODAY,
                subject=subject,
                python=python,
                requirements=matrix.requirements(subject),
            )


def _grid_cells(matrix: Matrix, releases: Releases) -> Iterator[Cell]:
    table = matrix.tables.grid
    if table is None:
        return
    framework, foundation = matrix.core_names
    columns = _core_columns(matrix, table, releases)
    for subject in filter(table.covers, matrix.extensions):
        pythons = _allowed_pythons(matrix, subject, table.python)
        for python, (upper, lower, id_part) in product(pythons, columns):
            yield Cell(
                id=f"{subject}/grid/py{python}/{id_part}",
                table=Table.GRID,
                subject=subject,
                python=python,
                requirements=(
                    *matrix.requirements(subject),
                    *_pin(framework, upper),
                    *_pin(foundation, lower),
                ),
                oldest=(*_oldest(framework, upper), *_oldest(foundation, lower)),
                framework=upper.label,
                foundation=lower.label,
            )


def _versions_cells(matrix: Matrix, releases: Releases) -> Iterator[Cell]:
    table = matrix.tables.versions
    if table is None:
        return
    framework = matrix.framework
    framework_versions = choose_versions(table.framework, releases[framework])
    for subject, extension in matrix.extensions.items():
        # A scenario has no versions of its own.
        if extension.install is not None or not table.covers(subject):
            continue
        versions = choose_versions(table.subject, releases[subject])
        pythons = _allowed_pythons(matrix, subject, table.python)
        for python, upper, version in product(pythons, framework_versions, versions):
            yield Cell(
                id=f"{subject}/versions/py{python}/{version.label}/{framework}-{upper.label}",
                table=Table.VERSIONS,
                subject=subject,
                python=python,
                requirements=(
                    *(_pin(subject, version) or (subject,)),
                    *extension.requires,
                    *_pin(framework, upper),
                ),
                oldest=(*_oldest(subject, version), *_oldest(framework, upper)),
                framework=upper.label,
                version=version.label,
            )


def _tail_cells(matrix: Matrix) -> Iterator[Cell]:
    table = matrix.tables.tail
    if table is None:
        return
    for subject, python in product(matrix.tail, table.python):
        yield Cell(
            id=f"{subject}/tail/py{python}",
            table=Table.TAIL,
            subject=subject,
            python=python,
            requirements=matrix.requirements(subject),
        )


def newest_releases(releases: Releases) -> dict[str, tuple[str, datetime]]:
    """Return the newest final release of each package: its version and upload time (UTC)."""
    newest: dict[str, tuple[str, datetime]] = {}
    for name, package_releases in releases.items():
        for release in package_releases:
            if release.uploaded and release.final:
                newest[name] = (str(release.version), release.uploaded)
    return newest


def first_releases(
    releases: Releases, names: Sequence[str]
) -> tuple[tuple[str, str, datetime], ...]:
    """Return the first final release of each minor series (`2.3`) of some packages.

    Each is a name, a version and its upload time (UTC).
    """
    first: dict[tuple[str, tuple[int, ...]], tuple[str, str, datetime]] = {}
    for name in names:
        for release in releases.get(name, ()):
            version = release.version
            if release.uploaded and release.final:
                key = (name, version.release[:2])
                first.setdefault(key, (name, str(version), release.uploaded))
    return tuple(first.values())
