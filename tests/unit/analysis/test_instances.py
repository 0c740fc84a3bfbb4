"""Uses of what an object offers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.analysis.forecast.instances import instance_uses

APP = "from flask import Flask\napp = Flask(__name__)\n"


def symbols(source: str) -> list[tuple[int, str, bool]]:
    uses = instance_uses(source, "app.py", frozenset({"flask"}))
    return [(use.line, use.symbol, use.guarded) for use in uses]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("@app.before_first_request\ndef f(): pass\n", [(3, "before_first_request", False)]),
        ("app.json_encoder = X\n", [(3, "json_encoder", False)]),
        ("def f():\n    return app.env\n", [(4, "env", False)]),
        ("try:\n    app.env\nexcept AttributeError:\n    pass\n", [(4, "env", True)]),
        ("if hasattr(app, 'env'):\n    app.env\n", [(4, "env", True)]),
        ("app = other()\napp.env\n", []),
        ("def f(app):\n    app.env\n", []),
        ("for app in apps:\n    app.env\n", []),
        ("app.broken(\n", []),
    ],
)
def test_uses_of_an_application(code: str, expected: list[tuple[int, str, bool]]) -> None:
    """An attribute is a use where the name holds one class only; guards are seen."""
    assert symbols(APP + code) == [(line, f"flask.Flask.{n}", g) for line, n, g in expected]


def test_class_by_module() -> None:
    """A class is also recognised by the module that it is taken from; a function is none."""
    assert symbols("import flask\na = flask.Flask('x')\na.env\n") == [(3, "flask.Flask.env", False)]
    assert symbols("from flask import helpers\na = helpers.make()\na.env\n") == []


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    """Whatever a file holds, reading it ends."""
    instance_uses(text, "x.py", frozenset({"flask"}))
