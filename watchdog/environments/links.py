"""Environments made of links into a store: what `python -m venv` and an installer would make.

Paths are plain strings here: this runs for every package of every cell, and making `Path` objects
costs more than making the links.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from watchdog.model.release import Interpreter

COMPLETE = ".watchdog-complete"
SITE = "site-packages"


@dataclass(frozen=True)
class StoreEntry:
    """A folder of the store: `site-packages`, and what goes elsewhere in an environment.

    Attributes:
        items: what lies in its site-packages, by name, and whether it is a folder.
        others: likewise what goes to the environment's root, `share` for one.
        programs: console scripts and the like, by name, with their content.
    """

    path: str
    items: tuple[tuple[str, bool], ...]
    others: tuple[tuple[str, bool], ...]
    programs: tuple[tuple[str, bytes], ...]


def read_entry(path: Path) -> StoreEntry:
    """What an environment takes from a folder of the store."""
    programs = [p for folder in ("bin", "Scripts") for p in path.glob(f"{folder}/*") if p.is_file()]
    ours = ("bin", "Scripts", SITE)
    return StoreEntry(
        path=str(path),
        items=tuple(_listing(f"{path}{os.sep}{SITE}")),
        others=tuple(
            item
            for item in _listing(str(path))
            if item[0] not in ours and not item[0].startswith(".watchdog-")
        ),
        programs=tuple((p.name, p.read_bytes()) for p in programs),
    )


def create_venv(into: Path, interpreter: Interpreter) -> Path:
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


class Linker:
    """Links packages into environments; safe to use from several threads.

    Each symbolic link is made once, in a folder of the run, and gets a further name in each
    environment: a file system takes several times as long to make and to free a link as a name.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._made: dict[str, str] = {}
        self._making = threading.Lock()

    def link(self, entries: Iterable[StoreEntry], python: Path, site_packages: Path) -> None:
        """Link the packages into an environment, and write their programs."""
        site, root = str(site_packages), str(python.parent.parent)
        for entry in entries:
            self._merge(f"{entry.path}{os.sep}{SITE}", entry.items, site)
            self._merge(entry.path, entry.others, root)
            for name, content in entry.programs:
                _program(python, name, content)

    def _merge(self, source: str, items: Iterable[tuple[str, bool]], into: str) -> None:
        """Link what lies in one folder into another; folders that both have become real ones."""
        for name, is_dir in items:
            item, target = f"{source}{os.sep}{name}", f"{into}{os.sep}{name}"
            try:
                self._link(item, target, is_dir=is_dir)
            except FileExistsError:
                self._meet(item, target)
            except OSError:  # Windows without the right to make links
                _copy(item, target)

    def _link(self, item: str, target: str, *, is_dir: bool) -> None:
        try:
            os.link(self._first(item, is_dir=is_dir), target, follow_symlinks=False)
        except FileExistsError:
            raise
        except (OSError, NotImplementedError):  # not here, or this one has too many names
            os.symlink(item, target, target_is_directory=is_dir)

    def _first(self, item: str, *, is_dir: bool) -> str:
        """The link that is made once."""
        with self._making:
            if item not in self._made:
                os.makedirs(self._folder, exist_ok=True)
                link = f"{self._folder}{os.sep}{len(self._made)}"
                os.symlink(item, link, target_is_directory=is_dir)
                self._made[item] = link
            return self._made[item]

    def _meet(self, item: str, target: str) -> None:
        """Put a thing where another package has put one of the same name."""
        if not (os.path.isdir(item) and os.path.isdir(target)):
            os.unlink(target)  # the later package wins, as with pip
            os.symlink(item, target)
            return
        if os.path.islink(target):
            first = os.path.realpath(target)
            os.unlink(target)
            os.mkdir(target)
            self._merge(first, _listing(first), target)
        self._merge(item, _listing(item), target)


def _listing(folder: str) -> list[tuple[str, bool]]:
    with os.scandir(folder) as found:
        return sorted((item.name, item.is_dir()) for item in found)


def _copy(item: str, target: str) -> None:
    if os.path.isdir(item):
        shutil.copytree(item, target, dirs_exist_ok=True)
    else:
        shutil.copy2(item, target)


def _program(python: Path, name: str, content: bytes) -> None:
    """Write a program so that it runs in this environment, as an installer does."""
    first, newline, rest = content.partition(b"\n")
    if first.startswith(b"#!") and b"python" in first:
        content = f"#!{python}".encode() + newline + rest
    path = f"{python.parent}{os.sep}{name}"
    with open(path, "wb") as file:
        file.write(content)
    os.chmod(path, 0o755)  # noqa: S103  a program, as an installer writes it
