"""The list of the long tail as a file, and what the matrix makes of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.errors import ConfigurationError
from watchdog.matrix.cells import expand_cells
from watchdog.matrix.load import load_matrix, parse_matrix
from watchdog.matrix.tail_list import BUILT_IN_LIST, read_tail_list, tail_list_text
from watchdog.model.cell import Table, is_cell, parse_cell_id
from watchdog.model.tail import TailPackage

TEXT = """\
python: ["3.13", "3.14"]
tables:
  tail: {python: ["3.14"], most_used: 2, list: tail.jsonl}
extensions:
  flask-login: {name: Flask-Login}
"""
PACKAGES = (
    TailPackage(name="flask-a", title="Flask-A", rank=7, version="1.0", releases=3),
    TailPackage(name="flask-login", title="Flask-Login"),
    TailPackage(name="b-flask", title="b-flask", requires=("flask",)),
    TailPackage(name="flask-c", title="flask-c"),
    TailPackage(name="flask-z", title="flask-z", dropped="all its releases are yanked"),
)

names = st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)*", fullmatch=True)
# Among them characters at which str.splitlines() cuts, and those that JSON escapes.
texts = st.text(st.sampled_from('aé {}"\\\t\n\r\x00\x85\u2028\U0001f40d'), max_size=9)
packages = st.builds(
    TailPackage,
    name=names,
    title=texts,
    rank=st.none() | st.integers(1, 10**6),
    version=st.none() | texts,
    released=st.none() | st.dates(date(2005, 1, 1)),
    releases=st.integers(0, 999),
    requires=st.lists(texts, max_size=2).map(tuple),
    dropped=st.none() | texts,
)


@given(st.lists(packages, unique_by=lambda p: p.name, max_size=5))
def test_list_survives_its_file(tmp_path_factory: pytest.TempPathFactory, of: object) -> None:
    """What is written to the list is read from it, in its order."""
    assert isinstance(of, list)
    path = tmp_path_factory.mktemp("list") / "tail.jsonl"
    path.write_text(tail_list_text(of), "utf-8")
    assert read_tail_list(path) == tuple(of)


def test_list_that_is_not_there_is_empty(tmp_path: Path) -> None:
    """Before the command has made a list, there are no packages."""
    assert read_tail_list(tmp_path / "tail.jsonl") == ()


def test_errors_of_a_list(tmp_path: Path) -> None:
    """Every line that is no package is named, with its place."""
    path = tmp_path / "tail.jsonl"
    path.write_text('{"name": "a"}\n{"name": "b", "title": "b"}\n[\n' * 2, "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        read_tail_list(path)
    assert [problem.split(": ")[0] for problem in caught.value.problems] == [
        f"tail.jsonl:{line}:1" for line in (1, 3, 4, 5, 6)
    ]


def test_cells_of_tail(tmp_path: Path) -> None:
    """The table has the most used packages that are not listed, and asks for what they lack."""
    (tmp_path / "matrix.yaml").write_text(TEXT, "utf-8")
    (tmp_path / "tail.jsonl").write_text(tail_list_text(PACKAGES), "utf-8")
    matrix = load_matrix(tmp_path / "matrix.yaml")
    cells = expand_cells(matrix, {})
    assert [(c.id, c.requirements) for c in cells] == [
        ("flask-a/tail/py3.14", ("flask-a",)),
        ("b-flask/tail/py3.14", ("b-flask", "flask")),
    ]
    assert all(is_cell(c.id) and parse_cell_id(c.id).table is Table.TAIL for c in cells)
    assert (matrix.title("flask-a"), matrix.download_rank("flask-a")) == ("Flask-A", 7)
    assert [package.name for package in matrix.tail_dropped] == ["flask-z"]
    assert matrix.subjects == ("flask", "flask-login")
    assert matrix.model_copy(update={"site": matrix.site}).tail == matrix.tail


def test_unknown_python_of_tail() -> None:
    """A Python that the file does not list is told with its place."""
    text = TEXT.replace('["3.14"]', '["3.12"]')
    with pytest.raises(ConfigurationError, match=r"matrix.yaml:3:19: Python 3\.12 is not"):
        parse_matrix(text, "matrix.yaml")


def test_built_in_list() -> None:
    """The list of this project can be read, names nobody of the matrix, and says why others go."""
    matrix = load_matrix(Path(__file__).parents[3] / "matrix.yaml")
    listed = read_tail_list(BUILT_IN_LIST)
    assert matrix.tail
    assert not {package.name for package in listed} & {*matrix.extensions, *matrix.core}
    assert all(p.dropped is None or len(p.dropped) > 10 for p in listed)
    ranks = [p.rank for p in listed if p.dropped is None and p.rank]
    assert ranks == sorted(ranks)
