"""Makes the title of a failure: the exception that a user sees, or a sentence about the test.

Stored symptoms and signatures stay as they are; a title is made when it is shown.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from types import MappingProxyType

from watchdog.facts.tracebacks import LoggedException, logged_exceptions
from watchdog.model.evidence import Stage

LONGEST = 240
_LONGEST_VALUE = 90

_PATH = re.compile(r"\s*\((?:[^()\s]*[/\\][^()]*|unknown location)\)")
_GUESS = re.compile(r"\.? Did you mean:? .*$")
_ASSERTION = "AssertionError"
_OF_CLIENTS = ("TimeoutError", "urllib.error.HTTPError", "socket.timeout", "ConnectionResetError")
_ABOUT_RESULTS = ("IndexError", "KeyError", "StopIteration", "TypeError: 'NoneType' object")
_DEATHS = ("Timeout", "Killed", "Exited")
_DURING = re.compile(r" in (?P<test>test_\w+)$")


def title_of(
    symptom: str,
    *,
    stage: Stage = Stage.SMOKE,
    test: str | None = None,
    test_titles: Mapping[str, str] = MappingProxyType({}),
    log: str = "",
) -> str:
    """Return the title of a failure, as people would search for it.

    Args:
        symptom: the last line of the traceback, or what stands in its place.
        stage: the step at which it stopped.
        test: name of the function of the smoke that failed, if one did.
        test_titles: the first line of the docstring of each test of the smoke.
        log: the output of the smoke.

    Returns:
        The exception with its class, if a package raised it; the exception that the log shows
        behind it, if only the smoke noticed that something is wrong; else a sentence of what was
        tested, expected and received.
    """
    return _shorten(_title(_Case(symptom, test, test_titles, log), stage), LONGEST)


@dataclass(frozen=True)
class _Case:
    """A failure whose title is made."""

    symptom: str
    test: str | None
    test_titles: Mapping[str, str]
    log: str

    @property
    def name(self) -> str:
        """The class of the exception."""
        return self.symptom.partition(": ")[0]

    @property
    def message(self) -> str:
        """The message of the exception."""
        return self.symptom.partition(": ")[2]

    @cached_property
    def exceptions(self) -> list[LoggedException]:
        """The exceptions of the log."""
        return list(logged_exceptions(self.log))

    @cached_property
    def own(self) -> LoggedException | None:
        """The exception that ended the test, with its traceback; None if that was cut away."""
        ended = [e for e in self.exceptions if e.text.partition(": ")[0] == self.name]
        if self.test is None:
            return next((e for e in reversed(ended) if e.of_probe), None)
        return next((e for e in reversed(ended) if e.ended(self.test)), None)

    @property
    def code(self) -> str:
        """The line of the smoke that failed."""
        frames = [f for f in self.own.frames if f.in_smoke] if self.own else []
        return frames[-1].code if frames else ""

    def sentence(self, what: str, test: str | None = None) -> str:
        """Return `TITLE OF THE TEST: what went wrong`."""
        name = self.test or test or ""
        in_words = name.removeprefix("test_").replace("_", " ").strip().capitalize()
        title = self.test_titles.get(name) or in_words
        return f"{title.rstrip('.')}: {what}" if title else what


def _title(case: _Case, stage: Stage) -> str:
    if stage is not Stage.SMOKE:
        return clean(case.symptom)
    if case.name in _DEATHS:
        during = _DURING.search(case.message)
        what = _DURING.sub("", case.message) or case.name.lower()
        return case.sentence(what, during["test"] if during else None)
    if case.name == "SystemExit":
        before_it_ended = _cause(case) or _behind(case)
        return before_it_ended or case.sentence(f"the program exits with {case.message or 0}")
    if not _is_noticed_by_smoke(case):
        return clean(case.symptom) + _where(case)
    return _in_message(case.message) or _behind(case) or case.sentence(_received(case))


def clean(symptom: str) -> str:
    """Return a symptom without the paths and guesses, which differ between machines."""
    return _GUESS.sub("", _PATH.sub("", symptom)).strip()


def _shorten(text: str, longest: int) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= longest else one_line[: longest - 1].rstrip() + "…"


# --- the exception itself ------------------------------------------------------------------------


def _is_noticed_by_smoke(case: _Case) -> bool:
    """Return whether the smoke raised it: an assert, a look at a result, a client that waited."""
    is_client = case.symptom.startswith(_OF_CLIENTS)
    if case.own is None:
        starts = ("assert ", "b'", 'b"', "((", "<", "{")
        return is_client or (case.name == _ASSERTION and case.message.startswith(starts))
    if is_client:
        return not any(frame.package for frame in case.own.frames)
    is_result = case.name == _ASSERTION or case.symptom.startswith(_ABOUT_RESULTS)
    return is_result and bool(case.own.frames) and case.own.frames[-1].in_smoke


def _where(case: _Case) -> str:
    """Return the line of source, for a message that is nothing but a name: `AttributeError: x_arg`.

    That is the innermost line of a package that has the name, or the innermost line.
    """
    word = case.message.strip("'\"")
    like_it = (e for e in reversed(case.exceptions) if e.text == case.symptom)
    exception = case.own or next(like_it, None)
    if exception is None or not re.fullmatch(r"[\w<>.-]+", word):
        return ""
    frames = [f for f in reversed(exception.frames) if f.package and f.code]
    named = next((f for f in frames if word in f.code), None)
    frame = named or next(iter(frames), None)
    return f" ({frame.package}: {frame.code.rstrip(':')})" if frame else ""


# --- the exception behind what was noticed -------------------------------------------------------


def _cause(case: _Case) -> str | None:
    """Return the exception that a program handled by ending itself.

    If the log was cut there, what another test ended with so counts, if there is one cause only.
    """
    if case.own and case.own.cause:
        return clean(case.own.cause.text)
    causes = {e.cause.text for e in case.exceptions if e.text == case.symptom and e.cause}
    return clean(causes.pop()) if len(causes) == 1 else None


def _behind(case: _Case) -> str | None:
    """Return the last exception that was logged during the test and did not end one.

    If the end of the test was cut from the log, the exception must be the only one.
    """
    if case.own is None:
        texts = {e.text for e in case.exceptions if _is_reported(e)}
        return clean(texts.pop()) if len(texts) == 1 else None
    position = next(n for n, e in enumerate(case.exceptions) if e is case.own)
    before = _until_another_end(case.own, case.exceptions[:position][::-1])
    # An assert that shows the output of a program: what follows is of the message.
    after = takewhile(lambda e: not e.of_probe, case.exceptions[position + 1 :])
    is_output = "Warning" in case.own.text
    reported = [e.text for e in (*before, *(after if is_output else ())) if _is_reported(e)]
    return clean(reported[0]) if reported else None


def _until_another_end(
    own: LoggedException, backwards: Sequence[LoggedException]
) -> Iterator[LoggedException]:
    """Yield what was logged before, back to where a test ended in another way.

    Tests that end in the same words ended so for one cause, which may be logged before all.
    """
    for exception in backwards:
        is_same = exception.text == own.text != _ASSERTION
        if exception.of_probe and not is_same:
            return
        yield exception


def _is_reported(exception: LoggedException) -> bool:
    """Return whether an exception is of a package, and not one that a test ended with."""
    text = exception.text
    return not exception.of_probe and not text.startswith((_ASSERTION, *_OF_CLIENTS))


def _in_message(message: str) -> str | None:
    """Return the error that an assert shows of a program that it ran.

    That is `Error: …` at its beginning, or in `(arguments, output, exception)`.
    """
    if re.match(r"(?:\w+\.)*(?:[A-Z]\w*)?Error: ", message):
        return clean(message)
    value = _parsed(message)
    if not isinstance(value, ast.Tuple):
        return None
    for element in value.elts:
        if isinstance(element, ast.Call) and isinstance(element.func, ast.Name):
            text = ", ".join(_constant(a) for a in element.args)
            if element.func.id != "SystemExit":
                return clean(f"{element.func.id}: {text}".removesuffix(": "))
    lines = [_constant(e) for e in value.elts if isinstance(e, ast.Constant)]
    return next((clean(line) for line in lines if "Error" in line), None)


# --- what came -----------------------------------------------------------------------------------


def _received(case: _Case) -> str:
    """Return what the smoke noticed, in words."""
    if case.name == _ASSERTION and case.message.startswith("assert "):
        return _describe_assert(case.message)
    if case.name == _ASSERTION:
        return _response(case.message) or case.message or _describe_assert(case.code) or "it fails"
    if case.name.endswith("HTTPError"):
        return "the server answers " + case.message.removeprefix("HTTP Error ").replace(": ", " ")
    if case.symptom.startswith(_OF_CLIENTS):
        return f"there is no answer in time ({case.symptom})"
    tree = _parsed(case.code.removeprefix("assert ").strip())
    looked_at = tree.left if isinstance(tree, ast.Compare) else tree
    return f"{_short(_readable(looked_at))} raises {case.symptom}" if looked_at else case.symptom


_HERE = re.compile(r" \(here (?P<values>.*)\)$", re.DOTALL)
_VALUE = re.compile(r"(?:^|, )(?P<name>[A-Za-z_][\w.]*) is (?P<value>.*?)(?=, [\w.]+ is |$)")
_NOT = {
    ast.Eq: "is not",
    ast.Is: "is not",
    ast.NotEq: "is",
    ast.IsNot: "is",
    ast.In: "is not in",
    ast.NotIn: "is in",
}


def _describe_assert(text: str) -> str:
    """Return what does not hold: `response.status_code is 200, not 401`."""
    here = _HERE.search(text)
    values = dict(_VALUE.findall(here["values"])) if here else {}
    source = _HERE.sub("", text).removeprefix("assert ").strip()
    tree = _parsed(source)
    if tree is None and "," in source:
        tree = _parsed(source.rsplit(",", 1)[0])
    if tree is None:
        return f"{_short(source)} does not hold" if source else ""
    return _negated(tree, values)


def _negated(tree: ast.expr, values: dict[str, str]) -> str:
    if isinstance(tree, ast.Tuple) and tree.elts:  # assert X, message
        tree = tree.elts[0]
    if not isinstance(tree, ast.Compare) or len(tree.ops) != 1 or type(tree.ops[0]) not in _NOT:
        return f"{_short(_readable(tree))} does not hold"
    operator, right = tree.ops[0], tree.comparators[0]
    left_text, right_text = _readable(tree.left), _readable(right)
    if not isinstance(operator, (ast.In, ast.NotIn)):
        right_text = values.get(right_text, right_text)
    value = values.get(left_text, values.get("it") if isinstance(right, ast.Constant) else None)
    if value and isinstance(operator, (ast.Eq, ast.Is)):
        return f"{_short(left_text)} is {_short(value)}, not {_short(right_text)}"
    return f"{_short(value or left_text)} {_NOT[type(operator)]} {_short(right_text)}"


def _response(message: str) -> str | None:
    """Return what a response says, of its bytes or text; None if it is not one."""
    text = message
    value = _parsed(message)
    if isinstance(value, ast.Constant) and isinstance(value.value, bytes):
        text = value.value.decode("utf-8", "replace")
    elif message.startswith(("b'", 'b"')):  # cut off
        text = message[2:].encode().decode("unicode_escape", "replace")
    text = text.strip()
    if text.startswith(("{", "[")):
        return _told(text)
    if text.startswith("<"):
        match = re.search(r"<(?:title|h1)[^>]*>\s*([^<\s][^<]*?)\s*</", text)
        return f"the answer is the page “{match[1]}”" if match else "the answer is another page"
    return text if text != message else None


def _told(text: str) -> str:
    """Return the message in a JSON object, or all of it."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, dict):
        for key in ("message", "msg", "detail", "error", "description"):
            if isinstance(value.get(key), str):
                return f"the answer is “{value[key]}”"
    return f"the answer is {text}"


def _parsed(source: str) -> ast.expr | None:
    """Return the expression in a text that a package may have made; None if it is not one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd escapes, `is` beside a literal
            tree = ast.parse(source, mode="eval").body
        ast.unparse(tree)  # what nests too deeply is of no use either
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return tree


def _constant(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ast.unparse(node)


class _Decode(ast.NodeTransformer):
    """Replaces bytes by their text."""

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        """Decode a bytes literal."""
        if isinstance(node.value, bytes):
            return ast.Constant(node.value.decode("utf-8", "replace"))
        return node


def _readable(tree: ast.expr) -> str:
    return ast.unparse(_Decode().visit(tree))


def _short(text: str) -> str:
    return _shorten(text, _LONGEST_VALUE)
