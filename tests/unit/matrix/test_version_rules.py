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
def test_each_rule_chooses_its_versions(rule: str, expected: list[tuple[str, str | None]]) -> None:
    assert [(c.label, c.version) for c in choose_versions([rule], FIELD)] == expected


def test_a_prerelease_older_than_the_newest_stable_is_no_column() -> None:
    assert choose_versions(["prerelease"], releases("3.0.0rc1", "3.0.0")) == ()


def test_a_yanked_release_is_never_chosen() -> None:
    found = choose_versions(["newest"], releases("1.0.0", "1.0.1", yanked=("1.0.1",)))
    assert found == (VersionChoice("1.0", "1.0.0"),)


def test_a_version_that_two_rules_choose_is_one_column() -> None:
    assert len(choose_versions(["newest", "last 1", "2.10"], FIELD)) == 1


VERSIONS = st.lists(
    st.builds("{}.{}.{}".format, st.integers(0, 4), st.integers(0, 12), st.integers(0, 9)),
    min_size=1,
    max_size=30,
)


@given(VERSIONS)
def test_each_series_is_represented_by_its_newest_patch_in_order(versions: list[str]) -> None:
    found = newest_per_series(releases(*versions))
    assert set(found) == {series_of(Version(v)) for v in versions}
    for label, version in found.items():
        assert version == max(Version(v) for v in versions if series_of(Version(v)) == label)
    keys = [tuple(map(int, label.split("."))) for label in found]
    assert keys == sorted(keys)


@given(VERSIONS, st.integers(1, 5))
def test_last_n_gives_at_most_n_columns_and_ends_with_the_newest(
    versions: list[str], count: int
) -> None:
    found = choose_versions([f"last {count}"], releases(*versions))
    assert 1 <= len(found) <= count
    assert found[-1] == choose_versions(["newest"], releases(*versions))[0]


@pytest.mark.parametrize("text", ["newest", "last 3", "since 1.0", "2.3", "oldest-allowed"])
def test_the_pattern_accepts_every_rule(text: str) -> None:
    assert re.match(PATTERN, text)


@pytest.mark.parametrize("text", ["", "last", "last 0", "since 1", "2.3.1", "latest", "newest "])
def test_the_pattern_refuses_what_is_no_rule(text: str) -> None:
    assert not re.match(PATTERN, text)
