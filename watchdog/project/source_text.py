"""Reads a text file in whatever encoding it has.

PowerShell's `>` writes UTF-16, editors of Windows write a byte order mark, and old files have
comments in the encoding of their author. pip's rules are followed (`auto_decode` in its source): a
byte order mark decides, then a line `# -*- coding: … -*-` among the first two.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from watchdog.errors import ConfigurationError
from watchdog.project.project import SourceFile

_BOMS = (
    # UTF-32 first: its mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_LARGEST = 16 * 2**20
"""Bytes; a file with dependencies is smaller by far, so this one is something else."""


def read_source(path: Path, name: str) -> SourceFile:
    """Return the text of a file.

    Args:
        path: of the file.
        name: the file as messages are to name it.

    Raises:
        ConfigurationError: it cannot be read, or is no text.
    """
    try:
        if not path.exists():
            raise ConfigurationError((f"{name}: there is no such file",))
        if not path.is_file():
            raise ConfigurationError((f"{name}: cannot be read: not a file",))
        if path.stat().st_size > _LARGEST:
            raise ConfigurationError((f"{name}: larger than {_LARGEST // 2**20} MiB",))
        data = path.read_bytes()
    except (OSError, ValueError) as e:  # ValueError: a NUL in the name
        reason = getattr(e, "strerror", None) or e
        raise ConfigurationError((f"{name}: cannot be read: {reason}",)) from None
    return decode(data, name)


def decode(data: bytes, name: str) -> SourceFile:
    """Return the text in the bytes of a file.

    Raises:
        ConfigurationError: they are no text.
    """
    bom, encoding = next(((b, e) for b, e in _BOMS if data.startswith(b)), (b"", ""))
    body = data[len(bom) :]
    encoding = encoding or _declared_encoding(body) or "utf-8"
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as e:
        if bom or not _is_ascii_but_for_comments(body):
            raise _undecodable(body, e, name) from None
        encoding = "latin-1"  # never fails, and gives the same bytes back
        text = body.decode(encoding)
    if "\0" in text:
        place = _place(text, text.index("\0"))
        raise ConfigurationError(
            (f"{name}:{place}: a NUL character: not a text file, or UTF-16 without its mark",)
        )
    return SourceFile(file=name, text=text, encoding=encoding, bom=bom)


def _declared_encoding(body: bytes) -> str | None:
    for line in body.split(b"\n", 2)[:2]:
        if match := _CODING.match(line):
            try:
                # Some codecs of Python are no encodings of text, such as rot13 and idna.
                name = codecs.lookup(match[1].decode("ascii")).name
                return name if b"#\n".decode(name) == "#\n" else None
            except (LookupError, ValueError):
                return None
    return None


def _is_ascii_but_for_comments(body: bytes) -> bool:
    return all(line.partition(b"#")[0].isascii() for line in body.splitlines())


def _undecodable(body: bytes, error: UnicodeDecodeError, name: str) -> ConfigurationError:
    before = body[: error.start].decode("latin-1")
    position = f"{name}:{_place(before, len(before))}"
    reason = f"cannot be read as {error.encoding}: {error.reason}; save the file as UTF-8"
    return ConfigurationError((f"{position}: {reason}",))


def _place(text: str, offset: int) -> str:
    """Return `line:column` of a character, both counted from 1."""
    line = text.count("\n", 0, offset) + 1
    return f"{line}:{offset - text.rfind(chr(10), 0, offset)}"
