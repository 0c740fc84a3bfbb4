from __future__ import annotations

import asyncio
from typing import Any

import pytest
from ecosystem import day
from home import Home
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from watchdog.analysis.history.cure import bounds_of, first, pip_arguments


@given(st.integers(1, 40), st.integers(0, 40))
def test_first_finds_first_passing(size: int, where: int) -> None:
    """The search returns the first version that passes and has tried the one before it."""
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
        (("moto", "moto[server]", "x[a,b]"), ("moto<5",), ("x[a,b]", "moto[server]<5")),
        (("x[a]", "y"), ("x[a]<2",), ("y", "x[a]<2")),
        (("x[b]", "y"), ("x[a] <2",), ("y", "x[a,b] <2")),
        (("x[b,a]>=1", "y"), ("X<2", "z<3"), ("y", "X[a,b]<2", "z<3")),
    ],
)
def test_pip_arguments_place_pins(
    requirements: tuple[str, ...], pins: tuple[str, ...], words: tuple[str, ...]
) -> None:
    """Pins are added to the typed requirements or replace the ones they concern."""
    assert pip_arguments(requirements, pins) == words


def test_bounds_of_pins() -> None:
    """A pin with extras, as it was typed for another Python, gives a bound without them."""
    assert bounds_of(["connexion[swagger-ui]<3", "werkzeug >=2, <3"]) == {
        "connexion": "<3",
        "werkzeug": "<3,>=2",
    }


def check(home: Home, *requirements: str, at: int = 60) -> Any:
    return home.json("check", *requirements, "--as-of", day(at).isoformat())


def test_check_culprit_and_widest_bound(home: Home) -> None:
    """The check command names culprit, proof, missing symbol, and the widest bound as cure."""
    told = check(home, "ext-import")
    assert told["culprit"] == {
        "name": "werkzeug",
        "version": "3.0.0",
        "last_good": "2.0.0",
        "released": day(30).isoformat().replace("+00:00", "Z"),
    }
    assert (told["missing"], told["proof"]) == ("werkzeug.gone", "swap")
    assert told["cure"] == {
        "pins": ["werkzeug<3"],
        "verified": True,
        "how": "bound",
        "python": None,
        "partial": False,
        "lock": {"ext-import": "1.0", "flask": "2.0.0", "werkzeug": "2.0.0"},
    }


def test_check_cure_holds_back_only_culprit(home: Home) -> None:
    """When several packages changed, the cure holds back only the one that broke it."""
    told = check(home, "ext-use")
    assert told["culprit"]["name"] == "ext-use-core"
    assert told["cure"]["pins"] == ["ext-use-core<2"]


def test_check_cure_of_pinned_subject(home: Home, made_up: Any) -> None:
    """For a pinned subject the cure is the lowest newer version that works."""
    name = "ext-mended"
    if name not in made_up.files:
        bad = {"ext_mended.py": "from werkzeug import gone\n"}
        made_up.add(name, "1.0", day(4), files=bad, requires=["flask"])
        made_up.add(name, "1.1", day(40), files={"ext_mended.py": "x = 1\n"}, requires=["flask"])
        made_up.add(name, "1.2", day(41), files={"ext_mended.py": "x = 1\n"}, requires=["flask"])
    told = check(home, f"{name}==1.0")
    cure = told["cure"]
    assert (cure["pins"], cure["verified"], cure["how"]) == ([f"{name}>=1.1"], True, "newer")


@pytest.mark.slow
def test_check_cure_with_two_bounds(home: Home, made_up: Any) -> None:
    """When two packages must be held back, the cure contains both bounds."""
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


def test_check_works_without_cure(home: Home) -> None:
    """A working package has no culprit, no cure and no missing symbol."""
    told = check(home, "ext-works", at=20)
    assert (told["culprit"], told["cure"], told["missing"]) == (None, None, None)


def test_check_prints_cure_command(home: Home) -> None:
    """The check command prints the pip command of the cure, the culprit and the proof."""
    said = home("check", "ext-import").stdout
    assert "pip install ext-import 'werkzeug<3'" in said
    assert "caused by werkzeug 3.0.0 (it worked with 2.0.0; proof: swap)" in said
