"""The map and the glossary name what exists."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest
from home import ROOT

PACKAGE = ROOT / "watchdog"
MAP = (ROOT / "docs" / "architecture.md").read_text("utf-8")
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text("utf-8")
ROOMS = [path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()]


@cache
def classes() -> set[str]:
    """Return the names of all classes of the package."""
    sources = [path for path in PACKAGE.rglob("*.py") if "smokes" not in path.parts]
    trees = [ast.parse(path.read_text("utf-8")) for path in sources]
    return {n.name for tree in trees for n in ast.walk(tree) if isinstance(n, ast.ClassDef)}


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(rf"`((?:{'|'.join(ROOMS)})/[\w/.*]*)`", MAP)))
)
def test_map_names_files(path: str) -> None:
    """Each file and folder that the map names exists."""
    assert list(PACKAGE.glob(path.rstrip("/")))


def test_map_names_rooms() -> None:
    """The map draws every room, and no other."""
    drawn = re.findall(r"^├── (\w+)/ ", MAP, flags=re.MULTILINE)
    drawn += re.findall(r"^└── (\w+)/ ", MAP, flags=re.MULTILINE)
    folders = [p.name for p in PACKAGE.iterdir() if p.is_dir() and not p.name.startswith("__")]
    assert sorted(drawn) == sorted(folders)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([A-Z]\w+)`", GLOSSARY))))
def test_glossary_names_types(name: str) -> None:
    """Each type that the glossary names exists."""
    assert name in classes()
