# ruff: noqa: E501 (a case a line)
from __future__ import annotations

from pathlib import Path

import pytest
from project_folder import positions, put, read, reasons

from watchdog.project.poetry import poetry_range, python_marker
from watchdog.project.requirement_text import UnusableError

PYPROJECT = """\
[tool.poetry]
name = "app"
[tool.poetry.dependencies]
python = "^3.9"
Flask = "^2.2.1"
celery = {version = "~5.3", extras = ["redis"], markers = "sys_platform != 'win32'"}
numpy = [
    {version = "1.21.*", python = "<3.10"},
    {version = "^1.26", python = ">=3.10"},
]
x = {git = "https://index.invalid/x.git"}
y = {path = "../y"}
z = "^1 || ^3"
flask-mail = {version = "*", optional = true}
alone = {version = "1", optional = true}
[tool.poetry.dependencies.blinker]
version = ">=1.6"
platform = "linux"
[tool.poetry.extras]
mail = ["Flask-Mail"]
[tool.poetry.dev-dependencies]
black = "*"
[tool.poetry.group.tests.dependencies]
pytest = "*"
"""


def test_tables(tmp_path: Path) -> None:
    """Each kind of entry is read with the line of its version; other sources are skipped."""
    project = read(tmp_path, "pyproject.toml", PYPROJECT)
    assert positions(project, tmp_path) == {
        "Flask<3,>=2.2.1": "pyproject.toml:5",
        'celery[redis]<5.4,>=5.3; sys_platform != "win32"': "pyproject.toml:6",
        'numpy==1.21.*; python_version < "3.10"': "pyproject.toml:8",
        'numpy<2,>=1.26; python_version >= "3.10"': "pyproject.toml:9",
        'blinker>=1.6; sys_platform == "linux"': "pyproject.toml:17",
    }
    assert list(reasons(project, tmp_path)) == [f"pyproject.toml:{n}" for n in (11, 12, 13)]
    assert [o.partition(" of ")[0] for o in project.optional] == [
        "optional `alone`",
        "extra `mail`",
        "group `tests`",
        "group `dev`",
    ]
    assert [(p.specifier, p.exact) for p in project.pythons] == [("<4,>=3.9", False)]


def test_groups_and_extras_that_are_wanted(tmp_path: Path) -> None:
    """Groups and extras are read on demand."""
    project = read(tmp_path, "pyproject.toml", PYPROJECT, "mail", "tests", "dev")
    assert {"flask-mail", "pytest", "black"} <= set(project.requirements)


def test_poetry_2(tmp_path: Path) -> None:
    """Where [project] has dependencies, Poetry's table only says where they come from."""
    text = (
        '[project]\ndependencies = ["flask>=2"]\n[tool.poetry.dependencies]\nflask = {source = "x"}\n'
        '[tool.poetry.group.dev.dependencies]\npytest = "*"\n'
    )
    project = read(tmp_path, "pyproject.toml", text)
    assert project.requirements == ("flask>=2",)
    assert project.optional == (f"group `dev` of {tmp_path}/pyproject.toml (1 requirement)",)


@pytest.mark.parametrize(
    ("text", "specifier"),
    [
        ("*", ""),
        ("1.2.3", "==1.2.3"),
        ("=1.2", "==1.2"),
        ("==1.2.*", "==1.2.*"),
        ("1.*", "==1.*"),
        ("^1.2.3", ">=1.2.3,<2"),
        ("^0.3", ">=0.3,<0.4"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("^0", ">=0,<1"),
        ("^0.0", ">=0.0,<0.1"),
        ("^1.0a1", ">=1.0a1,<2"),
        ("~1", ">=1,<2"),
        ("~1.2", ">=1.2,<1.3"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("~=1.4", "~=1.4"),
        (">= 1.0, <2.0,!=1.5", ">=1.0,<2.0,!=1.5"),
        (">=1.0 <2.0", ">=1.0,<2.0"),
        ("==1.0+cu1", "==1.0+cu1"),
    ],
)
def test_ranges(text: str, specifier: str) -> None:
    """Ranges mean what Poetry's documentation says; the table was compared with poetry-core."""
    assert poetry_range(text) == specifier


@pytest.mark.parametrize("text", ["^1 || ^3", "latest", "^x", "@^3", "bad??", "^"])
def test_no_ranges(text: str) -> None:
    """What is no range, or none of PEP 440, is refused with a reason."""
    with pytest.raises(UnusableError, match="`"):
        poetry_range(text)


@pytest.mark.parametrize(
    ("text", "marker"),
    [
        ("*", []),
        ("^3.8", ['(python_version >= "3.8" and python_version < "4")']),
        ("<3.8 || >=3.10", ['(python_version < "3.8" or python_version >= "3.10")']),
        ("3.9.*", ['(python_version == "3.9")']),
        (">=3.8.1", ['(python_full_version >= "3.8.1")']),
    ],
)
def test_python_markers(text: str, marker: list[str]) -> None:
    """A range of Pythons becomes a marker."""
    assert python_marker(text) == marker


def test_other_values(tmp_path: Path) -> None:
    """An entry that Poetry would refuse is skipped, and the rest goes on."""
    text = '[tool.poetry.dependencies]\na = 3\nb = {version = 3}\nc = {extras = "x"}\nflask = "*"\n'
    project = read(tmp_path, "pyproject.toml", text)
    assert project.requirements == ("flask",)
    assert list(reasons(project, tmp_path)) == [f"pyproject.toml:{n}" for n in (2, 3, 4)]


PACKAGES = """
[[package]]
name = "celery"
version = "5.3.6"
optional = false
{main}
[package.dependencies]
vine = ">=5"
redis = {{version = ">=4", optional = true, markers = "extra == \\"redis\\""}}
tzdata = {{version = "*", markers = "sys_platform == \\"win32\\""}}
[package.extras]
redis = ["redis (>=4)"]

[[package]]
name = "flask-mail"
version = "0.9.1"
optional = true
{main}
[[package]]
name = "pytest"
version = "8.0"
optional = false
{dev}
[[package]]
name = "redis"
version = "5.0"
optional = false
{main}
[[package]]
name = "tzdata"
version = "2024.1"
optional = false
{main}
[[package]]
name = "vine"
version = "5.1.0"
optional = false
{main}
[[package]]
name = "x"
version = "1"
optional = false
{main}
[package.source]
type = "git"
url = "https://index.invalid/x.git"

[metadata]
lock-version = "2.0"
python-versions = "^3.9"
"""
OF_LOCK = (
    '[tool.poetry.dependencies]\npython = "^3.9"\ncelery = {version = "~5.3", extras = ["redis"]}\n'
)


@pytest.mark.parametrize(
    ("main", "dev"),
    [
        ('category = "main"', 'category = "dev"'),
        ('groups = ["main"]', 'groups = ["dev"]'),
        ('groups = ["dev", "main"]', 'groups = ["dev"]'),
    ],
)
def test_lock_that_names_groups(tmp_path: Path, main: str, dev: str) -> None:
    """The lock files of Poetry 1.0 to 1.4 and of Poetry 2 say what the main group is."""
    project = read(tmp_path, "poetry.lock", PACKAGES.format(main=main, dev=dev))
    assert project.locked
    assert project.requirements == (
        "celery==5.3.6",
        "redis==5.0",
        "tzdata==2024.1",
        "vine==5.1.0",
    )
    assert project.dependencies[0].line == 2
    assert [o.partition(" of ")[0] for o in project.optional] == [
        "optional packages",
        "group `dev`",
    ]
    assert [s.reason for s in project.skipped] == ["not a release on an index"]
    assert [p.specifier for p in project.pythons] == ["<4,>=3.9"]


def test_lock_with_markers(tmp_path: Path) -> None:
    """Poetry 2 names the marker of each package, for each group if they differ."""
    text = (
        '[[package]]\nname = "a"\nversion = "1"\ngroups = ["main"]\nmarkers = "os_name == \'nt\'"\n'
        '[[package]]\nname = "b"\nversion = "1"\ngroups = ["main", "dev"]\n'
        "markers = {main = \"os_name == 'nt'\", dev = \"os_name == 'posix'\"}\n"
        '[[package]]\nname = "c"\nversion = "1"\ngroups = ["main", "dev"]\n'
        "markers = {dev = \"os_name == 'posix'\"}\n"
    )
    assert read(tmp_path, "poetry.lock", text).requirements == (
        'a==1; os_name == "nt"',
        'b==1; os_name == "nt"',
        "c==1",
    )


def test_lock_without_groups(tmp_path: Path) -> None:
    """Those in between are followed from pyproject.toml: extras and markers count."""
    put(tmp_path, "pyproject.toml", OF_LOCK)
    project = read(tmp_path, "poetry.lock", PACKAGES.format(main="", dev=""))
    assert project.requirements == (
        "celery==5.3.6",
        "redis==5.0",
        'tzdata==2024.1; sys_platform == "win32"',
        "vine==5.1.0",
    )
    assert [o.partition(" of /")[0] for o in project.optional] == ["packages of other groups"]


def test_lock_alone(tmp_path: Path) -> None:
    """Without pyproject.toml every package counts that is not optional."""
    project = read(tmp_path, "poetry.lock", PACKAGES.format(main="", dev=""))
    assert "pytest==8.0" in project.requirements
