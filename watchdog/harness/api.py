"""Tell what the packages of an environment offer of given symbols. Standard library, Python 3.8.

By hand, with the Python of an environment:

    echo '{"symbols": [["werkzeug.urls.url_decode", ["charset"]]]}' | python watchdog/offers.py out

A JSON object with an answer for each symbol, and for each keyword of it, is written to the named
file, or to the file descriptor where the argument is a number: what packages print on import is not
in the way. Packages are imported, functions are not called; that a call will warn is read from
their source.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import re
import sys
import textwrap
import traceback
import types
import warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, FrozenSet, Iterator, List, Optional, Set, Tuple, Union

    Found = Tuple[Any, List[str]]

DEPRECATIONS = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)
MAX_TEXT = 1000
GONE = object()

_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)
_SOMETHING = frozenset({"?"})  # a condition that no keyword decides

_REMOVED_IN = re.compile(
    r"\b(?:remov(?:ed|al|e|ing)|drop(?:ped)?|deleted|gone|disappear)\s+"
    r"(?:in|from|with|since|by|as of)\s+(?:the\s+)?"
    r"(?:(?!Python\b)[A-Z][\w-]*\s+){0,2}?v?(?P<version>\d{1,3}(?:\.\d+)*)"
    r"(?![\d-])(?!\s*(?:days?|weeks?|months?|years?|places?)\b)",
    re.IGNORECASE,
)


def removed_in(text: str) -> Optional[str]:
    """The version that a deprecation names for the removal; None where it names none."""
    found = _REMOVED_IN.search(text)
    return found["version"] if found else None


def answer(environment: Environment, symbol: str, keywords: List[str]) -> Dict[str, Any]:
    parts = symbol.split(".")
    told: Dict[str, Any] = {
        "offered": None,
        "deprecated": None,
        "removed_in": None,
        "unknown_keywords": [],
        "private": any(p.startswith("_") and not p.endswith("__") for p in parts),
    }
    try:
        found, texts = environment.find(tuple(parts))
        told["offered"] = found is not GONE
        told["unknown_keywords"] = unknown(found, keywords)
        nearest = [*deprecations(found, keywords), *reversed(texts)]
    except BaseException:  # also that of a package which ends the program
        return told
    if nearest:
        told["deprecated"] = nearest[0][:MAX_TEXT]
        told["removed_in"] = removed_in(nearest[0])
    return told


class Environment:
    """The packages as they are here. What was found once is not imported or asked again."""

    def __init__(self) -> None:
        self.modules: Dict[str, Any] = {}
        self.known: Dict[Tuple[str, ...], Union[Found, BaseException]] = {}

    def find(self, parts: Tuple[str, ...]) -> Found:
        """The object, or `GONE`, and the deprecations met on the way to it.

        Raises whatever hinders an answer: that the top-level package cannot be imported, or that a
        module is there and fails.
        """
        if parts not in self.known:
            try:
                self.known[parts] = self._find(parts)
            except BaseException as error:
                self.known[parts] = error
        found = self.known[parts]
        if isinstance(found, BaseException):
            raise found
        return found

    def _find(self, parts: Tuple[str, ...]) -> Found:
        name = ".".join(parts)
        if len(parts) == 1:
            module, texts = self._import(name)
            if module is GONE:
                raise LookupError(name)
            return module, texts
        parent, texts = self.find(parts[:-1])
        if parent is GONE or _instance(parent):
            return parent, texts
        found, more = _attribute(parent, parts[-1])
        texts = texts + more
        # The attribute first, as importing a submodule sets one of its name.
        if _module(parent) and (found is GONE or _module(found)):
            submodule, more = self._import(name)
            return (submodule if found is GONE else found), texts + more
        return found, texts

    def _import(self, name: str) -> Found:
        """A module, or `GONE` where there is none of this name; what importing it deprecates."""
        texts: List[str] = []
        if name not in self.modules:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                try:
                    self.modules[name] = importlib.import_module(name)
                except ModuleNotFoundError as error:
                    if error.name is None or not (name + ".").startswith(error.name + "."):
                        raise
                    self.modules[name] = GONE
            if "." in name:
                # A module imports others, whose deprecations are not its own.
                own = re.compile(r"(?<![\w.])" + re.escape(name) + r"(?!\w|\.\w)")
                texts = [text for text in _texts(caught) if own.search(text)]
        module = self.modules[name]
        if module is not GONE and not texts:
            texts = [text for text, tests in _warnings(_statements(module), {}) if not tests]
        return module, texts


def _texts(caught: Any) -> List[str]:
    return [str(w.message) for w in caught if issubclass(w.category, DEPRECATIONS)]


def _module(found: Any) -> bool:
    return issubclass(type(found), types.ModuleType)


def _instance(found: Any) -> bool:
    """Neither module, class nor function: nothing is asked of its attributes.

    By `type`, as `isinstance` asks a proxy for the object behind it.
    """
    return not issubclass(type(found), (types.ModuleType, type, *_FUNCTIONS))


def _attribute(parent: Any, name: str) -> Found:
    if issubclass(type(parent), type):
        found = inspect.getattr_static(parent, name, GONE)
        if found is not GONE:
            return found, []
    before = len(sys.modules)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = getattr(parent, name)
        except AttributeError:
            return GONE, []
    texts = _texts(caught)
    # Where the attribute came with an import, a warning may be about anything.
    if len(sys.modules) > before:
        texts = [text for text in texts if name in text]
    return found, texts


def deprecations(found: Any, keywords: List[str]) -> Iterator[str]:
    """What the source of a function or class says on being called with these keywords."""
    for function in _called(found):
        layers = list(_layers(function))
        for layer in layers:
            for definition in _statements(layer.__code__)[:1]:
                for decorator in getattr(definition, "decorator_list", []):
                    yield from _decorated(decorator, keywords)
                for text, tests in _warnings(getattr(definition, "body", []), _values(layer)):
                    if not tests or tests & _given(layer, keywords) & _spoken(layers):
                        yield text
    marked = getattr(found, "__dict__", {}).get("__deprecated__") if not _instance(found) else None
    if type(marked) is str:  # PEP 702
        yield marked


def _given(layer: Any, keywords: List[str]) -> Set[str]:
    """The keywords, and the name of the parameter that takes what no other takes."""
    code = layer.__code__
    named = code.co_argcount + code.co_kwonlyargcount
    given = set(keywords)
    if code.co_flags & inspect.CO_VARKEYWORDS and given - set(code.co_varnames[:named]):
        given.add(code.co_varnames[named + bool(code.co_flags & inspect.CO_VARARGS)])
    return given


def _called(found: Any) -> Iterator[Any]:
    """The functions that run when an object is called, or a class also when it is a base."""
    if issubclass(type(found), type):
        for name in ("__init__", "__new__", "__init_subclass__"):
            yield from _called(inspect.getattr_static(found, name, None))
    elif issubclass(type(found), property):
        yield from _called(found.fget)
    elif issubclass(type(found), (staticmethod, classmethod, types.MethodType)):
        yield from _called(found.__func__)
    elif issubclass(type(found), types.FunctionType):
        yield found


def _layers(function: Any) -> Iterator[Any]:
    """A function and, as far as decorators tell, those it wraps."""
    seen: Set[int] = set()
    while issubclass(type(function), types.FunctionType) and id(function) not in seen:
        seen.add(id(function))
        yield function
        function = function.__dict__.get("__wrapped__")


def _spoken(layers: List[Any]) -> Set[str]:
    """Parameters, and names that functions look for in what they are given."""
    codes = [layer.__code__ for layer in layers]
    spoken = (name for code in codes for name in (*code.co_varnames, *code.co_consts))
    return {name for name in spoken if type(name) is str}


def _statements(code: Any) -> List[ast.stmt]:
    """The source of a module or of the code of a function; empty where there is none."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(code))).body
    except (OSError, TypeError, SyntaxError, ValueError, RecursionError):
        return []


def _values(function: Any) -> Dict[str, Any]:
    """What names stand for in a function, as far as that is known without a call."""
    try:
        return {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
    except ValueError:  # a cell that is not yet filled
        return dict(function.__globals__)


def _warnings(
    body: List[ast.stmt], known: Dict[str, Any], tests: FrozenSet[str] = frozenset()
) -> Iterator[Tuple[str, FrozenSet[str]]]:
    """Deprecations a body warns of, each with the names that decide whether it does."""
    for node in body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            text = _warned(node.value, known)
            if text:
                yield text, tests
        elif isinstance(node, (ast.With, ast.AsyncWith, ast.Try)):
            yield from _warnings(node.body, known, tests)
        elif isinstance(node, (ast.If, ast.For, ast.While)):
            inner = tests | _SOMETHING
            if isinstance(node, ast.If):
                inner |= _decisive(node.test)
            for part in (node.body, node.orelse):
                yield from _warnings(part, known, inner)
            if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Return):
                tests = inner  # what follows runs only where this did not leave
        elif isinstance(node, (ast.Return, ast.Raise)):
            return


def _decisive(test: ast.expr) -> FrozenSet[str]:
    """The names whose being given decides a test; what is asked of their type is another thing."""
    calls = (n for n in ast.walk(test) if isinstance(n, ast.Call))
    if any(_names(call.func) & {"isinstance", "issubclass", "type", "callable"} for call in calls):
        return frozenset()
    return _names(test) | _strings(test)


def _warned(call: ast.Call, known: Dict[str, Any]) -> Optional[str]:
    """The text of a deprecation; None for any other call."""
    if not _names(call.func) & {"warn", "warn_explicit"}:
        return None
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    message = call.args[0] if call.args else given.get("message")
    category = call.args[1] if len(call.args) > 1 else given.get("category")
    if isinstance(message, ast.Call) and any("Warning" in n for n in _names(message.func)):
        category = message.func  # warn(DeprecationWarning("text"))
    text = "" if message is None else _join(message, known)
    names = set() if category is None else _names(category)
    if any("Deprecat" in name or name == "FutureWarning" for name in names):
        return text or "deprecated"
    return text if "deprecated" in text.lower() else None


def _decorated(decorator: ast.expr, keywords: List[str]) -> Iterator[str]:
    """The text of a decorator that deprecates; one for arguments counts where they are given."""
    call = decorator if isinstance(decorator, ast.Call) else None
    name = " ".join(_names(call.func if call else decorator))
    if "deprecat" not in name.lower():
        return
    strings = _strings(decorator)
    if re.search("arg|param|keyword", name, re.IGNORECASE) and not strings & set(keywords):
        return
    given = [*call.args, *(k.value for k in call.keywords)] if call else []
    yield " ".join(_join(value, {}) for value in given if _strings(value)) or "deprecated"


def _join(message: ast.expr, known: Dict[str, Any]) -> str:
    """The constant parts of a text, `…` for the others."""
    if isinstance(message, ast.Constant):
        return message.value if type(message.value) is str else "…"
    if isinstance(message, ast.JoinedStr):
        return "".join(_join(part, known) for part in message.values)
    if isinstance(message, ast.BinOp):
        right = _join(message.right, known) if isinstance(message.op, ast.Add) else ""
        return _join(message.left, known) + right
    if isinstance(message, ast.Call):
        if isinstance(message.func, ast.Attribute) and message.func.attr == "format":
            return _join(message.func.value, known)
        return _join(message.args[0], known) if message.args else "…"
    value = known.get(message.id) if isinstance(message, ast.Name) else None
    return value if type(value) is str else "…"


def _names(node: ast.AST) -> FrozenSet[str]:
    found = (getattr(n, "id", getattr(n, "attr", None)) for n in ast.walk(node))
    return frozenset(name for name in found if type(name) is str)


def _strings(node: ast.AST) -> FrozenSet[str]:
    found = (n.value for n in ast.walk(node) if isinstance(n, ast.Constant))
    return frozenset(value for value in found if type(value) is str)


def unknown(found: Any, keywords: List[str]) -> List[str]:
    """The keywords that a function or class does not take."""
    if issubclass(type(found), (staticmethod, classmethod)):
        found = found.__func__
    if not keywords or not issubclass(type(found), (type, *_FUNCTIONS)):
        return []
    try:
        parameters = inspect.signature(found).parameters.values()
    except (ValueError, TypeError):
        return []
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return []
    taken = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    for function in _called(found):
        taken |= _spoken(list(_layers(function))[:-1])  # a wrapper may take it out
    return [keyword for keyword in keywords if keyword not in taken]


def main() -> None:
    # What holds for one keyword only is told apart, as `symbol(keyword)`.
    asked: Dict[str, Tuple[str, List[str]]] = {}
    for symbol, keywords in json.load(sys.stdin)["symbols"]:
        asked[symbol] = (symbol, [])
        asked.update({"%s(%s)" % (symbol, k): (symbol, [k]) for k in keywords})
    target = sys.argv[1]
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [p for p in sys.path if os.path.abspath(p) != here]  # its modules are not theirs
    sys.argv[1:] = []
    environment = Environment()
    told = {key: answer(environment, *what) for key, what in asked.items()}
    with open(int(target) if target.isdigit() else target, "w", encoding="utf-8") as out:
        json.dump(told, out)


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(0)  # packages may have left threads, and functions to run at exit
