"""Reads TOML with the place of each value.

`tomllib` says what a file means but not where that stands, and neither does tomlkit, which keeps
the style of what it writes. The scanner here reads only text that `tomllib` has accepted, and says
only where things are: no content is taken from it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from watchdog.errors import ConfigurationError
from watchdog.project.project import Form, SourceFile
from watchdog.project.reading import Source

Key = tuple[str | int, ...]

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")|\'\'\'.*?\'{3,5}(?!\')|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\r\n]+")
_PLACE = re.compile(r"^(?P<message>.*) \(at line (?P<line>\d+), column (?P<column>\d+)\)$")


@dataclass(frozen=True, kw_only=True)
class TomlFile:
    """The content of a TOML file, and where each value stands.

    Attributes:
        data: the content.
        source: the file.
        spans: of each value and of the header of each table, by the keys and indices to it.
    """

    data: Mapping[str, Any]
    source: SourceFile
    spans: Mapping[Key, tuple[int, int]]

    def table(self, *keys: str) -> Mapping[str, Any]:
        """Return a table; an empty one if there is none.

        Raises:
            ConfigurationError: something else stands in its place.
        """
        value: Any = self.data
        for depth, key in enumerate(keys, 1):
            value = value.get(key, {})
            if not isinstance(value, dict):
                raise self.mistake("is not a table", *keys[:depth])
        table: Mapping[str, Any] = value
        return table

    def place(self, *keys: str | int, form: Form = Form.FIXED) -> Source:
        """Return where a value stands, to be edited in a form."""
        key = ".".join(str(k) for k in keys)
        span = self.spans.get(keys)
        if span is None:
            return Source(file=self.source.file, text=key, key=key)
        return Source(
            file=self.source.file,
            line=self.source.line_of(span[0]),
            text=self.source.text[slice(*span)],
            span=None if form is Form.FIXED else span,
            form=form,
            key=key,
        )

    def mistake(self, what: str, *keys: str | int) -> ConfigurationError:
        """Return the error that a value is not what the format says."""
        place = self.place(*keys)
        name = re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", ".".join(str(k) for k in keys))
        position = f"{place.file}:{place.line}" if place.line else place.file
        return ConfigurationError((f"{position}: {name} {what}",))


def read_toml(source: SourceFile) -> TomlFile:
    """Return the content of a TOML file.

    Raises:
        ConfigurationError: it is no TOML.
    """
    try:
        data = tomllib.loads(source.text)
    except RecursionError:
        raise ConfigurationError((f"{source.file}: nested too deeply",)) from None
    except ValueError as e:  # also a number of more digits than Python reads
        end = len(source.text.rstrip())
        last = f"(at line {source.line_of(end)}, column {end - source.text.rfind(chr(10), 0, end)})"
        match = _PLACE.match(str(e).replace("(at end of document)", last))
        if match is None:
            raise ConfigurationError((f"{source.file}: no valid TOML: {e}",)) from None
        position = f"{source.file}:{match['line']}:{match['column']}"
        raise ConfigurationError((f"{position}: no valid TOML: {match['message']}",)) from None
    scanner = _Scanner(text=source.text)
    try:
        scanner.scan()
    except (AttributeError, IndexError, RecursionError):
        # Where the scanner loses its way, values have no line; that is no reason not to read them.
        scanner.spans.clear()
    return TomlFile(data=data, source=source, spans=scanner.spans)


@dataclass(kw_only=True)
class _Scanner:
    text: str
    position: int = 0
    spans: dict[Key, tuple[int, int]] = field(default_factory=dict)
    _counts: dict[Key, int] = field(default_factory=dict)

    def scan(self) -> None:
        """Find the spans of all values."""
        table: Key = ()
        self._match(_SPACE)
        while self.position < len(self.text):
            if self.text[self.position] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._match(_SPACE)

    def _match(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.position)
        if match is None:
            raise IndexError(self.position)
        self.position = match.end()
        return match[0]

    def _header(self) -> Key:
        start = self.position
        brackets = 2 if self.text.startswith("[[", start) else 1
        self.position += brackets
        keys = self._keys()
        self.position += brackets
        table: Key = ()
        for depth, key in enumerate(keys, 1):
            table = (*table, key)
            if depth == len(keys) and brackets == 2:  # noqa: PLR2004 ([[an array of tables]])
                self._counts[table] = self._counts.get(table, 0) + 1
            if table in self._counts:
                table = (*table, self._counts[table] - 1)
        self.spans[table] = (start, self.position)
        return table

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._match(_BLANK)
            if self.text[self.position] in "\"'":
                keys.append(str(tomllib.loads("x = " + self._match(_STRING))["x"]))
            else:
                keys.append(self._match(_BARE_KEY))
            self._match(_BLANK)
            if self.text[self.position] != ".":
                return keys
            self.position += 1

    def _pair(self, table: Key) -> None:
        keys = self._keys()
        self.position += 1  # the equals sign
        self._match(_BLANK)
        self._value((*table, *keys))

    def _value(self, path: Key) -> None:
        start = self.position
        character = self.text[start]
        if character in "\"'":
            self._match(_STRING)
        elif character == "[":
            self._items(path, "]")
        elif character == "{":
            self._items(path, "}")
        else:
            self._match(_SCALAR)
        self.spans[path] = (start, self.position)

    def _items(self, path: Key, end: str) -> None:
        """Pass over an array or an inline table."""
        self.position += 1
        index = 0
        while True:
            self._match(_SPACE)
            character = self.text[self.position]
            if character == end:
                self.position += 1
                return
            if character == ",":
                self.position += 1
            elif end == "]":
                self._value((*path, index))
                index += 1
            else:
                self._pair(path)
