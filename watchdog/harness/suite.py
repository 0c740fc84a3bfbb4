"""Runs the test suite of a package with pytest; `watchdog.harness.suite_smoke` makes a smoke of it.

Standard library only, and it runs on Python 3.8. The suite runs in a process of its own, in a copy
of the source distribution; a plugin writes how each test ended. Then one use is defined for each
test, which passes, or fails as the test did, so that a suite is judged and compared like any smoke.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
import types
import unittest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator

PREFIX = "test_suite:"
"""How the name of a use begins; the rest is the name that pytest gives the test."""

ENDED = "(pytest)"
"""The use that fails if pytest did not end as it should."""

_REPORT = "suite.jsonl"
_PROJECT = "project"
_MOST_TEXT = 1000
_MOST_NAME = 240
_MOST_FRAMES = 6
_MOST_LINE = 100_000
_SECONDS_LEFT = 15
"""What is left of the time limit for reporting, if the suite takes too long."""

_NO_TESTS = 5
"""Exit code of pytest that collected nothing."""

_HIDDEN = ("/site-packages/_pytest/", "/site-packages/pluggy/", "/site-packages/pytest/")


class TestTimeout(BaseException):
    """A test took too long."""

    __module__ = "builtins"
    __test__ = False


def use_name(test: str) -> str:
    """Return the name of the use of a test; a name that is too long ends in a digest."""
    text = "".join(c if c.isprintable() else "?" for c in test)
    if len(text) > _MOST_NAME:
        text = text[: _MOST_NAME - 9] + "~" + hashlib.sha256(test.encode()).hexdigest()[:8]
    return PREFIX + text


class Reporter:
    """A plugin of pytest that writes how each test ended, a JSON object a line."""

    def __init__(self, path: str, wanted: list[str] | None, seconds: int) -> None:
        self.out = open(path, "a", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
        self.wanted = None if wanted is None else set(wanted)
        self.failures: dict[str, dict[str, Any]] = {}
        self.outcome: dict[str, Any] = {}
        self.started = 0.0
        self.seconds = seconds

    def write(self, **line: Any) -> None:
        """Write a line."""
        self.out.write(json.dumps(line) + "\n")
        self.out.flush()

    def pytest_load_initial_conftests(self, early_config: Any) -> Iterator[None]:  # noqa: ARG002
        """Write why a conftest.py cannot be loaded; a hook around those of others."""
        outcome: Any = yield
        error = outcome.excinfo[1] if outcome.excinfo else None
        if error is not None:
            inner = getattr(error, "cause", None) or error.__cause__
            excinfo = getattr(error, "excinfo", None)
            if inner is None and excinfo:
                inner = excinfo[1] if isinstance(excinfo, tuple) else excinfo.value
            self.write(conftest=describe(inner or error))

    def pytest_collection_modifyitems(self, config: Any, items: list[Any]) -> None:
        """Leave out the tests that are not wanted."""
        if self.wanted is not None:
            chosen = [item for item in items if use_name(item.nodeid) in self.wanted]
            left_out = [item for item in items if use_name(item.nodeid) not in self.wanted]
            items[:] = chosen
            config.hook.pytest_deselected(items=left_out)

    def pytest_exception_interact(self, call: Any, report: Any) -> None:
        """Remember the exception with which a test, or the import of its module, failed.

        Of a test, pytest reports the outcome first.
        """
        failure = describe(call.excinfo.value)
        if report.nodeid not in self.failures:
            self.failures[report.nodeid] = failure
            if self.outcome.get("outcome") == "failed":
                self.outcome["failure"] = failure

    def pytest_collectreport(self, report: Any) -> None:
        """Write what cannot be collected."""
        if report.failed:
            failure = self.failures.get(report.nodeid) or _text_failure(report)
            self.write(collect=report.nodeid, failure=failure)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Write that a test begins, and limit its time."""
        self.started = time.perf_counter()
        self.outcome = {"outcome": "skipped"}
        self.write(begin=nodeid)
        if hasattr(signal, "SIGALRM"):
            signal.signal(signal.SIGALRM, self.stop_test)
            signal.alarm(self.seconds)

    def stop_test(self, _number: int, _frame: object) -> None:
        """End a test that takes too long."""
        raise TestTimeout("no result after %d seconds" % self.seconds)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Remember how a part of a test ended; one that failed counts."""
        if report.failed and self.outcome["outcome"] != "failed":
            self.outcome = {"outcome": "failed", "failure": _text_failure(report)}
        elif report.skipped and self.outcome["outcome"] != "failed":
            self.outcome = {"outcome": "skipped", "reason": _skip_reason(report)}
        elif report.passed and report.when == "call" and self.outcome["outcome"] != "failed":
            self.outcome = {"outcome": "passed"}

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Write how a test ended."""
        if hasattr(signal, "SIGALRM"):
            signal.alarm(0)
        self.failures.pop(nodeid, None)
        seconds = round(time.perf_counter() - self.started, 4)
        self.write(test=nodeid, seconds=seconds, **self.outcome)

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write that pytest came to its end."""
        self.write(end=int(exitstatus))


def describe(error: BaseException) -> dict[str, Any]:
    """Return the type, the message and the frames of an exception, as JSON."""
    error = _innermost(error)
    cls = type(error)
    module = "" if cls.__module__ in ("builtins", "__main__") else cls.__module__ + "."
    try:
        message = str(error)
    except Exception:
        message = "(its text cannot be made)"
    if isinstance(error, SyntaxError) and error.filename:
        place = os.path.basename(error.filename)
        message = "%s (%s, line %s)" % (error.msg, place, error.lineno)
    frames = [
        (frame.filename, frame.name, frame.lineno or 0)
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != __file__ and not frame.filename.startswith("<frozen")
    ]
    shown = [f for f in frames if not any(part in f[0].replace(os.sep, "/") for part in _HIDDEN)]
    return {
        "type": module + cls.__qualname__,
        "message": message[:_MOST_TEXT],
        "frames": (shown or frames)[-_MOST_FRAMES:],
    }


def _innermost(error: BaseException) -> BaseException:
    """Return what an exception of pytest, or a group of one kind, stands for."""
    if type(error).__name__ == "CollectError":
        inner = error.__cause__ or error.__context__
        return error if inner is None else inner
    grouped = getattr(error, "exceptions", None)
    if isinstance(grouped, tuple) and grouped and all(isinstance(e, Warning) for e in grouped):
        first: BaseException = grouped[0]
        return first
    return error


def _text_failure(report: Any) -> dict[str, Any]:
    """Return the failure of a report for which no exception was seen."""
    lines = [line for line in str(report.longrepr).splitlines() if line.strip()]
    text = lines[-1].strip() if lines else "without saying how"
    return {"type": "Failed", "message": text[:_MOST_TEXT], "frames": []}


def _skip_reason(report: Any) -> str:
    if hasattr(report, "wasxfail"):
        return ("expected to fail: %s" % report.wasxfail)[:300]
    is_place = isinstance(report.longrepr, tuple)
    text = report.longrepr[-1] if is_place else report.longrepr
    return str(text)[:300]


def run_pytest(suite: dict[str, Any], report: str) -> int:
    """Run pytest in the current folder and write its report; return its exit code."""
    reporter = Reporter(report, suite["wanted"], suite["seconds_a_test"])
    # As `python -m pytest` has it, but behind what is installed.
    sys.path[0:1] = []
    sys.path.append(os.getcwd())
    import pytest

    # Before the plugin is made known to pytest, which reads the marks of its hooks.
    around = pytest.hookimpl(hookwrapper=True, tryfirst=True)
    hook: Any = around(Reporter.pytest_load_initial_conftests)
    Reporter.pytest_load_initial_conftests = hook  # type: ignore[method-assign]
    first = pytest.hookimpl(trylast=True)(Reporter.pytest_collection_modifyitems)
    Reporter.pytest_collection_modifyitems = first  # type: ignore[method-assign]
    return int(pytest.main(suite["arguments"], plugins=[reporter]))


def load_suite(suite: dict[str, Any]) -> None:
    """Run the suite in a process of its own and define a use for each test."""
    folder = os.path.abspath(_PROJECT)
    shutil.copytree(os.environ["WATCHDOG_PROJECT"], folder, symlinks=True)
    report = os.path.abspath(_REPORT)
    ended = _run_apart(folder, report, suite["seconds"] - _SECONDS_LEFT)
    lines = list(_read(report))
    if suite["wanted"] is None:
        results = _all_results(lines, ended)
    else:
        results = _wanted_results(lines, ended, suite["wanted"])
    for name, result in results.items():
        globals()[name] = _use(result)


def _run_apart(folder: str, report: str, seconds: float) -> str:
    """Run pytest in another process; return how it ended, in words."""
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PY_COLORS="0", NO_COLOR="1")
    # What is installed is tested, also where the tests are a part of it and are found twice.
    environment["PY_IGNORE_IMPORTMISMATCH"] = "1"
    environment.pop("WATCHDOG_PROJECT", None)
    process = subprocess.Popen(
        [sys.executable, __file__, report],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    try:
        code = process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return "Timeout: the suite did not end within %d seconds" % seconds
    if code < 0:
        return "Killed: signal %d ended pytest" % -code
    return "Exited: pytest ended with code %d" % code


def _read(path: str) -> Iterator[dict[str, Any]]:
    """Yield the lines of a report; what a test wrote in between does not count."""
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8", errors="replace") as lines:
        for text in lines:
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict):
                yield line


def _results_of_tests(lines: list[dict[str, Any]], ended: str) -> dict[str, dict[str, Any]]:
    """Return how each test ended, by the name of its use; the last that began may have died."""
    results: dict[str, dict[str, Any]] = {}
    begun: str | None = None
    for line in lines:
        if "begin" in line:
            begun = use_name(str(line["begin"]))
        elif "test" in line:
            results[use_name(str(line["test"]))] = line
            begun = None
    if begun is not None and not any("end" in line for line in lines):
        results[begun] = _died(ended)
    return results


def _died(ended: str) -> dict[str, Any]:
    kind, _, message = ended.partition(": ")
    return {"outcome": "failed", "failure": {"type": kind, "message": message, "frames": []}}


def _all_results(lines: list[dict[str, Any]], ended: str) -> dict[str, dict[str, Any]]:
    """Return the results of all tests, and of what could not be collected."""
    results = _results_of_tests(lines, ended)
    for line in lines:
        if "collect" in line:
            name = use_name(str(line["collect"]))
            results[name] = {"outcome": "failed", "failure": line["failure"]}
        elif "conftest" in line:
            results[PREFIX + ENDED] = {"outcome": "failed", "failure": line["conftest"]}
    codes = [line["end"] for line in lines if "end" in line]
    if not codes:
        results.setdefault(PREFIX + ENDED, _died(ended))
    elif codes[-1] == _NO_TESTS and not results:
        raise unittest.SkipTest("pytest found no tests")
    elif codes[-1] not in (0, 1) and not results:
        results[PREFIX + ENDED] = _died(ended)
    return results


def _wanted_results(
    lines: list[dict[str, Any]], ended: str, wanted: list[str]
) -> dict[str, dict[str, Any]]:
    """Return the results of some tests; one whose module cannot be imported fails as that does."""
    results = _results_of_tests(lines, ended)
    whole = [line["conftest"] for line in lines if "conftest" in line]
    modules = {
        use_name(str(line["collect"])): line["failure"] for line in lines if "collect" in line
    }
    is_over = any("end" in line for line in lines)
    chosen = {}
    for name in wanted:
        failures = [f for module, f in modules.items() if _is_in(name, module)] + whole
        if name in results:
            chosen[name] = results[name]
        elif failures:
            chosen[name] = {"outcome": "failed", "failure": failures[0]}
        elif not is_over and not results:
            chosen[name] = _died(ended)
        else:
            reason = "it was not collected" if is_over else "pytest ended before it"
            chosen[name] = {"outcome": "skipped", "reason": reason}
    return chosen


def _is_in(test: str, place: str) -> bool:
    """Return whether a test is in a module, a class or a folder."""
    folder = place[: -len("/__init__.py")] if place.endswith("/__init__.py") else place  # 3.8
    return test.startswith((place + "::", folder + "/")) or place in (PREFIX, PREFIX + ".")


def _use(result: dict[str, Any]) -> Callable[[], None]:
    """Return the function that passes, fails or is skipped as a test was."""

    def use() -> None:
        if result["outcome"] == "skipped":
            raise unittest.SkipTest(str(result.get("reason") or ""))
        if result["outcome"] == "failed":
            raise_again(result["failure"])

    return use


def raise_again(failure: dict[str, Any]) -> None:
    """Raise an exception with the type, the message and the frames of another process's."""
    module, _, name = str(failure["type"]).rpartition(".")
    # As a built-in exception it is printed without the name of this module before its own.
    kind = type(name, (Exception,), {"__module__": module or "builtins", "__qualname__": name})
    error = kind(failure["message"])
    frames = failure["frames"]
    try:
        _raise_through(frames, error)
    except Exception as raised:
        error = raised
    raise error.with_traceback(_without_own(error.__traceback__))


def _raise_through(frames: list[Any], error: Exception) -> None:
    """Raise an exception from code that has the places of these frames."""
    if not frames:
        raise error
    (file, function, line), rest = frames[0], frames[1:]
    code = compile("\n" * min(line - 1, _MOST_LINE) + "proceed(rest, error)", file, "exec")
    if hasattr(code, "replace"):
        code = code.replace(co_name=function)
    exec(code, {"proceed": _raise_through, "rest": rest, "error": error})  # noqa: S102  our own code


def _without_own(trace: types.TracebackType | None) -> types.TracebackType | None:
    """Return a traceback without the frames of this file."""
    kept = []
    while trace is not None:
        if trace.tb_frame.f_code.co_filename != __file__:
            kept.append(trace)
        trace = trace.tb_next
    chain: types.TracebackType | None = None
    for part in reversed(kept):
        chain = types.TracebackType(chain, part.tb_frame, part.tb_lasti, part.tb_lineno)
    return chain
