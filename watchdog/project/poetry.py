"""Reads the tables that Poetry has in pyproject.toml.

Poetry's ranges and inline tables are described in its documentation, "Dependency specification".
poetry-core could translate them, but it is made to be a build backend: to import it puts its own
copies of other packages in front of all imports, and takes longer than everything else here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from watchdog.project.project import Form
from watchdog.project.reading import Reading, Source
from watchdog.project.requirement_text import NO_RELEASE, UnusableError
from watchdog.project.toml_file import TomlFile

_PART = re.compile(r"^(?P<operator>\^|~=|~|={1,3}|!=|<=?|>=?|)\s*(?P<version>[^\s=<>!~^,|]+)$")
_SEPARATORS = re.compile(r"\s*,\s*|(?<=[\w*])\s+(?=[\^~=!<>])")
_OTHER_SOURCES = ("git", "path", "url", "file")
_ONE, _TWO = 1, 2


def poetry_range(text: str) -> str:
    """Return a range of Poetry (`^1.2`, `~1.2`, `1.*`, `>=1,<2`) as a PEP 440 specifier.

    Raises:
        UnusableError: it is no range, or one that PEP 440 cannot express (`^1 || ^3`).
    """
    text = text.strip()
    if "|" in text:
        raise UnusableError(f"`{text}`: alternatives cannot be written as one range of versions")
    parts = [p for p in _SEPARATORS.split(text) if p]
    return ",".join(filter(None, (_translate(part) for part in parts)))


def _translate(part: str) -> str:
    if part in {"*", "==*", "x", "X"}:
        return ""
    match = _PART.match(part)
    if match is None:
        raise UnusableError(f"`{part}` is no range of versions")
    operator, version = match["operator"], match["version"]
    if operator in {"", "=", "=="} and version.endswith((".*", ".x", ".X")):
        return f"=={version[:-1]}*"
    try:
        if operator not in {"^", "~"}:
            specifier = f"{operator if operator not in {'', '='} else '=='}{version}"
            SpecifierSet(specifier)
            return specifier
        lowest = Version(version)
    except ValueError:
        raise UnusableError(f"`{part}` is no range of versions") from None
    release = lowest.release
    if operator == "~":
        kept = min(len(release), _TWO) if len(release) > _ONE else _ONE
    else:
        # The leftmost number that is not zero stays.
        kept = next((i for i, n in enumerate(release, 1) if n), len(release))
    highest = (*release[: kept - 1], release[kept - 1] + 1)
    return f">={version},<{'.'.join(map(str, highest))}"


def read_poetry(reading: Reading, toml: TomlFile) -> None:
    """Read the dependencies, and those groups and extras that are wanted."""
    extras = _extras(toml)
    _read_table(reading, toml, ("tool", "poetry", "dependencies"), extras)
    for name, members in extras.items():
        if not reading.is_chosen(name):
            reading.leave_out(f"extra `{name}`", toml.source.file, len(members))
    read_poetry_groups(reading, toml)


def read_poetry_groups(reading: Reading, toml: TomlFile) -> None:
    """Read the groups that are wanted, and note the others."""
    groups = {
        name: ("tool", "poetry", "group", name, "dependencies")
        for name in toml.table("tool", "poetry", "group")
    }
    if toml.table("tool", "poetry", "dev-dependencies"):
        groups["dev"] = ("tool", "poetry", "dev-dependencies")  # type: ignore[assignment]
    for name, keys in groups.items():
        if reading.is_chosen(name):
            _read_table(reading, toml, keys, {})
        else:
            reading.leave_out(f"group `{name}`", toml.source.file, len(toml.table(*keys)))


def _extras(toml: TomlFile) -> dict[str, list[str]]:
    extras = {}
    for name, members in toml.table("tool", "poetry", "extras").items():
        if not isinstance(members, list) or not all(isinstance(m, str) for m in members):
            raise toml.mistake("is not a list of strings", "tool", "poetry", "extras", name)
        extras[name] = members
    return extras


def _read_table(
    reading: Reading, toml: TomlFile, keys: tuple[str, ...], extras: Mapping[str, list[str]]
) -> None:
    in_extras = {canonicalize_name(m) for members in extras.values() for m in members}
    chosen = {
        canonicalize_name(member)
        for extra, members in extras.items()
        if reading.is_chosen(extra)
        for member in members
    }
    for name, value in toml.table(*keys).items():
        if name == "python":
            _want_python(reading, toml, (*keys, name), value)
            continue
        for path, entry in _entries((*keys, name), value):
            if not _is_optional(entry) or canonicalize_name(name) in chosen:
                _read_entry(reading, toml, path, name, entry)
            elif canonicalize_name(name) not in in_extras:
                reading.leave_out(f"optional `{name}`", toml.source.file, 1)


def _is_optional(entry: Any) -> bool:  # noqa: ANN401
    return isinstance(entry, dict) and entry.get("optional") is True


def _read_entry(
    reading: Reading,
    toml: TomlFile,
    path: tuple[str | int, ...],
    name: str,
    entry: Any,  # noqa: ANN401
) -> None:
    place = _place(toml, path, entry)
    if not isinstance(entry, str | dict):
        reading.skip(place, "neither a range of versions nor a table")
        return
    try:
        reading.require(_requirement(name, entry), place)
    except UnusableError as e:
        reading.skip(place, str(e))


def _entries(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:  # noqa: ANN401
    """Yield the values for one package with their keys: a list holds one for each marker."""
    if isinstance(value, list):
        for index, entry in enumerate(value):
            yield (*path, index), entry
    else:
        yield path, value


def _place(toml: TomlFile, path: tuple[str | int, ...], entry: Any) -> Source:  # noqa: ANN401
    if isinstance(entry, dict):
        if isinstance(entry.get("version"), str):
            return toml.place(*path, "version", form=Form.VERSION)
        return toml.place(*path)
    return toml.place(*path, form=Form.VERSION if isinstance(entry, str) else Form.FIXED)


def _want_python(reading: Reading, toml: TomlFile, path: tuple[str, ...], value: Any) -> None:  # noqa: ANN401
    text = value.get("version") if isinstance(value, dict) else value
    if isinstance(text, str):
        try:
            specifier = poetry_range(text)
        except UnusableError:
            return
        reading.want_python(specifier, toml.place(*path).position, exact=False)


def _requirement(name: str, entry: str | Mapping[str, Any]) -> str:
    """Return an entry as a requirement of PEP 508."""
    if isinstance(entry, str):
        return name + poetry_range(entry)
    if any(key in entry for key in _OTHER_SOURCES):
        raise UnusableError(NO_RELEASE)
    values = {key: entry.get(key, "") for key in ("version", "markers", "python", "platform")}
    for key, value in values.items():
        if not isinstance(value, str):
            raise UnusableError(f"`{key}` is not a string")
    extras = entry.get("extras", [])
    if not isinstance(extras, list) or not all(isinstance(e, str) for e in extras):
        raise UnusableError("`extras` is not a list of strings")
    markers = [f"({values['markers']})"] if values["markers"] else []
    if values["platform"]:
        markers.append(f'sys_platform == "{values["platform"]}"')
    markers += python_marker(values["python"])
    return name + join_extras(extras) + poetry_range(values["version"]) + join_markers(markers)


def python_marker(text: str) -> list[str]:
    """Return a range of Pythons as a marker in a list; an empty list if it allows all.

    Raises:
        UnusableError: it is no range.
    """
    alternatives = []
    for alternative in text.split("||"):
        specifiers = [s for s in poetry_range(alternative).split(",") if s]
        if not specifiers:
            return []
        alternatives.append(" and ".join(_python_comparison(s) for s in specifiers))
    return [f"({' or '.join(alternatives)})"]


def _python_comparison(specifier: str) -> str:
    match = re.match(r"([=<>!~]+)(.*)$", specifier)
    operator, version = (match[1], match[2]) if match else ("==", specifier)
    series = version.removesuffix(".*")
    name = "python_version" if series.count(".") <= _ONE else "python_full_version"
    if version.endswith(".*") and series.count("."):
        version = series
    return f'{name} {operator} "{version}"'


def join_extras(extras: list[str]) -> str:
    """Return extras as PEP 508 writes them."""
    return f"[{','.join(extras)}]" if extras else ""


def join_markers(markers: list[str]) -> str:
    """Return markers of which all must hold, as PEP 508 writes them."""
    return f"; {' and '.join(markers)}" if markers else ""
