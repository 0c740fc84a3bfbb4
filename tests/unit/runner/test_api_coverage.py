from __future__ import annotations

from watchdog.runner.api_coverage import api_coverage, public_names

SOURCES = {
    "thing/__init__.py": "def go(): ...\ndef _x(): ...\nclass Thing:\n    def use(self): ...\n",
    "thing/errors.py": "class Bad(Exception):\n    pass\n",
    "thing/_inner.py": "def inner(): ...\n",
    "thing/tests/test_it.py": "def test_it(): ...\n",
    "thing/broken.py": "def (:\n",
}


def test_public_functions_and_classes_with_functions_count() -> None:
    assert public_names(SOURCES) == {"thing/__init__.py:go": False, "thing/__init__.py:Thing": True}


def test_a_class_is_reached_by_its_functions_and_not_by_its_body() -> None:
    names = public_names(SOURCES)
    assert api_coverage(["thing/__init__.py:Thing"], names) == (0, 2)
    assert api_coverage(["thing/__init__.py:Thing.use"], names) == (1, 2)
    assert api_coverage(["thing/__init__.py:go", "thing/__init__.py:go.<locals>.f"], names) == (
        1,
        2,
    )


def test_what_is_not_public_does_not_count() -> None:
    assert api_coverage(
        ["thing/_inner.py:inner", "thing/__init__.py:_x"], public_names(SOURCES)
    ) == (0, 2)
