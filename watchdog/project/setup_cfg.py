"""Reads setup.cfg of setuptools."""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping, Sequence

from watchdog.errors import ConfigurationError
from watchdog.project.project import Form, SourceFile
from watchdog.project.reading import Opened, Reading, Source

_SECTION = re.compile(r"^\[(?P<name>[^\]]*)\]")
_OPTION = re.compile(r"^(?P<name>[^=:]*[^=:\s])\s*[=:]\s*(?P<value>.*)$")
_COMMENT = re.compile(r"(?<!\s)\s++#.*$")


def read_setup_cfg(reading: Reading, opened: Opened) -> None:
    """Read `install_requires`, and those extras that are wanted."""
    source = opened.source
    config = _parse_config(source)
    lines = _locate_lines(source)
    if wanted := config.get("options", "python_requires", fallback=""):
        places = lines.get(("options", "python_requires"), ())
        position = places[0].position if places else source.file
        reading.want_python(wanted, position, exact=False)
    _read_lines(reading, opened, lines.get(("options", "install_requires"), ()))
    if config.has_section("options.extras_require"):
        for extra in config.options("options.extras_require"):
            places = lines.get(("options.extras_require", extra), ())
            if reading.is_chosen(extra):
                _read_lines(reading, opened, places)
            else:
                reading.leave_out(f"extra `{extra}`", source.file, len(places))


def declares_dependencies(source: SourceFile) -> bool:
    """Return whether a setup.cfg says what a project needs."""
    try:
        return _parse_config(source).has_option("options", "install_requires")
    except ConfigurationError:
        return True  # it is read, and the mistake reported


def _parse_config(source: SourceFile) -> configparser.RawConfigParser:
    config = configparser.RawConfigParser()
    config.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        config.read_string(source.text, source.file)
    except configparser.MissingSectionHeaderError as e:
        raise ConfigurationError(
            (f"{source.file}:{e.lineno}: not a line of an INI file",)
        ) from None
    except configparser.ParsingError as e:
        raise ConfigurationError(
            tuple(f"{source.file}:{line}: not a line of an INI file" for line, _ in e.errors)
            or (f"{source.file}: {e.message}",)
        ) from None
    except (configparser.Error, ValueError) as e:
        position = source.file
        if isinstance(line := getattr(e, "lineno", None), int):
            position += f":{line}"
        kind = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(e).__name__.removesuffix("Error")).lower()
        raise ConfigurationError((f"{position}: no valid INI file: {kind}",)) from None
    return config


def _read_lines(reading: Reading, opened: Opened, places: Sequence[Source]) -> None:
    for place in places:
        if place.text.startswith("file:"):
            for name in place.text.removeprefix("file:").split(","):
                reading.include(*opened.beside(name.strip()), by=place)
        else:
            reading.require(place.text, place)


def _locate_lines(source: SourceFile) -> Mapping[tuple[str, str], Sequence[Source]]:
    """Return the lines of each value, by section and option.

    configparser does not say where a value stands.
    """
    found: dict[tuple[str, str], list[Source]] = {}
    position, section, option = 0, "", ""
    for number, raw in enumerate(source.text.splitlines(keepends=True), 1):
        start = position
        position += len(raw)
        line = raw.rstrip()
        if not line or line.lstrip().startswith(("#", ";")):
            continue
        column = len(line) - len(line.lstrip())
        if column == 0:
            if match := _SECTION.match(line):
                section, option = match["name"], ""
                continue
            match = _OPTION.match(line)
            option, column = (match["name"], match.start("value")) if match else ("", 0)
        text = _COMMENT.sub("", line[column:])
        if option and text:
            place = Source(
                file=source.file,
                line=number,
                text=text,
                span=(start + column, start + column + len(text)),
                form=Form.LINE,
            )
            found.setdefault((section, option), []).append(place)
    return found
