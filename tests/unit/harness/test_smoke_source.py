from __future__ import annotations

from pathlib import Path

import pytest

from watchdog.harness import FIXTURES, SMOKES, smoke_source


def test_fixture_stands_in_place_of_its_import(tmp_path: Path) -> None:
    """The line that imports a fixture becomes the fixture, with those that it imports itself.

    Other imports stay as they are.
    """
    smoke = tmp_path / "smoke_x.py"
    smoke.write_text(
        '"""X."""\n\nfrom flask import Flask\nfrom serving import use\n\nA = 1\n', "utf-8"
    )
    text = smoke_source(smoke)
    inner = (FIXTURES / "programs.py").read_bytes()
    outer = (FIXTURES / "serving.py").read_bytes()
    fixture = outer.replace(b"from programs import listening, write\n", inner)
    assert fixture != outer
    assert text == b'"""X."""\n\nfrom flask import Flask\n' + fixture + b"\nA = 1\n"


@pytest.mark.parametrize("smoke", sorted(SMOKES.glob("smoke_*.py")), ids=lambda path: path.stem)
def test_smoke_without_fixture_is_unchanged(smoke: Path) -> None:
    """The source of a smoke that uses no fixture is its file; with one, it compiles."""
    text = smoke_source(smoke)
    compile(text, smoke.name, "exec")
    names = {path.stem for path in FIXTURES.glob("*.py")}
    uses = any(f"\nfrom {name} import " in smoke.read_text("utf-8") for name in names)
    assert (text != smoke.read_bytes()) is uses
