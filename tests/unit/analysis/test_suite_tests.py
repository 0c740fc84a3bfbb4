"""How the tests in a source distribution are found, and which options of pytest they need."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchdog.analysis.suite.tests import find_tests

TEST = "def test_it():\n    pass\n"
CASE = "import unittest\nclass ItTest(unittest.TestCase):\n    def testIt(self):\n        pass\n"


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write files below a folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


@pytest.mark.parametrize(
    ("files", "paths"),
    [
        ({"tests/test_a.py": TEST, "tests/helper.py": "x = 1\n"}, ("tests",)),
        ({"tests/__init__.py": "", "tests/basic.py": CASE}, ("tests",)),
        ({"src/pkg/tests/test_a.py": TEST}, ("src/pkg/tests",)),
        ({"tests.py": CASE}, ("tests.py",)),
        ({"test_flat.py": TEST}, ("test_flat.py",)),
        ({"pkg/talisman_test.py": CASE}, ("pkg/talisman_test.py",)),
        ({"setup.cfg": "[tool:pytest]\ntestpaths = t\n", "t/test_a.py": TEST}, ()),
        ({"pytest.ini": "[pytest]\ntestpaths = no\n", "test/test_a.py": TEST}, ("test",)),
        (
            {
                "pyproject.toml": '[tool.pytest.ini_options]\npython_files = ["check_*.py"]\n',
                "tests/check_a.py": TEST,
            },
            ("tests",),
        ),
    ],
)
def test_tests_are_found(tmp_path: Path, files: dict[str, str], paths: tuple[str, ...]) -> None:
    """Folders of tests are named, and files that pytest would not take by itself."""
    found = find_tests(write(tmp_path, files))
    assert found is not None
    assert found.paths == paths


def test_names_that_pytest_would_not_take(tmp_path: Path) -> None:
    """Files of other names are made known by an option, beside those that pytest takes."""
    found = find_tests(write(tmp_path, {"tests/basic.py": CASE, "tests/test_a.py": TEST}))
    assert found is not None
    assert found.options == ("-o", "python_files=test_*.py *_test.py basic.py")


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"docs/test_a.py": TEST, "examples/tests/test_b.py": TEST},
        {"pkg/testing.py": "def test_client():\n    pass\n"},
        {"tests/test_a.py": "# moved\n"},
        {"tests/conftest.py": TEST},
        {"pkg/app.py": TEST},
        {"tests/test_a.py/inside.txt": TEST},
    ],
)
def test_no_tests(tmp_path: Path, files: dict[str, str]) -> None:
    """What only looks like tests is none."""
    assert find_tests(write(tmp_path, files)) is None


@pytest.mark.parametrize(
    ("addopts", "options"),
    [
        ("--cov=pkg --cov-report term -n 4 -v", ()),
        ('-m "not slow" --import-mode=importlib', ("-m", "not slow", "--import-mode=importlib")),
        ("-p no:warnings --ignore=tests/x", ("-p", "no:warnings", "--ignore=tests/x")),
        ("-p xdist -W error", ("-W", "error")),
        ("-p pytest_cov -p own.plugin", ("-p", "own.plugin")),
        ("-m 'open", ()),
    ],
)
def test_options(tmp_path: Path, addopts: str, options: tuple[str, ...]) -> None:
    """Of `addopts` only those are kept that decide which tests run and what is an error."""
    write(tmp_path, {"pytest.ini": f"[pytest]\naddopts = {addopts}\n", "tests/test_a.py": TEST})
    found = find_tests(tmp_path)
    assert found is not None
    assert found.options == options


def test_section_that_ends_pytest(tmp_path: Path) -> None:
    """Settings for which pytest ends are not read by it."""
    found = find_tests(
        write(tmp_path, {"setup.cfg": "[pytest]\nnorecursedirs = x\n", "tests/test_a.py": TEST})
    )
    assert found is not None
    assert found.options == ("-c", "/dev/null")


def test_settings_that_cannot_be_read(tmp_path: Path) -> None:
    """Files with mistakes are read as if they were not there."""
    files = {
        "pyproject.toml": "[tool\n",
        "tox.ini": "nonsense\n",
        "setup.cfg": "[tool:pytest\n",
        "tests/test_a.py": TEST,
    }
    found = find_tests(write(tmp_path, files))
    assert found is not None
    assert found.paths == ("tests",)
