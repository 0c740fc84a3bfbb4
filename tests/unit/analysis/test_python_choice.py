"""Which Python the owner of some requirements would use."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from packaging.version import Version

from watchdog.analysis.check.python_choice import (
    ChosenPython,
    choose_python_of_project,
    permitted_by,
)
from watchdog.model.release import File, Release
from watchdog.project.project import WantedPython
from watchdog.resolver import wheel_tags

HERE = ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13"]
NOW = datetime(2026, 11, 1, tzinfo=UTC)


class Index:
    """Publishes one version of each package on a day, with wheels for some Pythons or for all."""

    def __init__(self, **packages: tuple[datetime, list[str]]) -> None:
        self.packages = packages

    def releases_of(self, name: str, as_of: datetime) -> tuple[Release, ...]:
        """Return the one release of a package."""
        del as_of
        if name not in self.packages:
            return ()
        day, pythons = self.packages[name]
        own = next(tag for tag in wheel_tags.tag_ranks("3.11") if tag.startswith("cp311-cp311-"))
        platform = own.split("-")[2]
        tags = [f"cp{p.replace('.', '')}-cp{p.replace('.', '')}-{platform}" for p in pythons]
        files = tuple(File(f"{name}-1-{tag}.whl", day) for tag in tags or ["py3-none-any"])
        return (Release(name, Version("1"), files),)


def want(specifier: str, *, exact: bool) -> WantedPython:
    return WantedPython(specifier=specifier, position="somewhere", exact=exact)


@pytest.mark.parametrize(
    ("wanted", "pins", "chosen"),
    [
        ([want("==3.9.*", exact=True)], ["flask==1"], "3.9"),
        ([want("==3.7.*", exact=True)], ["flask==1"], "3.11"),
        ([want(">=3.12", exact=False)], ["flask==1"], "3.12"),
        ([want("<3.11", exact=False)], ["flask"], "3.10"),
        ([], ["flask"], "3.13"),
        ([], ["flask==1"], "3.11"),
        ([], ["flask==1", "greenlet==1"], "3.10"),
        ([], ["ancient==1"], "3.8"),
        ([want("==3.9.*", exact=True), want("==3.12.*", exact=True)], ["flask==1"], "3.9"),
    ],
)
def test_choice(wanted: list[WantedPython], pins: list[str], chosen: str) -> None:
    """What files ask for counts first, then the time and the wheels of the newest pins."""
    index = Index(
        flask=(datetime(2023, 5, 1, tzinfo=UTC), []),
        greenlet=(datetime(2023, 2, 1, tzinfo=UTC), ["3.8", "3.9", "3.10"]),
        ancient=(datetime(2015, 2, 1, tzinfo=UTC), []),
    )
    found = choose_python_of_project(wanted, pins, HERE, index, NOW)
    assert found.series == chosen
    assert found.reason


class Requiring:
    """Publishes Flask 2, 3.0 and 3.1, each of which requires a newer Python."""

    def releases_of(self, name: str, as_of: datetime) -> tuple[Release, ...]:
        """Return the releases of a package."""
        needs = {"2.0": None, "3.0": ">=3.8", "3.1": ">=3.9.2"} if name == "flask" else {}
        return tuple(
            Release(name, Version(v), (File(f"{name}-{v}.whl", as_of, requires_python=needed),))
            for v, needed in needs.items()
        )


@pytest.mark.parametrize(
    ("series", "targets", "permitted"),
    [
        ("3.8", ["flask==3.1.*"], "3.9"),
        ("3.8", ["flask==3.0.*"], "3.8"),
        ("3.8", ["Flask>=2"], "3.8"),
        ("3.12", ["flask==3.1.*"], "3.12"),
        ("3.8", ["flask==9"], "3.8"),
        ("3.8", ["werkzeug==3", "flask>3.0"], "3.9"),
        ("3.8", [], "3.8"),
    ],
)
def test_python_that_a_target_permits(series: str, targets: list[str], permitted: str) -> None:
    """An upgrade is planned on a Python that the release permits, and it is said why."""
    chosen = ChosenPython(series=series, reason="of its time")
    found = permitted_by(chosen, targets, HERE, Requiring(), NOW)
    assert found.series == permitted
    assert ("does not permit Python 3.8: of its time" in found.reason) is (permitted != series)
