from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchdog.matrix.columns import FIELDS, TABLES, Columns

NAMES = st.sampled_from(("flask", "werkzeug", "anyio", *FIELDS, "a-1"))
CORES = st.tuples(NAMES, NAMES).filter(lambda core: core[0] != core[1])


def test_columns_to_fields() -> None:
    """Columns of the core are renamed only within the tables that have them."""
    data = {"starlette": 1, "tables": {"grid": {"starlette": 2, "anyio": 3}, "today": {"anyio": 4}}}
    assert Columns(("starlette", "anyio")).to_fields(data) == {
        "starlette": 1,
        "tables": {"grid": {"framework": 2, "foundation": 3}, "today": {"anyio": 4}},
    }


@given(CORES, st.sampled_from(TABLES), st.sets(NAMES | st.just("python")))
def test_columns_round_trip(core: tuple[str, str], table: str, keys: set[str]) -> None:
    """No key is lost by to_fields, and to_names restores each name."""
    columns = Columns(core)
    told = columns.to_fields({"tables": {table: dict.fromkeys(keys)}})
    assert isinstance(told, dict)
    fields = told["tables"][table]
    assert {columns.to_names(("tables", table, field, 0))[2] for field in fields} == keys
    assert ("framework" in fields) is (core[0] in keys)
    assert ("foundation" in fields) is (core[1] in keys)


def test_columns_keep_other_values() -> None:
    """Values that are not mappings are returned unchanged."""
    columns = Columns(("starlette", "anyio"))
    for data in (None, "words", ["a"], {"tables": "words"}, {"tables": {"grid": ["anyio"]}}):
        assert columns.to_fields(data) == data
