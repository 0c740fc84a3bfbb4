"""What brings back a module that Python or setuptools no longer has."""

from __future__ import annotations

import pytest
from replayed import snapshot

from watchdog.analysis.history.removed_modules import packages_for


@pytest.mark.parametrize(
    ("failures", "packages"),
    [
        (["KeyError: 'a'"], ()),
        (["ModuleNotFoundError: No module named 'distutils' @ a.py:<module>"], ("setuptools",)),
        (["AssertionError: [\"No module named 'distutils.version'\"]"], ("setuptools",)),
        (["ModuleNotFoundError: No module named 'pkg_resources'"], ("setuptools<82",)),
        (["No module named 'pkg_resources'", "No module named 'distutils'"], ("setuptools<82",)),
        (["ModuleNotFoundError: No module named 'flask._compat'"], ()),
        (["ModuleNotFoundError: No module named 'distutils_extra'"], ()),
    ],
)
def test_packages_for(failures: list[str], packages: tuple[str, ...]) -> None:
    """Only modules that are known to have moved are brought back, and each package once."""
    first, second = [*failures, None][:2]
    assert packages_for(snapshot(1, one=first, two=second)) == packages
