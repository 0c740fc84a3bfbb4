"""Reading a wheel gives its metadata or a configuration error."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path

from watchdog.environments.builder import changelog_in
from watchdog.errors import ConfigurationError
from watchdog.model.release import File, Interpreter
from watchdog.resolver.overlay_index import read_wheel
from watchdog.resolver.wheel_tags import installer_choice
from watchdog.runner.wheel_builder import build_wheel, wheel_metadata

_PYTHON = Interpreter("/python", "3.11.7", "65.5.0", "linux-x86_64")
_FOLDER = tempfile.TemporaryDirectory()
_PATH = Path(_FOLDER.name, "flask-1.0-py3-none-any.whl")
_TEXT = wheel_metadata("flask", "1.0", ["werkzeug>=3"], ">=3.8")
SEEDS = (
    build_wheel(
        "flask", "1.0", {"flask.py": ""}, requires=["werkzeug>=3"], requires_python=">=3.8"
    ),
    _TEXT.encode(),
    _TEXT.replace("\n\n", "\n").encode() + b"Project-URL: Changes, https://127.0.0.1/x\n",
)
WORDS = (
    b"PK\x01\x02",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"PK\x06\x06",
    b"\xff\xff\xff\xff",
    b"flask-1.0.dist-info/METADATA",
    b"Requires-Python: ",
    b"Project-URL: ",
    b"\n ",
    b"\r",
    b"Content-Type: multipart/mixed; boundary=a\n",
    b"--a\n",
    b"=?utf-8?q?=00?=",
    b"\x0c",
    b"Changelog, https://",
    b"\xed\xa0\x80",
)


def check(data: bytes) -> None:
    """Read the data as metadata and as a wheel; a changelog must be an https address."""
    changelog = changelog_in(data.decode("utf-8", "replace"))
    assert changelog is None or changelog.startswith("https://")
    for content in (data, wheel_with(data)):
        _PATH.write_bytes(content)
        try:
            wheel = read_wheel(_PATH)
        except ConfigurationError as e:
            assert e.problems
            continue
        assert wheel.requirement == "flask==1.0"
        installer_choice([File(_PATH.name, None, requires_python=wheel.requires_python)], _PYTHON)


def wheel_with(text: bytes) -> bytes:
    """Return a wheel with these bytes as its METADATA."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("flask-1.0.dist-info/METADATA", text)
    return out.getvalue()
