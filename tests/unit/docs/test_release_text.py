from __future__ import annotations

import runpy

import pytest
from home import ROOT

release_text = runpy.run_path(str(ROOT / ".ci" / "release_text.py"))["release_text"]
CHANGELOG = """# Changelog

## Unreleased

- Later

## [0.2.0] - 2026-01-02

### Added

- A

## 0.1.0

- B
"""


def test_release_text_is_section_of_changelog() -> None:
    """The text is the section of the version, without its heading."""
    assert release_text("v0.2.0", "0.2.0", CHANGELOG) == ("### Added\n\n- A\n", [])


@pytest.mark.parametrize(
    ("tag", "version", "problems"),
    [
        ("v0.3.0", "0.2.0", ["version is 0.2.0; the tag v0.3.0 needs 0.3.0", "needs a section"]),
        ("v0.1.0", "0.1.0", ["the heading of 0.1.0 needs its date"]),
    ],
)
def test_release_text_says_all_that_hinders(tag: str, version: str, problems: list[str]) -> None:
    """A tag that does not fit version or changelog is refused, with everything to change."""
    found = release_text(tag, version, CHANGELOG)[1]
    assert len(found) == len(problems)
    assert all(part in text for part, text in zip(problems, found, strict=True))
