"""What has no wheel for a new Python yet is told apart from what is broken."""

from __future__ import annotations

from typing import Any

import pytest
from ecosystem import BACKEND, day
from home import Home
from loopback_index import Upload
from packaging.tags import platform_tags

from watchdog.environments.interpreters import find_interpreters
from watchdog.sandbox.process import Processes

OLD, NEW = "3.13", "3.14"
"""The made-up history begins days after Python 3.14 was released."""

OWN = next(iter(platform_tags()))


@pytest.fixture
def new_python(home: Home, made_up: Any) -> Home:
    """Return a folder whose matrix has a new Python, and a package without a wheel for it."""
    missing = {OLD, NEW} - find_interpreters([OLD, NEW], Processes()).keys()
    if missing:
        pytest.skip(f"needs Python {OLD} and {NEW}: uv python install {' '.join(sorted(missing))}")
    name = "ext-compiled"
    if name not in made_up.files:
        made_up.add(name, "1.0", day(-20), files={"ext_compiled.py": "def use():\n    return 42\n"})
        (wheel,) = made_up.files.pop(name)
        made_up.add_sdist(
            name,
            "1.0",
            day(-20),
            {
                "pyproject.toml": BACKEND,
                "b.py": "raise RuntimeError('no header for this Python')\n",
                "PKG-INFO": f"Metadata-Version: 1.0\nName: {name}\nVersion: 1.0\n",
            },
        )
        for python, at in ((OLD, day(-20)), (NEW, day(20))):
            tag = f"cp{python.replace('.', '')}"
            filename = f"ext_compiled-1.0-{tag}-{tag}-{OWN}.whl"
            made_up.files[name].append(Upload(filename, wheel.data, at, wheel.metadata))
    path = home.folder / "matrix.yaml"
    text = path.read_text("utf-8")
    first = text.index("python: [")
    text = f'{text[:first]}python: ["{OLD}", "{NEW}"]{text[text.index("]", first) + 1 :]}'
    text = text.replace("extensions:", f"extensions:\n  {name}: {{name: Ext-Compiled}}")
    path.write_text(text, "utf-8")
    smoke = home.folder / "smokes" / "smoke_ext_compiled.py"
    smoke.write_text(
        '"""A use."""\n\nfrom ext_compiled import use\n\n\n'
        'def test_use():\n    """It answers 42"""\n    assert use() == 42\n',
        "utf-8",
    )
    return home


def test_run_does_not_call_it_broken(new_python: Home) -> None:
    """A cell on the new Python is not judged, with the reason; the older Python works."""
    new_python("run", "--only", "ext-compiled/*", "--as-of", f"{day(10):%Y-%m-%d}")
    assert new_python.states() == {
        f"ext-compiled/today/py{OLD}": "works",
        f"ext-compiled/today/py{NEW}": "unjudged",
    }
    reason = new_python.last_run()["cells"][f"ext-compiled/today/py{NEW}"]["reason"]
    assert reason == (
        "not there yet: ext-compiled 1.0 does not build here, and the package has no wheel for "
        f"Python {NEW}, released on 2025-10-07"
    )
    page = new_python.folder / "reports" / "subjects" / "ext-compiled.html"
    text = page.read_text("utf-8")
    assert f"On Python {NEW} it is not there yet: ext-compiled 1.0 does not build here" in text


def test_page_tells_when_the_wheel_came(new_python: Home) -> None:
    """Later the page of the Python has the days to the wheel."""
    new_python("run", "--only", "ext-compiled/*", "--as-of", f"{day(40):%Y-%m-%d}")
    assert new_python.states()[f"ext-compiled/today/py{NEW}"] == "works"
    page = new_python.folder / "reports" / "releases" / f"python-{NEW}.html"
    assert ">33 days<" in page.read_text("utf-8")


def test_check_offers_the_older_python(new_python: Home) -> None:
    """Check says since when there is a Python without a wheel, and on which one it works."""
    argv = ("ext-compiled", "--python", NEW, "--as-of", f"{day(10):%Y-%m-%d}")
    done = new_python("check", *argv)
    assert done.returncode == 1
    assert f"ext-compiled: not there yet on Python {NEW}" in done.stdout
    assert f"it works with Python {OLD}, as it is" in done.stdout
    told = new_python.json("check", *argv)
    assert told["outcome"] == "unjudged"
    assert told["not_installed"][0]["kind"] == "not there yet"


def test_replay_keeps_the_weeks_as_a_gap(new_python: Home) -> None:
    """The past of the new Python has a gap until the wheel came, and no breakage."""
    stretch = ("--since", f"{day(1):%Y-%m-%d}", "--until", f"{day(40):%Y-%m-%d}")
    argv = ("ext-compiled", "--python", NEW, *stretch)
    told = new_python.json("replay", *argv)
    assert told["breakages"] == []
    (gap,) = told["gaps"]
    assert gap["reason"].startswith("not there yet: ext-compiled 1.0")
    assert gap["reason"].endswith("; the first came on 2025-11-09, with 1.0")
