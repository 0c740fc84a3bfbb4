"""Writes the pages of docs/reference/ that say what the program itself knows.

The pages are committed, so that they can be read on GitHub, where README and other pages link to
their headings, and so that the pages can be built without the program. `nox -s docs` writes them;
a test compares them with the program.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import cleandoc
from pathlib import Path
from typing import Any

import click
from pydantic import TypeAdapter

from watchdog.cli.main import COMMANDS, cli
from watchdog.matrix import python_rules, version_rules
from watchdog.matrix.columns import FIELDS
from watchdog.matrix.schema import DEFAULT_CORE
from watchdog.report import answers, api, api_changelog

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "reference"

_COMMON = 10
"""An option that at least so many commands have in the same words is described once."""


def pages() -> dict[str, str]:
    """Return the name and the text of each generated page."""
    return {
        "commands.md": commands_page(),
        "matrix.md": matrix_page(),
        "json.md": json_page(),
        "sessions.md": sessions_page(),
    }


def _page(title: str, source: str, lines: Iterable[str]) -> str:
    note = f"<!-- Written from {source} by `nox -s docs`. Change it there. -->"
    return "\n".join((f"# {title}", "", note, "", *lines)).rstrip() + "\n"


def _table(*rows: Sequence[str]) -> Iterator[str]:
    """Yield a table; the first row is its head."""
    for number, row in enumerate(rows):
        cells = (cell.replace("|", r"\|") for cell in row)
        yield f"| {' | '.join(cells)} |"
        if number == 0:
            yield f"|{'---|' * len(row)}"
    yield ""


def _sentence(text: str) -> str:
    """Return a description that begins with a capital letter and ends with a full stop."""
    text = " ".join(text.split())
    return text and f"{text[0].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")


# --- commands ------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Option:
    name: str
    typed: str
    text: str


def commands_page() -> str:
    """Return the page of all commands, their arguments and options."""
    context = click.Context(cli, info_name="flask-watchdog")
    commands = {name: cli.get_command(context, name) for name in COMMANDS}
    options = {n: list(_options(c, context)) for n, c in commands.items() if c is not None}
    counts = Counter(option for found in options.values() for option in found)
    common = [option for option, count in counts.items() if count >= _COMMON]
    return _page(
        "Commands",
        "the command line",
        (
            "`flask-watchdog COMMAND --help` prints the same for one command. What a command ends "
            "with is on the page [Exit codes](exit-codes.md); the terms are in the "
            "[glossary](../glossary.md).",
            "",
            *_overview(),
            "## Common options",
            "",
            "Many commands have these options. Each command below names those that it has.",
            "",
            *_table(("option", "meaning"), *((o.typed, o.text) for o in common)),
            *(
                line
                for name, command in commands.items()
                if command is not None
                for line in _command(name, command, options[name], common)
            ),
        ),
    )


def _overview() -> Iterator[str]:
    for section in dict.fromkeys(source.section for source in COMMANDS.values()):
        yield f"**{section}**"
        yield ""
        rows = (
            (f"[`{name}`](#{name})", source.summary)
            for name, source in COMMANDS.items()
            if source.section == section
        )
        yield from _table(("command", "what it does"), *rows)


def _command(
    name: str, command: click.Command, options: Sequence[_Option], common: Sequence[_Option]
) -> Iterator[str]:
    context = click.Context(command, info_name=f"flask-watchdog {name}")
    usage = " ".join(("flask-watchdog", name, *command.collect_usage_pieces(context)))
    yield from (f"## {name}", "", "```text", usage, "```", "", cleandoc(command.help or ""), "")
    own = [(o.typed, o.text) for o in options if o not in common]
    if own:
        yield from _table(("option", "meaning"), *own)
    shared = [f"`{o.name}`" for o in options if o in common]
    if shared:
        yield f"[Common options](#common-options): {', '.join(shared)}."
        yield ""


def _options(command: click.Command, context: click.Context) -> Iterator[_Option]:
    for parameter in command.params:
        if not isinstance(parameter, click.Option) or parameter.hidden:
            continue
        names = sorted(parameter.opts, key=len, reverse=True)
        value = "" if parameter.is_flag else f" {parameter.make_metavar(context)}"
        typed = ", ".join(f"`{name}{value}`" for name in names)
        yield _Option(name=names[0], typed=typed, text=_option_text(parameter))


def _option_text(option: click.Option) -> str:
    extra = []
    if option.required:
        extra.append("Required.")
    if isinstance(option.show_default, str):
        extra.append(f"Default: {option.show_default}.")
    elif option.show_default and not option.is_flag:
        extra.append(f"Default: `{option.default}`.")
    if option.show_envvar and option.envvar:
        extra.append(f"Also set by the environment variable `{option.envvar}`.")
    return " ".join((" ".join((option.help or "").split()), *extra))


# --- matrix.yaml ---------------------------------------------------------------------------------


def matrix_page() -> str:
    """Return the page of matrix.yaml: every key, its type, default and meaning."""
    schema = json.loads((ROOT / "watchdog" / "matrix.schema.json").read_text("utf-8"))
    definitions = schema["$defs"]
    tables = ((f"tables.{name}", f"{name.title()}Table") for name in _keys(definitions["Tables"]))
    sections = (
        ("limits", "Limits"),
        ("site", "Site"),
        ("pins", "Pins"),
        *tables,
        ("extensions.NAME", "Extension"),
        ("extensions.NAME.suite", "Suite"),
        ("exclude and known_issues", "CellException"),
    )
    return _page(
        "matrix.yaml",
        "`watchdog/matrix.schema.json`",
        (
            "What is tested. A *smoke* is the small test application of a package; the other terms "
            "are in the [glossary](../glossary.md). Mistakes are reported as "
            "`matrix.yaml:LINE:COLUMN: what is wrong and what to do`, all of them at once.",
            "",
            "`flask-watchdog schema` prints the JSON schema. Editors with `yaml-language-server` "
            "use it to check the file while you type. The keys `flask` and `werkzeug` are the two "
            "packages of `core`: for another framework they have other names, and "
            "`flask-watchdog schema --matrix FILE` prints the schema for them.",
            "",
            *_keys_table(schema),
            *(
                line
                for title, name in sections
                for line in (
                    f"## {title}",
                    "",
                    definitions[name]["description"],
                    "",
                    *_keys_table(definitions[name]),
                )
            ),
            *_version_rules(),
            *_python_rules(),
        ),
    )


def _keys(schema: Mapping[str, Any]) -> list[str]:
    return list(schema["properties"])


def _keys_table(schema: Mapping[str, Any]) -> Iterator[str]:
    required = schema.get("required", ())
    rows = (
        (
            f"`{name}`",
            _type_words(key),
            "required" if name in required else _default(key),
            _sentence(key.get("description", "")),
        )
        for name, key in schema["properties"].items()
    )
    yield from _table(("key", "type", "default", "meaning"), *rows)


def _default(key: Mapping[str, Any]) -> str:
    default = key.get("default")
    if "$ref" in key:
        return ""  # the keys of the mapping have their own
    return "" if default in (None, [], {}) else f"`{json.dumps(default)}`"


_REFERENCES = {
    "cellexception": "[exception](#exclude-and-known_issues)",
    "extension": "[extension](#extensionsname)",
    "suite": "[mapping](#extensionsnamesuite)",
    "tables": "mapping of tables",
}


def _type_words(key: Mapping[str, Any]) -> str:
    """Return the type of a key in words."""
    alternatives = [a for a in key.get("anyOf", [key]) if a.get("type") != "null"]
    return " or ".join(_one_type(alternative) for alternative in alternatives)


def _one_type(schema: Mapping[str, Any]) -> str:
    match schema:
        case {"$ref": reference}:
            name = reference.rpartition("/")[2].removesuffix("Table").lower()
            words = _REFERENCES.get(name, f"[mapping](#{name})")
        case {"enum": values}:
            words = ", ".join(f"`{value}`" for value in values)
        case {"pattern": version_rules.PATTERN}:
            words = "[version rule](#version-rules)"
        case {"pattern": python_rules.PATTERN}:
            words = "[Python rule](#python-rules)"
        case {"examples": ["3.13"]}:
            words = "`X.Y`"
        case {"type": "array", "items": items}:
            words = f"list of {_type_words(items)}"
        case {"additionalProperties": dict(values)}:
            words = f"mapping of names to {_type_words(values)}"
        case _:
            words = {"string": "text", "integer": "number", "boolean": "yes or no"}[schema["type"]]
    return words


def _version_rules() -> Iterator[str]:
    yield from ("## Version rules", "")
    yield from ("Versions are chosen by rule from the releases on the package index.", "")
    yield from _rules_table(version_rules.__doc__)


def _python_rules() -> Iterator[str]:
    yield from ("## Python rules", "")
    yield from (
        "Pythons are chosen by rule from the series that `watchdog/pythons.json` lists with their "
        "days, and those of this machine. A rule of a table or an extension chooses among the "
        "Pythons that the list at the top chooses. `flask-watchdog pythons` prints them, and with "
        "`--refresh` asks for series that are new.",
        "",
    )
    yield from _rules_table(python_rules.__doc__)


def _rules_table(docstring: str | None) -> Iterator[str]:
    rules = re.findall(r"^- (`.+?`): (.+?)[;.]?$", docstring or "", re.MULTILINE)
    yield from _table(("rule", "what it chooses"), *((r, _sentence(t)) for r, t in rules))


# --- api/v1 --------------------------------------------------------------------------------------

_MEANINGS = {
    "alone": "Whether nothing else is installed with it; else the extensions of its time are.",
    "announced": "The warning that announced it.",
    "as_of": "The instant at which the package index was read.",
    "began": "When it began.",
    "breakages": "One object for each breakage.",
    "broken_from": "When it began.",
    "causes": "The releases that caused it, in turn.",
    "cell": "Id of the cell.",
    "cells": "One object for each cell.",
    "checked": "When it was run.",
    "commands": "One object for each installer.",
    "culprit": "The release that caused it; null where none was proved.",
    "cure": "What to install instead; null where nothing was found.",
    "error": "The error that a user sees.",
    "evidence": "How much shows that it works; null if it does not.",
    "feed": "Address of its feed, relative to the site.",
    "fixed_on": "When it ended; null while it lasts.",
    "flask": "Version of Flask; null where the resolver chose it.",
    "goes_on": "Whether it fails in the latest run.",
    "headline": "The sentence at the top of the front page.",
    "history": "Earlier breakages.",
    "how_fixed": "How it ended, in a sentence.",
    "id": "Name that never changes.",
    "installer": "Such as pip.",
    "kind": "What kind of risk it is.",
    "last_good": "The version of the culprit before, which worked.",
    "links": "Home page, repository and changelog.",
    "missing": "What the culprit removed or stopped installing.",
    "newest_python": "The newest Python on which it works.",
    "page": "Address of its page, relative to the site.",
    "package": "The package that removes something.",
    "packages": "One object for each package.",
    "pins": "One object for each pinned release.",
    "place": "File and line of the use.",
    "proved": "Whether the culprit was proved.",
    "proof": "How the culprit was proved, see [Method](../explanation/method.md#culprit).",
    "python": "Version of Python.",
    "pythons": "Versions of Python.",
    "reason": "The reason.",
    "released": "When that version was released.",
    "rotted_on": "When it stopped working.",
    "seen": "When it was first seen.",
    "severity": "How badly it fails.",
    "since": "When it began.",
    "state": "See [States](states.md); of a pinned release in words.",
    "subject": "The package or scenario.",
    "subjects": "The packages or scenarios.",
    "symbol": "The function, class or argument that is removed.",
    "symptom": "The last line of the error.",
    "successor": "What to use instead, if it is abandoned.",
    "table": "Table of the matrix.",
    "text": "The warning or the reason.",
    "threats": "One object for each risk.",
    "title": "The title.",
    "typed": "What a user types.",
    "verdict": "What happened, in a sentence.",
    "version": "Version of the subject; null where the resolver chose it.",
    "werkzeug": "Version of Werkzeug; null where the resolver chose it.",
    "when": "When it is expected.",
    "who": "Name of the subject as people write it.",
}
"""Meanings of fields whose class does not describe them."""

_ANSWERS = (answers.BreakageAnswer, answers.SubjectAnswer)
_DOCUMENTS = (
    api.Today,
    api.History,
    api.Pins,
    api.Forecast,
    api.Field,
    api.Tail,
    api.Suites,
)


def json_page() -> str:
    """Return the page of the JSON files that are published beside the report."""
    return _page(
        "Files for other programs",
        "the classes of `watchdog/report/api.py` and `answers.py`",
        (
            "Beside the pages of the report lie these files. Each JSON file has its JSON schema "
            f"beside it: `api/{api.VERSION}/today.schema.json` describes `today.json`.",
            "",
            *_table(
                ("file", "content"),
                *((f"[`{_file(d)}`](#{_anchor(d)})", _summary(d)) for d in _DOCUMENTS),
                (f"`api/{api.VERSION}/field.csv`", "The cells of `field.json` as a CSV table."),
                *((f"[`{_beside(d)}`](#{_anchor(d)})", _summary(d)) for d in _ANSWERS),
                ("`breakages/ID.md`, `subjects/NAME.md`", "The same as Markdown."),
                ("`llms.txt`", "List of these files, for programs that answer questions."),
                (f"`api/{api.VERSION}/CHANGELOG.md`", "What changed in these files."),
                (
                    "`feed.xml`",
                    "Atom feed: what broke, what was fixed, what will break. The ids of entries "
                    "never change.",
                ),
                ("`feeds/NAME.xml`, `feeds/stack.xml`", "A feed for each subject, and the stack."),
                ("`removals.ics`", "Calendar of announced removals."),
                ("`badges/SUBJECT.svg`", "Badge of each package; `.json` for badge servers."),
            ),
            api_changelog._PROMISE,  # noqa: SLF001  a sentence that the site publishes too
            "",
            "List what is broken today, and what to install instead:",
            "",
            "```shell",
            "jq -r '.breakages[] | [.subjects[0], .symptom, .cure] | @tsv' "
            f"reports/api/{api.VERSION}/today.json",
            "```",
            "",
            "Dates are ISO 8601, in UTC. `check --format json` prints another object, see "
            "[JSON of check](check-json.md).",
            "",
            *(line for document in (*_DOCUMENTS, *_ANSWERS) for line in _document(document)),
        ),
    )


def _file(document: type) -> str:
    return f"api/{api.VERSION}/{_name(document)}.json"


def _beside(document: type) -> str:
    return {"breakage": "breakages/ID.json", "subject": "subjects/NAME.json"}[_name(document)]


def _name(document: type) -> str:
    return document.__name__.removesuffix("Answer").lower()


def _anchor(document: type) -> str:
    return f"{_name(document)}json"


def _published(text: str) -> str:
    """Return a text in which the core's packages have their names."""
    for field, name in zip(FIELDS, DEFAULT_CORE, strict=True):
        text = text.replace("{" + field + "}", DEFAULT_CORE[name])
        text = re.sub(rf"^{field}$", name, text)
    return text.replace("{since}", "1.0")


def _summary(document: type) -> str:
    text = cleandoc(document.__doc__ or "").split("\n\n")[0].partition(": ")[2]
    return _sentence(_published(text))


def _document(document: type) -> Iterator[str]:
    adapter: TypeAdapter[Any] = TypeAdapter(document)
    schema = adapter.json_schema(mode="serialization")
    yield from (f"## {_name(document)}.json", "", _summary(document), "")
    yield from _fields(schema)
    for name, definition in schema.get("$defs", {}).items():
        if "properties" in definition:
            text = cleandoc(definition.get("description", "")).split("\n\n")[0]
            yield from (f"**{name}**: {_sentence(_published(text))}", "")
            yield from _fields(definition)


def _fields(schema: Mapping[str, Any]) -> Iterator[str]:
    meanings = _attributes(schema.get("description", ""))
    rows = (
        (f"`{name}`", _field_type(field), _sentence(meanings.get(name) or _MEANINGS.get(name, "")))
        for name, field in ((_published(n), field) for n, field in schema["properties"].items())
    )
    yield from _table(("field", "type", "meaning"), *rows)


def _attributes(docstring: str) -> dict[str, str]:
    """Return what the section `Attributes` of a docstring says of each."""
    text = docstring.partition("Attributes:")[2]
    text = re.sub(r"^ *(\w+), (\w+): (.*)$", r"\1: \3\n\2: \3", text, flags=re.MULTILINE)
    parts = re.split(r"(?:^ *|; )(\w+): ", text, flags=re.MULTILINE)[1:]
    return {
        name: _published(meaning) for name, meaning in zip(parts[::2], parts[1::2], strict=True)
    }


def _field_type(field: Mapping[str, Any]) -> str:
    kinds = [_json_type(kind) for kind in field.get("anyOf", [field])]
    return " or ".join(kinds)


def _json_type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2]).replace("State", "text")
    match schema.get("type"):
        case "array":
            return f"list of {_field_type(schema['items'])}"
        case "string":
            return "date" if schema.get("format") == "date-time" else "text"
        case kind:
            return str(kind)


# --- nox -----------------------------------------------------------------------------------------


def sessions_page() -> str:
    """Return the page of the sessions of noxfile.py."""
    tree = ast.parse((ROOT / "noxfile.py").read_text("utf-8"))
    rows = [
        (f"`nox -s {name}`", (ast.get_docstring(function) or "").split("\n")[0])
        for function in tree.body
        if isinstance(function, ast.FunctionDef)
        for name in _session_names(function)
    ]
    return _page(
        "Sessions of nox",
        "`noxfile.py`",
        (
            "Each session makes its own environment. Arguments after `--` go to the command that "
            "the session runs.",
            "",
            *_table(("session", "what it does"), *rows),
        ),
    )


def _session_names(function: ast.FunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        named = call.func if call else decorator
        if ast.unparse(named) == "nox.session":
            names = [k.value for k in call.keywords if k.arg == "name"] if call else []
            yield from (ast.literal_eval(name) for name in names)
            if not names:
                yield function.name


if __name__ == "__main__":
    for file, content in pages().items():
        (FOLDER / file).write_text(content, "utf-8", newline="\n")
