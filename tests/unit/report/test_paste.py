from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from packaging.specifiers import SpecifierSet
from rule_books import BOOK, BOUND, CORE, run_set

from watchdog.facts.lookup import choose, look_up
from watchdog.facts.rules import RuleBook
from watchdog.report.views.paste import paste_data, paste_script, versions_that_matter


def test_script_is_safe_and_compact() -> None:
    """The data is one statement of a script, no tag can end it, and locks are kept once."""
    text = paste_script(BOOK)
    assert text.startswith("window.WATCHDOG={")
    assert "<" not in text
    data = json.loads(text.removeprefix("window.WATCHDOG=").removesuffix(";\n"))
    assert data == json.loads(json.dumps(paste_data(BOOK)))
    assert len(data["pins"]) == len(set(data["pins"]))
    assert len(data["locks"]) < len(BOOK.sets) + 3


def _lock(data: dict[str, Any], number: int) -> dict[str, str]:
    return dict(data["pins"][pin].split("==") for pin in data["locks"][number])


def test_sets_and_advice_refer_to_tables() -> None:
    """A set names its lock, what must be pinned in it, and its results."""
    data = paste_data(BOOK)
    for row, tested in zip(data["sets"], BOOK.sets, strict=True):
        subject, lock, places, results = row
        assert (subject, _lock(data, lock)) == (tested.subject, dict(tested.lock.pins))
        assert {tested.lock.pins[place][0] for place in places} == set(tested.pins)
        works = {python: data["results"][result][0] == 1 for python, result in results.items()}
        assert works == {python: result.works for python, result in tested.results.items()}
    (number,) = data["cures"]["flask-restful"]
    typed, python, lock, checked = data["advice"][number]
    assert (tuple(typed), python, checked) == (BOUND.typed, "3.13", "2026-11-28")
    assert BOUND.lock is not None
    assert _lock(data, lock) == dict(BOUND.lock.pins)


def _with_old_versions() -> RuleBook:
    old = ("0.1", "0.2", "0.9")
    versions = {name: (*old, *known) for name, known in BOOK.versions.items()}
    return replace(BOOK, versions=versions | {"unrelated": ("1.0",)})


def test_versions_that_matter_change_no_answer() -> None:
    """Versions that are left out are in no lock and in no rule, and change no answer."""
    whole = _with_old_versions()
    matter = versions_that_matter(whole)
    assert "unrelated" not in matter
    assert matter["flask-login"][0] == "0.1"
    assert matter["click"] == ("8.3.0",)
    small = replace(whole, versions=matter)
    for name in ("click", "blinker", "werkzeug", "flask"):
        for text in ("<0.5", "<8.3", ">=0", "!=1.9.0", "==0.2"):
            asked = {name: SpecifierSet(text), "flask-login": SpecifierSet()}
            assert look_up(whole, asked) == look_up(small, asked)
    assert choose(small, "werkzeug", SpecifierSet("<0.5")) == "0.2"  # of advice without a lock


def test_long_symptom_is_cut() -> None:
    """A long error is cut."""
    result = replace(BOOK.sets[0].results["3.13"], works=False, symptom="x" * 5000)
    book = replace(BOOK, sets=(run_set("flask", CORE, {"3.13": result}),))
    assert len(paste_data(book)["results"][0][2]) < 300
