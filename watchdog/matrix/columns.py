"""Columns of tables carry the names of the core's packages: from a file to fields, and back.

Both ways are one exchange of names, so that no key is lost or made up on the way: what a file
calls `framework` without a package of that name is as unknown as any other word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

FIELDS = ("framework", "foundation")
TABLES = ("core", "grid", "versions")
TAKEN = ("python", "subject", "subjects")
"""What the tables call other columns."""


@dataclass(frozen=True)
class Columns:
    """The names a file has for the columns of the framework and of what it stands on."""

    own: tuple[str, str]

    @cached_property
    def _field(self) -> Mapping[str, str]:
        names = (*self.own, *(f for f in FIELDS if f not in self.own))
        fields = (*FIELDS, *(n for n in self.own if n not in FIELDS))
        return dict(zip(names, fields, strict=True))

    @cached_property
    def _name(self) -> Mapping[str, str]:
        return {field: name for name, field in self._field.items()}

    def to_fields(self, data: object) -> object:
        """The data of a file, its columns under the names of the fields."""
        tables = data.get("tables") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(tables, dict):
            return data
        renamed = {
            name: _renamed(table, self._field)
            if name in TABLES and isinstance(table, dict)
            else table
            for name, table in tables.items()
        }
        return data | {"tables": renamed}

    def to_names(self, path: tuple[Any, ...]) -> tuple[Any, ...]:
        """Where in a file stands what is found at a path of fields."""
        if not in_tables(path):
            return path
        return (*path[:2], *(self._name.get(step, step) for step in path[2:3]), *path[3:])

    def in_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """A JSON schema of the fields as one of the file."""
        return {key: self._of_model(key, part) for key, part in schema.items()}

    def _of_model(self, name: str, part: Any) -> Any:  # noqa: ANN401  any JSON
        if name == "$defs":
            return {key: self._of_model(key, model) for key, model in part.items()}
        if name.removesuffix("Table").lower() not in TABLES or "properties" not in part:
            return part
        properties = {
            key: value | {"title": self._name[key].title()} if key in FIELDS else value
            for key, value in part["properties"].items()
        }
        required = [self._name.get(key, key) for key in part["required"]]
        return part | {"properties": _renamed(properties, self._name), "required": required}


def in_tables(path: tuple[Any, ...]) -> bool:
    """Whether a path leads into a table that has columns of the core."""
    return path[:1] == ("tables",) and path[1:2] != () and path[1] in TABLES


def _renamed(mapping: Mapping[Any, Any], names: Mapping[Any, Any]) -> dict[Any, Any]:
    return {names.get(key, key): value for key, value in mapping.items()}
