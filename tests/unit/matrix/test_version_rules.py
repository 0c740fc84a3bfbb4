from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from watchdog.matrix.version_rules import PATTERN, VersionChoice, choose_versions, newest_per_series
from watchdog.model.release import File, Release, series_of


def releases(*versions: str, yanked: tuple[str, ...] = ()) -> list[Release]:
    return [
        Release("x", Version(v), (File(f"x-{v}.tar.gz", None, yanked=v in yanked),))
        for v in versions
    ]


FIELD = releases("0.9", "1.0", "1.0.4", "1.1.0", "2.0.1", "2.0.3", "2.10.0", "3.0.0rc1")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("newest", [("2.10", "2.10.0")]),
        ("last 2", [("2.0", "2.0.3"), ("2.10", "2.10.0")]),
        ("since 1.1", [("1.1", "1.1.0"), ("2.0", "2.0.3"), ("2.10", "2.10.0")]),
        ("1.0", [("1.0", "1.0.4")]),
        ("9.9", []),
        ("prerelease", [("prerelease", "3.0.0rc1")]),
        ("resolved", [("resolved", None)]),
        ("oldest-allowed", [("oldest-allowed", None)]),
    ],
)
def test_choose_versions_by_rule(rule: str, expected: list[tuple[str, str | None]]) -> None:
    """Each kind of rule chooses the expected versions."""
    assert [(c.label, c.version) for c in choose_versions([rule], FIELD)] == expected


def test_choose_versions_old_prerelease() -> None:
    """A prerelease of a version that is already released is not chosen."""
    assert choose_versions(["prerelease"], releases("3.0.0rc1", "3.0.0")) == ()


def test_choose_versions_skips_yanked() -> None:
    """A yanked release is never chosen."""
    found = choose_versions(["newest"], releases("1.0.0", "1.0.1", yanked=("1.0.1",)))
    assert found == (VersionChoice("1.0", "1.0.0"),)


def test_choose_versions_removes_duplicates() -> None:
    """A version that several rules choose appears once."""
    assert len(choose_versions(["newest", "last 1", "2.10"], FIELD)) == 1


VERSIONS = st.lists(
    st.builds("{}.{}.{}".format, st.integers(0, 4), st.integers(0, 12), st.integers(0, 9)),
    min_size=1,
    max_size=30,
)


@given(VERSIONS)
def test_newest_per_series(versions: list[str]) -> None:
    """The newest version of each series is returned, in order."""
    found = newest_per_series(releases(*versions))
    assert set(found) == {series_of(Version(v)) for v in versions}
    for label, version in found.items():
        assert version == max(Version(v) for v in versions if series_of(Version(v)) == label)
    keys = [tuple(map(int, label.split("."))) for label in found]
    assert keys == sorted(keys)


@given(VERSIONS, st.integers(1, 5))
def test_choose_versions_last_n(versions: list[str], count: int) -> None:
    """The rule last N gives at most N versions and ends with the newest."""
    found = choose_versions([f"last {count}"], releases(*versions))
    assert 1 <= len(found) <= count
    assert found[-1] == choose_versions(["newest"], releases(*versions))[0]


@pytest.mark.parametrize("text", ["newest", "last 3", "since 1.0", "2.3", "oldest-allowed"])
def test_rule_pattern_accepts_rules(text: str) -> None:
    """The pattern accepts every rule."""
    assert re.match(PATTERN, text)


@pytest.mark.parametrize("text", ["", "last", "last 0", "since 1", "2.3.1", "latest", "newest "])
def test_rule_pattern_rejects_other_text(text: str) -> None:
    """The pattern rejects text that is not a rule."""
    assert not re.match(PATTERN, text)
