"""The page of all tutorials."""

from __future__ import annotations

from dataclasses import replace

import jinja2
import pytest
from ecosystem import day
from samples import MATRIX
from stored_samples import AFTER_A_RUN, BEFORE_THE_FIRST_RUN

from watchdog.report import site
from watchdog.report.content import Views, build_views
from watchdog.report.views.breakages import CureView, TodayView
from watchdog.report.views.chapters import ChaptersView, PastStopView
from watchdog.report.views.tables import TableView
from watchdog.report.views.tutorials import TutorialView, tutorial_views

CHAPTERS = ChaptersView(
    sentences=("On Python 3.13: you are stopped by <KeyError>.",),
    table=TableView(title="t", columns=(), rows=()),
    titles={},
    reaches_end=False,
)
STOP = PastStopView(
    when="since 2 Nov 2023", where="“Part 1”", by="Connexion 3.0.0", error="e", id="tea--one"
)

FAILS = TodayView(
    id="tea",
    subject="scenario-tea",
    title="Tea",
    who="Tea",
    error="KeyError",
    symptom="KeyError",
    severity="fails",
    uses=(),
    pythons=("3.13",),
    works_on=(),
    spans=(),
    seen=None,
    cures=(),
    nothing_works_on=(),
    tried=(),
    pages=(),
    released="",
    released_on=None,
    successor=None,
    new=False,
)


def cure(typed: str, *pythons: str, checked: int) -> CureView:
    """Return a command that works."""
    return CureView(typed=typed, pythons=pythons, checked=day(checked))


def test_command_of_two_breakages() -> None:
    """A command for several breakages stands there once, with all Pythons and its oldest run."""
    views = build_views(MATRIX, AFTER_A_RUN)
    assert views.site
    subject = views.site.subjects[0]
    one = replace(FAILS, cures=(cure("a<1", "3.10", "3.9", checked=8),))
    other = replace(FAILS, cures=(cure("a<1", "3.8", checked=7), cure("b<2", "3.15", checked=9)))
    tutorial = replace(subject, chapters=CHAPTERS, breakages=(one, other))
    (view,) = tutorial_views(
        [subject, tutorial], {subject.subject: (STOP,)}, {subject.subject: "https://tea.example/"}
    )
    assert view.cures == (
        cure("a<1", "3.8", "3.9", "3.10", checked=7),
        cure("b<2", "3.15", checked=9),
    )
    assert view.stops == (STOP,)
    assert view.url == "https://tea.example/"


@pytest.mark.parametrize(
    ("nothing_works_on", "tried", "sentences"),
    [
        ((), (), ("What to type instead has not been searched yet.",)),
        (
            ("3.9",),
            ("a<1", "b<2"),
            (
                "No versions were found that work on Python 3.9. Tried: a<1; b<2.",
                "What to type instead on Python 3.8 has not been searched yet.",
            ),
        ),
        (("3.8", "3.9"), (), ("No versions were found that work on Python 3.8, 3.9.",)),
    ],
    ids=["never", "on-one", "on-both"],
)
def test_pythons_without_a_command(
    nothing_works_on: tuple[str, ...], tried: tuple[str, ...], sentences: tuple[str, ...]
) -> None:
    """Of a Python on which no command was searched it is not said that none was found."""
    card = replace(FAILS, pythons=("3.8", "3.9"), nothing_works_on=nothing_works_on, tried=tried)
    assert card.without_cure == sentences
    with_command = replace(
        card, pythons=("3.8", "3.9", "3.13"), cures=(cure("a<1", "3.13", checked=7),)
    )
    named = "What to type instead on Python 3.8, 3.9 has not been searched yet."
    assert with_command.without_cure == (sentences if nothing_works_on else (named,))


def rendered(content: Views) -> dict[str, str]:
    """Return the text of each page."""
    templates: jinja2.Environment = site._load_templates(MATRIX, content)
    return {page.path: site._render(templates, page) for page in site.all_pages(content)}


@pytest.mark.parametrize(
    ("stops", "text"),
    [((), None), ((STOP,), "1 stop. The latest:"), ((STOP, STOP), "2 stops. The latest:")],
)
def test_page(stops: tuple[PastStopView, ...], text: str | None) -> None:
    """How far one gets, what to type instead, and the past; it is in the menu of every page."""
    tutorial = TutorialView(
        subject="scenario-tea",
        title="Tea & milk",
        url="https://tea.example/",
        sentences=CHAPTERS.sentences,
        reaches_end=False,
        cures=(cure("pip install 'a<1'", "3.13", checked=7),),
        works_on=("3.8",),
        without_cure=("Nothing <was> found.",),
        stops=stops,
    )
    done = replace(
        tutorial,
        title="Cake",
        url=None,
        reaches_end=True,
        cures=(),
        without_cure=(),
        works_on=(),
        stops=(),
    )
    views = replace(build_views(MATRIX, AFTER_A_RUN), tutorials=(tutorial, done))
    pages = rendered(views)
    page = pages["tutorials.html"]
    assert "1 of 2 tutorials can be followed to their end today" in page
    assert '<a href="subjects/scenario-tea.html">Tea &amp; milk</a>' in page
    assert page.count('<a href="https://tea.example/" rel="nofollow">The tutorial</a>') == 1
    assert "stopped by &lt;KeyError&gt;." in page
    assert page.count("What to type instead:") == 1
    assert page.count("Nothing &lt;was&gt; found.") == 1
    assert "pip install &#39;a&lt;1&#39;" in page
    assert ("In its history:" in page) is bool(text)
    assert text is None or text in page
    assert '<a href="tutorials.html">Tutorials</a>' in pages["index.html"]


def test_no_tutorials() -> None:
    """Without a tutorial there is no such page."""
    for stored in (AFTER_A_RUN, BEFORE_THE_FIRST_RUN):
        assert "tutorials.html" not in rendered(build_views(MATRIX, stored))
