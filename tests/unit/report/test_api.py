"""The files for machines keep their names and their shape: programs of other people read them."""

from __future__ import annotations

import json

import pytest
from ecosystem import day
from samples import MATRIX

from watchdog.facts.facts import derive_facts
from watchdog.model.verdict import JournalEntry, Run, State
from watchdog.report import api
from watchdog.report.content import recall_verdicts
from watchdog.report.views.front import site_view

RUN = Run(
    day(9),
    day(9),
    {"ext/today/py3.11": JournalEntry(State.UNJUDGED, reason="Python 3.11 is not installed")},
)
VERDICTS = recall_verdicts(RUN, lambda _: None)
FACTS = derive_facts(
    MATRIX,
    run=RUN,
    verdicts=VERDICTS,
    histories={},
    explanations={},
    cures={},
    published=(),
    titles={},
)
SITE = site_view(MATRIX, RUN, FACTS, VERDICTS)

PUBLISHED = [
    "api/v1/today.json",
    "api/v1/today.schema.json",
    "api/v1/field.json",
    "api/v1/field.schema.json",
    "api/v1/history.json",
    "api/v1/history.schema.json",
    "api/v1/pins.json",
    "api/v1/pins.schema.json",
    "api/v1/forecast.json",
    "api/v1/forecast.schema.json",
    "api/v1/tail.json",
    "api/v1/tail.schema.json",
    "api/v1/suites.json",
    "api/v1/suites.schema.json",
    "api/v1/field.csv",
]

SHAPES = {
    "today": {
        "Today": ["as_of", "headline", "breakages", "doubt", "waiting"],
        "Broken": [
            "id",
            "subjects",
            "symptom",
            "pythons",
            "maintained",
            "since",
            "culprit",
            "cure",
            "page",
            "title",
            "severity",
            "uses",
            "works_on",
            "causes",
            "cures",
            "nothing_works_on",
            "tried",
        ],
        "Cured": ["typed", "pythons", "checked"],
    },
    "field": {
        "Field": ["as_of", "cells"],
        "Cell": [
            "cell",
            "subject",
            "table",
            "python",
            "flask",
            "werkzeug",
            "version",
            "state",
            "evidence",
        ],
        "State": [],
    },
    "tail": {
        "Tail": ["as_of", "pythons", "levels", "broken", "unjudged", "packages", "dropped"],
        "TailPackage": [
            "subject",
            "title",
            "rank",
            "version",
            "python",
            "state",
            "evidence",
            "word",
            "error",
            "reason",
            "page",
        ],
        "Dropped": ["title", "reason"],
    },
    "suites": {
        "Suites": ["suites"],
        "Suite": [
            "subject",
            "version",
            "python",
            "state",
            "verdict",
            "control",
            "reason",
            "findings",
        ],
        "SuiteFinding": ["count", "tests", "error", "since", "warning", "own_code", "cure"],
    },
    "history": {
        "History": ["breakages"],
        "Past": [
            "id",
            "subject",
            "symptom",
            "broken_from",
            "fixed_on",
            "how_fixed",
            "culprit",
            "last_good",
            "proof",
            "missing",
            "python",
            "cure",
            "page",
            "goes_on",
            "severity",
            "causes",
            "works",
        ],
    },
    "pins": {
        "Pins": ["pins"],
        "Pin": [
            "typed",
            "flask",
            "alone",
            "state",
            "rotted_on",
            "culprit",
            "cure",
            "newest_python",
            "checked",
        ],
    },
    "forecast": {
        "Forecast": ["as_of", "threats"],
        "Threat": [
            "subject",
            "who",
            "kind",
            "package",
            "symbol",
            "text",
            "when",
            "place",
            "known",
            "page",
        ],
    },
}


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return dict(api.api_files(MATRIX, RUN, SITE, None))


def test_api_file_names(files: dict[str, str]) -> None:
    """The names of the published files stay the same."""
    assert list(files) == PUBLISHED


@pytest.mark.parametrize("name", SHAPES)
def test_api_schema_names(files: dict[str, str], name: str) -> None:
    """The classes and properties of the published schemas stay the same."""
    schema = json.loads(files[f"api/v1/{name}.schema.json"])
    shape = {schema["title"]: list(schema["properties"])}
    for class_name, definition in schema["$defs"].items():
        shape[class_name] = list(definition.get("properties", {}))
    assert shape == SHAPES[name]


@pytest.mark.parametrize("name", SHAPES)
def test_api_data_fits_schema(files: dict[str, str], name: str) -> None:
    """Published data has the properties of its schema."""
    data = json.loads(files[f"api/v1/{name}.json"])
    (first, *_) = SHAPES[name].values()
    assert list(data) == first
