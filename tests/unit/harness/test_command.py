"""How the failure of a user's command is read from what it printed."""

from __future__ import annotations

import pytest

from watchdog.harness.command import _failure

NOT_IMPORTED = """
==================================== ERRORS ====================================
test_app.py:1: in <module>
    from app import app
E   ImportError: cannot import name 'gone' from 'werkzeug'
=========================== short test summary info ============================
ERROR test_app.py
"""
FAILED = """
E       AssertionError: assert 308 == 301
=========================== short test summary info ============================
FAILED test_app.py::test_move - KeyError: 'x'
"""

UNITTEST = """
EF
======================================================================
ERROR: test_app (unittest.loader._FailedTest)
----------------------------------------------------------------------
ImportError: Failed to import test module: test_app
Traceback (most recent call last):
  File "test_app.py", line 1, in <module>
    from app import app
ModuleNotFoundError: No module named 'pkg_resources'

======================================================================
FAIL: test_move (test_app.AppTest.test_move)
----------------------------------------------------------------------
Traceback (most recent call last):
AssertionError: 308 != 301

----------------------------------------------------------------------
Ran 2 tests in 0.000s

FAILED (failures=1, errors=1)
"""


@pytest.mark.parametrize(
    ("output", "kind", "message"),
    [
        (NOT_IMPORTED, "ImportError", "cannot import name 'gone' from 'werkzeug' [test_app.py]"),
        (FAILED, "KeyError", "'x' [test_app.py::test_move]"),
        ("ERROR test_app.py\n", "TestFailed", "test_app.py"),
        (UNITTEST, "ModuleNotFoundError", "No module named 'pkg_resources' [test_app]"),
        (UNITTEST.partition("\n\n")[2], "AssertionError", "308 != 301 [AppTest.test_move]"),
        ("FAILED (errors=1)\n", "CommandError", "exit code 2: FAILED (errors=1)"),
        ("Traceback …\nValueError: mine\n", "ValueError", "mine"),
        ("nothing to see\n", "CommandError", "exit code 2: nothing to see"),
    ],
)
def test_failure_has_type_and_message(output: str, kind: str, message: str) -> None:
    """The exception of a failed test, of a failed import, or of the last line is told."""
    failure = _failure(output, 2)
    assert (type(failure).__name__, str(failure)) == (kind, message)
