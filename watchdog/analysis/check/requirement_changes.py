"""Changes of requirements: other bounds, with extras and markers kept. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from watchdog.model.release import short_version

Changes = Mapping[str, str]
"""What a package's requirement becomes: the version specifier, by normalised name."""


def changed_requirements(requirements: Sequence[str], changes: Changes) -> tuple[str, ...]:
    """Return requirements with some changed, and added where no requirement names the package."""
    rest = dict(changes)
    changed: list[str] = []
    for text in requirements:
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        if name in changes:
            rest.pop(name, None)
            requirement = changed_requirement(requirement, changes[name])
        changed.append(str(requirement))
    return (*changed, *(f"{name}{bound}" for name, bound in rest.items()))


def changed_requirement(requirement: Requirement, bound: str) -> Requirement:
    """Return a requirement with another version; extras and marker stay.

    An upper bound joins a range; it replaces an exact version.
    """
    changed = Requirement(str(requirement))
    exact = any(specifier.operator in ("==", "===") for specifier in requirement.specifier)
    is_joined = bound.startswith("<") and not exact
    bounds = [*map(str, requirement.specifier), bound] if is_joined else [bound]
    changed.specifier = SpecifierSet(",".join(filter(None, bounds)))
    return changed


def opened_requirement(requirement: str) -> str:
    """Return a requirement for any version; extras and marker stay."""
    opened = Requirement(requirement)
    opened.specifier = SpecifierSet()
    return str(opened)


def pins_of(requirements: Iterable[str], changes: Mapping[str, str]) -> tuple[str, ...]:
    """Return the requirements that changes lead to: `greenlet>=3.1`, with extras and markers."""
    named: dict[str, Requirement] = {}
    for requirement in map(Requirement, requirements):
        named[canonicalize_name(requirement.name)] = requirement
    return tuple(
        str(changed_requirement(named.get(name, Requirement(name)), bound))
        for name, bound in sorted(changes.items())
    )


def short_bound(bound: str) -> str:
    """Return a bound without trailing zeros in its versions: `>=3.1` for `>=3.1.0`."""
    if "," in bound:
        return ",".join(map(short_bound, bound.split(",")))
    for operator in (">=", "<=", "=="):
        if bound.startswith(operator):
            if operator != ">=":
                return bound
            return f">={short_version(Version(bound.removeprefix(operator)))}"
    return f"<{short_version(Version(bound.removeprefix('<')))}" if bound.startswith("<") else bound
