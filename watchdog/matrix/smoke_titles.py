"""Reads the titles of a smoke's tests from its source, without running it."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path


def test_titles(smokes: Path, smoke: str) -> Mapping[str, str]:
    """Return the first docstring line of each test of a smoke, by the name of its function.

    Args:
        smokes: the folder of the smokes.
        smoke: the name of the module, such as `smoke_flask_login`.

    Returns:
        The titles; none for functions without one, or if the file is missing or not valid.
    """
    try:
        tree = ast.parse((smokes / f"{smoke}.py").read_bytes())
    except (OSError, SyntaxError, ValueError):
        return {}
    titles = {
        node.name: (ast.get_docstring(node) or "").partition("\n")[0].strip()
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    return {name: title for name, title in titles.items() if title}
