"""What the page of pinned releases says of the newest Python."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ecosystem import day
from samples import MATRIX
from stored_samples import AFTER_A_RUN

from watchdog.cli.history_text import pin_line
from watchdog.model.evidence import Stage
from watchdog.model.history import PinOnNewest, PinState, PinStatus
from watchdog.report import site
from watchdog.report.content import build_views
from watchdog.report.views.pins import pin_view

PIN = PinStatus(
    version="2.2.5",
    released=day(1),
    requirements=("flask==2.2.5",),
    subject="flask",
    python="3.11",
    state=PinState.WORKS,
    checked=day(9),
    newest_python="3.13",
)
TITLES = {"flask": {"test_main_program": "An application is started with python app.py"}}
GONE = "AttributeError: module 'pkgutil' has no attribute 'get_loader'"


@pytest.mark.parametrize(
    ("result", "words", "line"),
    [
        ({}, "works", "; works on Python 3.77"),
        (
            {"stage": Stage.SMOKE, "fails": ("test_main_program",), "symptom": GONE},
            "works, but for: An application is started with python app.py",
            f"; on Python 3.77 it fails at smoke in test_main_program: {GONE}",
        ),
        (
            {"stage": Stage.SMOKE, "fails": ("test_a_b", "test_c"), "symptom": "x"},
            "2 uses fail: a b, …",
            "; on Python 3.77 it fails at smoke in test_a_b, test_c: x",
        ),
        (
            {"stage": Stage.IMPORT, "symptom": "ImportError: gone"},
            "cannot be imported",
            "; on Python 3.77 it fails at import: ImportError: gone",
        ),
        (
            {"stage": Stage.INSTALL, "symptom": "no header"},
            "cannot be installed",
            "; on Python 3.77 it fails at install: no header",
        ),
    ],
    ids=["works", "main program", "uses", "import", "install"],
)
def test_pin_on_newest_python(result: dict[str, object], words: str, line: str) -> None:
    """Each way in which a pin fails on the newest Python has its words, also in the terminal."""
    pin = PinStatus(**{**vars(PIN), "on_newest": PinOnNewest(python="3.77", **result)})  # type: ignore[arg-type]
    view = pin_view(MATRIX, pin, TITLES)
    assert (view.on_newest, view.newest_works) == (words, not result)
    assert pin_line(pin).endswith(line)


def test_pin_of_an_old_result() -> None:
    """A result from before the newest Python was tried says nothing of it."""
    assert pin_view(MATRIX, PIN, TITLES).on_newest == ""
    assert pin_line(PIN).endswith("on Python up to 3.13")


def test_pins_page_counts_what_works() -> None:
    """The page says how many of the pinned releases work on the newest Python."""
    fails = PinOnNewest(python="3.77", stage=Stage.IMPORT, symptom="ImportError: <gone>")
    pins = (
        replace(PIN, on_newest=PinOnNewest(python="3.77")),
        replace(PIN, version="1.0", on_newest=fails),
        replace(PIN, version="0.9"),
    )
    views = build_views(MATRIX, replace(AFTER_A_RUN, pins=pins))
    (page,) = [p for p in site.all_pages(views) if p.path == "pins.html"]
    text = site._render(site._load_templates(MATRIX, views), page)
    assert "with these pins on Python 3.77: 1 of 2 work there." in text
    assert "cannot be imported: <code>ImportError: &lt;gone&gt;</code>" in text
