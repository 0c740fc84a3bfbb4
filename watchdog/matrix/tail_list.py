"""Reads and writes the list of the long tail: one package a line, as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from watchdog.errors import ConfigurationError, unreadable_text
from watchdog.model.tail import TailPackage

BUILT_IN_LIST = Path(__file__).parents[1] / "tail.jsonl"
"""The list that comes with the program."""

_PACKAGE = TypeAdapter(TailPackage)


def read_tail_list(path: Path) -> tuple[TailPackage, ...]:
    """Read a list, in its order; one that is not there yet is empty.

    Raises:
        ConfigurationError: it cannot be read, with every line that is no package.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:  # `flask-watchdog tail` makes it
        return ()
    except (OSError, UnicodeDecodeError) as e:
        raise unreadable_text(path, e) from None
    # Not splitlines(): a reason may hold other characters that end a line.
    lines = text.removesuffix("\n").split("\n") if text else []
    packages: dict[str, TailPackage] = {}
    problems = []
    for number, line in enumerate(lines, start=1):
        try:
            package = _PACKAGE.validate_json(line)
        except ValidationError as e:
            error = e.errors()[0]
            where = ".".join(map(str, error["loc"]))
            what = f"{where}: {error['msg']}" if where else error["msg"]
            problems.append(f"{path.name}:{number}:1: not a package of the tail: {what}")
            continue
        if package.name in packages:
            problems.append(f"{path.name}:{number}:1: {package.name} stands there twice")
        packages[package.name] = package
    if problems:
        raise ConfigurationError(tuple(problems))
    return tuple(packages.values())


def tail_list_text(packages: Iterable[TailPackage]) -> str:
    """Return a list as the text of its file; what has its default is left out."""
    rows = (_PACKAGE.dump_python(p, mode="json", exclude_defaults=True) for p in packages)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
