"""A new Python that broke something is named, and an older one is the cure."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ecosystem import OLDER, PYTHON, day
from home import Home

from watchdog.environments.interpreters import find_interpreters
from watchdog.sandbox.process import Processes

FAILS_ON_NEW = f"""import sys
def use():
    if sys.version_info >= {tuple(map(int, PYTHON.split(".")))}:
        raise AttributeError("module 'pkgutil' has no attribute 'get_loader'")
    return 42
"""


@pytest.fixture
def two_pythons(home: Home) -> Home:
    """Return a folder whose matrix has two Pythons."""
    if OLDER not in find_interpreters([OLDER], Processes()):
        pytest.skip(f"needs Python {OLDER}: uv python install {OLDER}")
    path = home.folder / "matrix.yaml"
    text = path.read_text("utf-8").replace(f'["{PYTHON}"]', f'["{OLDER}", "{PYTHON}"]', 1)
    text = text.replace("extensions:", "extensions:\n  ext-new-python: {name: Ext-New-Python}")
    path.write_text(text, "utf-8")
    smoke = home.folder / "smokes" / "smoke_ext_new_python.py"
    smoke.write_text(
        '"""A use."""\n\nfrom ext_new_python import use\n\n\n'
        'def test_use():\n    """It answers 42"""\n    assert use() == 42\n',
        "utf-8",
    )
    return home


def test_check_blames_python(two_pythons: Home, made_up: Any) -> None:
    """Where the same packages work on the Python before, that Python is the cause and the cure."""
    if "ext-new-python" not in made_up.files:
        files = {"ext_new_python.py": FAILS_ON_NEW}
        made_up.add("ext-new-python", "1.0", day(4), files=files, requires=["flask"])
    told = two_pythons.json("check", "ext-new-python", "--python", PYTHON)
    culprit = told["culprit"]
    assert (culprit["name"], culprit["version"], culprit["last_good"]) == ("python", PYTHON, OLDER)
    assert told["proof"] == "swap"
    assert (told["cure"]["pins"], told["cure"]["python"]) == ([], OLDER)
    said = two_pythons("check", "ext-new-python", "--python", PYTHON).stdout
    assert f"caused by Python {PYTHON} (the same packages work on Python {OLDER}" in said
    assert f"it works with Python {OLDER}, as it is" in said


def test_check_does_not_blame_python(two_pythons: Home) -> None:
    """What fails on the older Python as well is caused by a release."""
    told = two_pythons.json("check", "ext-import", "--python", PYTHON)
    assert told["culprit"]["name"] == "werkzeug"
    assert told["cure"]["pins"] == ["werkzeug<3"]


def test_check_blames_python_for_pins(two_pythons: Home, made_up: Any) -> None:
    """Where the same pins work on the Python before, that Python is the cause and the cure."""
    if "ext-new-python" not in made_up.files:
        files = {"ext_new_python.py": FAILS_ON_NEW}
        made_up.add("ext-new-python", "1.0", day(4), files=files, requires=["flask"])
    path = two_pythons.folder / "requirements.txt"
    path.write_text("flask==2.0.0\nwerkzeug==2.0.0\next-new-python==1.0\n", "utf-8")
    told = two_pythons.json("check", "-r", "requirements.txt", "--python", PYTHON)
    culprit = told["culprit"]
    assert (culprit["name"], culprit["version"], culprit["last_good"]) == ("python", PYTHON, OLDER)
    assert told["proof"] == "swap"
    assert (told["cure"]["pins"], told["cure"]["python"]) == ([], OLDER)
    said = two_pythons("check", "-r", "requirements.txt", "--python", PYTHON).stdout
    assert f"caused by Python {PYTHON} (the same packages work on Python {OLDER}" in said
    assert f"it works with Python {OLDER}, as it is" in said


def test_check_of_pins_does_not_blame_python(two_pythons: Home) -> None:
    """Pinned requirements that fail on the older Python as well are broken by a release."""
    path = two_pythons.folder / "requirements.txt"
    path.write_text("flask==2.0.0\next-import==1.0\n", "utf-8")
    told = two_pythons.json("check", "-r", "requirements.txt", "--python", PYTHON)
    assert told["culprit"]["name"] == "werkzeug"


def test_bisect_blames_python(two_pythons: Home) -> None:
    """A command that never succeeded on its Python, and does on the one before: it broke it."""
    (two_pythons.folder / "requirements.txt").write_text("ext-works\n", "utf-8")
    code = FAILS_ON_NEW + "\nimport ext_works\nassert use() == ext_works.use()\n"
    (two_pythons.folder / "app.py").write_text(code, "utf-8")
    options = ("-r", "requirements.txt", "--python", PYTHON, "--format", "json")
    done = two_pythons.process("bisect", *options, "--", "python", "app.py")
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    culprit = told["culprit"]
    assert (culprit["name"], culprit["version"], culprit["last_good"]) == ("python", PYTHON, OLDER)
    assert told["proof"] == "swap"
    assert (told["cure"]["pins"], told["cure"]["python"]) == ([], OLDER)


def test_bisect_does_not_blame_python_for_own_code(two_pythons: Home) -> None:
    """A command that fails on each Python was broken by none."""
    (two_pythons.folder / "requirements.txt").write_text("ext-works\n", "utf-8")
    (two_pythons.folder / "app.py").write_text("raise ValueError('mine')\n", "utf-8")
    options = ("-r", "requirements.txt", "--python", PYTHON, "--format", "json")
    told = json.loads(two_pythons.process("bisect", *options, "--", "python", "app.py").stdout)
    assert told["culprit"] is None
    assert told["cure"] is None
