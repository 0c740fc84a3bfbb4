"""Reads Pipfile and Pipfile.lock, the files of Pipenv.

A Pipfile's values are described in Pipenv's documentation, "Pipfile & Pipfile.lock".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from watchdog.errors import ConfigurationError
from watchdog.project.poetry import join_extras, join_markers
from watchdog.project.project import Form, SourceFile
from watchdog.project.reading import Opened, Reading, Source
from watchdog.project.requirement_text import NO_RELEASE, UnusableError
from watchdog.project.toml_file import read_toml

_OTHER_SOURCES = ("git", "hg", "svn", "bzr", "path", "file", "ref", "editable")
_MARKERS = (
    *("os_name", "sys_platform", "platform_machine", "platform_python_implementation"),
    *("platform_release", "platform_system", "platform_version", "python_version"),
    *("python_full_version", "implementation_name", "implementation_version"),
)
_NO_CATEGORY = {"packages", "source", "requires", "scripts", "pipenv", "pipfile"}


def read_pipfile(reading: Reading, opened: Opened) -> None:
    """Read [packages], and those other categories that are wanted."""
    source = opened.source
    toml = read_toml(source)
    requires = toml.table("requires")
    for key in ("python_full_version", "python_version"):
        if isinstance(version := requires.get(key), str):
            reading.want_python(version, toml.place("requires", key).position, exact=True)
    for category in toml.data:
        if category in _NO_CATEGORY - {"packages"}:
            continue
        table = toml.table(category)
        if category != "packages" and not reading.is_chosen(category):
            reading.leave_out(f"[{category}]", source.file, len(table))
            continue
        for name, entry in table.items():
            if isinstance(entry, dict) and isinstance(entry.get("version"), str):
                place = toml.place(category, name, "version", form=Form.VERSION)
            else:
                form = Form.VERSION if isinstance(entry, str) else Form.FIXED
                place = toml.place(category, name, form=form)
            _require(reading, name, entry, place)


def read_pipfile_lock(reading: Reading, opened: Opened) -> None:
    """Read the locked versions of [packages], and of those categories that are wanted."""
    source = opened.source
    data = _read_json(source)
    reading.locked = True
    meta = data.get("_meta", {})
    requires = meta.get("requires", {}) if isinstance(meta, dict) else {}
    for key in ("python_full_version", "python_version"):
        if isinstance(requires, dict) and isinstance(version := requires.get(key), str):
            reading.want_python(version, f"{source.file} _meta.requires.{key}", exact=True)
    for category, packages in data.items():
        if category == "_meta":
            continue
        if not isinstance(packages, dict):
            raise ConfigurationError((f"{source.file}: `{category}` is not an object",))
        group = {"develop": "dev-packages"}.get(category, category)
        if category != "default" and not reading.is_chosen(group):
            if packages:
                reading.leave_out(f"`{category}`", source.file, len(packages))
            continue
        offset = max(source.text.find(f'"{category}"'), 0)
        for name, entry in packages.items():
            found = source.text.find(f'"{name}"', offset)
            line = None if found < 0 else source.line_of(found)
            place = Source(file=source.file, line=line, text=name, key=f"{category}.{name}")
            _require(reading, name, entry, place)


def _read_json(source: SourceFile) -> dict[str, Any]:
    import json  # noqa: PLC0415 (few need it)

    try:
        data = json.loads(source.text)
    except json.JSONDecodeError as e:
        position = f"{source.file}:{e.lineno}:{e.colno}"
        raise ConfigurationError((f"{position}: no valid JSON: {e.msg}",)) from None
    except RecursionError:
        raise ConfigurationError((f"{source.file}: nested too deeply",)) from None
    except ValueError as e:  # a number of more digits than Python reads
        raise ConfigurationError((f"{source.file}: no valid JSON: {e}",)) from None
    if not isinstance(data, dict) or not isinstance(data.get("default", {}), dict):
        raise ConfigurationError((f"{source.file}: not a Pipfile.lock: no object `default`",))
    return data


def _require(reading: Reading, name: str, entry: Any, place: Source) -> None:  # noqa: ANN401
    try:
        reading.require(_requirement(name, entry), place)
    except UnusableError as e:
        reading.skip(place, str(e))


def _requirement(name: str, entry: Any) -> str:  # noqa: ANN401
    """Return an entry as a requirement of PEP 508."""
    if isinstance(entry, str):
        return name + _range(entry)
    if not isinstance(entry, dict):
        raise UnusableError("neither a range of versions nor a table")
    if any(entry.get(key) for key in _OTHER_SOURCES):
        raise UnusableError(NO_RELEASE)
    extras = entry.get("extras", [])
    if not isinstance(extras, list) or not all(isinstance(e, str) for e in extras):
        raise UnusableError("`extras` is not a list of strings")
    version = entry.get("version", "*")
    if not isinstance(version, str):
        raise UnusableError("`version` is not a string")
    return name + join_extras(extras) + _range(version) + join_markers(_markers(entry))


def _range(text: str) -> str:
    text = text.strip()
    if text in {"*", ""}:
        return ""
    if text[0] not in "=<>!~":
        raise UnusableError(f"`{text}` is no range of versions; an exact version is `=={text}`")
    return text


def _markers(entry: Mapping[str, Any]) -> list[str]:
    markers = []
    if whole := entry.get("markers"):
        markers.append(f"({whole})")
    markers += [f"{name} {entry[name]}" for name in _MARKERS if entry.get(name)]
    return markers
