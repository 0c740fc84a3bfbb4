"""Reads pylock.toml, the lock file of PEP 751."""

from __future__ import annotations

from packaging.markers import Marker
from packaging.pylock import Pylock, PylockValidationError

from watchdog.errors import ConfigurationError
from watchdog.project.locks import pin, place_of
from watchdog.project.reading import Opened, Reading
from watchdog.project.toml_file import read_toml


def read_pylock(reading: Reading, opened: Opened) -> None:
    """Read a lock file of PEP 751, with those extras and groups of it that are wanted."""
    source = opened.source
    toml = read_toml(source)
    reading.locked = True
    try:
        lock = Pylock.from_dict(toml.data)
    except (PylockValidationError, ValueError, TypeError, RecursionError) as e:
        raise ConfigurationError((f"{source.file}: not a lock file of PEP 751: {e}",)) from None
    if lock.requires_python is not None:
        position = toml.place("requires-python").position
        reading.want_python(str(lock.requires_python), position, exact=False)
    groups = {*(lock.default_groups or ()), *reading.groups}
    left_out = 0
    for index, package in enumerate(lock.packages):
        place = place_of(toml, "packages", index, package.name)
        marker = None if package.marker is None else str(package.marker)
        if marker and ("dependency_groups" in marker or "extras" in marker):
            chosen = {"extras": set(reading.groups), "dependency_groups": groups}
            if not Marker(marker).evaluate(chosen, context="lock_file"):
                left_out += 1
                continue
            marker = None
        entry = {"name": package.name, "version": package.version and str(package.version)}
        pin(reading, place, entry, marker, is_elsewhere=package.is_direct)
    if left_out:
        reading.leave_out("packages of extras and groups", source.file, left_out)
