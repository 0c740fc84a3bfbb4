from __future__ import annotations

from pathlib import Path

from watchdog.matrix.smoke_titles import test_titles as titles_of


def test_titles_of_smoke(tmp_path: Path) -> None:
    """The titles are the first lines of the docstrings; nothing of the smoke is run."""
    source = (
        "raise SystemExit\n"
        'def test_a():\n    """A user logs in.\n\n    More.\n    """\n'
        "def test_b():\n    pass\n"
        'def helper():\n    """Help."""\n'
    )
    (tmp_path / "smoke_x.py").write_text(source, "utf-8")
    (tmp_path / "smoke_y.py").write_text("def", "utf-8")
    assert titles_of(tmp_path, "smoke_x") == {"test_a": "A user logs in."}
    assert titles_of(tmp_path, "smoke_y") == {}
    assert titles_of(tmp_path, "smoke_z") == {}
