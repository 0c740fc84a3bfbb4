# ruff: noqa: E501 (a case a line)
from __future__ import annotations

from pathlib import Path

import pytest
from project_folder import positions, put, read, reasons

from watchdog.errors import ConfigurationError

SETUP_CFG = """\
[metadata]
name = app
[options]
python_requires = >=3.8
install_requires =
    flask>=2  # web
    # a comment
    celery[redis]; python_version > "3.7"
packages = find:
[options.extras_require]
dev =
    pytest
    ruff
"""


def test_setup_cfg(tmp_path: Path) -> None:
    """What is installed is required; extras never are, unless wanted."""
    project = read(tmp_path, "setup.cfg", SETUP_CFG)
    assert positions(project, tmp_path) == {
        "flask>=2": "setup.cfg:6",
        'celery[redis]; python_version > "3.7"': "setup.cfg:8",
    }
    assert project.skipped == ()
    assert project.optional == (f"extra `dev` of {tmp_path}/setup.cfg (2 requirements)",)
    assert [(p.specifier, p.position) for p in project.pythons] == [
        (">=3.8", f"{tmp_path}/setup.cfg:4")
    ]
    assert "pytest" in read(tmp_path, "setup.cfg", SETUP_CFG, "dev").requirements


def test_setup_cfg_that_names_a_file(tmp_path: Path) -> None:
    """`file:` of setuptools is followed."""
    put(tmp_path, "requirements.txt", "flask\n")
    text = "[options]\ninstall_requires = file: requirements.txt\n"
    assert positions(read(tmp_path, "setup.cfg", text), tmp_path) == {"flask": "requirements.txt:1"}


SETUP_PY = """\
import setuptools
BASE = ["flask>=2"]
BASE += ["blinker"]
BASE.append("jinja2")
if True:
    BASE.append("dataclasses")
setuptools.setup(
    python_requires=">=3.8",
    install_requires=BASE + ["celery[redis]; "
        "python_version > '3.7'"],
    extras_require={"dev": ["pytest", "ruff"]},
)
"""


def test_setup_py(tmp_path: Path) -> None:
    """Lists are followed through variables and sums, without running anything."""
    project = read(tmp_path, "setup.py", SETUP_PY)
    assert positions(project, tmp_path) == {
        "flask>=2": "setup.py:2",
        "blinker": "setup.py:3",
        "jinja2": "setup.py:4",
        'celery[redis]; python_version > "3.7"': "setup.py:9",
    }
    assert project.optional == (f"extra `dev` of {tmp_path}/setup.py (2 requirements)",)
    assert [p.specifier for p in project.pythons] == [">=3.8"]


def test_setup_py_condition(tmp_path: Path) -> None:
    """What is added under a condition is skipped, and that is said."""
    text = "from setuptools import setup\nR = ['flask']\nif x:\n    R.append('y')\nsetup(install_requires=R)\n"
    project = read(tmp_path, "setup.py", text)
    assert (project.requirements, list(reasons(project, tmp_path))) == (("flask",), ["setup.py:4"])


@pytest.mark.parametrize(
    "text",
    [
        "R = open('requirements.txt').read().splitlines()\nsetup(install_requires=R)",
        "with open('requirements.txt') as f:\n    R = f.readlines()\nsetup(install_requires=R)",
        "def load(name):\n    return [x for x in open(name)]\nsetup(install_requires=load('requirements.txt'))",
        "def load():\n    return [x for x in open('requirements.txt')]\nsetup(install_requires=load())",
        "import os\nH = os.path.dirname(__file__)\nP = os.path.join(H, 'requirements.txt')\n"
        "setup(install_requires=[r.strip() for r in open(P)])",
        "config = dict()\nconfig = {'install_requires': ['flask', 'blinker']}\nsetup(**config)",
        "setup(install_requires='flask\\nblinker')",
        "setup(install_requires=list(('flask', *['blinker'])))",
        "setup()",
    ],
)
def test_setup_py_ways_to_say_it(tmp_path: Path, text: str) -> None:
    """The usual ways to say it, or to read it from a file, are understood."""
    put(tmp_path, "requirements.txt", "flask\nblinker\n")
    put(tmp_path, "setup.cfg", "[options]\ninstall_requires =\n  flask\n  blinker\n")
    project = read(tmp_path, "setup.py", f"from setuptools import setup\n{text}\n")
    assert project.requirements == ("flask", "blinker")


def test_setup_py_is_never_run(tmp_path: Path) -> None:
    """A setup.py that would do something does nothing."""
    marker = tmp_path / "ran"
    text = (
        f"open({str(marker)!r}, 'w')\nfrom setuptools import setup\nsetup(install_requires=f())\n"
    )
    with pytest.raises(ConfigurationError, match="is read but never run"):
        read(tmp_path, "setup.py", text)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("setup.py", "x = 1\n", "setup.py: does not call setup()"),
        ("setup.py", "x = (\n", "setup.py:1:5: no valid Python"),
        ("setup.py", "setup(\n'\\d', install_requires=[3])", "setup.py:2"),
        ("setup.py", "x = " + "(" * 5_000, "setup.py"),
        ("setup.py", "x = " + "-" * 50_000 + "1", "setup.py"),
        ("setup.cfg", "[options]\nno value\n[a", "setup.cfg:2: not a line"),
        ("setup.cfg", "x = 1\n", "setup.cfg:1: not a line"),
        ("setup.cfg", "[a]\n[a]\n", "setup.cfg:2: no valid INI file: duplicate section"),
        ("setup.cfg", "[options]\npackages = find:\n", "setup.cfg: contains no requirement"),
    ],
)
def test_mistakes(tmp_path: Path, name: str, text: str, message: str) -> None:
    """What cannot be read is an error that says where."""
    with pytest.raises(ConfigurationError) as error:
        read(tmp_path, name, text)
    assert message in "\n".join(error.value.problems).replace(f"{tmp_path}/", "")
