"""Finds what the tests of a source distribution need beside the package, without running anything.

The first of these that says something counts: an extra, a dependency group, tox.ini, a file of
requirements. Exact versions become open: the cutoff decides which are taken. What the tests import
is added if another extra or group declares it, or if it is known beyond doubt which package it is
of.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from watchdog.analysis.suite.declared_groups import declared_groups
from watchdog.analysis.suite.tests import read_ini, read_text

_TEST_NAMES = ("test", "tests", "testing", "pytest", "unittest", "tests-require")
_DEV_NAMES = ("dev", "develop", "development", "dev-dependencies", "all-dev")

_REQUIREMENTS = re.compile(
    r"(?:requirements?[-_./]?(?:tests?|testing|ci)|(?:tests?|testing)[-_./]?requirements?)"
    r"\.(?:in|txt|pip)"
)
_DEV_REQUIREMENTS = re.compile(
    r"(?:requirements?[-_./]?(?:dev|devel|development)|dev[-_./]?requirements?)\.(?:in|txt|pip)"
)

_NO_TEST_TOOLS = (
    *("sphinx*", "*-sphinx*", "furo", "alabaster", "mkdocs*", "docutils", "*theme*", "myst-*"),
    *("flake8*", "black", "isort", "mypy*", "pylint*", "pyright", "ruff", "pycodestyle", "bandit"),
    *("tox*", "nox", "twine", "build", "wheel", "setuptools*", "pip", "pip-tools", "hatch*"),
    *("poetry*", "flit*", "pdm*", "uv", "pre-commit*", "bump*", "zest*", "check-manifest"),
    *("coveralls", "codecov", "python-coveralls", "ipython", "ipdb", "types-*", "*-stubs"),
    *("pytest-cov", "pytest-xdist", "pytest-randomly", "pytest-flake8", "pytest-black", "pep8"),
    *("pytest-pep8", "pytest-mypy*", "pytest-isort", "pytest-ruff", "pyupgrade", "safety"),
    # Part of pytest since 2.8, which it disturbs.
    *(
        "pytest-cache",
        "pytest-flakes",
        "pydocstyle",
        "deptry",
        "reuse",
        "djlint",
        "msgcheck",
        "reno",
    ),
    *("gitchangelog", "towncrier", "releases", "invoke", "semver", "python-semantic-release"),
)
"""Packages that developers use beside the tests; without them the set is smaller."""

_KNOWN_MODULES = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "dateutil": "python-dateutil",
    "jwt": "pyjwt",
    "yaml": "pyyaml",
    **{
        name: name.replace("_", "-")
        for name in (
            *("asgiref", "babel", "cryptography", "faker", "fakeredis", "freezegun", "httpx"),
            *("hypothesis", "lxml", "mock", "mongoengine", "mongomock", "nose", "parameterized"),
            *("peewee", "pymongo", "pytest", "pytz", "redis", "requests", "requests_mock"),
            *("responses", "semantic_version", "simplejson", "six", "sqlalchemy", "testfixtures"),
            *("webtest", "pytest_mock", "pytest_asyncio", "wtforms", "marshmallow", "jsonschema"),
        )
    },
}
"""Which package a module is of, where that is known beyond doubt."""

_FIXTURES = {"mocker": "pytest-mock"}
"""Fixtures whose plugin is known beyond doubt."""

_MARKS = {"anyio": "anyio", "asyncio": "pytest-asyncio", "trio": "pytest-trio"}
"""Marks whose plugin is known beyond doubt."""

_FACTOR = re.compile(r"^[\w.,{}!*-]+:\s*")
_MOST_INCLUDES = 20


@dataclass(frozen=True, kw_only=True)
class SuiteNeeds:
    """What the tests need beside the package.

    Attributes:
        requirements: to be installed with it; always with pytest.
        source: what declares them, in words.
        unknown: modules that the tests import and that are of no package known here.
    """

    requirements: tuple[str, ...]
    source: str
    unknown: tuple[str, ...] = ()


def find_needs(
    folder: Path, subject: str, files: Iterable[Path], modules: Mapping[str, str]
) -> SuiteNeeds:
    """Return what the tests in an unpacked source distribution need.

    Args:
        folder: the unpacked files.
        subject: the package itself.
        files: its tests.
        modules: further packages that are known, by the name of their module.
    """
    groups = _groups_of_all_places(folder)
    declared, source = _declared(folder, groups)
    imported = set(_imported(files))
    known = _KNOWN_MODULES | dict(modules)
    own = set(_own_modules(folder)) | {subject.replace("-", "_")}
    foreign = {m for m in imported if m not in own and m not in sys.stdlib_module_names}
    requirements = {name: text for text in declared if (name := _name(text)) != subject}
    for module in sorted(foreign & known.keys()):
        name = known[module]
        if name != subject:
            requirements.setdefault(name, name)
    everywhere = set(_imported(files, everywhere=True))
    for name, text in _offered(groups).items():
        if name.replace("-", "_") in everywhere and name != subject:
            requirements.setdefault(name, text)
            foreign.discard(name.replace("-", "_"))
    for fixture, plugin in _FIXTURES.items():
        if plugin not in requirements and any(_takes(path, fixture) for path in files):
            requirements[plugin] = plugin
    for mark, plugin in _MARKS.items():
        if plugin not in requirements and any(_is_marked(path, mark) for path in files):
            requirements[plugin] = plugin
    requirements.setdefault("pytest", "pytest")
    return SuiteNeeds(
        requirements=tuple(requirements[name] for name in sorted(requirements)),
        source=source or "what the tests import",
        unknown=tuple(sorted(foreign - known.keys())),
    )


Groups = dict[str, tuple[str, list[str]]]
"""Where some requirements are declared, in words, and these, by the name of extra or group."""


def _groups_of_all_places(folder: Path) -> Groups:
    """Return every extra and group that the source distribution declares."""
    found: Groups = {}
    for name, kind, texts in declared_groups(folder):
        usable = list(_usable(texts))
        if usable:
            found.setdefault(canonicalize_name(name), (f"the {kind} `{name}`", usable))
    return found


def _offered(groups: Groups) -> dict[str, str]:
    """Return every requirement of an extra or group, by the name of its package."""
    texts = (text for _, group in groups.values() for text in group)
    return {_name(text): text for text in texts}


def _declared(folder: Path, found: Groups) -> tuple[list[str], str]:
    """Return the requirements of the first place that declares some, and the place in words."""
    files = _files_of_requirements(folder, _REQUIREMENTS)
    dev_files = _files_of_requirements(folder, _DEV_REQUIREMENTS)
    candidates = [
        *(found.get(name) for name in _TEST_NAMES),
        _of_tox(folder),
        *files,
        *(found.get(name) for name in _DEV_NAMES),
        *dev_files,
    ]
    for candidate in candidates:
        if candidate and candidate[1]:
            return candidate[1], candidate[0]
    return [], ""


def _usable(texts: Iterable[str]) -> Iterator[str]:
    """Yield the requirements that a test may need, with open versions."""
    for text in texts:
        try:
            requirement = Requirement(text.split(" #")[0].strip())
        except InvalidRequirement:
            continue
        name = canonicalize_name(requirement.name)
        if requirement.url or any(fnmatchcase(name, pattern) for pattern in _NO_TEST_TOOLS):
            continue
        extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
        is_exact = any(s.operator in ("==", "===", "~=") for s in requirement.specifier)
        versions = "" if is_exact else str(requirement.specifier)
        marker = f"; {requirement.marker}" if requirement.marker else ""
        yield f"{name}{extras}{versions}{marker}"


def _name(text: str) -> str:
    return canonicalize_name(Requirement(text).name)


def _of_tox(folder: Path) -> tuple[str, list[str]] | None:
    """Return what `[testenv]` of tox.ini installs, with the files of requirements it names."""
    section = read_ini(folder / "tox.ini").get("testenv", {})
    texts: list[str] = []
    for line in (section.get("deps") or "").splitlines():
        text = _FACTOR.sub("", line.strip()).replace("{toxinidir}/", "")
        if text.startswith("-r"):
            path = text.removeprefix("-r").removeprefix("equirement").strip()
            texts += _read_requirements(folder, folder / path)
        elif _FACTOR.match(line.strip()) is None:
            texts.append(text)
    return ("tox.ini", list(_usable(texts))) if texts else None


def _files_of_requirements(folder: Path, pattern: re.Pattern[str]) -> list[tuple[str, list[str]]]:
    """Return each file of requirements whose path matches a pattern, with what it names."""
    names = sorted(
        (str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix in _TEXTS),
        key=lambda name: (not name.endswith(".in"), name.count("/"), name),
    )
    chosen = [name for name in names if pattern.fullmatch(name.lower().removeprefix("tests/"))]
    return [(name, list(_usable(_read_requirements(folder, folder / name)))) for name in chosen]


_TEXTS = (".txt", ".in", ".pip")


def _read_requirements(folder: Path, path: Path, seen: frozenset[Path] = frozenset()) -> list[str]:
    """Return the lines of a file of requirements, with the files it includes; none of outside."""
    real = path.resolve()
    if not real.is_relative_to(folder.resolve()) or real in seen or len(seen) > _MOST_INCLUDES:
        return []
    texts: list[str] = []
    for line in read_text(real).replace("\\\n", " ").splitlines():
        text = line.strip()
        if text.startswith("-r"):
            included = text.removeprefix("-r").strip()
            texts += _read_requirements(folder, real.parent / included, seen | {real})
        elif text and not text.startswith(("#", "-")):
            texts.append(text.split(" --hash")[0].split(" #")[0].strip())
    return texts


def _own_modules(folder: Path) -> Iterator[str]:
    """Yield the names under which files of the source distribution can be imported."""
    for root in (folder, folder / "src", folder / "tests", folder / "test"):
        if root.is_dir():
            for path in root.iterdir():
                if path.is_dir() or path.suffix == ".py":
                    yield path.stem
    for path in folder.rglob("*.py"):
        if {"tests", "test"}.intersection(path.relative_to(folder).parts):
            yield path.stem


def _imported(files: Iterable[Path], *, everywhere: bool = False) -> Iterator[str]:
    """Yield the outermost module of each import that is not conditional, or of every import."""
    for path in files:
        try:
            tree = ast.parse(read_text(path))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for node in ast.walk(tree) if everywhere else tree.body:
            if isinstance(node, ast.Import):
                yield from (alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.split(".")[0]


def _takes(path: Path, fixture: str) -> bool:
    """Return whether a function in a file of tests has an argument of this name."""
    return re.search(rf"def \w+\([^)]*\b{fixture}\b", read_text(path)) is not None


def _is_marked(path: Path, mark: str) -> bool:
    """Return whether a file of tests has a mark of pytest."""
    return re.search(rf"\bpytest\.mark\.{mark}\b", read_text(path)) is not None
