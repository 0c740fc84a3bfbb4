from __future__ import annotations

import asyncio
from typing import Any

import pytest
from ecosystem import day
from home import Home
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from watchdog.analysis.history.cure import first, pip_arguments


@given(st.integers(1, 40), st.integers(0, 40))
def test_the_first_that_passes_is_found_and_its_neighbour_was_tried(size: int, where: int) -> None:
    items = [Version(str(n)) for n in range(size)]
    tried: set[Version] = set()

    async def test(version: Version) -> bool:
        tried.add(version)
        return version >= Version(str(where))

    found = asyncio.run(first(items, test))
    if where >= size:
        assert found is None
        return
    assert found == items[where]
    assert set(items[max(where - 1, 0) : where + 1]) <= tried


@pytest.mark.parametrize(
    ("requirements", "pins", "words"),
    [
        (("flask-login",), ("werkzeug<3",), ("flask-login", "werkzeug<3")),
        (("Flask_Login==0.6.2", "flask"), ("flask-login>=0.6.3",), ("flask", "flask-login>=0.6.3")),
        (("flask==2.2.2",), (), ("flask==2.2.2",)),
    ],
)
def test_pins_stand_beside_what_was_typed_or_in_its_place(
    requirements: tuple[str, ...], pins: tuple[str, ...], words: tuple[str, ...]
) -> None:
    assert pip_arguments(requirements, pins) == words


def check(home: Home, *requirements: str, at: int = 60) -> Any:
    return home.json("check", *requirements, "--as-of", day(at).isoformat())


def test_check_names_the_culprit_and_the_widest_bound(home: Home) -> None:
    told = check(home, "ext-import")
    assert told["culprit"] == {
        "name": "werkzeug",
        "version": "3.0.0",
        "last_good": "2.0.0",
        "released": day(30).isoformat().replace("+00:00", "Z"),
    }
    assert (told["missing"], told["proof"]) == ("werkzeug.gone", "swap")
    assert told["cure"] == {"pins": ["werkzeug<3"], "verified": True, "how": "bound"}


def test_of_several_changes_only_the_guilty_one_is_held_back(home: Home) -> None:
    told = check(home, "ext-use")
    assert told["culprit"]["name"] == "ext-use-core"
    assert told["cure"]["pins"] == ["ext-use-core<2"]


def test_for_a_pinned_subject_a_newer_one_is_the_first_cure(home: Home, made_up: Any) -> None:
    name = "ext-mended"
    if name not in made_up.files:
        bad = {"ext_mended.py": "from werkzeug import gone\n"}
        made_up.add(name, "1.0", day(4), files=bad, requires=["flask"])
        made_up.add(name, "1.1", day(40), files={"ext_mended.py": "x = 1\n"}, requires=["flask"])
        made_up.add(name, "1.2", day(41), files={"ext_mended.py": "x = 1\n"}, requires=["flask"])
    told = check(home, f"{name}==1.0")
    assert told["cure"] == {"pins": [f"{name}>=1.1"], "verified": True, "how": "newer"}


def test_what_two_packages_must_be_held_back_for_gets_both_pins(home: Home, made_up: Any) -> None:
    if "ext-double" not in made_up.files:
        for part in ("ext-left", "ext-right"):
            module = part.replace("-", "_")
            made_up.add(part, "1.0", day(3), files={f"{module}.py": "name = 1\n"})
            made_up.add(part, "2.0", day(33), files={f"{module}.py": "name = 1\n"})
            made_up.add(part, "3.0", day(35), files={f"{module}.py": ""})
        code = "from ext_left import name\nfrom ext_right import name\n"
        needs = ["flask", "ext-left", "ext-right"]
        made_up.add("ext-double", "1.0", day(4), files={"ext_double.py": code}, requires=needs)
    told = check(home, "ext-double")
    assert told["cure"]["pins"] == ["ext-left<3", "ext-right<3"]


def test_what_works_needs_no_cure(home: Home) -> None:
    told = check(home, "ext-works", at=20)
    assert (told["culprit"], told["cure"], told["missing"]) == (None, None, None)


def test_people_are_told_what_to_type(home: Home) -> None:
    said = home("check", "ext-import").stdout
    assert "pip install ext-import 'werkzeug<3'" in said
    assert "caused by werkzeug 3.0.0 (it worked with 2.0.0; proof: swap)" in said
