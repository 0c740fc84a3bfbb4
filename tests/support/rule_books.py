"""A small rule book that looks like the real one, for tests of lookup, advice and the paste box."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from watchdog.facts.rules import Advice, Interval, Rule, RuleBook, SetResult, TestedSet
from watchdog.model.lock import Lock

AS_OF = datetime(2026, 11, 28, 6, tzinfo=UTC)
PYTHONS = ("3.8", "3.9", "3.13")
CORE = {
    "flask": "3.1.3",
    "werkzeug": "3.1.9",
    "jinja2": "3.1.6",
    "click": "8.3.0",
    "markupsafe": "3.0.4",
    "itsdangerous": "2.2.0",
    "blinker": "1.9.0",
}
CORE_38 = CORE | {"flask": "3.0.3", "werkzeug": "3.0.6", "markupsafe": "2.1.5", "blinker": "1.8.2"}
CORE_22 = CORE | {"flask": "2.2.5", "werkzeug": "2.2.2"}
OLD_CORE = CORE | {"flask": "2.1.3", "werkzeug": "2.0.3"}
WORKS = SetResult(works=True, words="works", symptom="", record="w")
URL_DECODE = "ImportError: cannot import name 'url_decode' from 'werkzeug.urls'"
COMPAT = "ModuleNotFoundError: No module named 'flask._compat'"
JSON = 'AssertionError: b\'{"message": "Did not attempt to load JSON data </b>"}\''


def fails(words: str, symptom: str) -> SetResult:
    """Return a result that fails."""
    return SetResult(works=False, words=words, symptom=symptom, record="f")


NOT_IMPORTED = fails("cannot be imported", COMPAT)


def run_set(
    subject: str,
    lock: Mapping[str, str],
    results: Mapping[str, SetResult],
    pins: frozenset[str] = frozenset(),
) -> TestedSet:
    """Return a set that was run."""
    return TestedSet(subject=subject, lock=Lock.of(dict(lock)), pins=pins, results=results)


def day(text: str) -> datetime:
    """Return an instant of a day."""
    return datetime.fromisoformat(f"{text}T12:00:00+00:00")


def rule(
    subject: str,
    *conditions: Interval,
    symptom: str = URL_DECODE,
    fixed_by: tuple[str, str] | None = None,
    again: datetime | None = None,
    advice: tuple[Advice, ...] = (),
    since_python: str | None = None,
    absent: tuple[str, ...] = (),
) -> Rule:
    """Return a rule with a page."""
    return Rule(
        subject=subject,
        conditions=conditions,
        absent=absent,
        since_python=since_python,
        words="cannot be imported",
        symptom=symptom,
        page=f"{subject}--2023-09-30",
        seen=(day("2023-09-30"), day("2023-10-24")),
        again=again,
        fixed_by=fixed_by,
        advice=advice,
    )


PIN_CURE = Advice(
    typed=("flask==2.2.5", "werkzeug<3"), python="3.13", lock=None, checked=day("2026-11-21")
)
BOUND = Advice(
    typed=("flask-restful", "werkzeug<2.1"),
    python="3.13",
    lock=Lock.of(OLD_CORE | {"flask-restful": "0.3.10", "aniso8601": "10.0.1"}),
    checked=AS_OF,
)
OLD_LOGIN = Advice(
    typed=("flask-login==0.6.2", "werkzeug<3"),
    python="3.13",
    lock=Lock.of(CORE | {"flask": "2.3.3", "werkzeug": "2.3.8", "flask-login": "0.6.2"}),
    checked=AS_OF,
)
LOGIN_RULES = (
    rule(
        "flask-login",
        Interval(package="flask-login", low="0.5.0", below="0.6.0"),
        Interval(package="werkzeug", low="2.1.0"),
        fixed_by=("flask-login", "0.6.0"),
    ),
    rule(
        "flask-login",
        Interval(package="flask-login", low="0.6.2", below="0.6.3"),
        Interval(package="werkzeug", low="3.0.0"),
        fixed_by=("flask-login", "0.6.3"),
        again=AS_OF,
        advice=(OLD_LOGIN,),
    ),
)
RULES = (
    *LOGIN_RULES,
    Rule(
        subject="flask",
        conditions=(
            Interval(package="flask", low="2.2.5", through="2.2.5"),
            Interval(package="werkzeug", low="3"),
        ),
        words="fails",
        symptom="ImportError: cannot import name 'url_quote' from 'werkzeug.urls'",
        page=None,
        seen=(day("2023-09-30"), day("2023-09-30")),
        again=day("2026-11-21"),
        advice=(PIN_CURE,),
    ),
    rule(
        "flask-script",
        Interval(package="flask-script", low="2.0.6", through="2.0.6"),
        Interval(package="flask", low="2.0.0", through="3.1.3"),
        symptom=COMPAT,
        again=AS_OF,
    ),
    rule(
        "flask-restful",
        Interval(package="flask-restful", low="0.3.9", through="0.3.10"),
        Interval(package="werkzeug", low="2.1.0", through="3.1.9"),
        symptom=JSON,
        again=AS_OF,
    ),
    rule(  # mended upstream: 2.2.0 took back what 2.1.0 did
        "flask-sock",
        Interval(package="flask-sock", low="0.5.0", through="0.7.0"),
        Interval(package="werkzeug", low="2.1.0", below="2.2.0"),
        fixed_by=("werkzeug", "2.2.0"),
    ),
    rule(
        "flask-jwt",
        Interval(package="flask-jwt", low="0.3.2", through="0.3.2"),
        symptom="ImportError: cannot import name 'Mapping' from 'collections'",
        since_python="3.10",
    ),
    rule(
        "apiflask",
        Interval(package="apiflask", low="1.0.0", below="1.2.0"),
        symptom="ModuleNotFoundError: No module named 'yaml'",
        absent=("pyyaml", "yaml"),
    ),
)
EVERYWHERE = dict.fromkeys(("3.9", "3.13"), WORKS)


def _fresh(
    subject: str, version: str, result: SetResult = WORKS, beside: tuple[str, str] | None = None
) -> list[TestedSet]:
    """Return the fresh installs of a subject on all Pythons."""
    own = {subject: version} | dict([beside] if beside else [])
    return [
        run_set(subject, CORE_38 | own, {"3.8": result}),
        run_set(subject, CORE | own, dict.fromkeys(("3.9", "3.13"), result)),
    ]


SETS = (
    run_set("flask", CORE, EVERYWHERE),
    run_set(
        "flask",
        CORE | {"flask": "2.2.5"},
        {"3.13": fails("fails in 5 of 8 tested uses", "AttributeError: __version__")},
        frozenset({"flask"}),
    ),
    *_fresh("flask-login", "0.6.3"),
    run_set(
        "flask-login",
        CORE_22 | {"flask-login": "0.6.3"},
        EVERYWHERE,
        frozenset({"flask", "werkzeug"}),
    ),
    *_fresh("flask-script", "2.0.6", NOT_IMPORTED),
    *_fresh(
        "flask-restful",
        "0.3.10",
        fails("fails in 1 of 5 tested uses", JSON),
        ("aniso8601", "10.0.1"),
    ),
    *_fresh("flask-sock", "0.7.0", beside=("simple-websocket", "1.1.0")),
    run_set("flask-admin", CORE_38 | {"flask-admin": "1.6.1"}, {"3.8": NOT_IMPORTED}),
    run_set("flask-admin", CORE | {"flask-admin": "2.2.1"}, {"3.13": WORKS}),
    run_set("flask-admin", CORE | {"flask-admin": "2.2.1"}, {"3.9": NOT_IMPORTED}),
)
VERSIONS = {
    "flask": ("1.1.4", "2.0.3", "2.1.3", "2.2.5", "2.3.3", "3.0.3", "3.1.0", "3.1.3"),
    "werkzeug": ("2.0.3", "2.1.0", "2.1.2", "2.2.2", "2.3.8", "3.0.6", "3.1.0", "3.1.9"),
    "flask-login": ("0.4.1", "0.5.0", "0.6.0", "0.6.1", "0.6.2", "0.6.3"),
    "flask-script": ("2.0.5", "2.0.6"),
    "flask-restful": ("0.3.8", "0.3.9", "0.3.10"),
    "flask-sock": ("0.4.0", "0.5.0", "0.7.0"),
    "flask-jwt": ("0.3.1", "0.3.2"),
    "flask-admin": ("1.6.1", "2.2.1"),
    "apiflask": ("1.0.0", "1.1.0", "1.2.0"),
    "jinja2": ("2.11.3", "3.0.3", "3.1.6"),
    "click": ("8.1.8", "8.3.0"),
    "markupsafe": ("2.1.5", "3.0.4"),
    "itsdangerous": ("2.0.1", "2.2.0"),
    "blinker": ("1.8.2", "1.9.0"),
    "aniso8601": ("9.0.1", "10.0.1"),
    "simple-websocket": ("1.0.0", "1.1.0"),
}
BOOK = RuleBook(
    as_of=AS_OF,
    rules=RULES,
    sets=SETS,
    versions=VERSIONS,
    pythons=PYTHONS,
    requires={"flask-admin": ("flask-admin", "flask-sqlalchemy")},
    titles={"flask": "Flask", "flask-login": "Flask-Login", "flask-restful": "Flask-RESTful"},
    cures={"flask-restful": (BOUND,)},
    framework="flask",
)
