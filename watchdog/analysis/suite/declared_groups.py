"""Reads every extra and group of requirements that a source distribution declares; runs nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from packaging.dependency_groups import DependencyGroupResolver

from watchdog.analysis.suite.tests import read_ini, read_text, read_toml
from watchdog.project.poetry import poetry_range

_EXTRA = re.compile(r"""\s*(?:and\s+)?extra\s*==\s*['"]([^'"]+)['"]\s*""")


def declared_groups(folder: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the name, the kind in words and the requirements of every extra and group."""
    places: tuple[tuple[str, Callable[[Path], Mapping[str, list[str]]]], ...] = (
        ("extra", _extras_of_metadata),
        ("extra", _extras_of_pyproject),
        ("extra", _extras_of_setup),
        ("dependency group", _groups),
        ("group of Poetry", _poetry_groups),
        ("group of PDM", _pdm_groups),
        ("group of uv", _uv_groups),
        ("environment of Hatch", _hatch_environments),
    )
    for kind, read in places:
        for name, texts in read(folder).items():
            yield name, kind, texts


def _extras_of_metadata(folder: Path) -> dict[str, list[str]]:
    """Return the requirements of each extra, as PKG-INFO has them."""
    message = HeaderParser().parsestr(read_text(folder / "PKG-INFO"))
    extras: dict[str, list[str]] = {}
    for text in message.get_all("Requires-Dist") or ():
        if match := _EXTRA.search(text):
            bare = _EXTRA.sub(" ", text).strip().rstrip(";").strip()
            extras.setdefault(match[1], []).append(bare)
    return extras


def _extras_of_pyproject(folder: Path) -> dict[str, list[str]]:
    project = read_toml(folder / "pyproject.toml").get("project", {})
    tables = project.get("optional-dependencies", {}) if isinstance(project, dict) else {}
    return _lists(tables)


def _lists(tables: Any) -> dict[str, list[str]]:  # noqa: ANN401  a file may hold anything
    """Return the strings of each list of a table."""
    if not isinstance(tables, dict):
        return {}
    return {
        str(name): [item for item in items if isinstance(item, str)]
        for name, items in tables.items()
        if isinstance(items, list)
    }


def _extras_of_setup(folder: Path) -> dict[str, list[str]]:
    """Return the extras and `tests_require` of setup.cfg and setup.py that are literals."""
    sections = read_ini(folder / "setup.cfg")
    found = {
        name: text.splitlines() for name, text in sections.get("options.extras_require", {}).items()
    }
    if texts := sections.get("options", {}).get("tests_require"):
        found.setdefault("tests-require", texts.splitlines())
    values = _setup_arguments(read_text(folder / "setup.py"))
    found = _lists(values.get("extras_require")) | found
    if required := _lists({"tests-require": values.get("tests_require")}):
        found = required | found
    return found


def _setup_arguments(text: str) -> dict[str, Any]:
    """Return the arguments of `setup()` in a setup.py that are literals, or names of literals."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    names: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names[node.targets[0].id] = _literal(node.value, names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg in ("tests_require", "extras_require"):
                    values[keyword.arg] = _literal(keyword.value, names)
    return values


def _literal(node: ast.expr, names: Mapping[str, Any]) -> Any:  # noqa: ANN401  a literal
    """Return the value of a literal, or of a name that stands for one; None for anything else."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Dict):
        keys = [k.value if isinstance(k, ast.Constant) else None for k in node.keys]
        return dict(zip(keys, [_literal(v, names) for v in node.values], strict=True))
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def _groups(folder: Path) -> dict[str, list[str]]:
    """Return the dependency groups (PEP 735) of pyproject.toml, with those that they include."""
    groups = read_toml(folder / "pyproject.toml").get("dependency-groups", {})
    if not isinstance(groups, dict):
        return {}
    found = {}
    for name in groups:
        try:
            resolved = DependencyGroupResolver(groups).resolve(name)
        except (ValueError, TypeError, LookupError, ExceptionGroup, RecursionError):
            continue
        found[name] = [str(requirement) for requirement in resolved]
    return found


def _poetry_groups(folder: Path) -> dict[str, list[str]]:
    tool = read_toml(folder / "pyproject.toml").get("tool", {})
    poetry = tool.get("poetry", {}) if isinstance(tool, dict) else {}
    if not isinstance(poetry, dict):
        return {}
    tables = {"dev": poetry.get("dev-dependencies")}
    groups = poetry.get("group", {})
    if isinstance(groups, dict):
        tables |= {n: g.get("dependencies") for n, g in groups.items() if isinstance(g, dict)}
    return {
        name: [_poetry_requirement(package, entry) for package, entry in table.items()]
        for name, table in tables.items()
        if isinstance(table, dict)
    }


def _poetry_requirement(package: str, entry: Any) -> str:  # noqa: ANN401  a file may hold anything
    extras = ""
    if isinstance(entry, dict):
        named = entry.get("extras")
        extras = f"[{','.join(map(str, named))}]" if isinstance(named, list) else ""
        entry = entry.get("version", "")
    try:
        versions = poetry_range(str(entry)) if entry and entry != "*" else ""
    except ValueError:
        versions = ""
    return f"{package}{extras}{versions}"


def _tool(folder: Path, name: str) -> dict[str, Any]:
    """Return the table of a tool in pyproject.toml; empty if there is none."""
    tools = read_toml(folder / "pyproject.toml").get("tool", {})
    table = tools.get(name) if isinstance(tools, dict) else None
    return table if isinstance(table, dict) else {}


def _pdm_groups(folder: Path) -> dict[str, list[str]]:
    return _lists(_tool(folder, "pdm").get("dev-dependencies"))


def _uv_groups(folder: Path) -> dict[str, list[str]]:
    return _lists({"dev": _tool(folder, "uv").get("dev-dependencies")})


def _hatch_environments(folder: Path) -> dict[str, list[str]]:
    """Return what each environment of Hatch adds to the package; `hatch-test` is that of tests."""
    environments = _tool(folder, "hatch").get("envs")
    found: dict[str, list[str]] = {}
    for name, table in environments.items() if isinstance(environments, dict) else ():
        if isinstance(table, dict):
            parts = _lists({key: table.get(key) for key in ("dependencies", "extra-dependencies")})
            found[str(name).removeprefix("hatch-")] = [
                text for part in parts.values() for text in part
            ]
    return found
