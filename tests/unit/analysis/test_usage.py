from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.analysis.forecast.usage import How, SymbolUse, symbol_uses

PACKAGES = frozenset({"flask", "werkzeug", "jinja2"})


def scanned(source: str) -> tuple[SymbolUse, ...]:
    return symbol_uses(textwrap.dedent(source), "thing/a.py", PACKAGES)


def told(source: str) -> set[str]:
    """Each use as `symbol how`, with `guarded` and `lazy` where they hold."""
    return {
        " ".join([u.symbol, u.how, *(["guarded"] * u.guarded), *(["lazy"] * u.lazy)])
        for u in scanned(source)
    }


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import flask", {"flask import"}),
        ("import flask.json.tag", {"flask.json.tag import"}),
        ("import flask, os, werkzeug.urls", {"flask import", "werkzeug.urls import"}),
        (
            "import werkzeug.urls as u\nu.url_decode(x)",
            {"werkzeug.urls import", "werkzeug.urls.url_decode call"},
        ),
        (
            "import werkzeug.urls\nwerkzeug.urls.url_decode(x)",
            {"werkzeug.urls import", "werkzeug.urls.url_decode call"},
        ),
        ("from flask.ctx import RequestContext as R", {"flask.ctx.RequestContext import"}),
        ("from flask import *", {"flask star"}),
        ("import flask as f\nprint(f.Markup)", {"flask import", "flask.Markup attribute"}),
        (
            "import flask\nclass E(flask.json.JSONEncoder): pass",
            {"flask import", "flask.json.JSONEncoder subclass"},
        ),
        (
            "from flask import json\nx = json.JSONEncoder",
            {"flask.json import", "flask.json.JSONEncoder attribute"},
        ),
        (
            "from flask.views import View\nclass V(View, metaclass=M): pass",
            {"flask.views.View import", "flask.views.View subclass"},
        ),
        (
            "from flask import request\nif request.is_xhr: pass",
            {"flask.request import", "flask.request.is_xhr attribute"},
        ),
        (
            "from flask import stream_with_context as s\n@s\ndef f(): pass",
            {"flask.stream_with_context import", "flask.stream_with_context call"},
        ),
        (
            "import flask\n@flask.after_this_request\ndef f(r): pass",
            {"flask import", "flask.after_this_request call"},
        ),
        (
            "import flask\ndef f(x=flask.Markup, *, y=flask.g): pass",
            {"flask import", "flask.Markup attribute", "flask.g attribute"},
        ),
        (
            "import flask\ndef f(x: flask.Flask) -> flask.Response: pass",
            {"flask import", "flask.Flask attribute", "flask.Response attribute"},
        ),
        (
            "from __future__ import annotations\nimport flask\ny: flask.g = 1\n"
            "def f(x: flask.Flask) -> flask.Response: pass",
            {"flask import"},
        ),
        ("import flask\ndef f(x: 'flask.Flask'): pass", {"flask import"}),
        ("import flask\ndef f():\n    x: flask.Flask = 1", {"flask import"}),
        ("import flask\nclass A:\n    x: flask.Flask", {"flask import", "flask.Flask attribute"}),
        (
            "def f():\n    import flask\n    return flask.Markup('')",
            {"flask import lazy", "flask.Markup call lazy"},
        ),
        ("import flask\nf = lambda: flask.g", {"flask import", "flask.g attribute lazy"}),
        (
            "import flask\nasync def f():\n    async with flask.g: pass",
            {"flask import", "flask.g attribute lazy"},
        ),
        (
            "import flask\nx = [flask.g for y in flask.h]",
            {"flask import", "flask.g attribute", "flask.h attribute"},
        ),
        (
            "import flask\nmatch x:\n    case flask.Flask(): pass",
            {"flask import", "flask.Flask attribute"},
        ),
        ("import flask\nx = f'{flask.g}'", {"flask import", "flask.g attribute"}),
        ("from . import flask\nfrom .flask import x\nflask.y", set()),
        ("import flaskish\nflaskish.Markup", set()),
        ("import flask\nx = getattr(flask, 'Markup', None)", {"flask import"}),
        ("import os\nos.flask.Markup", set()),
        ("import flask\nflask.Flask(x).foo\napp.flask.g", {"flask import", "flask.Flask call"}),
    ],
)
def test_symbol_uses_full_names(source: str, expected: set[str]) -> None:
    """Each use of a symbol is returned with its full name and kind."""
    assert told(source) == expected


def test_symbol_uses_call_details() -> None:
    """A call is returned with file, line, keywords and source text."""
    source = """
        from werkzeug.urls import url_decode
        x = [url_decode(y, sep="&", **more)]
    """
    assert scanned(source)[1] == SymbolUse(
        symbol="werkzeug.urls.url_decode",
        file="thing/a.py",
        line=3,
        how=How.CALL,
        keywords=("sep",),
        text='x = [url_decode(y, sep="&", **more)]',
    )


def test_symbol_uses_merges_same_line() -> None:
    """A symbol used several times on one line is returned once with all keywords."""
    source = "import flask\nflask.f(a=1), flask.f(b=2, a=3), lambda: flask.f()"
    assert [(u.line, u.keywords, u.lazy) for u in scanned(source)] == [
        (1, (), False),
        (2, ("a", "b"), False),
    ]


def test_symbol_uses_import_lines() -> None:
    """Each name of a multi-line import has its own line."""
    found = scanned("from flask import (\n    g,\n    Markup,\n)")
    assert [(u.line, u.text) for u in found] == [(2, "g,"), (3, "Markup,")]


@pytest.mark.parametrize(
    "source",
    [
        "import flask\nflask = make()\nflask.Markup()",
        "import flask\nflask.Markup()\nflask = make()",
        "import flask\ndef f(flask): return flask.Markup()",
        "import flask\ndef f(*flask, **more): return flask.Markup()",
        "import flask\nf = lambda flask: flask.Markup()",
        "import flask\nx = [flask.Markup() for flask in y]",
        "import flask\nx = {a: flask.Markup() for a, flask in y}",
        "import flask\nfor flask in x: flask.Markup()",
        "import flask\nwith x as flask: flask.Markup()",
        "import flask\ntry: x()\nexcept E as flask: flask.Markup()",
        "import flask\ndef f():\n    flask.Markup()\n    flask = 1",
        "import flask\ndef f():\n    global flask\n    flask = 1\ndef g(): flask.Markup()",
        "import flask\n(flask := 1).x\nflask.Markup()",
        "import flask\nx = [(flask := y) for y in z]\nflask.Markup()",
        "import flask\nmatch x:\n    case {'a': flask}: flask.Markup()",
        "import flask\nmatch x:\n    case [*flask]: flask.Markup()",
        "import flask\nmatch x:\n    case {**flask}: flask.Markup()",
        "import flask\ndef flask(): pass\nflask.Markup()",
        "import flask\nclass flask: pass\nflask.Markup()",
        "import flask\nimport mine as flask\nflask.Markup()",
        "import flask\nfor a, (b, flask) in x: pass\nflask.Markup()",
        "import flask\nflask += 1\nflask.Markup()",
    ],
)
def test_symbol_uses_skips_rebound_names(source: str) -> None:
    """A name that may hold something else gives no uses."""
    assert told(source) == {"flask import"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f():\n    import flask\nflask.Markup()", {"flask import lazy"}),
        ("class A:\n    import flask\n    def f(self): flask.Markup()", {"flask import"}),
        (
            "class A:\n    import flask\n    x = flask.Markup()",
            {"flask import", "flask.Markup call"},
        ),
        (
            "import flask\nclass A:\n    flask = 1\n    def f(self): flask.Markup()",
            {"flask import", "flask.Markup call lazy"},
        ),
        (
            "def f():\n    global flask\n    import flask\nflask.Markup()",
            {"flask import lazy", "flask.Markup call"},
        ),
        (
            "def f():\n    import flask\n    def g():\n        nonlocal flask\n"
            "        flask = 1\n    flask.Markup()",
            {"flask import lazy"},
        ),
        (
            "import flask\ndef f():\n    flask = 1\nflask.Markup()",
            {"flask import", "flask.Markup call"},
        ),
        (
            "import flask\nimport flask.json\nflask.Markup()",
            {"flask import", "flask.json import", "flask.Markup call"},
        ),
    ],
)
def test_symbol_uses_alias_scope(source: str, expected: set[str]) -> None:
    """An imported alias is valid only in its own scope."""
    assert told(source) == expected


@pytest.mark.parametrize(
    "guard",
    [
        "try:\n    {}\nexcept ImportError:\n    pass",
        "try:\n    {}\nexcept (ValueError, ModuleNotFoundError) as e:\n    log(e)",
        "try:\n    {}\nexcept AttributeError:\n    x = 1",
        "for n in x:\n    if not hasattr(flask, 'Markup'):\n        continue\n    {}",
        "while x:\n    if not hasattr(flask, 'Markup'):\n        break\n    {}",
        "match x:\n    case 1 if hasattr(flask, 'Markup'):\n        {}",
        "try:\n    {}\nexcept Exception:\n    x = 1",
        "try:\n    {}\nexcept:\n    x = 1",
        "try:\n    import mine\nexcept ImportError:\n    {}",
        "try:\n    import mine\nexcept Exception:\n    {}",
        "try:\n    mine.x\nexcept AttributeError:\n    {}",
        "if TYPE_CHECKING:\n    {}",
        "if typing.TYPE_CHECKING:\n    {}",
        "if not TYPE_CHECKING:\n    pass\nelse:\n    {}",
        "if hasattr(mine, 'x'):\n    {}",
        "if hasattr(mine, 'x'):\n    pass\nelse:\n    {}",
        "if mine.__version__ < '2':\n    {}",
        "if Version(x) < Version('2'):\n    pass\nelif y:\n    {}",
        "if sys.version_info[0] == 2:\n    {}",
        "if PY2:\n    {}",
        "if not six.PY3:\n    {}",
        "OLD = parse_version(x) < y\nif OLD:\n    {}",
        "def f():\n    old = mine.version < y\n    if old:\n        {}",
        "if PY2:\n    TEXT = True\nelse:\n    TEXT = False\nif TEXT:\n    {}",
        "try:\n    from . import mine\n    HAS = True\nexcept ImportError:\n    HAS = False\n"
        "if HAS:\n    {}",
        "with suppress(ImportError):\n    {}",
        "with contextlib.suppress(KeyError, AttributeError):\n    {}",
        "if PY2:\n    def f():\n        {}",
    ],
)
@pytest.mark.parametrize("use", ["from flask import Markup", "from flask import *", "flask.Markup"])
def test_symbol_uses_guarded(guard: str, use: str) -> None:
    """Code that is prepared for a missing symbol is marked as guarded."""
    source = "import flask\n" + guard.format(use)
    assert [u.guarded for u in scanned(source)] == [False, True]


@pytest.mark.parametrize(
    "around",
    [
        "try:\n    {}\nexcept ValueError:\n    pass",
        "try:\n    {}\nfinally:\n    pass",
        "try:\n    pass\nexcept ImportError:\n    pass\nelse:\n    {}",
        "try:\n    {}\nexcept ImportError:\n    raise RuntimeError('install it')",
        "try:\n    {}\nexcept ImportError:\n    sys.exit('install it')",
        "try:\n    x()\nexcept Exception:\n    {}",
        "try:\n    x()\nexcept ValueError:\n    {}",
        "if TYPE_CHECKING:\n    pass\nelse:\n    {}",
        "if not TYPE_CHECKING:\n    {}",
        "if x:\n    {}",
        "if getattr(mine, 'x', None):\n    {}",
        "try:\n    import other\nexcept ImportError:\n    HAS = False\nif HAS:\n    {}",
        "def f():\n    old = hasattr(x, 'y')\n    if old:\n        {}",
        "with suppress(KeyError):\n    {}",
        "try:\n    def f():\n        {}\nexcept ImportError:\n    pass",
    ],
)
def test_symbol_uses_not_guarded(around: str) -> None:
    """Code that fails without the symbol is not marked as guarded."""
    assert [u.guarded for u in scanned(around.format("from flask import Markup"))] == [False]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "x = flask.a if PY3 else flask.b",
            {"flask.a attribute guarded", "flask.b attribute guarded"},
        ),
        (
            "x = hasattr(flask, 'a') and flask.a or flask.b",
            {"flask.a attribute guarded", "flask.b attribute guarded"},
        ),
        (
            "def f():\n    if not hasattr(flask, 'a'):\n        return\n    flask.a()",
            {"flask.a call guarded lazy"},
        ),
        ("def f():\n    if x:\n        return\n    flask.a()", {"flask.a call lazy"}),
        ("if flask.__version__ < '2': pass", {"flask.__version__ attribute"}),
        (
            "try: flask.f(x=1)\nexcept TypeError: flask.f()",
            {"flask.f call guarded", "flask.f call"},
        ),
        ("flask.a = 1\nflask.a()\nflask.b()", {"flask.a call guarded", "flask.b call"}),
    ],
)
def test_symbol_uses_guards_in_expressions(source: str, expected: set[str]) -> None:
    """Guards are recognised within expressions and functions."""
    assert told("import flask\n" + source) == {"flask import", *expected}


FALLBACK = """
    try:
        from flask import Markup
    except ImportError:
        from markupsafe import Markup
    try:
        from werkzeug.urls import url_quote as quote
    except ImportError:
        from werkzeug.utils import quote
    try:
        from jinja2 import evalcontextfilter
    except ImportError:
        evalcontextfilter = None

    def f():
        evalcontextfilter()
        return Markup(quote())
"""


def test_symbol_uses_fallback_is_guarded() -> None:
    """Uses of a name that has a fallback import are marked as guarded."""
    assert told(FALLBACK) == {
        "flask.Markup import guarded",
        "flask.Markup call guarded lazy",
        "werkzeug.urls.url_quote import guarded",
        "werkzeug.urls.url_quote call guarded lazy",
        "werkzeug.utils.quote import guarded",
        "werkzeug.utils.quote call guarded lazy",
        "jinja2.evalcontextfilter import guarded",
    }


@pytest.mark.parametrize(
    "source",
    [
        "print 'flask'",
        "import flask\ntry: x\nexcept A, e: pass",
        "import flask\0",
        "((((",
        "x" + "+1" * 9000,
    ],
)
def test_symbol_uses_invalid_python(source: str) -> None:
    """Source that is not valid Python 3 has no uses."""
    assert symbol_uses(source, "a.py", PACKAGES) == ()


def test_symbol_uses_reads_unusual_text() -> None:
    """A byte order mark, CRLF and invalid escapes are read without a warning."""
    found = symbol_uses("\ufefffrom flask import g\r\nx = '\\d'\r\ng.x\r\n", "a.py", PACKAGES)
    assert [(u.line, u.text) for u in found] == [(1, "from flask import g"), (3, "g.x")]


PIECES = st.sampled_from(
    [
        "import ",
        "from ",
        "flask",
        "werkzeug",
        ".urls",
        " as ",
        "x",
        "\n",
        "    ",
        "def f(",
        "):",
        "class A(",
        "try:",
        "except ImportError:",
        "if ",
        "PY2",
        ":",
        "=",
        "pass",
        "*",
        "(",
        ")",
        "[",
        "]",
        " for ",
        " in ",
        "lambda ",
        "global ",
        ";",
        "\f",
        "\x00",
        "\ud800",
        "ä",
    ]
)


@given(st.one_of(st.text(), st.lists(PIECES, max_size=30).map("".join)))
def test_symbol_uses_any_text(source: str) -> None:
    """Any text can be read and gives only uses of the given packages."""
    for use in symbol_uses(source, "a.py", PACKAGES):
        assert use.symbol.split(".")[0] in PACKAGES
        assert len(use.text) <= 200
