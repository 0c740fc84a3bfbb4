from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from rule_books import BOOK, COMPAT, CORE, CORE_22, CORE_38, fails, run_set

from watchdog.facts.lookup import Requests, SubjectAnswer, choose, look_up


def requests(*lines: str) -> Requests:
    """Return the requests of requirements."""
    return {canonicalize_name(r.name): r.specifier for r in map(Requirement, lines)}


def ask(*lines: str, python: str | None = None) -> dict[str, SubjectAnswer]:
    """Return the answers by subject."""
    return {a.subject: a for a in look_up(BOOK, requests(*lines), python)}


def pins(versions: dict[str, str]) -> tuple[str, ...]:
    """Return versions as requirements."""
    return tuple(f"{name}=={version}" for name, version in versions.items())


@pytest.mark.parametrize(
    "lines",
    [
        ("Flask==3.1.3",),
        ("Flask",),
        ("flask", "flask-login", "flask-sock"),
        pins(CORE | {"flask-login": "0.6.3"}),
        pins(CORE | {"flask-sock": "0.7.0"}),
        pins(CORE_22 | {"flask-login": "0.6.3"}),
        ("flask-sock==0.5.0", "werkzeug==2.2.2"),  # mended upstream
        ("flask-login==0.6.2", "werkzeug<3"),
        ("flask-login==0.6.2", "werkzeug==2.3.8", "flask==2.3.3"),
        ("flask==2.2.5", "werkzeug==2.2.2"),
        ("flask-script==2.0.6", "flask==1.1.4"),
        ("flask-restful==0.3.8",),
    ],
)
def test_no_false_alarm(lines: tuple[str, ...]) -> None:
    """What works, or what no evidence is about, raises no alarm."""
    assert [a.subject for a in ask(*lines).values() if a.alarm] == []


@pytest.mark.parametrize(
    ("lines", "subject"),
    [
        (("flask-script",), "flask-script"),
        (("flask-restful",), "flask-restful"),
        (("Flask>=2.0,<2.3",), "flask"),
        (("Flask==2.2.5",), "flask"),
        (("Flask-Login<0.6.3",), "flask-login"),
        (("Flask==3.1.0", "Flask-Login==0.6.2"), "flask-login"),
        (("flask-login==0.5.0", "werkzeug==2.1.2"), "flask-login"),
        (("flask-sock==0.5.0", "werkzeug==2.1.2"), "flask-sock"),
        (pins(CORE | {"flask-script": "2.0.6"}), "flask-script"),
        (("apiflask==1.1.0",), "apiflask"),
    ],
)
def test_no_false_comfort(lines: tuple[str, ...], subject: str) -> None:
    """What is known to fail raises an alarm, also as a range and without versions."""
    assert ask(*lines)[subject].alarm


def test_newer_werkzeug_still_fails() -> None:
    """What the subject mended fails also with versions of the culprit that came later."""
    assert ask("flask-login==0.6.2", "werkzeug==3.1.0")["flask-login"].alarm


def test_absent_package_is_named() -> None:
    """A missing module is no alarm where its package is asked for."""
    assert not ask("apiflask==1.1.0", "pyyaml")["apiflask"].alarm


def test_state_that_depends_on_python() -> None:
    """What works on one Python and fails on another is no alarm before a Python is chosen."""
    answer = ask("flask-admin")["flask-admin"]
    assert (answer.alarm, answer.depends_on_python) == (False, True)
    assert (answer.works_on, answer.fails_on) == (("3.13",), ("3.8", "3.9"))
    assert ask("flask-admin", python="3.9")["flask-admin"].alarm
    assert not ask("flask-admin", python="3.13")["flask-admin"].alarm


def test_rule_of_newer_pythons() -> None:
    """A breakage by a Python is an alarm from that Python on, and depends on it before."""
    assert ask("flask-jwt")["flask-jwt"].depends_on_python
    assert not ask("flask-jwt")["flask-jwt"].alarm
    assert ask("flask-jwt", python="3.13")["flask-jwt"].alarm
    assert not ask("flask-jwt", python="3.9")["flask-jwt"].known


def test_range_takes_what_that_python_has() -> None:
    """A range gives the set of a fresh install where it allows its versions, on each Python."""
    answer = ask("flask>=3", "flask-login", python="3.8")["flask-login"]
    assert answer.works_on == ("3.8",)
    assert ask("flask>=3.1", "flask-login")["flask-login"].works_on == ("3.9", "3.13")


def test_range_without_the_run_version() -> None:
    """A set in which a package has a version that the range excludes is not the same set."""
    assert not ask("flask-login", "click<8.3")["flask-login"].results
    assert ask("flask-login", "click<9")["flask-login"].results


def test_capped_package_is_not_taken_newest() -> None:
    """Where a fresh install caps a package, a range beside it is not taken as the newest."""
    capped = run_set("flask-sock", CORE | {"flask-sock": "0.7.0", "werkzeug": "2.0.3"}, {})
    book = replace(BOOK, sets=(*BOOK.sets, capped))
    asked = requests("flask-sock", "flask-login==0.6.2", "werkzeug")
    answers = {a.subject: a for a in look_up(book, asked)}
    assert not answers["flask-login"].alarm


@pytest.mark.parametrize("text", ["==3.1.0,<2", "===nonsense", ">99"])
def test_nothing_fits(text: str) -> None:
    """A specifier that no version fits says nothing of its package."""
    assert choose(BOOK, "flask", SpecifierSet(text)) is None
    assert "flask" not in ask(f"flask{text}", "flask-login")


def test_yanked_or_unknown_pin_is_kept() -> None:
    """A pin is taken as it is, also if the version is not among those an installer takes."""
    assert choose(BOOK, "flask", SpecifierSet("==2.2.0")) == "2.2.0"


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("", "2.0"),
        (">=2.0", "2.0"),
        (">=2.1a1", "2.1rc1"),
        ("<2.1", "2.0"),
        (">2.0", "2.1rc1"),  # nothing else is allowed
        ("!=2.0", "1.0.post1"),
        ("==1.*", "1.0.post1"),
        (">1.0,<2", None),
        ("~=1.0", "1.0.post1"),
    ],
)
def test_choice_and_prereleases(text: str, version: str | None) -> None:
    """A prerelease is taken only if it is named, or if nothing else is allowed."""
    book = replace(BOOK, versions={"x": ("1.0", "1.0.post1", "2.0", "2.1rc1")})
    assert choose(book, "x", SpecifierSet(text)) == version


VERSION_TEXTS = st.builds(
    lambda release, end: ".".join(map(str, release)) + end,
    st.lists(st.integers(0, 3), min_size=1, max_size=3),
    st.sampled_from(["", "", "", "a1", "rc2", ".dev1", ".post1"]),
)


@given(
    st.lists(VERSION_TEXTS, max_size=8),
    st.lists(st.tuples(st.sampled_from(["<", "<=", ">", ">=", "!="]), VERSION_TEXTS), max_size=2),
)
def test_choice_is_the_newest_allowed(texts: list[str], clauses: list[tuple[str, str]]) -> None:
    """The choice is allowed, and no final version that is allowed is newer."""
    spec = SpecifierSet(",".join(operator + version for operator, version in clauses))
    versions = tuple(sorted(set(texts), key=Version))
    chosen = choose(replace(BOOK, versions={"x": versions}), "x", spec)
    allowed = [v for v in versions if spec.contains(v, prereleases=True)]
    assert (chosen is None) == (not allowed)
    if chosen is not None:
        assert chosen in allowed
        finals = [v for v in allowed if not Version(v).is_prerelease]
        assert all(Version(v) <= Version(chosen) for v in finals)


def test_failing_set_of_one_python() -> None:
    """A set that was run on one Python and fails there is an alarm that names the Python."""
    only = run_set("flask-sock", CORE_38 | {"flask-sock": "0.4.0"}, {"3.8": fails("fails", COMPAT)})
    book = replace(BOOK, sets=(replace(only, pins=frozenset({"flask-sock"})),))
    (answer,) = look_up(book, requests("flask-sock==0.4.0"))
    assert (answer.alarm, answer.fails_on) == (True, ("3.8",))
