from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from watchdog.harness import api

SCRIPT = Path(api.__file__)

PACKAGES = {
    "thing/__init__.py": '''
        import functools, warnings

        def __getattr__(name):
            if name == "Markup":
                warnings.warn("'thing.Markup' is deprecated. It will be removed in Thing 2.4.",
                              DeprecationWarning, stacklevel=2)
                return str
            if name == "broken":
                raise RuntimeError
            raise AttributeError(name)

        def fine(a, b=1, *, c=2): ...
        def anything(**more): ...
        def documented():
            """This is deprecated and will be removed in Thing 3.0."""

        def at_once(a):
            """What it does."""
            with open(a):
                warnings.warn(f"{a} is deprecated" " and will be removed in version 2.1.",
                              DeprecationWarning)

        def as_python_says():
            warnings._deprecated("thing.as_python_says", remove=(3, 16))

        def as_python_seldom_says():
            warnings._deprecated("it", "{name!r} goes in Python {remove}", remove=(3, 17))

        def for_a_keyword(a, charset=None, other=None):
            if charset is not None:
                warnings.warn("'charset' is deprecated.", category=FutureWarning)
            if a: warnings.warn("no tuple: deprecated")

        def unless_a_keyword(new=None, old=None):
            if old is None:
                return new
            warnings.warn("'old' is deprecated, drop in 3.0", DeprecationWarning)

        def takes_the_rest(required=False, default=None, **more):
            if required and default:
                raise ValueError
            if more:
                warnings.warn("the rest is deprecated", DeprecationWarning)

        def asks_for_the_type(value=""):
            if isinstance(value, bytes):
                warnings.warn("bytes are deprecated", DeprecationWarning)

        def speaks_of_something_else():
            warnings.warn("slow", RuntimeWarning)
            def inner():
                warnings.warn("deprecated")

        def warning(text):
            def decorate(function):
                @functools.wraps(function)
                def wrapper(*args, **kwargs):
                    warnings.warn(text, DeprecationWarning)
                    kwargs.pop("gone", None)
                    return function(*args, **kwargs)
                return wrapper
            return decorate
        deprecated = deprecated_arguments = lambda *texts: lambda function: function

        @warning("wrapped is deprecated, removal in Thing 5")
        def wrapped(a): ...
        @deprecated("decorated will be removed in Thing-More 4.0.1", "use fine")
        def decorated(): ...
        @deprecated_arguments("size")
        def decorated_argument(size): ...

        class Old:
            def __init__(self, a):
                warnings.warn(DeprecationWarning("'Old' is deprecated."))
        class Heir(Old):
            pass
        class Fine:
            x = 1
            def __init__(self, a): ...
            @classmethod
            def make(cls, b): ...
            @property
            def old(self):
                warnings.warn("'old' is deprecated", PendingDeprecationWarning)
        class Base:
            def __init_subclass__(cls):
                warnings.warn("'Base' is %s" % "x", DeprecationWarning)
        class Marked:
            __deprecated__ = "'Marked' is deprecated"

        class LocalProxy:
            def __getattribute__(self, name):
                raise SystemExit(3)
        current = LocalProxy()
        _inner = 1
        function = 1
    ''',
    "thing/function.py": "",
    "thing/old.py": """
        import warnings
        import thing.older
        warnings.warn("'thing.old' is deprecated", DeprecationWarning)
        def f(): ...
    """,
    "thing/older.py": """
        import warnings
        warnings.warn("The 'thing.older' module is deprecated", DeprecationWarning)
    """,
    "thing/harmless.py": """
        import warnings
        def announce():
            warnings.warn("'thing.elsewhere' is deprecated", DeprecationWarning)
        announce()
        y = 1
    """,
    "thing/_private/__init__.py": "x = 1",
    "thing/fails.py": "raise SystemExit(5)",
    "thing/lacks.py": "import no_such_package",
    "loud/__init__.py": """
        import atexit, sys
        print("hello {")
        atexit.register(lambda: 1 / 0)
        assert sys.argv[1:] == []
        assert sys.stdin.read() == ""
        x = 1
    """,
    "leaves/__init__.py": "open('left', 'a').write('x')\nraise SystemExit(7)",
    "needs/__init__.py": "import no_such_package",
    "model.py": "x = 'theirs'",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    for name, text in PACKAGES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


def asked(site: Path, symbols: Mapping[str, list[str]]) -> dict[str, dict[str, Any]]:
    out = site / "out.json"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(out)],
        input=json.dumps({"symbols": list(symbols.items())}),
        text=True,
        cwd=site,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(site)},
        check=False,
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, dict[str, Any]] = json.loads(out.read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def everything(site: Path) -> dict[str, dict[str, Any]]:
    """One answer for each row of the tables below."""
    return asked(
        site,
        {
            **{name: list(keywords) for name, keywords, _ in OFFERED},
            **{name: list(keywords) for name, keywords, _, _ in DEPRECATED},
        },
    )


OFFERED: list[tuple[str, tuple[str, ...], bool | None]] = [
    ("thing", (), True),
    ("thing.fine", ("b", "c"), True),
    ("thing.anything", ("x",), True),
    ("thing.documented", (), True),
    ("thing.speaks_of_something_else", (), True),
    ("thing.decorated_argument", (), True),
    ("thing.Fine", ("a",), True),
    ("thing.Fine.x", (), True),
    ("thing.Fine.make", ("b",), True),
    ("thing.Fine.x.real", (), True),
    ("thing.Fine.gone", (), False),
    ("thing.fine.gone", (), False),
    ("thing.current", (), True),
    ("thing.current.anything.more", (), True),
    ("thing.function", (), True),
    ("thing.function.x", (), True),
    ("thing.harmless.y", (), True),
    ("thing.gone", (), False),
    ("thing.gone.more", (), False),
    ("thing.broken", (), None),
    ("thing.fails", (), None),
    ("thing.fails.x", (), None),
    ("thing.lacks.x", (), None),
    ("loud.x", (), True),
    ("loud.y", (), False),
    ("leaves.x", (), None),
    ("needs.x", (), None),
    ("no_such_package.x", (), None),
    ("model.x", (), True),
    ("", (), None),
]


@pytest.mark.parametrize(("symbol", "keywords", "offered"), OFFERED)
def test_api_symbol_is_offered(
    everything: dict[str, dict[str, Any]],
    symbol: str,
    keywords: tuple[str, ...],
    offered: bool | None,
) -> None:
    """The script says whether a symbol exists, or None where it cannot be imported."""
    assert everything[symbol] == {
        "offered": offered,
        "deprecated": None,
        "removed_in": None,
        "unknown_keywords": [],
        "private": False,
    }, keywords


DEPRECATED: list[tuple[str, tuple[str, ...], str, str | None]] = [
    ("thing.Markup", (), "'thing.Markup' is deprecated. It will be removed in Thing 2.4.", "2.4"),
    (
        "thing.Markup.title",
        (),
        "'thing.Markup' is deprecated. It will be removed in Thing 2.4.",
        "2.4",
    ),
    ("thing.at_once", (), "… is deprecated and will be removed in version 2.1.", "2.1"),
    ("thing.for_a_keyword", ("charset",), "'charset' is deprecated.", None),
    (
        "thing.as_python_says",
        (),
        "'thing.as_python_says' is deprecated and slated for removal in Python 3.16",
        None,
    ),
    ("thing.as_python_seldom_says", (), "'it' goes in Python 3.17", None),
    ("thing.unless_a_keyword", ("old",), "'old' is deprecated, drop in 3.0", "3.0"),
    ("thing.wrapped", ("gone",), "wrapped is deprecated, removal in Thing 5", "5"),
    (
        "thing.decorated",
        (),
        "decorated will be removed in Thing-More 4.0.1 use fine",
        "4.0.1",
    ),
    ("thing.Old", (), "'Old' is deprecated.", None),
    ("thing.Heir", (), "'Old' is deprecated.", None),
    ("thing.Fine.old", (), "'old' is deprecated", None),
    ("thing.Fine.old.more", (), "'old' is deprecated", None),
    ("thing.Base", (), "'Base' is %s", None),
    ("thing.Marked", (), "'Marked' is deprecated", None),
    ("thing.old", (), "'thing.old' is deprecated", None),
    ("thing.old.f", (), "'thing.old' is deprecated", None),
    ("thing.older", (), "The 'thing.older' module is deprecated", None),
]


@pytest.mark.parametrize(("symbol", "keywords", "text", "removed"), DEPRECATED)
def test_api_symbol_is_deprecated(
    everything: dict[str, dict[str, Any]],
    symbol: str,
    keywords: tuple[str, ...],
    text: str,
    removed: str | None,
) -> None:
    """The script returns the deprecation text and the version of the removal."""
    (keyword,) = keywords or ("",)
    assert everything[f"{symbol}({keyword})" if keyword else symbol] == {
        "offered": True,
        "deprecated": text,
        "removed_in": removed,
        "unknown_keywords": [],
        "private": False,
    }, keywords


def test_api_keyword_deprecation(site: Path) -> None:
    """A deprecation that concerns one keyword is reported only for that keyword."""
    found = asked(
        site,
        {
            "thing.for_a_keyword": ["other", "a"],
            "thing.unless_a_keyword": ["new"],
            "thing.decorated_argument": ["size"],
            "thing.takes_the_rest": ["required", "colour"],
            "thing.asks_for_the_type": ["value"],
        },
    )
    assert {name: told["deprecated"] for name, told in found.items()} == {
        "thing.for_a_keyword": None,
        "thing.for_a_keyword(other)": None,
        "thing.for_a_keyword(a)": "no tuple: deprecated",
        "thing.unless_a_keyword": None,
        "thing.unless_a_keyword(new)": None,
        "thing.decorated_argument": None,
        "thing.decorated_argument(size)": "size",
        "thing.takes_the_rest": None,
        "thing.takes_the_rest(required)": None,
        "thing.takes_the_rest(colour)": "the rest is deprecated",
        "thing.asks_for_the_type": None,
        "thing.asks_for_the_type(value)": None,
    }


def test_api_unknown_keywords(site: Path) -> None:
    """The script returns keywords that a function does not accept."""
    found = asked(
        site,
        {
            "thing.fine": ["c", "charset"],
            "thing.Fine": ["x", "a"],
            "thing.Fine.make": ["a"],
            "thing.wrapped": ["a", "gone", "other"],
            "thing.current": ["a"],
        },
    )
    assert [word for told in found.values() for word in told["unknown_keywords"]] == [
        "charset",
        "x",
        "a",
        "other",
    ]
    assert found["thing.fine(charset)"]["unknown_keywords"] == ["charset"]


def test_api_imports_failing_package_once(site: Path) -> None:
    """A package whose import fails is imported only once."""
    (site / "left").unlink(missing_ok=True)
    found = asked(site, {"leaves.x": [], "leaves.y.z": []})
    assert [told["offered"] for told in found.values()] == [None, None]
    assert (site / "left").read_text("utf-8") == "x"


def test_api_private_names(site: Path) -> None:
    """Names with one leading underscore are private, dunder names are not."""
    names = ["thing._inner", "thing._private.x", "thing.__name__", "thing.fine", "thing._gone"]
    found = asked(site, {name: [] for name in names})
    assert [(found[name]["private"], found[name]["offered"]) for name in names] == [
        (True, True),
        (True, True),
        (False, True),
        (False, True),
        (True, False),
    ]


@pytest.mark.skipif(os.name == "nt", reason="descriptors are not inherited by number")
def test_api_output_to_file_descriptor(tmp_path: Path) -> None:
    """The script can write its answer to a file descriptor."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as answer:
        subprocess.run(
            [sys.executable, str(SCRIPT), str(writing)],
            input='{"symbols": [["json.loads", []]]}',
            text=True,
            cwd=tmp_path,
            timeout=60,
            pass_fds=[writing],
            check=True,
        )
        os.close(writing)
        assert json.load(answer)["json.loads"]["offered"] is True


def test_api_invalid_input(tmp_path: Path) -> None:
    """Input that is not valid JSON gives exit code 0 and an error message."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path / "out")],
        input="{",
        text=True,
        timeout=60,
        check=True,
        capture_output=True,
    )
    assert "JSONDecodeError" in done.stderr


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("'x' is deprecated and will be removed in Werkzeug 3.0. Use 'y'.", "3.0"),
        ("will be removed in 2.1", "2.1"),
        ("Will be removed in version 4", "4"),
        ("will be removed in Flask-Login 0.7.0.", "0.7.0"),
        ("to be removed with the release 1.2", "1.2"),
        ("dropped in v3.1", "3.1"),
        ("Removal in Flask version 2.4", "2.4"),
        ("deprecated since 2.0 and removed as of 3.0", "3.0"),
        ("will be removed in Python 3.14", None),
        ("will be removed in a future release. 2.0 has it", None),
        ("deprecated since version 2.3", None),
        ("will be removed in 30 days", None),
        ("will be removed by 2026-01-01", None),
        ("removed in 2025", None),
    ],
)
def test_removed_in_version(text: str, version: str | None) -> None:
    """The version of a removal is read from the text, or is None."""
    assert api.removed_in(text) == version
