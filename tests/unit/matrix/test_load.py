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


def test_an_unquoted_3_10_stays_3_10() -> None:
    assert load.parse_matrix(GOOD, "matrix.yaml").python == ("3.9", "3.10")


def test_what_a_newcomer_types_is_the_name_and_what_the_smoke_needs() -> None:
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
        (('["3.10"], fl', '["3.1o"], fl'), "3:19: '3.1o' is not a series; write two numbers"),
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
def test_each_mistake_is_told_with_its_place_and_what_to_do(
    change: tuple[str, str], message: str
) -> None:
    found = problems(GOOD.replace(*change))
    assert any(message in p for p in found), found
    assert all(p.startswith("matrix.yaml:") for p in found)


OTHER = (
    GOOD.replace("tables:", "core: {starlette: Starlette, anyio: AnyIO}\ntables:")
    .replace("flask: [", "starlette: [")
    .replace("werkzeug: [", "anyio: [")
)


def test_the_core_is_flask_on_werkzeug_where_none_is_named() -> None:
    found = load.parse_matrix(GOOD, "m")
    assert found.core_names == ("flask", "werkzeug")
    assert found.stack_names == ("flask", "werkzeug")
    assert found.title("werkzeug") == "Werkzeug"


def test_another_core_names_columns_and_titles() -> None:
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
def test_mistakes_under_another_core_name_its_own_columns(
    change: tuple[str, str], message: str
) -> None:
    found = problems(OTHER.replace(*change))
    assert any(message in p for p in found), found


def test_a_core_that_is_not_understood_hides_no_mistake_and_makes_none_up() -> None:
    text = OTHER.replace(", anyio: AnyIO", "").replace("name: Flask-Login", "nmae: x")
    told = problems(text)
    assert [p.split(": ")[1] for p in told] == [
        "core",
        "extensions.flask-login.name is missing; add it",
        "unknown key 'nmae'; did you mean 'name'?",
    ]


def test_all_mistakes_are_told_at_once() -> None:
    text = GOOD.replace("resolved", "latest").replace("name: Flask-Login", "nmae: x")
    text = text.replace("  today: {}", "  today: {}\n  today: {}")
    assert len(problems(text)) == 4


@pytest.mark.parametrize("text", ["", "# only a comment\n", "just words", "- a\n- list\n"])
def test_a_file_that_is_no_mapping_is_told(text: str) -> None:
    assert problems(text)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        load.load_matrix(tmp_path / "matrix.yaml")


def test_a_key_that_stands_twice_is_told_beside_what_is_wrong_in_the_second() -> None:
    text = GOOD.replace("tables:", 'python: ["3.9", "3.10", "3.1 1"]\ntables:', 1)
    found = problems(text)
    assert any("duplicate key 'python'; keep one of them" in problem for problem in found)
    assert any(problem.startswith("matrix.yaml:2:25: '3.1 1' is not a series") for problem in found)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
def test_no_text_gives_anything_but_a_matrix_or_a_configuration_error(text: str) -> None:
    try:
        load.parse_matrix(text, "matrix.yaml")
    except ConfigurationError as e:
        assert e.problems


@given(st.sampled_from(GOOD.splitlines()), st.text(max_size=10), st.integers(0, 60))
def test_a_damaged_file_never_gives_a_traceback(line: str, junk: str, at: int) -> None:
    try:
        load.parse_matrix(GOOD.replace(line, line[:at] + junk + line[at:]), "matrix.yaml")
    except ConfigurationError as e:
        assert e.problems


def test_the_schema_in_the_repository_is_the_one_the_code_gives() -> None:
    kept = (ROOT / SCHEMA_FILE).read_text("utf-8")
    assert kept == schema_text(), f"write it anew: flask-watchdog schema > {SCHEMA_FILE}"


def test_the_projects_own_matrix_is_valid_and_names_its_schema_first() -> None:
    load.load_matrix(ROOT / "matrix.yaml")
    first = (ROOT / "matrix.yaml").read_text("utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema={SCHEMA_FILE}"


def test_the_schema_refuses_unknown_keys() -> None:
    assert json.dumps(matrix_schema()).count('"additionalProperties": false') >= 7


@pytest.mark.parametrize("file", ["matrix.yaml", "tests/support/field_starlette/matrix.yaml"])
def test_the_schema_takes_a_file_with_the_columns_of_its_core(file: str) -> None:
    found = load.load_matrix(ROOT / file)
    data = yaml.load((ROOT / file).read_text("utf-8"), Loader=yaml.BaseLoader)  # noqa: S506
    for limit in ("seconds", "memory_mb"):
        data["limits"][limit] = int(data["limits"][limit])
    for extension in data["extensions"].values():
        extension.update({"rank": int(extension["rank"])} if "rank" in extension else {})
    schema = matrix_schema(found)
    jsonschema.validate(data, schema)
    data["tables"]["grid"]["framework"] = ["newest"]
    with pytest.raises(jsonschema.ValidationError, match="framework"):
        jsonschema.validate(data, schema)
