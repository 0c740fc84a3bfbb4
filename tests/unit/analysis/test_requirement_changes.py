"""How requirements change."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from watchdog.analysis.check.requirement_changes import changed_requirement, changed_requirements


@pytest.mark.parametrize(
    ("requirement", "bound", "changed"),
    [
        ("Werkzeug==3.0.3", "<2.1", "Werkzeug<2.1"),
        (
            "flask[async]==2.0; sys_platform == 'linux'",
            ">=2.3",
            'flask[async]>=2.3; sys_platform == "linux"',
        ),
        ("flask>=2", "<3", "flask<3,>=2"),
        ("flask>=2", ">=3", "flask>=3"),
        ("flask~=2.0", "==3.0", "flask==3.0"),
        ("flask==2", "", "flask"),
    ],
)
def test_changed_requirement(requirement: str, bound: str, changed: str) -> None:
    """An upper bound joins a range and replaces an exact version; extras and marker stay."""
    assert str(changed_requirement(Requirement(requirement), bound)) == changed


def test_changed_requirements_adds_what_is_not_named() -> None:
    """A package that no requirement names is added; the others keep their order and text."""
    assert changed_requirements(["a==1", "B.c==2"], {"b-c": "<2", "d": ">=1"}) == (
        "a==1",
        "B.c<2",
        "d>=1",
    )
