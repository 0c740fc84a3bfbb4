"""Lets matrix.yaml call the two columns of the core by the names of its packages.

A user writes `flask: [newest]` and `werkzeug: [resolved]`. The models in `schema` serve every core
and have the fixed fields `framework` and `foundation`. So the columns of a file are renamed to
fields before validation, and fields back to columns in error messages and in the JSON schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

FIELDS = ("framework", "foundation")
"""The fields of the two columns."""

TABLES = ("core", "grid", "versions")
"""The tables that have such columns."""

TAKEN = ("python", "subject", "subjects")
"""The names of other columns in these tables."""


@dataclass(frozen=True)
class Columns:
    """The renaming between the columns of a file and the fields of the models.

    It is one to one in both directions, so that no key is lost or invented. With the core `flask`
    and `werkzeug`, the column `flask` becomes the field `framework`, and the key `framework`
    becomes `flask`, which is no field: it is refused like every other unknown key.

    Attributes:
        core_names: the packages of the core: framework, foundation.
    """

    core_names: tuple[str, str]

    @cached_property
    def _field(self) -> Mapping[str, str]:
        """The field of each column in a file."""
        names = (*self.core_names, *(f for f in FIELDS if f not in self.core_names))
        fields = (*FIELDS, *(n for n in self.core_names if n not in FIELDS))
        return dict(zip(names, fields, strict=True))

    @cached_property
    def _name(self) -> Mapping[str, str]:
        """The column in a file of each field."""
        return {field: name for name, field in self._field.items()}

    def to_fields(self, data: object) -> object:
        """Return the data of a file with columns renamed to fields.

        Data that has not the structure of matrix.yaml is returned as it is; validation reports
        it.
        """
        tables = data.get("tables") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(tables, dict):
            return data
        renamed = dict(tables)
        for name, table in tables.items():
            if name in TABLES and isinstance(table, dict):
                renamed[name] = _rename_keys(table, self._field)
        return data | {"tables": renamed}

    def to_names(self, path: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the path in a file of a path of fields: of keys and indexes."""
        if not in_tables(path):
            return path
        return (*path[:2], *(self._name.get(step, step) for step in path[2:3]), *path[3:])

    def in_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return a JSON schema of the models with fields renamed to columns."""
        renamed = dict(schema)
        renamed["$defs"] = {
            name: self._in_model_schema(name, model) for name, model in schema["$defs"].items()
        }
        return renamed

    def _in_model_schema(self, name: str, model: dict[str, Any]) -> dict[str, Any]:
        if name.removesuffix("Table").lower() not in TABLES:
            return model
        properties = dict(model["properties"])
        for field in FIELDS:
            if field in properties:
                properties[field] = properties[field] | {"title": self._name[field].title()}
        required = [self._name.get(key, key) for key in model["required"]]
        return model | {"properties": _rename_keys(properties, self._name), "required": required}


def in_tables(path: tuple[Any, ...]) -> bool:
    """Return whether a path leads into a table that has columns of the core."""
    return path[:1] == ("tables",) and path[1:2] != () and path[1] in TABLES


def _rename_keys(mapping: Mapping[Any, Any], names: Mapping[Any, Any]) -> dict[Any, Any]:
    return {names.get(key, key): value for key, value in mapping.items()}
