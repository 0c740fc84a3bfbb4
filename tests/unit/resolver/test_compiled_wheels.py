"""Since when packages with compiled code have wheels for each Python."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from packaging.tags import platform_tags
from packaging.version import Version

from watchdog.model.release import File, Release
from watchdog.model.wheel_wait import FirstWheel, Meanwhile
from watchdog.resolver.compiled_wheels import first_wheels, reason_not_there_yet, wheel_waits

OWN = next(iter(platform_tags()))
PYTHONS = {
    "3.13": date(2024, 10, 7),
    "3.14": date(2025, 10, 7),
    "3.77": date(2026, 10, 1),
}
"""A series that nobody has heard of is judged like any other."""
NOW = datetime(2026, 11, 29, tzinfo=UTC)


def at(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


def release(version: str, day: str, *tags: str) -> Release:
    """Return a release of a source distribution and wheels, all uploaded on a day."""
    names = [f"x-{version}.tar.gz", *(f"x-{version}-{tag}.whl" for tag in tags)]
    return Release("x", Version(version), tuple(File(name, at(day)) for name in names))


def own(tag: str) -> str:
    return f"{tag}-{tag}-{OWN}"


def made_for(pythons: str, made: Release) -> Release:
    """Return a release whose files require some Pythons."""
    return replace(made, files=tuple(replace(f, requires_python=pythons) for f in made.files))


OLD = release("1.0", "2024-10-17", own("cp313"))
NEW = release("1.1", "2025-11-09", own("cp313"), own("cp314"))


def test_days_to_first_wheel() -> None:
    """The wait for each Python is counted from its release to its first wheel, of any version."""
    waits = wheel_waits([release("0.9", "2024-01-01"), OLD, NEW], NOW, PYTHONS)
    assert {python: wait.days for python, wait in waits.items()} == {"3.14": 33, "3.77": None}
    assert waits["3.14"].first == FirstWheel(version="1.1", uploaded=at("2025-11-09"))
    assert waits["3.14"].meanwhile is Meanwhile.SOURCE


@pytest.mark.parametrize(
    ("tags", "meanwhile"),
    [
        ((own("cp313"), "py3-none-any"), Meanwhile.PURE),
        ((own("cp313"), f"cp39-abi3-{OWN}"), Meanwhile.STABLE),
        ((own("cp313"), "cp39-abi3-win32"), Meanwhile.SOURCE),
    ],
)
def test_what_was_taken_meanwhile(tags: tuple[str, ...], meanwhile: Meanwhile) -> None:
    """A wheel that fits every Python spares the wait; one for another system does not."""
    waits = wheel_waits([release("1.0", "2024-10-17", *tags)], NOW, PYTHONS)
    assert waits["3.14"].meanwhile is meanwhile


@pytest.mark.parametrize(
    "releases",
    [
        [],
        [release("1.0", "2024-10-17", "py3-none-any")],
        [release("1.0", "2024-10-17", "cp313-cp313-win32")],
        [release("1.0", "2016-10-17", "cp36-cp36m-" + OWN)],
        [release("1.0rc1", "2024-10-17", own("cp313"))],
        [OLD, release("2.0", "2024-10-20", "py3-none-any")],
        [OLD, made_for("<3.14", release("2.0", "2024-10-20", own("cp313")))],
    ],
    ids=["nothing", "pure", "another system", "given up", "prerelease", "now pure", "not meant"],
)
def test_nothing_is_waited_for(releases: list[Release]) -> None:
    """What had no wheel for the Python before either is not waited for."""
    assert wheel_waits(releases, NOW, PYTHONS) == {}


def test_python_of_the_future() -> None:
    """A Python that was not released at the cutoff is not waited for."""
    waits = wheel_waits([OLD], at("2025-10-20"), PYTHONS)
    assert waits.keys() == {"3.14"}


def test_first_wheel_is_the_earliest() -> None:
    """The earliest upload counts, also if it is of a lower version; free-threaded ones do not."""
    late = release("0.9", "2026-02-01", own("cp314"))
    threads = release("1.05", "2025-10-08", f"cp314-cp314t-{OWN}")
    found = first_wheels([late, OLD, threads, NEW], ["3.14"])
    assert found == {"3.14": FirstWheel(version="1.1", uploaded=at("2025-11-09"))}


def test_reason_not_there_yet() -> None:
    """What does not build on a new Python and has no wheel for it is not there yet."""
    then = at("2025-10-20")
    reason = reason_not_there_yet([OLD], "1.0", "3.14", then, PYTHONS)
    assert reason == (
        "not there yet: x 1.0 does not build here, and the package has no wheel for Python 3.14, "
        "released on 2025-10-07"
    )
    later = reason_not_there_yet([OLD], "1.0", "3.14", then, PYTHONS, since=[OLD, NEW])
    assert later == f"{reason}; the first came on 2025-11-09, with 1.1"


@pytest.mark.parametrize(
    ("releases", "python", "day"),
    [
        ([OLD, NEW], "3.14", "2025-12-01"),
        ([OLD], "3.14", "2026-11-29"),
        ([OLD], "3.14", "2025-10-01"),
        ([release("1.0", "2024-10-17")], "3.14", "2025-12-01"),
        ([OLD], "3.99", "2025-12-01"),
    ],
    ids=["it came", "long ago", "before its release", "never had wheels", "unknown Python"],
)
def test_broken_is_not_excused(releases: list[Release], python: str, day: str) -> None:
    """Only the first year of a Python excuses, and only what had wheels for the one before."""
    assert reason_not_there_yet(releases, "1.0", python, at(day), PYTHONS) is None
