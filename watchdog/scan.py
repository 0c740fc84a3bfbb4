"""What a source file uses of given packages, read from its text and never run. Pure."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import replace

from watchdog.reader import How, Reader, Use

__all__ = ["How", "Use", "uses"]


def uses(source: str, file: str, packages: frozenset[str]) -> tuple[Use, ...]:
    """Uses of the packages in one file, by line; none where the text is not Python 3.

    `packages` are top-level import names. The same symbol used twice in the same way on one line
    is told once, with the keywords of both, and as guarded or lazy only where both are.
    """
    source = source.removeprefix("\ufeff")
    reader = Reader(file, re.split(r"\r\n|\r|\n", source), packages)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of invalid escapes in the text
            tree = ast.parse(source)
        reader.visit(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    patched = {symbol for dotted in reader.patched for symbol in dotted.symbols()[0]}
    found: dict[tuple[int, str, How], Use] = {}
    for use in reader.uses():
        if use.package in packages:
            own = not patched.isdisjoint(_prefixes(use.symbol))
            told = replace(use, guarded=use.guarded or own)
            key = (use.line, use.symbol, use.how)
            found[key] = _merged(found[key], told) if key in found else told
    return tuple(found[key] for key in sorted(found))


def _merged(one: Use, other: Use) -> Use:
    return replace(
        one,
        keywords=tuple(dict.fromkeys(one.keywords + other.keywords)),
        guarded=one.guarded and other.guarded,
        lazy=one.lazy and other.lazy,
    )


def _prefixes(symbol: str) -> Iterator[str]:
    parts = symbol.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts) + 1))
