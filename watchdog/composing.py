"""Environments made of links into a store: what `python -m venv` and an installer would make.

Paths are plain strings here: this runs for every package of every cell, and making `Path` objects
costs more than making the links.
"""

from __future__ import annotations

import configparser
import contextlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from watchdog.model import Interpreter

COMPLETE = ".watchdog-complete"
_OURS = (".watchdog-", ".lock")
_PROGRAMS = ("bin", "Scripts")


@dataclass(frozen=True)
class Entry:
    """A folder of the store, as `pip install --target` fills it.

    Attributes:
        items: what lies in it, by name, and whether it is a folder.
        console: name and target of each console script (the entry points specification).
        shipped: other programs of the package, by name, with their content.
    """

    path: str
    items: tuple[tuple[str, bool], ...]
    console: tuple[tuple[str, str], ...]
    shipped: tuple[tuple[str, bytes], ...]


def read_entry(path: Path) -> Entry:
    """What an environment takes from a folder of the store."""
    console: list[tuple[str, str]] = []
    for metadata in path.glob("*.dist-info/entry_points.txt"):
        parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
        parser.optionxform = str  # type: ignore[method-assign,assignment]  # names keep case
        with contextlib.suppress(configparser.Error, UnicodeDecodeError):
            parser.read_string(metadata.read_text(encoding="utf-8"))
            for section in ("console_scripts", "gui_scripts"):
                if parser.has_section(section):
                    console += parser.items(section)
    made = {name for name, _ in console}
    programs = [p for p in path.glob("bin/*") if p.is_file() and p.name not in made]
    return Entry(
        path=str(path),
        items=tuple(
            item
            for item in _listing(str(path))
            if not item[0].startswith(_OURS) and item[0] not in _PROGRAMS
        ),
        console=tuple(console),
        shipped=tuple((p.name, p.read_bytes()) for p in programs),
    )


def bare(into: Path, interpreter: Interpreter) -> Path:
    """What `python -m venv --without-pip` makes, less the scripts for shells (PEP 405).

    Returns the path of its python.
    """
    programs = f"{into}/bin"
    os.makedirs(f"{into}/lib/python{interpreter.series}/site-packages")
    os.mkdir(programs)
    os.symlink(interpreter.path, f"{programs}/python")
    for name in ("python3", f"python{interpreter.series}"):
        os.symlink("python", f"{programs}/{name}")
    (into / "pyvenv.cfg").write_text(
        f"home = {os.path.dirname(interpreter.path)}\ninclude-system-site-packages = false\n"
        f"version = {interpreter.version}\n",
        encoding="utf-8",
    )
    return into / "bin" / "python"


def compose(entries: Iterable[Entry], python: Path, site_packages: Path) -> None:
    """Link the packages into an environment, and write their programs."""
    site = str(site_packages)
    for entry in entries:
        _merge(entry.path, entry.items, site)
        for name, target in entry.console:
            _console_script(python, name, target)
        for name, content in entry.shipped:
            _program(python, name, content)


def _merge(source: str, items: Iterable[tuple[str, bool]], into: str) -> None:
    """Link what lies in one folder into another; folders that both have become real ones."""
    for name, is_dir in items:
        item, target = f"{source}{os.sep}{name}", f"{into}{os.sep}{name}"
        try:
            os.symlink(item, target, target_is_directory=is_dir)
        except FileExistsError:
            _meet(item, target)
        except OSError:  # Windows without the right to make links
            _copy(item, target)


def _meet(item: str, target: str) -> None:
    """Put a thing where another package has put one of the same name."""
    if not (os.path.isdir(item) and os.path.isdir(target)):
        os.unlink(target)  # the later package wins, as with pip
        os.symlink(item, target)
        return
    if os.path.islink(target):
        first = os.path.realpath(target)
        os.unlink(target)
        os.mkdir(target)
        _merge(first, _listing(first), target)
    _merge(item, _listing(item), target)


def _listing(folder: str) -> list[tuple[str, bool]]:
    with os.scandir(folder) as found:
        return sorted((item.name, item.is_dir()) for item in found)


def _copy(item: str, target: str) -> None:
    if os.path.isdir(item):
        shutil.copytree(item, target, dirs_exist_ok=True)
    else:
        shutil.copy2(item, target)


def _console_script(python: Path, name: str, target: str) -> None:
    module, _, attribute = target.partition("[")[0].strip().partition(":")
    if attribute:
        text = (
            f"#!{python}\nimport sys\n"
            f"from {module.strip()} import {attribute.split('.')[0].strip()}\n"
            f"if __name__ == '__main__':\n    sys.exit({attribute.strip()}())\n"
        )
        _program(python, name, text.encode())


def _program(python: Path, name: str, content: bytes) -> None:
    if "/" in name or "\\" in name:
        return
    first, newline, rest = content.partition(b"\n")
    if first.startswith(b"#!") and b"python" in first:
        content = f"#!{python}".encode() + newline + rest
    path = f"{python.parent}{os.sep}{name}"
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, 0o755)  # noqa: S103  a program, as an installer writes it
