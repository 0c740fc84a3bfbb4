"""Builds linked environments: like those of `python -m venv` and an installer, but of links.

The links lead into the package store. Paths are strings here: this runs for every package of every
cell, and creating `Path` objects takes longer than creating the links.
"""

from __future__ import annotations

import io
import os
import shutil
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from watchdog.model.release import Interpreter

COMPLETE = ".watchdog-complete"
"""Name of a file that is written last, when an entry of the store is complete."""
SITE = "site-packages"
_PROGRAM_FOLDERS = ("bin", "Scripts")
_LONGEST_SCRIPT = 64_000
"""Bytes. What an installer makes of an entry point has some 300; compiled programs have many MB."""

_MOST_SCRIPTS = 500
_LONGEST_FIRST_LINE = 1024


@dataclass(frozen=True)
class StoreEntry:
    """A package in the store: its `site-packages` and its files for other parts of an environment.

    Attributes:
        path: the folder.
        items: the content of its site-packages: names, and whether each is a folder.
        others: the same for what belongs in the root of the environment, such as `share`.
        programs: console scripts and other programs: paths and contents; no contents of long
            ones, and of none where there are very many, so that memory holds little.
    """

    path: str
    items: tuple[tuple[str, bool], ...]
    others: tuple[tuple[str, bool], ...]
    programs: tuple[tuple[str, bytes], ...]


def read_entry(path: Path) -> StoreEntry:
    """Read what an environment takes from a folder of the store."""
    programs = [p for name in _PROGRAM_FOLDERS for p in path.glob(f"{name}/*") if p.is_file()]
    kept = _LONGEST_SCRIPT if len(programs) <= _MOST_SCRIPTS else 0
    handled = (*_PROGRAM_FOLDERS, SITE)
    return StoreEntry(
        path=str(path),
        items=tuple(_list_folder(f"{path}{os.sep}{SITE}")),
        others=tuple(
            item
            for item in _list_folder(str(path))
            if item[0] not in handled and not item[0].startswith(".watchdog-")
        ),
        programs=tuple(
            (str(p), p.read_bytes() if p.stat().st_size < kept else b"") for p in programs
        ),
    )


def create_venv(into: Path, interpreter: Interpreter) -> Path:
    """Create a virtual environment (PEP 405) without pip and without scripts for shells.

    Returns:
        The path of its python.
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

    Each symbolic link is created once, in a folder of the run, and is hard-linked into each
    environment: file systems create and remove a hard link several times faster than a symbolic
    link.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._links: dict[str, str] = {}
        self._linking = threading.Lock()

    def link(self, entries: Iterable[StoreEntry], python: Path, site_packages: Path) -> None:
        """Link packages into an environment and write their programs."""
        site, root = str(site_packages), str(python.parent.parent)
        for entry in entries:
            self._merge(f"{entry.path}{os.sep}{SITE}", entry.items, site)
            self._merge(entry.path, entry.others, root)
            for path, content in entry.programs:
                _write_program(python, path, content)

    def _merge(self, source: str, items: Iterable[tuple[str, bool]], into: str) -> None:
        """Link items of one folder into another; a folder that both have becomes a real one."""
        for name, is_dir in items:
            item, target = f"{source}{os.sep}{name}", f"{into}{os.sep}{name}"
            try:
                self._link(item, target, is_dir=is_dir)
            except FileExistsError:
                self._merge_or_replace(item, target)
            except OSError:  # Windows without the right to create links
                _copy(item, target)

    def _link(self, item: str, target: str, *, is_dir: bool) -> None:
        try:
            os.link(self._shared_link(item, is_dir=is_dir), target, follow_symlinks=False)
        except FileExistsError:
            raise
        except (OSError, NotImplementedError):
            # Another file system, one without hard links, or too many hard links.
            os.symlink(item, target, target_is_directory=is_dir)

    def _shared_link(self, item: str, *, is_dir: bool) -> str:
        """Return the shared symbolic link to an item; create it at the first call."""
        with self._linking:
            if item not in self._links:
                os.makedirs(self._folder, exist_ok=True)
                link = f"{self._folder}{os.sep}{len(self._links)}"
                os.symlink(item, link, target_is_directory=is_dir)
                self._links[item] = link
            return self._links[item]

    def _merge_or_replace(self, item: str, target: str) -> None:
        """Link an item whose name another package has already linked."""
        if not (os.path.isdir(item) and os.path.isdir(target)):
            os.unlink(target)  # the later package wins, as with pip
            os.symlink(item, target)
            return
        if os.path.islink(target):
            first = os.path.realpath(target)
            os.unlink(target)
            os.mkdir(target)
            self._merge(first, _list_folder(first), target)
        self._merge(item, _list_folder(item), target)


def _list_folder(folder: str) -> list[tuple[str, bool]]:
    """Return the names in a folder, sorted, and whether each is a folder."""
    with os.scandir(folder) as items:
        return sorted((item.name, item.is_dir()) for item in items)


def _copy(item: str, target: str) -> None:
    if os.path.isdir(item):
        shutil.copytree(item, target, dirs_exist_ok=True)
    else:
        shutil.copy2(item, target)


def _write_program(python: Path, source: str, content: bytes) -> None:
    """Write a program so that it runs in this environment, as an installer does."""
    path = f"{python.parent}{os.sep}{os.path.basename(source)}"
    with io.BytesIO(content) if content else open(source, "rb") as old, open(path, "wb") as new:
        first = old.readline(_LONGEST_FIRST_LINE)
        if first.startswith(b"#!") and b"python" in first:
            first = f"#!{python}\n".encode()
        new.write(first)
        shutil.copyfileobj(old, new)
    os.chmod(path, 0o755)  # noqa: S103  a program, as an installer writes it
