"""The smokes as files: which subject has which, their tests, and what sabotages them."""

from __future__ import annotations

import ast
from pathlib import Path

from home import ROOT

from watchdog.harness import SMOKES
from watchdog.matrix.load import load_matrix
from watchdog.matrix.schema import Matrix

MATRIX: Matrix = load_matrix(ROOT / "matrix.yaml")
FILES = sorted(SMOKES.glob("smoke_*.py"))
SUBJECTS = ("flask", *MATRIX.extensions)


def file_of(subject: str) -> Path:
    """Return the smoke of a subject."""
    return SMOKES / f"smoke_{subject.replace('-', '_')}.py"


def functions_in(tree: ast.Module) -> list[ast.FunctionDef]:
    """Return the test functions of a smoke."""
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [function for function in functions if function.name.startswith("test_")]


def sabotage_of(path: Path) -> list[str]:
    """Return the functions that a smoke names as central, each as `file:qualified.name`."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SABOTAGE":
            functions: list[str] = ast.literal_eval(node.value)
            return functions
    return []
