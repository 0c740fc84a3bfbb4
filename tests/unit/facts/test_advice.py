from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from rule_books import (
    AS_OF,
    BOOK,
    COMPAT,
    CORE,
    EVERYWHERE,
    LOGIN_RULES,
    NOT_IMPORTED,
    PYTHONS,
    RULES,
    day,
    run_set,
)

from watchdog.facts.advice import Finding, Offer, Report, SubjectReport, advise, typed_for
from watchdog.facts.pasted import read_pasted
from watchdog.facts.rules import RuleBook


def ask(text: str, python: str | None = None, book: RuleBook = BOOK) -> Report:
    """Return what is said of a text."""
    return advise(book, read_pasted(text, PYTHONS, python).requests, python)


def of(report: Report, subject: str) -> SubjectReport:
    """Return what is said of a subject."""
    return next(s for s in report.subjects if s.answer.subject == subject)


def offered(text: str, subject: str, python: str | None = None) -> Offer:
    """Return the offer for a subject that fails."""
    offer = of(ask(text, python), subject).offer
    assert offer is not None
    return offer


def test_advice_is_the_mender() -> None:
    """What a newer release of the subject mended is answered by that release, with what it has."""
    offer = offered("Flask==3.1.0\nFlask-Login==0.6.2", "flask-login")
    assert offer.typed == ("flask-login==0.6.3",)
    assert (offer.works_on, offer.checked) == (("3.8", "3.9", "3.13"), AS_OF)
    assert [(r.name, r.asked, r.has) for r in offer.replaces] == [
        ("flask", "==3.1.0", "3.1.3"),
        ("flask-login", "==0.6.2", "0.6.3"),
    ]


def test_mender_is_better_than_bound_on_upstream() -> None:
    """A newer subject is advised before bounds that hold the framework back."""
    assert offered("Flask-Login==0.6.2", "flask-login").typed == ("flask-login==0.6.3",)


def test_bound_that_was_run_is_advised() -> None:
    """The cure of what nothing newer mends is its bound, and what it replaces is said."""
    offer = offered("flask-restful\nflask==3.1.0\nrequests", "flask-restful")
    assert offer.typed == ("flask-restful", "werkzeug<2.1")
    assert [(r.name, r.has) for r in offer.replaces] == [("flask", "2.1.3")]
    assert offer.beside == ("requests",)


def test_pinned_framework_keeps_its_version() -> None:
    """For a pinned framework, pins beside it are better than another framework."""
    assert offered("Flask==2.2.5", "flask").typed == ("flask==2.2.5", "werkzeug<3")


def test_contradicted_advice_without_lock() -> None:
    """Where no lock was kept, what the line contradicts is said, too."""
    offer = offered("Flask==2.2.5\nWerkzeug==3.1.0", "flask")
    assert offer.typed == ("flask==3.1.3",) or offer.replaces
    only = replace(BOOK, sets=())
    found = of(ask("Flask==2.2.5\nWerkzeug==3.1.0", book=only), "flask").offer
    assert found is not None
    assert [(r.name, r.asked, r.has) for r in found.replaces] == [("werkzeug", "==3.1.0", "<3")]


def test_one_set_for_several_alarms() -> None:
    """Several alarms get one line if one set that was run mends them all."""
    report = ask("Flask==2.2.5\nFlask-Login==0.6.2")
    assert [s.answer.subject for s in report.failing] == ["flask", "flask-login"]
    assert report.together is not None
    assert report.together.typed == ("flask-login==0.6.3", "flask==2.2.5", "werkzeug==2.2.2")


def test_combination_that_was_not_run() -> None:
    """Pins of several advices are never added together."""
    report = ask("flask-login==0.6.2\nflask-restful")
    assert len(report.failing) == 2
    assert report.together is None
    typed = [s.offer.typed for s in report.failing if s.offer]
    assert typed == [("flask-login==0.6.3",), ("flask-restful", "werkzeug<2.1")]


def test_advice_that_breaks_another_package() -> None:
    """A set that breaks another requested package is not advised."""
    capped = run_set("flask-script", CORE | {"flask-script": "2.0.6", "flask": "2.2.5"}, EVERYWHERE)
    book = replace(BOOK, sets=(*BOOK.sets, replace(capped, pins=frozenset({"flask"}))))
    alone = of(ask("flask-script", book=book), "flask-script")
    assert alone.offer is not None
    assert alone.offer.typed == ("flask-script==2.0.6", "flask==2.2.5")
    beside = of(ask("flask-script\nflask>=1", book=book), "flask-script")
    assert (beside.offer, beside.refused) == (None, 1)


def test_nothing_to_advise() -> None:
    """Where nothing was run that works, nothing is advised."""
    script = of(ask("flask-script"), "flask-script")
    assert (script.finding, script.offer, script.refused) == (Finding.FAILS, None, 0)


def test_advice_of_the_chosen_python() -> None:
    """With a Python, what works on it is advised before what works elsewhere."""
    fresh = replace(BOOK.sets[0], subject="flask-script", results={"3.13": EVERYWHERE["3.13"]})
    lock = replace(fresh.lock, pins=(*fresh.lock.pins, ("flask-script", "2.0.6")))
    old = replace(fresh, lock=lock, pins=frozenset({"flask"}), results={"3.9": EVERYWHERE["3.9"]})
    new = replace(fresh, lock=lock, pins=frozenset({"click"}))
    book = replace(BOOK, rules=(RULES[3],), sets=(*BOOK.sets[1:], old, new))
    for python, package in (("3.9", "flask"), ("3.13", "click")):
        offer = of(ask("flask-script==2.0.6\nblinker==1", python, book), "flask-script").offer
        assert offer is not None
        assert f"{package}=={CORE[package]}" in offer.typed


def test_reason_names_days_and_page() -> None:
    """A reason has severity, symptom, page, days, and when it was run again."""
    (reason,) = of(ask("flask-login==0.6.2"), "flask-login").reasons
    assert reason.words == "cannot be imported"
    assert reason.page == "flask-login--2023-09-30"
    assert reason.seen == (day("2023-09-30"), day("2023-10-24"))
    assert (reason.again, reason.fixed_by) == (AS_OF, ("flask-login", "0.6.3"))


def test_reason_of_the_run_and_of_history() -> None:
    """A failure that the run shows and the history tells is told once, with its Pythons."""
    (reason,) = of(ask("flask-script"), "flask-script").reasons
    assert (reason.symptom, reason.pythons) == (COMPAT, ("3.8", "3.9", "3.13"))
    assert reason.again == AS_OF
    later = replace(BOOK, rules=(), as_of=AS_OF + timedelta(days=1))
    (reason,) = of(ask("flask-script", book=later), "flask-script").reasons
    assert (reason.page, reason.again) == (None, AS_OF + timedelta(days=1))


def test_python_dependence_is_no_alarm() -> None:
    """What depends on the Python has reasons but no advice."""
    admin = of(ask("flask-admin"), "flask-admin")
    assert (admin.finding, admin.offer) == (Finding.DEPENDS, None)
    assert [r.pythons for r in admin.reasons] == [("3.8", "3.9")]
    (reason,) = of(ask("flask-jwt"), "flask-jwt").reasons
    assert reason.since_python == "3.10"


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("flask-login", Finding.WORKS),
        ("flask-login==0.4.1\nflask==1.1.4", Finding.UNKNOWN),
        ("flask-login==0.5.0", Finding.FAILS),
    ],
)
def test_findings(text: str, finding: Finding) -> None:
    """Unknown is said as unknown."""
    assert of(ask(text), "flask-login").finding is finding


def test_counts() -> None:
    """It is counted how much is asked for, and what cannot be had is named."""
    report = ask("flask\nflask-login>9\nrequests\nboto3==1.0")
    assert (report.asked, report.breakages) == (4, len(BOOK.rules))
    assert report.unavailable == ("flask-login",)


def test_typed_line() -> None:
    """The line names the subject's version, what is needed beside, and what must be pinned."""
    lock = CORE | {"flask-admin": "2.2.1", "flask-sqlalchemy": "3.1.1"}
    run = run_set("flask-admin", lock, {"3.9": NOT_IMPORTED}, frozenset({"flask"}))
    assert typed_for(BOOK, run) == ("flask-admin==2.2.1", "flask-sqlalchemy", "flask==3.1.3")


def test_rules_are_those_of_the_version() -> None:
    """A cure is advised for versions that its rule is about, not for others of the subject."""
    book = replace(BOOK, rules=LOGIN_RULES, sets=())
    assert of(ask("flask-login==0.6.2", book=book), "flask-login").offer is not None
    assert of(ask("flask-login==0.5.0", book=book), "flask-login").offer is None
