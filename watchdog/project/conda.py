"""Reads conda's environment.yml: its part for pip, and its Python."""

from __future__ import annotations

import re

import yaml

from watchdog.errors import ConfigurationError
from watchdog.project.pip_format import read_line
from watchdog.project.project import Form, SourceFile
from watchdog.project.reading import Opened, Reading, Source

_DEEPEST = 50
_LONGEST = 200_000
"""Characters; PyYAML reads some hundred thousand a second."""
_PYTHON = re.compile(r"^(?:[\w-]+::)?python(?![\w-])\s*(?P<range>.*)$")


def read_environment_yml(reading: Reading, opened: Opened) -> None:
    """Read the requirements that conda hands to pip; its own packages have conda's names."""
    source = opened.source
    root = _compose(source)
    entries = _value(root, "dependencies")
    if not isinstance(entries, yaml.SequenceNode):
        raise ConfigurationError(
            (f"{source.file}: not an environment of conda: no list `dependencies`",)
        )
    for entry in entries.value:
        for_pip = _value(entry, "pip")
        if isinstance(for_pip, yaml.SequenceNode):
            for node in for_pip.value:
                if isinstance(node, yaml.ScalarNode):
                    read_line(reading, opened, _place(source, node))
        elif isinstance(entry, yaml.ScalarNode):
            _read_conda(reading, _place(source, entry))


def _compose(source: SourceFile) -> yaml.Node | None:
    try:
        _check_size(source)
        node: yaml.Node | None = yaml.compose(source.text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark
        position = f"{source.file}:{mark.line + 1}:{mark.column + 1}" if mark else source.file
        raise ConfigurationError((f"{position}: no valid YAML: {e.problem}",)) from None
    except (yaml.YAMLError, RecursionError, ValueError) as e:
        reason = str(e).splitlines()[0] if str(e) else type(e).__name__
        raise ConfigurationError((f"{source.file}: no valid YAML: {reason}",)) from None
    return node


def _check_size(source: SourceFile) -> None:
    """Refuse what is long, and deep nesting: the time for that grows with its square."""
    if len(source.text) > _LONGEST:
        raise ConfigurationError((f"{source.file}: longer than {_LONGEST:,} characters",))
    depth = 0
    for event in yaml.parse(source.text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise ConfigurationError((f"{source.file}: no valid YAML: nested too deeply",))


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    for name, value in node.value:
        if name.value == key:
            found: yaml.Node = value
            return found
    return None


def _place(source: SourceFile, node: yaml.ScalarNode) -> Source:
    span = (node.start_mark.index, node.end_mark.index)
    form = {None: Form.LINE, "'": Form.STRING, '"': Form.STRING}.get(node.style, Form.FIXED)
    written = source.text[slice(*span)]
    if (written[1:-1] if node.style else written) != node.value:
        form = Form.FIXED  # escaped, folded, or of several lines
    return Source(
        file=source.file,
        line=node.start_mark.line + 1,
        text=node.value,
        span=None if form is Form.FIXED else span,
        form=form,
    )


def _read_conda(reading: Reading, place: Source) -> None:
    if match := _PYTHON.match(place.text):
        reading.want_python(match["range"], place.position, exact=True)
    elif place.text.strip() != "pip":
        reading.skip(place, "a package of conda, under conda's name; only the part `pip:` is read")
