"""Reads a list of the most downloaded packages: which names there are, and their ranks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from watchdog.errors import ConfigurationError, unreadable_text

_MOST_PROBLEMS = 10


@dataclass(frozen=True, kw_only=True)
class ListedName:
    """A name in a download list.

    Attributes:
        name: normalised.
        rank: 1 for the most downloaded package of the index; None if the list gives none.
        version: the newest one, as the list has it; empty if it has none.
        month: of the newest release, such as `2026-11`; empty if the list has none.
        summary: one line; empty if the list has none.
    """

    name: str
    rank: int | None = None
    version: str = ""
    month: str = ""
    summary: str = ""


def read_download_list(path: Path) -> Iterator[ListedName]:
    """Yield the names of a download list, in its order.

    The list is a table whose columns are separated by tabs, with a first line that names them:
    `name`, one that begins with `rank`, and, if it has them, `version`, `month` and `summary`. Or
    it is JSON: `{"rows": [{"project": "flask", "download_count": 12}]}`, in any order.

    Raises:
        ConfigurationError: the file is neither, with its first problems.
    """
    try:
        with path.open(encoding="utf-8") as file:
            first = file.readline()
            if first.lstrip().startswith("{"):
                rows = _read_json(first + file.read(), path)
            else:
                rows = _read_table(first, file, path)
            yield from rows
    except (OSError, UnicodeDecodeError) as e:
        raise unreadable_text(path, e) from None


def _read_json(text: str, path: Path) -> Iterator[ListedName]:
    try:
        rows = json.loads(text)["rows"]
        counts = {_name(row): int(row["download_count"]) for row in rows}
    except (ValueError, KeyError, TypeError, RecursionError) as e:
        example = '{"rows": [{"project": "flask", "download_count": 12}]}'
        message = f"{path}: not a list of downloads such as {example}: {type(e).__name__}: {e}"
        raise ConfigurationError((message,)) from None
    most_first = sorted(counts, key=lambda name: -counts[name])
    for rank, name in enumerate(most_first, start=1):
        yield ListedName(name=name, rank=rank)


def _name(row: Any) -> str:  # noqa: ANN401  any JSON
    return canonicalize_name(str(row["project"]))


def _read_table(head: str, lines: Iterator[str], path: Path) -> Iterator[ListedName]:
    columns = _columns(head.rstrip("\r\n").split("\t"), path)
    problems: list[str] = []
    for number, line in enumerate(lines, start=2):
        cells = line.rstrip("\r\n").split("\t")
        values = {key: cells[at] for key, at in columns.items() if at < len(cells)}
        rank = values.pop("rank", "")
        if not values.get("name"):
            problems.append(f"{path}:{number}:1: no name; remove the line")
        elif rank and not (rank.isdecimal() and int(rank)):
            at = sum(len(cell) + 1 for cell in cells[: columns["rank"]]) + 1
            problems.append(f"{path}:{number}:{at}: {rank!r} is not a rank; write a number from 1")
        else:
            values["name"] = canonicalize_name(values["name"])
            yield ListedName(rank=int(rank) if rank else None, **values)
    if problems:
        left = len(problems) - _MOST_PROBLEMS
        more = (f"{path}: {left} more lines like these",) if left > 0 else ()
        raise ConfigurationError((*problems[:_MOST_PROBLEMS], *more))


def _columns(head: Sequence[str], path: Path) -> dict[str, int]:
    """Return the place of each column that is read.

    Raises:
        ConfigurationError: there is none for names, or none for ranks.
    """
    columns: dict[str, int] = {}
    for at, title in enumerate(head):
        key = "rank" if title.startswith("rank") else title
        if key in ListedName.__dataclass_fields__:
            columns.setdefault(key, at)
    missing = [key for key in ("name", "rank") if key not in columns]
    if missing:
        raise ConfigurationError(
            tuple(
                f"{path}:1:1: no column {key!r}; the first line names the columns, separated by "
                "tabs"
                for key in missing
            )
        )
    return columns
