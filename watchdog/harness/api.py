"""Reports which symbols the packages of an environment offer.

Standard library only; runs on Python 3.8 and later. By hand, with the Python of an environment:

    echo '{"symbols": [["werkzeug.urls.url_decode", ["charset"]]]}' |
        python watchdog/harness/api.py out.json

The argument is a file name, or the number of a file descriptor. A JSON object with an answer for
each symbol, and for each of its keywords, is written there: stdout may contain what packages print
on import. Packages are imported; functions are not called: whether a call warns is read from their
source.
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

    # An object, or GONE, and the texts of the deprecations met on the way to it.
    Lookup = Tuple[Any, List[str]]

DEPRECATIONS = (DeprecationWarning, PendingDeprecationWarning, FutureWarning)
MAX_TEXT = 1000
GONE = object()

_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)
_UNDECIDED = frozenset({"?"})  # a condition that no keyword decides

_REMOVED_IN = re.compile(
    r"\b(?:remov(?:ed|al|e|ing)|drop(?:ped)?|deleted|gone|disappear)\s+"
    r"(?:in|from|with|since|by|as of)\s+(?:the\s+)?"
    r"(?:(?!Python\b)[A-Z][\w-]*\s+){0,2}?v?(?P<version>\d{1,3}(?:\.\d+)*)"
    r"(?![\d-])(?!\s*(?:days?|weeks?|months?|years?|places?)\b)",
    re.IGNORECASE,
)


def removed_in(text: str) -> Optional[str]:
    """Return the version in which a deprecation announces the removal, or None."""
    match = _REMOVED_IN.search(text)
    return match["version"] if match else None


def answer(environment: Environment, symbol: str, keywords: List[str]) -> Dict[str, Any]:
    """Return what the environment offers of a symbol, called with these keywords.

    Values are None where the package cannot be imported.
    """
    parts = symbol.split(".")
    result: Dict[str, Any] = {
        "offered": None,
        "deprecated": None,
        "removed_in": None,
        "unknown_keywords": [],
        "private": any(p.startswith("_") and not p.endswith("__") for p in parts),
    }
    try:
        value, texts = environment.find(tuple(parts))
        result["offered"] = value is not GONE
        result["unknown_keywords"] = unknown(value, keywords)
        nearest = [*deprecations(value, keywords), *reversed(texts)]
    except BaseException:  # also SystemExit, raised by a package on import
        return result
    if nearest:
        result["deprecated"] = nearest[0][:MAX_TEXT]
        result["removed_in"] = removed_in(nearest[0])
    return result


class Environment:
    """The installed packages; each module is imported once, each symbol is looked up once."""

    def __init__(self) -> None:
        self.modules: Dict[str, Any] = {}
        self.lookups: Dict[Tuple[str, ...], Union[Lookup, BaseException]] = {}

    def find(self, parts: Tuple[str, ...]) -> Lookup:
        """Return the object of that dotted name, or `GONE`, and the deprecations on the way.

        Raises:
            BaseException: the top-level package cannot be imported, or a module exists and fails.
        """
        if parts not in self.lookups:
            try:
                self.lookups[parts] = self._find(parts)
            except BaseException as error:
                self.lookups[parts] = error
        lookup = self.lookups[parts]
        if isinstance(lookup, BaseException):
            raise lookup
        return lookup

    def _find(self, parts: Tuple[str, ...]) -> Lookup:
        name = ".".join(parts)
        if len(parts) == 1:
            module, texts = self._import(name)
            if module is GONE:
                raise LookupError(name)
            return module, texts
        parent, texts = self.find(parts[:-1])
        if parent is GONE or _is_instance(parent):
            return parent, texts
        value, more = _get_attribute(parent, parts[-1])
        texts = texts + more
        # The attribute is read first, since importing a submodule sets an attribute of its name.
        if _is_module(parent) and (value is GONE or _is_module(value)):
            submodule, more = self._import(name)
            return (submodule if value is GONE else value), texts + more
        return value, texts

    def _import(self, name: str) -> Lookup:
        """Import a module; return it, or `GONE` if there is none, and its own deprecations."""
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
                # A module imports others, and their deprecations are not its own.
                own = re.compile(r"(?<![\w.])" + re.escape(name) + r"(?!\w|\.\w)")
                texts = [text for text in _texts(caught) if own.search(text)]
        module = self.modules[name]
        if module is not GONE and not texts:
            texts = [text for text, tests in _warnings(_statements(module), {}) if not tests]
        return module, texts


def _texts(caught: Any) -> List[str]:
    return [str(w.message) for w in caught if issubclass(w.category, DEPRECATIONS)]


def _is_module(value: Any) -> bool:
    return issubclass(type(value), types.ModuleType)


def _is_instance(value: Any) -> bool:
    """Return true for anything but a module, class or function; its attributes are not read.

    Uses `type`, since `isinstance` on a proxy would look at the object behind it.
    """
    return not issubclass(type(value), (types.ModuleType, type, *_FUNCTIONS))


def _get_attribute(parent: Any, name: str) -> Lookup:
    if issubclass(type(parent), type):
        value = inspect.getattr_static(parent, name, GONE)
        if value is not GONE:
            return value, []
    before = len(sys.modules)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value = getattr(parent, name)
        except AttributeError:
            return GONE, []
    texts = _texts(caught)
    # If reading the attribute imported modules, a warning may be about anything.
    if len(sys.modules) > before:
        texts = [text for text in texts if name in text]
    return value, texts


def deprecations(value: Any, keywords: List[str]) -> Iterator[str]:
    """Yield the deprecations that a function or class gives when called with these keywords."""
    for function in _called_functions(value):
        layers = list(_layers(function))
        for layer in layers:
            for definition in _statements(layer.__code__)[:1]:
                for decorator in getattr(definition, "decorator_list", []):
                    yield from _decorator_warnings(decorator, keywords)
                passed = _passed_names(layer, keywords) & _mentioned_names(layers)
                for text, tests in _warnings(getattr(definition, "body", []), _values(layer)):
                    if not tests or tests & passed:
                        yield text
    marked = None if _is_instance(value) else getattr(value, "__dict__", {}).get("__deprecated__")
    if type(marked) is str:  # PEP 702
        yield marked


def _passed_names(layer: Any, keywords: List[str]) -> Set[str]:
    """Return the keywords, and the name of the `**` parameter if it takes one of them."""
    code = layer.__code__
    named = code.co_argcount + code.co_kwonlyargcount
    names = set(keywords)
    if code.co_flags & inspect.CO_VARKEYWORDS and names - set(code.co_varnames[:named]):
        names.add(code.co_varnames[named + bool(code.co_flags & inspect.CO_VARARGS)])
    return names


def _called_functions(value: Any) -> Iterator[Any]:
    """Yield the functions that run when an object is called, or when a class is subclassed."""
    if issubclass(type(value), type):
        for name in ("__init__", "__new__", "__init_subclass__"):
            yield from _called_functions(inspect.getattr_static(value, name, None))
    elif issubclass(type(value), property):
        yield from _called_functions(value.fget)
    elif issubclass(type(value), (staticmethod, classmethod, types.MethodType)):
        yield from _called_functions(value.__func__)
    elif issubclass(type(value), types.FunctionType):
        yield value


def _layers(function: Any) -> Iterator[Any]:
    """Yield a function and those it wraps, as far as decorators set `__wrapped__`."""
    visited: Set[int] = set()
    while issubclass(type(function), types.FunctionType) and id(function) not in visited:
        visited.add(id(function))
        yield function
        function = function.__dict__.get("__wrapped__")


def _mentioned_names(layers: List[Any]) -> Set[str]:
    """Return the parameters and local names of functions, and their constant strings.

    A wrapper may look for a keyword by its name in `kwargs`.
    """
    codes = [layer.__code__ for layer in layers]
    names = (name for code in codes for name in (*code.co_varnames, *code.co_consts))
    return {name for name in names if type(name) is str}


def _statements(code: Any) -> List[ast.stmt]:
    """Return the parsed source of a module or function; empty if there is none."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(code))).body
    except (OSError, TypeError, SyntaxError, ValueError, RecursionError):
        return []


def _values(function: Any) -> Dict[str, Any]:
    """Return the values of global and enclosing names in a function, without calling it."""
    try:
        return {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
    except ValueError:  # a closure cell that is still empty
        return dict(function.__globals__)


def _warnings(
    body: List[ast.stmt], values: Dict[str, Any], tests: FrozenSet[str] = frozenset()
) -> Iterator[Tuple[str, FrozenSet[str]]]:
    """Yield the deprecations that a body warns of, each with the names it depends on."""
    for node in body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            text = _warning_text(node.value, values)
            if text:
                yield text, tests
        elif isinstance(node, (ast.With, ast.AsyncWith, ast.Try)):
            yield from _warnings(node.body, values, tests)
        elif isinstance(node, (ast.If, ast.For, ast.While)):
            inner = tests | _UNDECIDED
            if isinstance(node, ast.If):
                inner |= _deciding_names(node.test)
            for part in (node.body, node.orelse):
                yield from _warnings(part, values, inner)
            if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Return):
                tests = inner  # the rest runs only if this branch did not return
        elif isinstance(node, (ast.Return, ast.Raise)):
            return


def _deciding_names(test: ast.expr) -> FrozenSet[str]:
    """Return the names that decide a test by being passed; none if it tests their type."""
    calls = (n for n in ast.walk(test) if isinstance(n, ast.Call))
    if any(_names(call.func) & {"isinstance", "issubclass", "type", "callable"} for call in calls):
        return frozenset()
    return _names(test) | _strings(test)


def _warning_text(call: ast.Call, values: Dict[str, Any]) -> Optional[str]:
    """Return the text if a call warns of a deprecation, else None."""
    arguments = {keyword.arg: keyword.value for keyword in call.keywords}
    if "_deprecated" in _names(call.func) and "remove" in arguments:
        return _removal_text(call, arguments, values)
    if not _names(call.func) & {"warn", "warn_explicit"}:
        return None
    message = call.args[0] if call.args else arguments.get("message")
    category = call.args[1] if len(call.args) > 1 else arguments.get("category")
    if isinstance(message, ast.Call) and any("Warning" in n for n in _names(message.func)):
        category = message.func  # warn(DeprecationWarning("text"))
    text = "" if message is None else _join(message, values)
    names = set() if category is None else _names(category)
    if any("Deprecat" in name or name == "FutureWarning" for name in names):
        return text or "deprecated"
    return text if "deprecated" in text.lower() else None


def _removal_text(
    call: ast.Call, arguments: Dict[Optional[str], ast.expr], values: Dict[str, Any]
) -> Optional[str]:
    """Return what `warnings._deprecated(name, message, remove=(3, 16))` says.

    That is how the standard library announces what it removes.
    """
    remove = arguments["remove"]
    numbers = getattr(remove, "elts", [])
    release = ".".join(str(n.value) for n in numbers if isinstance(n, ast.Constant))
    name = _join(call.args[0], values) if call.args else "…"
    message = call.args[1] if len(call.args) > 1 else arguments.get("message")
    if message is None:
        return "'%s' is deprecated and slated for removal in Python %s" % (name, release)
    text = _join(message, values).replace("{name!r}", "'%s'" % name).replace("{name}", name)
    return text.replace("{remove}", release)


def _decorator_warnings(decorator: ast.expr, keywords: List[str]) -> Iterator[str]:
    """Yield the text of a decorator that deprecates a function, or one of these keywords."""
    call = decorator if isinstance(decorator, ast.Call) else None
    name = " ".join(_names(call.func if call else decorator))
    if "deprecat" not in name.lower():
        return
    strings = _strings(decorator)
    if re.search("arg|param|keyword", name, re.IGNORECASE) and not strings & set(keywords):
        return
    arguments = [*call.args, *(k.value for k in call.keywords)] if call else []
    yield " ".join(_join(value, {}) for value in arguments if _strings(value)) or "deprecated"


def _join(message: ast.expr, values: Dict[str, Any]) -> str:
    """Return the constant parts of a text, with `…` for the others."""
    if isinstance(message, ast.Constant):
        return message.value if type(message.value) is str else "…"
    if isinstance(message, ast.JoinedStr):
        return "".join(_join(part, values) for part in message.values)
    if isinstance(message, ast.BinOp):
        right = _join(message.right, values) if isinstance(message.op, ast.Add) else ""
        return _join(message.left, values) + right
    if isinstance(message, ast.Call):
        if isinstance(message.func, ast.Attribute) and message.func.attr == "format":
            return _join(message.func.value, values)
        return _join(message.args[0], values) if message.args else "…"
    value = values.get(message.id) if isinstance(message, ast.Name) else None
    return value if type(value) is str else "…"


def _names(node: ast.AST) -> FrozenSet[str]:
    names = (getattr(n, "id", getattr(n, "attr", None)) for n in ast.walk(node))
    return frozenset(name for name in names if type(name) is str)


def _strings(node: ast.AST) -> FrozenSet[str]:
    values = (n.value for n in ast.walk(node) if isinstance(n, ast.Constant))
    return frozenset(value for value in values if type(value) is str)


def unknown(value: Any, keywords: List[str]) -> List[str]:
    """Return the keywords that a function or class does not accept."""
    if issubclass(type(value), (staticmethod, classmethod)):
        value = value.__func__
    if not keywords or not issubclass(type(value), (type, *_FUNCTIONS)):
        return []
    try:
        parameters = inspect.signature(value).parameters.values()
    except (ValueError, TypeError):
        return []
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return []
    accepted = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    for function in _called_functions(value):
        # A wrapper may remove a keyword before it calls the wrapped function.
        accepted |= _mentioned_names(list(_layers(function))[:-1])
    return [keyword for keyword in keywords if keyword not in accepted]


def main() -> None:
    """Read symbols from stdin and write the answers to the file of the argument."""
    # Each keyword is also answered alone, as `symbol(keyword)`.
    requests: Dict[str, Tuple[str, List[str]]] = {}
    for symbol, keywords in json.load(sys.stdin)["symbols"]:
        requests[symbol] = (symbol, [])
        requests.update({"%s(%s)" % (symbol, k): (symbol, [k]) for k in keywords})
    target = sys.argv[1]
    # Modules beside this program must not shadow those of the packages.
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [p for p in sys.path if os.path.abspath(p) != here]
    sys.argv[1:] = []
    environment = Environment()
    answers = {key: answer(environment, *request) for key, request in requests.items()}
    with open(int(target) if target.isdigit() else target, "w", encoding="utf-8") as out:
        json.dump(answers, out)


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(0)  # packages may have left threads, and functions to run at exit
