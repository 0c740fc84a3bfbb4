from __future__ import annotations

from typing import Any

import pytest
from ecosystem import PYTHON, day
from home import Home


def made(home: Home, at: float, *options: str) -> str:
    done = home("constraints", "--as-of", day(int(at)).isoformat(), *options)
    assert done.returncode == 0, done.stderr
    return (home.folder / "reports" / f"constraints-{PYTHON}.txt").read_text("utf-8")


def names(text: str, mark: str) -> set[str]:
    lines = (line for line in text.splitlines() if line.startswith(f"# {mark}: "))
    return {line.split(": ")[1] for line in lines}


def test_constraints_contain_working_set(home: Home) -> None:
    """The constraints pin the packages that work alone and together."""
    text = made(home, 20, "--cooldown", "0")
    assert {"ext-works", "ext-import", "ext-warns"} <= names(text, "with")
    assert {"ext-conflict", "ext-unbuildable"} <= names(text, "without")
    pins = [line for line in text.splitlines() if not line.startswith("#")]
    assert "werkzeug==2.0.0" in pins
    assert "ext-works==1.0" in pins
    assert "flask==2.0.0" in pins


@pytest.mark.slow
def test_constraints_leave_out_broken(home: Home) -> None:
    """The constraints leave out a broken package and state its symptom."""
    text = made(home, 31, "--cooldown", "0")
    assert "# without: ext-import: broken: ImportError: cannot import name 'gone'" in text


def test_constraints_cooldown(home: Home) -> None:
    """With --cooldown the constraints do not contain releases that are too new."""
    text = made(home, 31, "--cooldown", "48")
    assert "werkzeug==2.0.0" in text.splitlines()
    assert "ext-import" in names(text, "with")


@pytest.mark.slow
def test_constraints_prefer_higher_rank(home: Home, made_up: Any) -> None:
    """Of two packages that exclude each other, the constraints keep the more popular one."""
    if "ext-old" not in made_up.files:
        good = {"ext_old.py": "def use():\n    return 42\n"}
        made_up.add("ext-old", "1.0", day(5), files=good, requires=["flask<2"])
    matrix = home.folder / "matrix.yaml"
    matrix.write_text(
        matrix.read_text("utf-8").replace(
            "  ext-works: {name: Ext-Works}",
            "  ext-works: {name: Ext-Works, rank: 1}\n  ext-old: {name: Ext-Old, rank: 2}",
        ),
        "utf-8",
    )
    text = made(home, 20, "--cooldown", "0")
    assert "ext-works" in names(text, "with")
    assert "# without: ext-old: not together with the others" in text
