"""Reading matrix.yaml gives a matrix that can be expanded, or problems with file and line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ecosystem import day
from packaging.version import Version

from watchdog.errors import ConfigurationError
from watchdog.matrix import load, schema
from watchdog.matrix.cells import expand_cells
from watchdog.model.cell import parse_cell_id
from watchdog.model.release import File, Release

_ROOT = Path(__file__).parents[3]
_SMALL = b"""\
python: ["3.9", 3.10]
tables:
  core: {python: ["3.10"], flask: ["since 1.0"], werkzeug: [resolved]}
  today: {}
extensions:
  flask-login: {name: Flask-Login}
exclude:
  - {cells: "flask-admin/*", reason: "not in this test", until: 2030-01-01}
"""
_RELEASES = tuple(
    Release("x", Version(version), (File(f"x-{version}.tar.gz", day(0)),))
    for version in ("1.0", "1.1.2", "2.0", "3.0rc1")
)
SEEDS = (_SMALL, (_ROOT / "tests/support/field_starlette/matrix.yaml").read_bytes())
WORDS = (
    b"core:",
    b"python:",
    b"tables:",
    b"grid:",
    b"versions:",
    b"extensions:",
    b"install:",
    b"since 1.0",
    b"last 4",
    b"newest",
    b"resolved",
    b"&a",
    b"*a",
    b"<<:",
    b"!!map",
    b"? ",
    b"- ",
    b"{}",
    b"[]",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"---",
    b"%YAML 1.1",
)


def check(data: bytes) -> None:
    """Assert that the data is refused with problems, or gives cells with unique ids."""
    try:
        matrix = load.parse_matrix(data.decode("utf-8", "surrogateescape"), "matrix.yaml")
    except ConfigurationError as e:
        assert e.problems
        assert all(problem.startswith("matrix.yaml:") for problem in e.problems), e.problems
        return
    releases: Mapping[str, Sequence[Release]] = dict.fromkeys(matrix.distributions, _RELEASES)
    cells = expand_cells(matrix, releases)
    assert len({cell.id for cell in cells}) == len(cells)
    assert all(parse_cell_id(cell.id).subject == cell.subject for cell in cells)
    assert matrix.framework in matrix.distributions
    assert schema.matrix_schema(matrix)
