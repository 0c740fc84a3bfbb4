from __future__ import annotations

import ast

import pytest
from home import ROOT

from watchdog.harness import SMOKES, smoke_source
from watchdog.matrix.smoke_program import program_of_test

SMOKE = '''"""Title."""

import json
import os.path
from flask import Flask, Blueprint as B

SABOTAGE = ["x"]
LIMIT = 3


def create_app():
    return Flask(__name__), LIMIT


@decorate
def test_one():
    """One."""
    assert create_app()


def test_two():
    assert os.path.sep and B
'''


def test_program_has_fixtures() -> None:
    """A program cut out of a smoke that uses a fixture is whole, and has each import once."""
    source = smoke_source(SMOKES / "smoke_gunicorn.py").decode()
    program = program_of_test(source, "test_end")
    assert program is not None
    assert "from serving" not in program
    assert "def started(" in program
    assert "def fetch_two(" not in program
    imports = program.partition("\n\n\n")[0].splitlines()
    assert "import time" in imports
    assert len(imports) == len(set(imports))
    compile(program, "program", "exec")


def test_program_has_what_the_test_needs() -> None:
    """The program has the imports, values and functions that the test needs, and calls it."""
    assert program_of_test(SMOKE, "test_one") == (
        "from flask import Flask\n\n\nLIMIT = 3\n\n\ndef create_app():\n"
        "    return Flask(__name__), LIMIT\n\n\n@decorate\ndef test_one():\n"
        '    """One."""\n    assert create_app()\n\n\ntest_one()'
    )
    two = program_of_test(SMOKE, "test_two")
    assert two is not None
    assert two.startswith("import os.path\nfrom flask import Blueprint as B\n\n\ndef test_two")


def test_program_of_imports() -> None:
    """Without a test the program is the imports of the smoke."""
    wanted = "import json\nimport os.path\nfrom flask import Flask, Blueprint as B"
    assert program_of_test(SMOKE, None) == wanted


@pytest.mark.parametrize(("source", "test"), [("def (", None), (SMOKE, "test_none"), ("", None)])
def test_no_program(source: str, test: str | None) -> None:
    """There is no program of a broken file or of a test that does not exist."""
    assert program_of_test(source, test) is None


def test_programs_of_all_smokes() -> None:
    """Each test of each smoke gives a program in which every name of the module is defined."""
    for path in sorted((ROOT / "watchdog" / "smokes").glob("smoke_*.py")):
        source = path.read_text("utf-8")
        names = [n.name for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)]
        for name in (n for n in names if n.startswith("test_")):
            program = program_of_test(source, name)
            assert program is not None
            compile(program, path.name, "exec")
