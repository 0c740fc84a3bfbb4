"""Runs a command of the user in a copy of the project; `watchdog.harness.command_smoke` calls it.

Standard library only, and it runs on Python 3.8. The failure that is raised has the type and the
message of what the command printed last, so that it reads, and is compared, like any other.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
import unittest

_EXCEPTION = re.compile(r"^(?:E\s+)?((?:[A-Za-z_][\w.]*\.)?[A-Z]\w*): ?(.*)$")
_PYTEST_FAILURE = re.compile(r"^(?:FAILED|ERROR) ([^\s(]\S*?)(?: - (.*))?$")
_UNITTEST_FAILURE = re.compile(r"^(?:FAIL|ERROR): (\w+) \((?P<where>[\w.]+)\)$")
_UNITTEST_RULE = "=" * 70
_NO_TESTS = 5
"""Exit code of pytest that collected nothing."""
_SERVER_ERROR = 500


class CommandError(Exception):
    """The command ended with a failure that it did not name."""

    __module__ = "builtins"  # it is printed without the name of this module before its own


def project_copy() -> str:
    """Return the path of a writable copy of the project, made at the first call."""
    folder = os.path.abspath("project")
    if not os.path.isdir(folder):
        shutil.copytree(os.environ["WATCHDOG_PROJECT"], folder, symlinks=True)
    return folder


def run_command(argv: list[str], title: str) -> None:
    """Run a command in a copy of the project; raise what it failed with."""
    done = _run(argv, project_copy())
    print(done.stdout)
    if done.returncode == _NO_TESTS and "pytest" in title:
        raise unittest.SkipTest("pytest found no tests")
    if done.returncode:
        raise _failure(done.stdout, done.returncode)


def _run(argv: list[str], folder: str) -> subprocess.CompletedProcess[str]:
    program = sys.executable if argv[0] in ("python", "python3") else shutil.which(argv[0])
    if program is None:
        raise unittest.SkipTest(f"{argv[0]} is not among what the requirements install")
    paths = [folder, os.path.join(folder, "src")]
    return subprocess.run(
        [program, *argv[1:]],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PY_COLORS": "0",
            "NO_COLOR": "1",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def _failure(output: str, code: int) -> Exception:
    """Return an exception with the type and the message of the failure that was printed."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    for line in lines:
        match = _PYTEST_FAILURE.match(line)
        if match:
            test, reason = match.groups()
            of_reason = _EXCEPTION.match(reason) if reason else _first_raised(lines)
            if of_reason:
                return _exception(of_reason[1], f"{of_reason[2]} [{test}]")
            return _exception("TestFailed", f"{reason or test} [{test}]" if reason else test)
    of_unittest = _unittest_failure(lines)
    if of_unittest:
        return of_unittest
    for line in reversed(lines):
        match = _EXCEPTION.match(line)
        if match:
            return _exception(match[1], match[2])
        if re.match(r"^[A-Za-z_.]*(?:Error|Exception|Exit|Interrupt)$", line):
            return _exception(line, "")
    return CommandError(f"exit code {code}: {lines[-1] if lines else 'no output'}")


def _unittest_failure(lines: list[str]) -> Exception | None:
    """Return the exception with which the first test of unittest ended; None if there is none."""
    tests = [n for n, line in enumerate(lines) if _UNITTEST_FAILURE.match(line)]
    if not tests:
        return None
    header = _UNITTEST_FAILURE.match(lines[tests[0]])
    below = list(itertools.takewhile(lambda line: line != _UNITTEST_RULE, lines[tests[0] + 1 :]))
    raised = [match for line in below if (match := _EXCEPTION.match(line))]
    if header is None or not raised:
        return None
    name, where = header[1], header["where"].split(".")
    # Python 3.11 repeats the name of the test; a module that cannot be imported has no class.
    owner = [part for part in where if part != name][-1:]
    test = name if owner == ["_FailedTest"] else ".".join([*owner, name])
    return _exception(raised[-1][1], f"{raised[-1][2]} [{test}]")


def _first_raised(lines: list[str]) -> re.Match[str] | None:
    """Return the first exception that pytest showed; a failed import has none in the summary."""
    shown = (_EXCEPTION.match(line) for line in lines if line.startswith("E  "))
    return next(filter(None, shown), None)


def _exception(name: str, message: str) -> Exception:
    # As a built-in exception it is printed without the name of this module before its own.
    kind = type(name.rpartition(".")[2], (Exception,), {"__module__": "builtins"})
    error: Exception = kind(message)
    return error


def import_application() -> None:
    """Import the application in a copy of the project, as `flask run` does, and request `/`."""
    folder = project_copy()
    os.chdir(folder)
    sys.path[:0] = [folder, os.path.join(folder, "src")]
    from flask.cli import NoAppException, ScriptInfo

    try:
        app = ScriptInfo(app_import_path=_named_application()).load_app()
    except NoAppException as error:
        if "Traceback" not in str(error):
            raise unittest.SkipTest(f"{error} Name a command after --.") from None
        # Flask puts the traceback of what the application raised into the message.
        print(error)
        raise _failure(str(error), 1) from None
    status = app.test_client().get("/").status_code
    print(f"GET / -> {status}")
    if status >= _SERVER_ERROR:
        raise CommandError(f"GET / answers {status}")


def _named_application() -> str | None:
    """Return what FLASK_APP names, in the environment or in the files that Flask reads."""
    if "FLASK_APP" in os.environ:
        return os.environ["FLASK_APP"]
    for name in (".flaskenv", ".env"):
        if os.path.isfile(name):
            for line in open(name, encoding="utf-8", errors="replace"):
                match = re.match(r"\s*(?:export\s+)?FLASK_APP\s*=\s*['\"]?([^'\"\s#]+)", line)
                if match:
                    return match[1]
    return None
