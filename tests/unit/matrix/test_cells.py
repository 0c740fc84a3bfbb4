from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from watchdog.matrix import shards
from watchdog.matrix.cells import exclusion_reason, expand_cells, known_issue_reason, select_cells
from watchdog.matrix.load import parse_matrix
from watchdog.matrix.schema import Matrix
from watchdog.model.cell import Table, parse_cell_id
from watchdog.model.release import File, Release

TEXT = """\
python: ["3.9", "3.13"]
tables:
  core: {python: ["3.13"], flask: ["since 2.0"], werkzeug: [resolved, newest]}
  today: {}
  grid: {python: ["3.13"], flask: ["last 1"], werkzeug: [resolved, oldest-allowed]}
  versions: {python: ["3.9"], subject: ["last 2"], flask: [newest]}
extensions:
  flask-login: {name: Flask-Login}
  flask-admin: {name: Flask-Admin, requires: [flask-sqlalchemy], python: ["3.13"]}
  scenario-forms: {name: "Tutorial: forms", install: [flask, flask-wtf]}
exclude:
  - {cells: "flask-login/grid/*", reason: "a reason to be read", until: 2026-01-31}
known_issues:
  - {cells: "flask-admin", reason: "known since long ago"}
"""


def release(name: str, *versions: str) -> tuple[Release, ...]:
    arrived = datetime(2025, 1, 1, tzinfo=UTC)
    return tuple(Release(name, Version(v), (File(f"{name}-{v}", arrived),)) for v in versions)


RELEASES = {
    "flask": release("flask", "1.1.4", "2.0.3", "3.1.3"),
    "werkzeug": release("werkzeug", "2.0.3", "3.1.9"),
    "flask-login": release("flask-login", "0.5.0", "0.6.2", "0.6.3"),
    "flask-admin": release("flask-admin", "1.6.1"),
}


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    return parse_matrix(TEXT, "matrix.yaml")


def test_expand_cells_ids(matrix: Matrix) -> None:
    """Each table of the matrix gives its cells, with readable ids."""
    assert [c.id for c in expand_cells(matrix, RELEASES)] == [
        "flask/core/py3.13/flask-2.0/werkzeug-resolved",
        "flask/core/py3.13/flask-2.0/werkzeug-3.1",
        "flask/core/py3.13/flask-3.1/werkzeug-resolved",
        "flask/core/py3.13/flask-3.1/werkzeug-3.1",
        "flask-login/today/py3.9",
        "flask-login/today/py3.13",
        "flask-admin/today/py3.13",
        "scenario-forms/today/py3.9",
        "scenario-forms/today/py3.13",
        "flask-login/grid/py3.13/flask-3.1/werkzeug-resolved",
        "flask-login/grid/py3.13/flask-3.1/werkzeug-oldest-allowed",
        "flask-admin/grid/py3.13/flask-3.1/werkzeug-resolved",
        "flask-admin/grid/py3.13/flask-3.1/werkzeug-oldest-allowed",
        "scenario-forms/grid/py3.13/flask-3.1/werkzeug-resolved",
        "scenario-forms/grid/py3.13/flask-3.1/werkzeug-oldest-allowed",
        "flask-login/versions/py3.9/0.5/flask-3.1",
        "flask-login/versions/py3.9/0.6/flask-3.1",
    ]


def test_expand_cells_requirements(matrix: Matrix) -> None:
    """Each cell has the requirements that a person would type."""
    cells = {c.id: c for c in expand_cells(matrix, RELEASES)}
    assert cells["flask-admin/today/py3.13"].requirements == ("flask-admin", "flask-sqlalchemy")
    assert cells["scenario-forms/today/py3.9"].requirements == ("flask", "flask-wtf")
    half_pinned = cells["flask/core/py3.13/flask-2.0/werkzeug-resolved"]
    assert half_pinned.requirements == ("flask==2.0.3",)
    oldest = cells["flask-login/grid/py3.13/flask-3.1/werkzeug-oldest-allowed"]
    assert oldest.oldest == ("werkzeug",)
    previous = cells["flask-login/versions/py3.9/0.6/flask-3.1"]
    assert previous.requirements == ("flask-login==0.6.3", "flask==3.1.3")


def test_parse_cell_id_round_trip(matrix: Matrix) -> None:
    """A parsed cell id has the same coordinates as the cell it came from."""
    for cell in expand_cells(matrix, RELEASES):
        found = parse_cell_id(cell.id)
        for part in ("table", "subject", "python", "framework", "foundation", "version"):
            assert getattr(found, part) == getattr(cell, part), (cell.id, part)


def test_cell_ids_of_other_core() -> None:
    """Cell ids work for a core with other package names."""
    text = TEXT.replace("flask: [", "some-asgi-2: [").replace("werkzeug: [", "any-io: [")
    matrix = parse_matrix("core: {some-asgi-2: Some, any-io: Any}\n" + text, "matrix.yaml")
    releases = RELEASES | {
        "some-asgi-2": release("some-asgi-2", "0.40.1", "2.0.0rc1"),
        "any-io": release("any-io", "4.0.0"),
    }
    cells = expand_cells(matrix, releases)
    grid = "flask-login/grid/py3.13/some-asgi-2-0.40/any-io-oldest-allowed"
    assert grid in [c.id for c in cells]
    assert "flask-login/versions/py3.9/0.6/some-asgi-2-0.40" in [c.id for c in cells]
    for cell in cells:
        found = parse_cell_id(cell.id)
        for part in ("table", "subject", "python", "framework", "foundation", "version"):
            assert getattr(found, part) == getattr(cell, part), (cell.id, part)


@pytest.mark.parametrize(
    ("only", "count"),
    [
        (("flask-login",), 6),
        (("scenario-*",), 4),
        (("*/today/*",), 5),
        (("flask-login/today", "flask/core"), 6),
        (("nothing",), 0),
        ((), 17),
    ],
)
def test_select_cells_by_glob(matrix: Matrix, only: tuple[str, ...], count: int) -> None:
    """Cells are selected by glob and by the leading parts of an id."""
    assert len(select_cells(expand_cells(matrix, RELEASES), only=only)) == count


def test_select_cells_by_table_and_python(matrix: Matrix) -> None:
    """Cells are selected by table and Python."""
    cells = expand_cells(matrix, RELEASES)
    assert len(select_cells(cells, tables=(Table.TODAY,), pythons=("3.9",))) == 2


def test_exclusion_reason_until_date(matrix: Matrix) -> None:
    """An exclusion ends after its last day."""
    grid = next(c for c in expand_cells(matrix, RELEASES) if c.id.startswith("flask-login/grid"))
    assert exclusion_reason(grid, matrix, date(2026, 1, 31)) == "a reason to be read"
    assert exclusion_reason(grid, matrix, date(2026, 2, 1)) is None


def test_known_issue_reason_by_prefix(matrix: Matrix) -> None:
    """A known issue that names a subject applies to all its cells."""
    cells = [c for c in expand_cells(matrix, RELEASES) if c.subject == "flask-admin"]
    assert all(known_issue_reason(c, matrix, date(2026, 1, 1)) for c in cells)


@given(
    lengths=st.lists(st.tuples(st.integers(0, 9), st.floats(0.1, 60)), max_size=40),
    count=st.integers(1, 8),
)
def test_shard_cells_partition(lengths: list[tuple[int, float]], count: int) -> None:
    """Shards contain each cell once and never divide a subject."""
    cells = [parse_cell_id(f"s{s}/today/py3.{n}") for n, (s, _) in enumerate(lengths)]
    seconds = {cell.id: length for cell, (_, length) in zip(cells, lengths, strict=True)}
    parts = [
        shards.shard_cells(cells, n, count, lambda c: seconds[c.id]) for n in range(1, count + 1)
    ]
    assert sorted(c.id for part in parts for c in part) == sorted(c.id for c in cells)
    subjects = [{c.subject for c in part} for part in parts]
    assert sum(map(len, subjects)) == len({c.subject for c in cells})


def test_shard_cells_balance() -> None:
    """Shards have about the same total time."""
    cells = [parse_cell_id(f"s{n}/today/py3.13") for n in range(12)]
    parts = [shards.shard_cells(cells, n, 3, lambda _: 1.0) for n in (1, 2, 3)]
    assert [len(part) for part in parts] == [4, 4, 4]
