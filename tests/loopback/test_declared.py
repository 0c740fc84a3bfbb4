from __future__ import annotations

from typing import Any

import pytest
from ecosystem import TABLES, day
from home import Home

from watchdog.analysis.declared import series_of
from watchdog.model.cell import parse_cell_id
from watchdog.storage.declared import Measured, SeriesResult, declared_json, read_declared


def series(*seen: tuple[str, bool | None, bool | None]) -> tuple[SeriesResult, ...]:
    return tuple(SeriesResult(version, allowed, works) for version, allowed, works in seen)


@pytest.mark.parametrize(
    ("seen", "suggestion"),
    [
        ([("1.1.4", True, True), ("2.0.3", True, True)], "flask>=1.1"),
        (
            [("1.1.4", True, False), ("2.0.3", True, True), ("3.0.0", True, False)],
            "flask>=2.0,<3.0",
        ),
        (
            [("2.0.3", True, True), ("2.1.3", True, False), ("2.2.5", True, True)],
            "flask>=2.0,!=2.1.*",
        ),
        ([("1.1.4", True, None), ("2.0.3", True, True)], "flask>=2.0"),
        ([("1.1.4", True, False)], None),
    ],
)
def test_suggestion_allows_what_works(
    seen: list[tuple[str, bool | None, bool | None]], suggestion: str | None
) -> None:
    """The suggested requirement allows exactly the Flask series that work."""
    found = Measured("ext", "1.0", series(*seen)).suggestion("flask")
    assert found == (f"Requires-Dist: {suggestion}" if suggestion else None)


def test_series_of_skips_prerelease() -> None:
    """The series of the grid are sorted, and the prerelease column is left out."""
    ids = [
        f"ext/grid/py3.13/flask-{label}/werkzeug-resolved"
        for label in ("2.0", "10.0", "prerelease", "3.1")
    ]
    assert series_of([parse_cell_id(cell_id) for cell_id in ids]) == ["2.0", "3.1", "10.0"]


def test_measured_lists_both_mismatches() -> None:
    """Measured lists series that are allowed but broken, and forbidden but working."""
    measured = Measured(
        "ext",
        "1.0",
        series(
            ("1.1", True, False), ("2.0", True, True), ("3.0", False, True), ("4.0", False, None)
        ),
    )
    assert [s.framework for s in measured.allows_broken] == ["1.1"]
    assert [s.framework for s in measured.forbids_working] == ["3.0"]


def test_declared_tries_forbidden_series(home: Home, made_up: Any) -> None:
    """Series that the metadata forbids are tested too, and a requirement is suggested."""
    if "ext-strict" not in made_up.files:
        good = {"ext_strict.py": "import flask\ndef use():\n    return 42\n"}
        made_up.add("ext-strict", "1.0", day(4), files=good, requires=["flask<3"])
    smoke = (home.folder / "smokes" / "smoke_ext_works.py").read_text("utf-8")
    strict = home.folder / "smokes" / "smoke_ext_strict.py"
    strict.write_text(smoke.replace("ext_works", "ext_strict"), "utf-8")
    home.write_matrix(tables=TABLES, extra="  ext-strict: {name: Ext-Strict}\n")
    done = home("declared", "--as-of", day(32).isoformat())
    assert done.returncode == 0, done.stderr
    found = {m.subject: m for m in read_declared(home.folder / "reports")}
    strict_one = found["ext-strict"]
    assert [s.framework for s in strict_one.forbids_working] == ["3.0"]
    assert strict_one.suggestion("flask") is not None
    assert found["ext-works"].allows_broken == ()
    assert declared_json(list(found.values()))
