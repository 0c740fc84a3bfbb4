from __future__ import annotations

from datetime import UTC, datetime

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from watchdog.analysis.candidate import Change, Effect, Observation, compare
from watchdog.analysis.candidate_caps import Declared, caps, requirements_in
from watchdog.analysis.candidate_lock import hold_all, names_in, relax
from watchdog.analysis.candidate_source import Candidate
from watchdog.model.evidence import Outcome
from watchdog.model.lock import Lock, LockRequest
from watchdog.model.release import Interpreter

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BEFORE = Lock.of({"ext": "2.0", "beside": "1.5", "flask": "3.0", "click": "8.1", "werkzeug": "3.0"})


def candidate(**lock: str) -> Candidate:
    request = LockRequest(("werkzeug==4.0",), "3.13", NOW)
    return Candidate(name="werkzeug", request=request, lock=Lock.of({"werkzeug": "4.0", **lock}))


def test_hold_all_but_the_candidate() -> None:
    """Every package but the candidate is held at its version."""
    assert hold_all(BEFORE, "werkzeug") == {
        "ext": "ext==2.0",
        "beside": "beside==1.5",
        "flask": "flask==3.0",
        "click": "click==8.1",
    }


def test_relax_keeps_the_subject() -> None:
    """Named packages are held, dependencies of the candidate are free, others never go back."""
    named = names_in(["Ext[x]", "beside"])
    assert relax(BEFORE, candidate(click="8.2"), "ext", named) == {
        "ext": "ext==2.0",
        "beside": "beside==1.5",
        "flask": "flask>=3.0",
    }


def test_relax_candidate_requires_named_packages() -> None:
    """A named package that the candidate requires may move, but never the subject itself."""
    constraints = relax(BEFORE, candidate(ext="3.0", beside="2.0"), "ext", {"ext", "beside"})
    assert constraints == {"ext": "ext==2.0", "flask": "flask>=3.0", "click": "click>=8.1"}


def declared(name: str, *requires: str, version: str = "1.0") -> Declared:
    return Declared(name=name, version=version, requires=tuple(map(Requirement, requires)))


CANDIDATE = declared("werkzeug", "markup>=2.1.1", "click", version="4.0")
VERSIONS = {"markup": [Version(v) for v in ("1.0", "2.0", "2.1.1", "2.2")], "click": [Version("8")]}


@pytest.mark.parametrize(
    ("requires", "sentence"),
    [
        ("werkzeug<4", "ext 1.0 requires werkzeug<4"),
        ("Werkzeug~=3.0", "ext 1.0 requires werkzeug~=3.0"),
        ("werkzeug>=3", None),
        ("markup<2.1", "ext 1.0 requires markup<2.1, werkzeug 4.0 requires markup>=2.1.1"),
        ("markup<2.2", None),
        ("click<7", "ext 1.0 requires click<7, werkzeug 4.0 requires click"),
        ("other<1", None),
    ],
)
def test_caps_direct_and_by_another_package(requires: str, sentence: str | None) -> None:
    """A cap excludes the candidate, or every version that the candidate requires of a package."""
    found = caps([declared("ext", requires)], CANDIDATE, VERSIONS, {"ext"})
    assert found == ((sentence,) if sentence else ())


def test_caps_of_prereleases() -> None:
    """A cap also excludes prereleases of the version that it excludes."""
    rc = declared("werkzeug", version="4.0rc1")
    assert caps([declared("ext", "werkzeug<4")], rc, {}, {"ext"})
    assert not caps([declared("ext", "werkzeug>=3")], rc, {}, {"ext"})


def test_caps_of_named_packages_first() -> None:
    """Caps of dependencies count only if no package that is installed by name has one."""
    below, ext = declared("below", "werkzeug<4"), declared("ext", "werkzeug<3.5")
    assert caps([below, ext], CANDIDATE, VERSIONS, {"ext"}) == ("ext 1.0 requires werkzeug<3.5",)
    assert caps([below], CANDIDATE, VERSIONS, {"ext"}) == ("below 1.0 requires werkzeug<4",)


def test_requirements_in_metadata() -> None:
    """Markers are evaluated for the Python and the extras; what cannot be read is left out."""
    metadata = (
        "Metadata-Version: 2.1\nName: x\n"
        "Requires-Dist: flask\n"
        "Requires-Dist: old; python_version < '3.9'\n"
        "Requires-Dist: new; python_version >= '3.9'\n"
        "Requires-Dist: redis<5; extra == 'redis'\n"
        "Requires-Dist: docs; extra == 'docs'\n"
        "Requires-Dist: ?!\n\nRequires-Dist: text\n"
    )
    python = Interpreter("python", "3.9.1", None, "linux-x86_64")
    assert [r.name for r in requirements_in(metadata, python, {"redis"})] == [
        "flask",
        "new",
        "redis",
    ]


CAPPED = Observation(Outcome.CONFLICT, reason="ext 1 requires x<2", caps=("ext 1 requires x<2",))
CONFLICT = Observation(Outcome.CONFLICT, reason="no set")


@pytest.mark.parametrize("outcome", [Outcome.WORKS, Outcome.BROKEN, Outcome.FLAKY])
def test_compare_capped_subjects(outcome: Outcome) -> None:
    """A subject that excludes the candidate is capped, however it came out without it."""
    (effect,) = compare("c", "3.13", "c", {"s": Observation(outcome)}, {"s": CAPPED}).effects
    assert effect.change is Change.CAPPED


def test_compare_conflict_without_cap() -> None:
    """A conflict that nobody declares is told apart from a cap."""
    works = Observation(Outcome.WORKS)
    (effect,) = compare("c", "3.13", "c", {"s": works}, {"s": CONFLICT}).effects
    assert effect.change is Change.NOT_INSTALLABLE


def test_effect_moves() -> None:
    """What moved beside the candidate is told with both versions, new and dropped packages too."""
    before = Observation(Outcome.WORKS, Lock.of({"a": "1", "b": "1", "c": "1", "x": "1"}))
    after = Observation(Outcome.WORKS, Lock.of({"a": "1", "b": "2", "d": "1", "x": "2"}))
    (effect,) = compare("x==2", "3.13", "x", {"s": before}, {"s": after}).effects
    assert effect.also == ("b", "c", "d")
    assert effect.moves == ("b 1 → 2", "c 1 is dropped", "d 1 is new")
    assert Effect("s", Change.CAPPED, before, CAPPED).moves == ()
