"""What the tests of a source distribution need, from where it is declared, or from imports."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchdog.analysis.suite.needs import find_needs

PKG_INFO = (
    "Metadata-Version: 2.1\nName: ext\nProvides-Extra: test\nRequires-Dist: flask\n"
    'Requires-Dist: blinker>=1.4; extra == "test"\n'
    "Requires-Dist: mock<5; python_version < '3.9' and extra == 'test'\n"
    'Requires-Dist: sphinx; extra == "docs"\n'
)


def needs(folder: Path, files: dict[str, str]) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    """Return requirements, source and unknown modules of a folder with these files."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    tests = [folder / name for name in files if name.startswith("tests/")]
    found = find_needs(folder, "ext", tests, {"flask_login": "flask-login"})
    return found.requirements, found.source, found.unknown


@pytest.mark.parametrize(
    ("files", "requirements", "source"),
    [
        (
            {"PKG-INFO": PKG_INFO},
            ("blinker>=1.4", 'mock<5; python_version < "3.9"', "pytest"),
            "the extra `test`",
        ),
        (
            {"pyproject.toml": '[project.optional-dependencies]\ntests = ["redis==4.1", "tox"]\n'},
            ("pytest", "redis"),
            "the extra `tests`",
        ),
        (
            {
                "pyproject.toml": "[dependency-groups]\n"
                'base = ["six"]\ntest = [{include-group = "base"}, "pytest>=7"]\n'
            },
            ("pytest>=7", "six"),
            "the dependency group `test`",
        ),
        (
            {
                "pyproject.toml": "[tool.poetry.group.test.dependencies]\n"
                'responses = "^0.23"\nsix = {version = "*", extras = ["x"]}\n'
            },
            ("pytest", "responses<0.24,>=0.23", "six[x]"),
            "the group of Poetry `test`",
        ),
        (
            {"setup.cfg": "[options.extras_require]\ntest =\n  redis\n  black\n"},
            ("pytest", "redis"),
            "the extra `test`",
        ),
        (
            {"setup.py": "needed = ['redis']\nsetup(name='ext', tests_require=needed)\n"},
            ("pytest", "redis"),
            "the extra `tests-require`",
        ),
        (
            {
                "tox.ini": "[testenv]\ndeps =\n    -r{toxinidir}/requirements/tests.txt\n"
                "    py38: typing\n    redis\n",
                "requirements/tests.txt": "# made by a tool\nsix==1.16 --hash=sha256:0\n",
            },
            ("pytest", "redis", "six"),
            "tox.ini",
        ),
        (
            {"test-requirements.txt": "redis\n-r more.txt\n", "more.txt": "six\n-e .\n"},
            ("pytest", "redis", "six"),
            "test-requirements.txt",
        ),
        (
            {"requirements-dev.txt": "redis\n", "PKG-INFO": PKG_INFO},
            ("blinker>=1.4", 'mock<5; python_version < "3.9"', "pytest"),
            "the extra `test`",
        ),
        (
            {"pyproject.toml": '[tool.pdm.dev-dependencies]\ntest = ["redis>=4"]\n'},
            ("pytest", "redis>=4"),
            "the group of PDM `test`",
        ),
        (
            {"pyproject.toml": '[tool.uv]\ndev-dependencies = ["redis", "ruff"]\n'},
            ("pytest", "redis"),
            "the group of uv `dev`",
        ),
        (
            {
                "pyproject.toml": '[tool.hatch.envs.hatch-test]\ndependencies = ["redis"]\n'
                'extra-dependencies = ["six", "{root:uri}"]\n'
            },
            ("pytest", "redis", "six"),
            "the environment of Hatch `test`",
        ),
        ({"requirements/test.pip": "redis\n"}, ("pytest", "redis"), "requirements/test.pip"),
        ({"requirements-dev.in": "redis\n"}, ("pytest", "redis"), "requirements-dev.in"),
    ],
)
def test_declared(
    tmp_path: Path, files: dict[str, str], requirements: tuple[str, ...], source: str
) -> None:
    """The first place that declares something counts; tools beside the tests are left out."""
    assert needs(tmp_path, files) == (requirements, source, ())


def test_imports_that_are_known_are_added(tmp_path: Path) -> None:
    """Modules of known packages are added, others named; own and standard modules are neither."""
    text = (
        "import os, yaml, ext, helper, strange.deep\nfrom flask_login import x\n"
        "from . import y\ntry:\n    import redis\nexcept ImportError:\n    pass\n"
        "def test_a(mocker):\n    pass\n"
    )
    files = {"tests/test_a.py": text, "tests/helper.py": "", "tests/broken.py": "def (\n"}
    requirements, source, unknown = needs(tmp_path, files)
    assert requirements == ("flask-login", "pytest", "pytest-mock", "pyyaml")
    assert (source, unknown) == ("what the tests import", ("strange",))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("@pytest.mark.asyncio\nasync def test_a(): pass\n", ("pytest", "pytest-asyncio")),
        ("pytestmark = pytest.mark.trio\n", ("pytest", "pytest-trio")),
        ("pytestmark = [pytest.mark.anyio]\n", ("anyio", "pytest")),
        ("def test_a(mocker): pass\n", ("pytest", "pytest-mock")),
        ("@pytest.mark.skip\ndef test_a(): pass\n", ("pytest",)),
    ],
)
def test_plugins(tmp_path: Path, source: str, expected: tuple[str, ...]) -> None:
    """A plugin is added whose mark or fixture a test has, if nothing declares it."""
    assert needs(tmp_path, {"tests/test_a.py": source})[0] == expected


def test_imports_that_another_extra_declares(tmp_path: Path) -> None:
    """What a test imports somewhere is added if an extra of any name declares it."""
    files = {
        "pyproject.toml": "[project.optional-dependencies]\n"
        'test = ["redis"]\narrow = ["arrow>=1"]\nother = ["colour"]\n',
        "tests/test_a.py": "def test_a():\n    import arrow\n",
    }
    requirements, _, unknown = needs(tmp_path, files)
    assert (requirements, unknown) == (("arrow>=1", "pytest", "redis"), ())


@pytest.mark.parametrize(
    "files",
    [
        {"tox.ini": "[testenv]\ndeps = -r../../secret.txt\n"},
        {"requirements-test.txt": "-r /etc/hostname\n"},
        {"requirements-test.txt": "-r requirements-test.txt\n"},
        {"pyproject.toml": '[dependency-groups]\ntest = [{include-group = "test"}]\n'},
        {"pyproject.toml": "project = 1\ndependency-groups = []\ntool = 2\n"},
        {"setup.py": "setup(extras_require={1: object(), **x})\n"},
        {"PKG-INFO": 'Requires-Dist: not a requirement !!; extra == "test"\n'},
        {"requirements-test.txt": "x @ https://example.org/x.zip\ngit+https://example.org/y\n"},
    ],
)
def test_what_cannot_be_used(tmp_path: Path, files: dict[str, str]) -> None:
    """Files with mistakes declare nothing, and none outside of the folder is read."""
    (tmp_path / "secret.txt").write_text("secret\n", "utf-8")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert needs(inner, files) == (("pytest",), "what the tests import", ())
