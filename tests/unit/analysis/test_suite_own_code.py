"""Whose code a failing test shows to be out of date."""

from __future__ import annotations

from pathlib import Path

import pytest

from watchdog.analysis.suite.own_code import PackageNames, defined_names
from watchdog.model.evidence import Failure, Frame


@pytest.mark.parametrize(
    ("kind", "message", "files", "expected"),
    [
        ("TypeError", "f() got an unexpected keyword argument 'x'", ["a.py"], True),
        ("ImportError", "cannot import name 'x' from 'w'", ["a.py"], True),
        ("AttributeError", "module 'w' has no attribute 'x'", ["a.py"], True),
        ("AttributeError", "'Flask' object has no attribute 'x'", ["a.py"], True),
        ("AttributeError", "'NoneType' object has no attribute 'x'", ["a.py"], False),
        ("AttributeError", "'str' object has no attribute 'x'", ["a.py"], False),
        (
            "ImportError",
            "cannot import name 'x' from 'w'",
            ["a.py", "site-packages/ext/b.py"],
            False,
        ),
        ("ImportError", "cannot import name 'x' from 'w'", ["a.py", "site-packages/ext.py"], False),
        ("ImportError", "cannot import name 'x' from 'w'", ["a.py", "site-packages/w/b.py"], True),
        ("ImportError", "cannot import name 'x' from 'w'", ["a.py", "__init__.py"], False),
        ("ImportError", "cannot import name 'x' from 'w'", ["a.py"] * 6, False),
        (
            "ImportError",
            "cannot import name 'x' from 'w'",
            ["suite-ext.py"] * 2 + ["a.py"] * 5,
            True,
        ),
        ("ImportError", "cannot import name 'x' from 'w'", ["python/x/__init__.py", "a.py"], True),
        ("ImportError", "cannot import name 'x' from 'w'", ["conftest.py"], True),
        ("ImportError", "cannot import name 'x' from 'ext.parts'", ["a.py"], False),
        ("ModuleNotFoundError", "No module named 'w.compat'", ["a.py"], True),
        ("ModuleNotFoundError", "No module named 'ext.compat'", ["a.py"], False),
        ("TypeError", "Field.__init__() takes 2 positional arguments", ["a.py"], False),
        ("TypeError", "make() missing 1 required positional argument: 'x'", ["a.py"], False),
        ("AttributeError", "'Field' object has no attribute 'x'", ["a.py"], False),
        ("AttributeError", "type object 'Field' has no attribute 'x'", ["a.py"], False),
        ("AttributeError", "type object 'Other' has no attribute 'x'", ["a.py"], True),
        ("AssertionError", "module 'w' has no attribute 'x'", ["a.py"], False),
        ("TypeError", "unsupported operand", ["a.py"], False),
    ],
)
def test_own_code(kind: str, message: str, files: list[str], expected: bool) -> None:
    """What a test itself uses and is gone is no failure of its package."""
    names = PackageNames(modules=frozenset({"ext"}), defined=frozenset({"Field", "make"}))
    failure = Failure(kind, message, tuple(Frame(file, "f", 1) for file in files))
    assert names.is_own_code("test_suite:tests/a.py::test_x", failure) is expected


def test_defined_names(tmp_path: Path) -> None:
    """Classes and functions of the package are found, also in classes; those of tests are not."""
    (tmp_path / "ext.py").write_text("class A:\n    async def b(self): ...\n\n\ndef c(): ...\n")
    tests = tmp_path / "test_a.py"
    tests.write_text("def test_a(): ...\n")
    assert defined_names(tmp_path, [tests]) == {"A", "b", "c"}
