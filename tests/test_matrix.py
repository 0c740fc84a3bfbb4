from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog import matrix
from watchdog.errors import ConfigurationError

ROOT = Path(__file__).parent.parent

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
        matrix.parse(text, "matrix.yaml")
    return list(caught.value.problems)


def test_an_unquoted_3_10_stays_3_10() -> None:
    assert matrix.parse(GOOD, "matrix.yaml").python == ("3.9", "3.10")


def test_what_a_newcomer_types_is_the_name_and_what_the_smoke_needs() -> None:
    assert matrix.parse(GOOD, "m").requirements("flask-admin") == (
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
        (("  today: {}", "  today: {}\n  today: {}"), "5:3: the key 'today' stands here twice"),
        (("[flask-sqlalchemy]", "['not a requirement!']"), "not a requirement"),
        (('reason: "not in this test"', 'reason: "no"'), "at least 10 characters"),
        (('python: ["3.9", 3.10]', "python: 3.9"), "1:9: python must be a list"),
        (("flask-login:", "werkzeug:"), "6:3: werkzeug is the core itself"),
        (("extensions:", "extensions: ["), "not YAML"),
    ],
)
def test_each_mistake_is_told_with_its_place_and_what_to_do(
    change: tuple[str, str], message: str
) -> None:
    found = problems(GOOD.replace(*change))
    assert any(message in p for p in found), found
    assert all(p.startswith("matrix.yaml:") for p in found)


def test_all_mistakes_are_told_at_once() -> None:
    text = GOOD.replace("resolved", "latest").replace("name: Flask-Login", "nmae: x")
    text = text.replace("  today: {}", "  today: {}\n  today: {}")
    assert len(problems(text)) == 4


@pytest.mark.parametrize("text", ["", "# only a comment\n", "just words", "- a\n- list\n"])
def test_a_file_that_is_no_mapping_is_told(text: str) -> None:
    assert problems(text)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        matrix.load(tmp_path / "matrix.yaml")


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
def test_no_text_gives_anything_but_a_matrix_or_a_configuration_error(text: str) -> None:
    try:
        matrix.parse(text, "matrix.yaml")
    except ConfigurationError as e:
        assert e.problems


@given(st.sampled_from(GOOD.splitlines()), st.text(max_size=10), st.integers(0, 60))
def test_a_damaged_file_never_gives_a_traceback(line: str, junk: str, at: int) -> None:
    try:
        matrix.parse(GOOD.replace(line, line[:at] + junk + line[at:]), "matrix.yaml")
    except ConfigurationError as e:
        assert e.problems


def test_the_schema_in_the_repository_is_the_one_the_code_gives() -> None:
    kept = (ROOT / matrix.SCHEMA_FILE).read_text("utf-8")
    assert kept == matrix.schema_text(), (
        f"write it anew: flask-watchdog schema > {matrix.SCHEMA_FILE}"
    )


def test_the_projects_own_matrix_is_valid_and_names_its_schema_first() -> None:
    matrix.load(ROOT / "matrix.yaml")
    first = (ROOT / "matrix.yaml").read_text("utf-8").splitlines()[0]
    assert first == f"# yaml-language-server: $schema={matrix.SCHEMA_FILE}"


def test_the_schema_refuses_unknown_keys() -> None:
    assert json.dumps(matrix.schema()).count('"additionalProperties": false') >= 7
