"""Programs that run inside a cell, and the smokes: where their files are.

The programs use only the standard library and run on the oldest Python of the matrix.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from watchdog.model.cell import smoke_name

PACKAGE = Path(__file__).parents[1]
"""The folder of this package; paths into it are redacted to `watchdog`."""

PROBE = PACKAGE / "harness" / "probe.py"
"""Runs a smoke and reports what happened."""

BARE = PACKAGE / "harness" / "bare.py"
"""Runs the tests of a smoke without the probe, for the second opinion."""

API = PACKAGE / "harness" / "api.py"
"""Tells which names and parameters an installed package offers."""

COVERAGE = PACKAGE / "harness" / "coverage.py"
"""Lists which functions of a package a smoke runs."""

IMPORTS = PACKAGE / "harness" / "imports.py"
"""Imports what distributions ship."""

COMMAND = PACKAGE / "harness" / "command.py"
"""Runs a command in a copy of a project."""

SUITE = PACKAGE / "harness" / "suite.py"
"""Runs the test suite of a package."""

SMOKES = PACKAGE / "smokes"
FIXTURES = SMOKES / "fixtures"
"""Modules with what several smokes share; see `smoke_source`."""

AUTOMATIC = SMOKES / "automatic" / "__init__.py"
"""The smoke of packages that have none of their own; the files beside it are a part of it."""


def smoke_file(subject: str, folder: Path = SMOKES) -> Path:
    """Return the smoke of a subject: its own in `folder`, else the automatic one."""
    own = folder / f"{smoke_name(subject)}.py"
    automatic = folder / "automatic.py"
    return next((smoke for smoke in (own, automatic) if smoke.is_file()), AUTOMATIC)


def smoke_module(smoke: Path) -> str:
    """Return the name of the module that a smoke is: `smoke_flask_login`, `automatic`."""
    return smoke.parent.name if smoke.stem == "__init__" else smoke.stem


def smoke_parts(smoke: Path) -> tuple[Path, ...]:
    """Return the files of a smoke: itself, and if it is a package, the modules beside it."""
    return tuple(sorted(smoke.parent.glob("*.py"))) if smoke.stem == "__init__" else (smoke,)


def smoke_source(smoke: Path) -> bytes:
    """Return the text of a smoke's file, with each fixture in place of the line that imports it.

    A fixture may take in another one.

    So a smoke is one file wherever it is copied, and a program that is cut out of it is whole.
    """

    def fixture(line: re.Match[bytes]) -> bytes:
        path = FIXTURES / f"{line['name'].decode()}.py"
        return smoke_source(path) if path.is_file() else line[0]

    return _IMPORT_LINE.sub(fixture, smoke.read_bytes())


_IMPORT_LINE = re.compile(rb"^from (?P<name>\w+) import [\w, ]+\n", re.MULTILINE)


def is_automatic(smoke: Path) -> bool:
    """Return whether a smoke knows nothing about the package that it tests."""
    return smoke_module(smoke) == "automatic"


def has_smoke(subject: str, folder: Path = SMOKES) -> bool:
    """Return whether somebody wrote a smoke for a subject."""
    return not is_automatic(smoke_file(subject, folder))


def imports_smoke(distributions: Iterable[str]) -> str:
    """Return the source of a smoke with one test for each distribution: that it can be imported.

    Args:
        distributions: normalised names.
    """
    tests = "".join(
        f"\n\ndef {test_of_import(name)}():\n"
        f'    """{name} can be imported"""\n'
        f"    import_distribution({name!r})\n"
        for name in distributions
    )
    return IMPORTS.read_text("utf-8") + tests


def test_of_import(distribution: str) -> str:
    """Return the name of the test that imports a distribution."""
    return "test_" + distribution.replace("-", "_").replace(".", "_")


def command_smoke(argv: Sequence[str], title: str, project: str) -> str:
    """Return the source of a smoke with one test: that a command succeeds in a project.

    Args:
        argv: the command and its arguments; without any, the application is imported.
        title: the command as a person wrote it.
        project: digest of the project's files; it makes the trials of other files other ones.
    """
    call = f"run_command({list(argv)!r}, {title!r})" if argv else "import_application()"
    return (
        f"{COMMAND.read_text('utf-8')}\n\n# project {project}\n\n\ndef test_command():\n"
        f"    {json.dumps(title)}\n    {call}\n"
    )


def suite_smoke(
    arguments: Sequence[str],
    wanted: Sequence[str] | None,
    sources: str,
    *,
    seconds: int,
    seconds_a_test: int,
) -> str:
    """Return the source of a smoke that runs the test suite of a package.

    Args:
        arguments: of pytest.
        wanted: names of the uses that are run; None for all.
        sources: digest of the suite's files; it makes the trials of other files other ones.
        seconds: after which the suite is ended.
        seconds_a_test: after which a single test is ended.
    """
    suite = {
        "arguments": list(arguments),
        "wanted": None if wanted is None else list(wanted),
        "seconds": seconds,
        "seconds_a_test": seconds_a_test,
    }
    return (
        f"{SUITE.read_text('utf-8')}\n\n# sources {sources}\n_SUITE = {suite!r}\n"
        'if __name__ == "__main__":\n'
        "    sys.exit(run_pytest(_SUITE, sys.argv[1]))\n"
        "load_suite(_SUITE)\n"
    )
