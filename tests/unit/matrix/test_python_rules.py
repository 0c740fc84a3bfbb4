"""Which Pythons the rules of matrix.yaml choose."""

from __future__ import annotations

import re

import pytest
from ecosystem import matrix_yaml
from packaging.version import Version

from watchdog.errors import ConfigurationError
from watchdog.matrix.cells import expand_cells
from watchdog.matrix.load import parse_matrix
from watchdog.matrix.python_rules import PATTERN, choose_pythons
from watchdog.model.python_series import PythonSeries, known_series

KNOWN = (
    PythonSeries(series="3.9"),
    PythonSeries(series="3.10"),
    PythonSeries(series="3.11"),
    PythonSeries(series="3.12", prerelease=True),
)
TEXT = """\
python: {rules}
tables: {{today: {{}}, core: {{python: [newest], flask: [newest], werkzeug: [resolved]}}}}
extensions: {{flask-login: {{name: Flask-Login, python: ["since 3.10"]}}}}
"""


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("3.10", ["3.10"]),
        ("2.7", ["2.7"]),
        ("since 3.10", ["3.10", "3.11"]),
        ("newest", ["3.11"]),
        ("newest 2", ["3.10", "3.11"]),
        ("newest 9", ["3.9", "3.10", "3.11"]),
        ("prerelease", ["3.12"]),
        ("since 3.99", []),
    ],
)
def test_choose_pythons_by_rule(rule: str, expected: list[str]) -> None:
    """Each kind of rule chooses the expected series."""
    assert re.fullmatch(PATTERN, rule)
    assert list(choose_pythons([rule], KNOWN)) == expected


def test_choose_pythons_order() -> None:
    """Several rules choose each series once, the oldest first."""
    assert choose_pythons(["newest", "3.9", "since 3.11"], KNOWN) == ("3.9", "3.11")


def test_choose_pythons_without_prerelease() -> None:
    """The rule `prerelease` chooses nothing where the newest series is final."""
    assert choose_pythons(["prerelease"], KNOWN[:3]) == ()


def test_parse_matrix_rules() -> None:
    """Rules of tables and extensions choose among the Pythons of the list at the top."""
    matrix = parse_matrix(TEXT.format(rules='["3.9", "3.10"]'), "matrix.yaml", KNOWN)
    assert matrix.python == ("3.9", "3.10")
    assert matrix.tables.core is not None
    assert matrix.tables.core.python == ("3.10",)
    assert matrix.extensions["flask-login"].python == ("3.10",)


def test_series_nobody_has_heard_of() -> None:
    """A series that only this machine has gets cells like any other, and is the newest."""
    known = known_series({"3.99": Version("3.99.1")})
    matrix = parse_matrix(TEXT.format(rules='["since 3.13"]'), "matrix.yaml", known)
    assert matrix.python[-1] == "3.99"
    ids = [c.id for c in expand_cells(matrix, {"flask": (), "werkzeug": (), "flask-login": ()})]
    assert "flask-login/today/py3.99" in ids
    assert matrix.tables.core is not None
    assert matrix.tables.core.python == ("3.99",)


def test_no_python() -> None:
    """Rules that choose no Python at all are reported with their place."""
    with pytest.raises(ConfigurationError) as caught:
        parse_matrix(TEXT.format(rules='["since 3.98"]'), "matrix.yaml", KNOWN)
    assert caught.value.problems == (
        "matrix.yaml:1:9: no Python that is known fits these rules; name a series, such as '3.13'",
    )


def test_wrong_rule() -> None:
    """What is no rule is reported with its place, and what may be written."""
    with pytest.raises(ConfigurationError) as caught:
        parse_matrix(matrix_yaml().replace("python: [", "python: [latest, ", 1), "m")
    (problem,) = caught.value.problems
    assert "'latest' is not a Python; write a series such as '3.13', 'since 3.8'" in problem
