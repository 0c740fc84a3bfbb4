"""Finds the tests in an unpacked source distribution, and the options of pytest that they need."""

from __future__ import annotations

import configparser
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from watchdog.model.package_limits import SOURCE_BYTES

_FOLDERS = ("tests", "test")
_TEST_FILE = re.compile(r"(test_.*|.*_test|tests?|.*_tests|testsuite)\.py")
_HAS_TEST = re.compile(rb"^\s*(?:async )?def test_|^class \w+\(.*TestCase", re.MULTILINE)
_NOT_SEARCHED = frozenset(
    {"docs", "doc", "examples", "example", "demo", "demos", "build", "benchmarks", "node_modules"}
)

_KEPT = frozenset({"-m", "-k", "-p", "-W", "--ignore", "--ignore-glob", "--deselect"})
"""Options of `addopts` with a value that decide which tests run, and how warnings are taken."""

_UNWANTED_PLUGINS = ("xdist", "pytest_cov", "pytest_randomly")
"""The tests do not need them, and they are not installed."""

_KEPT_FLAGS = ("--import-mode=", "--asyncio-mode=", "--ignore=", "--ignore-glob=", "--deselect=")
_OWN_FLAGS = ("--doctest-modules",)

_OPTIONS = (
    # Coverage, several processes and reports of the suite's own settings are not wanted here.
    *("-o", "addopts=", "-p", "no:randomly", "--rootdir=."),
    *("--continue-on-collection-errors", "-q", "--tb=short"),
)


_NO_SETTINGS = ("-c", "/dev/null")
"""For a setup.cfg with the section `pytest`, for which pytest ends since 4.0."""


@dataclass(frozen=True, kw_only=True)
class SuiteTests:
    """The tests of a source distribution.

    Attributes:
        paths: what pytest is told to collect, relative to the folder; empty where its settings say.
        files: every file of tests.
        options: further arguments of pytest.
    """

    paths: tuple[str, ...]
    files: tuple[Path, ...]
    options: tuple[str, ...] = ()

    @property
    def arguments(self) -> tuple[str, ...]:
        """All arguments of pytest."""
        return (*_OPTIONS, *self.options, *self.paths)


def find_tests(folder: Path) -> SuiteTests | None:
    """Return the tests of an unpacked source distribution; None if it has none."""
    files = tuple(sorted(_test_files(folder)))
    if not files:
        return None
    settings = _pytest_settings(folder)
    options = _kept_options(str(settings.get("addopts") or ""))
    if "pytest" in read_ini(folder / "setup.cfg"):
        options = (*options, *_NO_SETTINGS)
    options += _name_options(files, settings)
    named = _words(settings.get("testpaths"))
    if named and any((folder / path).exists() for path in named):
        return SuiteTests(paths=(), files=files, options=options)
    return SuiteTests(paths=_paths(folder, files), files=files, options=options)


def _name_options(files: tuple[Path, ...], settings: dict[str, Any]) -> tuple[str, ...]:
    """Return the option by which pytest takes files whose names it would not take by itself.

    Named one by one beside their folder, newer versions of pytest leave them out.
    """
    patterns = _words(settings.get("python_files")) or ["test_*.py", "*_test.py"]
    others = {f.name for f in files if not any(f.match(pattern) for pattern in patterns)}
    return ("-o", f"python_files={' '.join([*patterns, *sorted(others)])}") if others else ()


def _test_files(folder: Path) -> Iterator[Path]:
    """Yield the Python files that hold tests: by name, and by what stands in them."""
    for path in folder.rglob("*.py"):
        parts = path.relative_to(folder).parts
        is_searched = parts[-1] != "conftest.py" and not _NOT_SEARCHED.intersection(parts[:-1])
        if not is_searched or not path.is_file():
            continue
        in_folder = any(part in _FOLDERS for part in parts[:-1])
        if (in_folder or _TEST_FILE.fullmatch(parts[-1])) and _holds_tests(path):
            yield path


def _holds_tests(path: Path) -> bool:
    if path.stat().st_size > SOURCE_BYTES:
        return False
    return _HAS_TEST.search(path.read_bytes()) is not None


def _paths(folder: Path, files: tuple[Path, ...]) -> tuple[str, ...]:
    """Return the folders of tests, and the files that are in none."""
    paths = {(path.relative_to(folder), _folder_of(path.relative_to(folder))) for path in files}
    return tuple(sorted({str(own if parent is None else parent) for own, parent in paths}))


def _folder_of(path: Path) -> Path | None:
    """Return the outermost folder of tests that a file is in; None if it is in none."""
    for number, part in enumerate(path.parts[:-1], 1):
        if part in _FOLDERS:
            return Path(*path.parts[:number])
    return None


def _pytest_settings(folder: Path) -> dict[str, Any]:
    """Return the settings of pytest, from the first file that has some."""
    for name, section in (
        ("pytest.ini", "pytest"),
        ("pyproject.toml", ""),
        ("tox.ini", "pytest"),
        ("setup.cfg", "tool:pytest"),
    ):
        if section:
            settings = read_ini(folder / name).get(section)
        else:
            table = read_toml(folder / name).get("tool", {}).get("pytest", {})
            settings = table.get("ini_options") if isinstance(table, dict) else None
        if settings:
            return dict(settings)
    return {}


def read_ini(path: Path) -> dict[str, dict[str, str]]:
    """Return the sections of an INI file; none if it is missing or cannot be read."""
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string(read_text(path))
    except configparser.Error:
        return {}
    return {name: {k: v or "" for k, v in parser.items(name)} for name in parser.sections()}


def read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a TOML file; nothing if it is missing or cannot be read."""
    try:
        return tomllib.loads(read_text(path))
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def read_text(path: Path) -> str:
    """Return the text of a file; empty if it is missing, too long or no plain file."""
    try:
        if not path.is_file() or path.stat().st_size > SOURCE_BYTES:
            return ""
        return path.read_text("utf-8", "replace")
    except (OSError, ValueError):
        return ""


def _words(value: Any) -> list[str]:  # noqa: ANN401  a string or a list, by the format
    if isinstance(value, list):
        return [str(item) for item in value]
    return str(value or "").split()


def _kept_options(addopts: str) -> tuple[str, ...]:
    """Return the options of `addopts` that decide which tests there are."""
    if addopts.startswith("["):
        addopts = " ".join(re.findall(r"'([^']*)'", addopts))
    try:
        words = shlex.split(addopts)
    except ValueError:
        return ()
    kept: list[str] = []
    following = iter(words)
    for word in following:
        if word in _KEPT:
            value = next(following, None)
            if value is not None and not value.startswith(_UNWANTED_PLUGINS):
                kept += [word, value]
        elif word.startswith(_KEPT_FLAGS) or word in _OWN_FLAGS:
            kept.append(word)
    return tuple(kept)
