"""Runs one smoke inside a cell and reports each step as an event.

Standard library only, and it runs on Python 3.8. By hand, in an environment that has the subject:

    python watchdog/harness/probe.py watchdog/smokes/smoke_flask_login.py

Under the watchdog (`--watched`), a JSON object on standard input names the file for the events,
a token that every event carries, and the limits. If the process dies, the events it has written
remain: the last one says what it was doing.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import linecache
import os
import signal
import sys
import time
import traceback
import warnings
from types import FrameType, TracebackType

TYPE_CHECKING = False
if TYPE_CHECKING:  # each import here is paid by every cell
    import ast
    from typing import Any, Callable

MAX_FRAMES = 30
MAX_WARNINGS = 200
MAX_TEXT = 4000


def _limit(config: dict[str, Any]) -> None:
    """Limit memory, processor time, file size and core files, where the system can."""
    if hasattr(signal, "alarm"):
        # The watchdog stops a cell in time. If it is killed itself, this stops what it left.
        signal.alarm(2 * int(config.get("seconds", 0)) + 5)
    try:
        import resource
    except ImportError:  # Windows
        return
    for name, value in (
        ("RLIMIT_AS", config.get("memory_mb", 0) * 1024 * 1024),
        ("RLIMIT_CPU", 2 * config.get("seconds", 0)),
        ("RLIMIT_FSIZE", 512 * 1024 * 1024),
        ("RLIMIT_CORE", -1),
    ):
        if value and hasattr(resource, name):
            soft = max(value, 0)
            try:
                # One more at the hard limit, so that SIGXCPU comes before SIGKILL.
                resource.setrlimit(getattr(resource, name), (soft, soft + 1))
            except (ValueError, OSError):
                pass


_HERE = _limit.__code__.co_filename
_STDLIB = os.path.dirname(os.__file__)  # sysconfig says the same; each cell would pay its import


class Probe:
    """Runs the tests of one smoke and passes what happened to `emit`."""

    def __init__(
        self, smoke: str, emit: Callable[..., None], loaded: Callable[[], object] = lambda: None
    ) -> None:
        self.smoke = os.path.abspath(smoke)
        self.emit = emit
        self.loaded = loaded
        self.warnings: dict[tuple[object, ...], dict[str, Any]] = {}

    def place(self, path: str) -> str:
        """Return a file name that is the same on every machine."""
        parts = path.replace("\\", "/")
        if "/site-packages/" in parts:
            return "site-packages/" + parts.rsplit("/site-packages/", 1)[1]
        if os.path.abspath(path) == self.smoke:
            return os.path.basename(path)
        if path.startswith(_STDLIB):
            return "python" + parts[len(_STDLIB) :]
        return os.path.basename(path)

    def frames(self, trace: TracebackType | None) -> list[dict[str, Any]]:
        """Return the frames of a traceback, without those of this file."""
        summary = traceback.extract_tb(trace)[-MAX_FRAMES:]
        return [
            {
                "file": self.place(frame.filename),
                "function": frame.name,
                "line": frame.lineno or 0,
                "code": (frame.line or "")[:300],
            }
            for frame in summary
            if frame.filename != _HERE and not frame.filename.startswith("<frozen")
        ]

    def failure(self, error: BaseException) -> dict[str, Any]:
        """Return the type, message and frames of an exception."""
        cls = type(error)
        module = "" if cls.__module__ in ("builtins", "__main__") else cls.__module__ + "."
        try:
            message = str(error)
        except Exception:
            message = "(its text cannot be made)"
        if isinstance(error, AssertionError) and not message.strip():
            message = self.explain(error)
        if isinstance(error, SyntaxError) and error.filename:
            message = "%s (%s, line %s)" % (error.msg, self.place(error.filename), error.lineno)
        return {
            "type": module + cls.__qualname__,
            "message": message[:MAX_TEXT],
            "frames": self.frames(error.__traceback__),
        }

    def explain(self, error: BaseException) -> str:
        """Return the source of a failed assert and the values it compared.

        Only names, attributes, items and constants are looked up. Nothing is called again: a call
        is shown as it is written.
        """
        import ast

        trace = error.__traceback__
        while trace is not None and trace.tb_next:
            trace = trace.tb_next
        if trace is None:
            return ""
        frame = trace.tb_frame
        lines = linecache.getlines(frame.f_code.co_filename, frame.f_globals)
        try:
            tree = ast.parse("".join(lines))
        except SyntaxError:
            return ""
        for node in ast.walk(tree):
            last = getattr(node, "end_lineno", None) or 0
            if isinstance(node, ast.Assert) and node.lineno <= trace.tb_lineno <= last:
                text = " ".join(part.strip() for part in lines[node.lineno - 1 : last])
                tests = node.test
                sides = [tests.left] + tests.comparators if isinstance(tests, ast.Compare) else []
                values = [self.value(side, frame) for side in sides]
                known = [v for v in values if v is not None]
                return text + (" (here %s)" % ", ".join(known) if known else "")
        return ""

    def value(self, node: ast.expr, frame: FrameType) -> str | None:
        """Return `name is value` for an expression that calls nothing; None for any other."""
        import ast

        if isinstance(node, ast.Constant):
            return None
        for inner in ast.walk(node):
            if not isinstance(
                inner, (ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.Load, ast.Index)
            ):
                return None
        try:
            code = compile(ast.Expression(node), "<assert>", "eval")
            value = eval(code, frame.f_globals, frame.f_locals)  # noqa: S307  looks up, calls nothing
            return "%s is %.120r" % (_source(node), value)
        except Exception:
            return None

    def warned(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        _file: object = None,
        _line: object = None,
    ) -> None:
        """Count a warning and keep who caused it; replaces `warnings.showwarning`."""
        stack: list[str] = []
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
        while frame is not None and len(stack) < 4:
            name = frame.f_code.co_filename
            if "site-packages" in name:
                stack.append("%s:%d %s" % (self.place(name), frame.f_lineno, frame.f_code.co_name))
            frame = frame.f_back
        key = (category.__name__, str(message)[:MAX_TEXT], filename, lineno)
        if key in self.warnings:
            self.warnings[key]["count"] += 1
        elif len(self.warnings) < MAX_WARNINGS:
            self.warnings[key] = {
                "category": category.__name__,
                "message": key[1],
                "file": self.place(filename),
                "line": lineno,
                "code": linecache.getline(filename, lineno).strip()[:300],
                "stack": stack,
                "count": 1,
            }

    def run(self) -> bool:
        """Load the smoke and run its tests in order; return whether none of them failed."""
        warnings.simplefilter("default")
        warnings.showwarning = self.warned  # type: ignore[assignment]
        self.emit("loading")
        try:
            spec = importlib.util.spec_from_file_location("smoke", self.smoke)
            module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
            sys.modules["smoke"] = module
            spec.loader.exec_module(module)  # type: ignore[union-attr]
        except BaseException as error:
            if _skips(error):
                reason = str(error)[:500]
                self.emit("test", name="(all)", title="", outcome="skipped", reason=reason)
                self.finish()
                return True
            traceback.print_exc()
            self.emit("failed", failure=self.failure(error))
            self.finish()
            return False
        self.emit("loaded")
        self.loaded()
        good = True
        for name, function in list(vars(module).items()):
            if name.startswith("test_") and callable(function):
                good = self.test(name, function) and good
        self.finish()
        return good

    def test(self, name: str, function: Callable[[], object]) -> bool:
        """Run one test and report how it ended; return whether it did not fail."""
        title = (function.__doc__ or "").strip().splitlines()
        event: dict[str, Any] = {"name": name, "title": title[0].strip() if title else ""}
        self.emit("testing", **event)
        started = time.perf_counter()
        try:
            function()
            event["outcome"] = "passed"
        except BaseException as error:
            if _skips(error):
                event.update(outcome="skipped", reason=str(error)[:500])
            else:
                traceback.print_exc()
                event.update(outcome="failed", failure=self.failure(error))
        event["seconds"] = round(time.perf_counter() - started, 4)
        self.emit("test", **event)
        return bool(event["outcome"] != "failed")

    def finish(self) -> None:
        """Report the end, with every warning that was raised."""
        warnings.showwarning = _quiet
        self.emit("end", warnings=list(self.warnings.values()))


def _skips(error: BaseException) -> bool:
    """Return whether an exception is `unittest.SkipTest`.

    Most smokes do not import unittest; looking in `sys.modules` saves them the import.
    """
    unittest = sys.modules.get("unittest")
    return unittest is not None and isinstance(error, unittest.SkipTest)


def _quiet(*_args: object, **_kwargs: object) -> None:
    pass


def _source(node: ast.expr) -> str:
    """Return a short name for an expression."""
    import ast

    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return _source(node.value) + "." + node.attr
    return "it"


def _printer(kind: str, **fields: Any) -> None:
    """Print how a test ended, for people who run a smoke by hand."""
    if kind == "test":
        mark = {"passed": "ok  ", "failed": "FAIL", "skipped": "skip"}[fields["outcome"]]
        print("%s %s  %s" % (mark, fields["name"], fields.get("reason") or fields["title"]))
    elif kind == "failed":
        print("FAIL while loading the smoke")


def _writer(path: str, token: str) -> Callable[..., None]:
    """Return a function that appends events to a file, one JSON object a line."""
    out = open(path, "a", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115  until exit

    def emit(kind: str, **fields: Any) -> None:
        fields.update(event=kind, token=token)
        out.write(json.dumps(fields) + "\n")
        out.flush()

    return emit


def main(argv: list[str]) -> int:
    """Run a smoke; return 0 if nothing failed, 1 if something did, 2 for wrong arguments."""
    if len(argv) == 2:
        return 0 if Probe(argv[1], _printer).run() else 1
    if argv[2:] != ["--watched"]:
        print("usage: python probe.py SMOKE", file=sys.stderr)
        return 2
    config = json.loads(sys.stdin.read())
    _limit(config)
    # What was imported stays until the end, so the garbage collector need not look at it while the
    # tests run: that takes a twentieth of a cell's time. What the tests make is collected as usual.
    probe = Probe(argv[1], _writer(config["events"], config["token"]), gc.freeze)
    return 0 if probe.run() else 1


if __name__ == "__main__":
    code = main(sys.argv)
    sys.stdout.flush()
    sys.stderr.flush()
    # os._exit, because threads that a smoke left behind (servers, pools) would keep the cell alive.
    os._exit(code)
