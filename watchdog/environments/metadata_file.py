"""Reads the core metadata of what was installed: METADATA of its `.dist-info` folder."""

from __future__ import annotations

from pathlib import Path

from watchdog.model.package_limits import METADATA_BYTES


def read_metadata(site_packages: Path) -> str:
    """Return the fields of the metadata of the package in a folder; empty if it has none.

    The long description after them is left out. No more is read than METADATA may have.
    """
    try:
        with next(site_packages.glob("*.dist-info/METADATA")).open("rb") as file:
            content = file.read(METADATA_BYTES)
    except (OSError, StopIteration):
        return ""
    fields, _, _ = content.replace(b"\r\n", b"\n").partition(b"\n\n")
    return fields.decode("utf-8", "replace") + "\n"
