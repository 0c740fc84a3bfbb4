from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from home import ROOT
from hypothesis import given
from hypothesis import strategies as st

from watchdog.errors import ConfigurationError
from watchdog.matrix import load
from watchdog.matrix.schema import SCHEMA_FILE, matrix_schema, schema_text

GOOD = """\
python: ["3.9", 3.10]
tables:
  core: {python: ["3.10"], flask: ["since 1.0"], werkzeug: [resolved]}
  today: {}
extensions:
  flask-login: {name: Flask-Login}
  flask-admin:
    name: Flask-Admin
    requires: [flask-sqlalchemy]
exclude:
  - {cells: "flask-admin/*", reason: "not in this test", until: 2030-01-01}
"""


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load.parse_matrix(text, "matrix.yaml")
    return list(caught.value.problems)


def test_parse_matrix_unquoted_python() -> None:
    """An unquoted 3.10 is read as 3.10 and not as 3.1."""
    assert load.parse_matrix(GOOD, "matrix.yaml").python == ("3.9", "3.10")


def test_matrix_requirements() -> None:
    """Matrix.requirements returns the extension and what its smoke needs."""
    assert load.parse_matrix(GOOD, "m").requirements("flask-admin") == (
        "flask-admin",
        "flask-sqlalchemy",
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("name: Flask-Login", "nmae: Flask-Login"),
            "6:17: unknown key 'nmae'; did you mean 'name'?",
        ),
        (("{name: Flask-Login}", "{}"), "6:16: extensions.flask-login.name is missing; add it"),
        (("resolved", "latest"), "3:61: 'latest' is not a rule; write newest"),
        (('["3.10"], fl', '["3.1o"], fl'), "3:19: '3.1o' is not a Python; write a series"),
        (('["3.10"], fl', '["3.13"], fl'), "3:19: Python 3.13 is not in the list `python`"),
        (("  flask-admin:", "  Flask_Admin:"), "write it normalised: flask-admin"),
        (("  today: {}", "  today: {}\n  today: {}"), "5:3: duplicate key 'today'; keep one"),
        (("[flask-sqlalchemy]", "['not a requirement!']"), "not a requirement"),
        (('reason: "not in this test"', 'reason: "no"'), "at least 10 characters"),
        (('python: ["3.9", 3.10]', "python: 3.9"), "1:9: python must be a list"),
        (("flask-login:", "werkzeug:"), "6:3: werkzeug is the core itself"),
        (("extensions:", "extensions: ["), "not YAML"),
        (
            ("tables:", "core: {flask: Flask}\ntables:"),
            "2:7: core: name two packages, the",
        ),
        (("tables:", "core: [flask]\ntables:"), "2:7: core must be a mapping"),
        (("tables:", "core: {Flask: F, werkzeug: W}\ntables:"), "2:8: core.Flask: write it normal"),
        (("tables:", "core: {flask: '', werkzeug: W}\ntables:"), "2:15: core.flask: String should"),
        (("tables:", "core: {python: P, b: B}\ntables:"), "2:7: core: 'python' is already the"),
        (("flask: [", "falsk: ["), "3:28: unknown key 'falsk'; did you mean 'flask'?"),
        (("flask: [", "framework: ["), "3:28: unknown key 'framework'; known: python, flask, werk"),
        (("flask: [", "other: ["), "tables.core.flask is missing; add it"),
        (("tables:", "pins: {beside: nobody}\ntables:"), "2:16: nobody is not among the extens"),
    ],
)
def test_parse_matrix_error_messages(change: tuple[str, str], message: str) -> None:
    """Each error has its position and says what to do."""
    found = problems(GOOD.replace(*change))
    assert any(message in p for p in found), found
    assert all(p.startswith("matrix.yaml:") for p in found)


OTHER = (
    GOOD.replace("tables:", "core: {starlette: Starlette, anyio: AnyIO}\ntables:")
    .replace("flask: [", "starlette: [")
    .replace("werkzeug: [", "anyio: [")
)


def test_parse_matrix_default_core() -> None:
    """Without the key core the matrix is about Flask on Werkzeug."""
    found = load.parse_matrix(GOOD, "m")
    assert found.core_names == ("flask", "werkzeug")
    assert found.stack_names == ("flask", "werkzeug")
    assert found.title("werkzeug") == "Werkzeug"


def test_parse_matrix_other_core() -> None:
    """Another core sets framework, foundation, titles and column names."""
    found = load.parse_matrix(OTHER, "m")
    assert (found.framework, found.foundation) == ("starlette", "anyio")
    assert found.tables.core is not None
    assert found.tables.core.framework == ("since 1.0",)
    assert found.tables.core.foundation == ("resolved",)
    assert found.title("anyio") == "AnyIO"
    assert found.distributions[:2] == found.stack_names == ("starlette", "anyio")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("anyio: [", "anyoi: ["), "4:54: unknown key 'anyoi'; did you mean 'anyio'?"),
        (("starlette: [", "flask: ["), "4:28: unknown key 'flask'; known: python, starlette, any"),
        (("resolved", "latest"), "4:62: 'latest' is not a rule; write newest"),
        ((", anyio: [resolved]", ""), "4:9: tables.core.anyio is missing; add it"),
        (("flask-login:", "anyio:"), "7:3: anyio is the core itself"),
    ],
)
def test_parse_matrix_errors_of_other_core(change: tuple[str, str], message: str) -> None:
    """Errors under another core mention its own column names."""
    found = problems(OTHER.replace(*change))
    assert any(message in p for p in found), found


def test_parse_matrix_invalid_core() -> None:
    """An invalid core neither hides other errors nor adds false ones."""
    text = OTHER.replace(", anyio: AnyIO", "").replace("name: Flask-Login", "nmae: x")
    told = problems(text)
    assert [p.split(": ")[1] for p in told] == [
        "core",
        "extensions.flask-login.name is missing; add it",
        "unknown key 'nmae'; did you mean 'name'?",
    ]


def test_parse_matrix_reports_all_errors() -> None:
    """All errors of a file are reported at once."""
    text = GOOD.replace("resolved", "latest").replace("name: Flask-Login", "nmae: x")
    text = text.replace("  today: {}", "  today: {}\n  today: {}")
    assert len(problems(text)) == 4


@pytest.mark.parametrize("text", ["", "# only a comment\n", "just words", "- a\n- list\n"])
def test_parse_matrix_rejects_non_mapping(text: str) -> None:
    """A file that is not a mapping is a ConfigurationError."""
    assert problems(text)


def test_load_matrix_missing_file(tmp_path: Path) -> None:
    """A missing file is a ConfigurationError."""
    with pytest.raises(ConfigurationError, match="no such file"):
        load.load_matrix(tmp_path / "matrix.yaml")


def test_parse_matrix_duplicate_key() -> None:
    """A duplicate key is reported together with the errors of its second value."""
    text = GOOD.replace("tables:", 'python: ["3.9", "3.10", "3.1 1"]\ntables:', 1)
    found = problems(text)
    assert any("duplicate key 'python'; keep one of them" in problem for problem in found)
    assert any(problem.startswith("matrix.yaml:2:25: '3.1 1' is not a Python") for problem in found)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
def test_parse_matrix_any_text(text: str) -> None:
    """Any text gives a matrix or a ConfigurationError with problems."""
    try:
        load.parse_matrix(text, "matrix.yaml")
    except ConfigurationError as e:
        assert e.problems


@given(st.sampled_from(GOOD.splitlines()), st.text(max_size=10), st.integers(0, 60))
def test_parse_matrix_damaged_text(line: str, junk: str, at: int) -> None:
    """A damaged matrix raises nothing but ConfigurationError."""
    try:
        load.parse_matrix(GOOD.replace(line, line[:at] + junk + line[at:]), "matrix.yaml")
    except ConfigurationError as e:
        assert e.problems


def test_schema_file_is_current() -> None:
    """The schema file in the repository is equal to the generated schema."""
    stored = (ROOT / SCHEMA_FILE).read_text("utf-8")
    assert stored == schema_text(), f"write it again: flask-watchdog schema > {SCHEMA_FILE}"


def test_own_matrix_is_valid() -> None:
    """The project's own matrix.yaml is valid and names its schema in the first line."""
    load.load_matrix(ROOT / "matrix.yaml")
    first = (ROOT / "matrix.yaml").read_text("utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema={SCHEMA_FILE}"


def test_schema_refuses_unknown_keys() -> None:
    """The schema forbids unknown keys in its objects."""
    assert json.dumps(matrix_schema()).count('"additionalProperties": false') >= 7


@pytest.mark.parametrize("file", ["matrix.yaml", "tests/support/field_starlette/matrix.yaml"])
def test_schema_accepts_core_columns(file: str) -> None:
    """The schema accepts the column names of the core and rejects internal field names."""
    found = load.load_matrix(ROOT / file)
    data = yaml.load((ROOT / file).read_text("utf-8"), Loader=yaml.BaseLoader)  # noqa: S506
    for limit in ("seconds", "memory_mb"):
        data["limits"][limit] = int(data["limits"][limit])
    for table in data["tables"].values():
        table.update({"most_used": int(table["most_used"])} if "most_used" in table else {})
    for extension in data["extensions"].values():
        extension.update({"rank": int(extension["rank"])} if "rank" in extension else {})
        extension.update({"chapters": True} if extension.get("chapters") == "true" else {})
    schema = matrix_schema(found)
    jsonschema.validate(data, schema)
    data["tables"]["grid"]["framework"] = ["newest"]
    with pytest.raises(jsonschema.ValidationError, match="framework"):
        jsonschema.validate(data, schema)
