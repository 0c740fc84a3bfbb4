"""Builds wheels in memory from a few lines of Python (PEP 427). Pure."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence

_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The date of every file, so that equal content gives equal wheels."""


def wheel_metadata(
    name: str, version: str, requires: Sequence[str], requires_python: str | None
) -> str:
    """Return the METADATA of a wheel (core metadata 2.1)."""
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {r}" for r in requires]
    lines += [f"Requires-Python: {requires_python}"] if requires_python else []
    return "\n".join(lines) + "\n"


def build_wheel(
    name: str,
    version: str,
    files: Mapping[str, str],
    *,
    requires: Sequence[str] = (),
    requires_python: str | None = None,
    entry_points: str = "",
) -> bytes:
    """Build a pure wheel with a correct RECORD and return its content."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    content = dict(files)
    content[f"{info}/METADATA"] = wheel_metadata(name, version, requires, requires_python)
    content[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    if entry_points:
        content[f"{info}/entry_points.txt"] = entry_points
    record = []
    for path, text in content.items():
        digest = hashlib.sha256(text.encode()).digest()
        hashed = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        record.append(f"{path},sha256={hashed},{len(text.encode())}")
    record.append(f"{info}/RECORD,,")
    content[f"{info}/RECORD"] = "\n".join(record) + "\n"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, text in content.items():
            archive.writestr(zipfile.ZipInfo(path, _LONG_AGO), text)
    return out.getvalue()
