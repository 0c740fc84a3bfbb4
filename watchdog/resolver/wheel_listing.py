"""Lists the files of a wheel, without unpacking it, from the directory at the end of the archive.

An index is asked for that part of a wheel alone (RFC 9110, 14.2). zipfile would read the whole
directory at once, a hundred bytes of memory for each byte; here it is read in pieces, so that one
with a million files costs no more than one with ten. The layout is that of PKWARE's APPNOTE.TXT,
4.3.12 and 4.3.16; what needs its ZIP64 extension has sizes or numbers beyond every limit.
"""

from __future__ import annotations

import io
import re
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import httpx
from typing_extensions import Buffer

from watchdog.model.package_limits import FILES, UNPACKED_BYTES, find_excess, size_text

_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\x05\x06"
_ENTRY = struct.Struct("<4s6H3L5H2L")
_ENTRY_SIGNATURE = b"PK\x01\x02"
_TAIL = 65_536
"""Bytes that are read first: they hold the end record, mostly the whole directory."""
_CONTENT_RANGE = re.compile(r"bytes \d+-\d+/(\d+)")
_SUBJECT = "its wheel"
_TOO_LONG = f"{_SUBJECT} has more than {size_text(UNPACKED_BYTES)}, which is the limit"


class _Directory(NamedTuple):
    """Where an archive has its directory: bytes from its start, and how many files it says."""

    first: int
    length: int
    files: int


def wheel_excess(client: httpx.Client, url: str) -> str | None:
    """Return which limit a wheel on an index exceeds, as a sentence; None if none is known.

    Of a server that gives no parts of files all of it is read, to a temporary file that is bounded.
    What cannot be read or is no archive is left to the installer, which says what is wrong.

    Raises:
        httpx.HTTPError: the server cannot be reached, or stopped.
        OSError: the temporary file cannot be written.
    """
    with client.stream("GET", url, headers=_part(f"-{_TAIL}")) as response:
        if response.status_code == httpx.codes.OK:
            return _excess_of_stream(response)
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if response.status_code != httpx.codes.PARTIAL_CONTENT or match is None:
            return None
        tail = _as_file(response).read(_TAIL)  # a server may send more
    if int(match[1]) > UNPACKED_BYTES:
        return _TOO_LONG
    directory = _find_directory(tail)
    return directory and _excess_of_tail(client, url, tail, int(match[1]), directory)


def _excess_of_tail(
    client: httpx.Client, url: str, tail: bytes, size: int, directory: _Directory
) -> str | None:
    """Return the excess that a directory shows, of which the last bytes of a wheel are a part."""
    missing = size - len(tail)
    if directory.first >= missing:
        return _excess(io.BytesIO(tail[directory.first - missing :]), directory)
    last = directory.first + directory.length - 1
    with client.stream("GET", url, headers=_part(f"{directory.first}-{last}")) as response:
        if response.status_code != httpx.codes.PARTIAL_CONTENT:
            return None
        return _excess(_as_file(response), directory)


def local_excess(wheel: Path) -> str | None:
    """Return which limit a wheel on this machine exceeds, as a sentence; None if none is known.

    Raises:
        OSError: it cannot be read.
    """
    with wheel.open("rb") as file:
        return _excess_of_file(file)


def _part(span: str) -> dict[str, str]:
    return {"Range": f"bytes={span}", "Accept-Encoding": "identity"}


def _excess_of_stream(response: httpx.Response) -> str | None:
    with tempfile.TemporaryFile() as file:
        for piece in response.iter_bytes():
            if file.tell() + len(piece) > UNPACKED_BYTES:
                return _TOO_LONG
            file.write(piece)
        return _excess_of_file(file)


def _excess_of_file(file: BinaryIO) -> str | None:
    size = file.seek(0, io.SEEK_END)
    file.seek(max(size - _TAIL, 0))
    directory = _find_directory(file.read(_TAIL))
    if directory is None:
        return None
    file.seek(directory.first)
    return _excess(file, directory)


def _find_directory(tail: bytes) -> _Directory | None:
    """Return where the directory is, from the last bytes of an archive; None if it is none."""
    start = tail.rfind(_END_SIGNATURE)
    if start < 0 or len(tail) - start < _END.size:
        return None
    _, _, _, _, files, length, first, _ = _END.unpack_from(tail, start)
    return _Directory(first, length, files)


class _Pieces(io.RawIOBase):
    """Reads pieces that come one after another as a file; keeps no more than one of them."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, memoryview(b"")

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Buffer) -> int:
        """Put the next bytes into a buffer; return how many, 0 at the end."""
        view = memoryview(buffer)
        while not self._rest and (piece := next(self._pieces, b"")):
            self._rest = memoryview(piece)
        count = min(len(view), len(self._rest))
        view[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def _as_file(response: httpx.Response) -> io.BufferedReader:
    return io.BufferedReader(_Pieces(response.iter_bytes()))


def _excess(file: BinaryIO, directory: _Directory) -> str | None:
    if directory.files > FILES:
        return f"{_SUBJECT} has more than {FILES:,} files, which is the limit"
    return find_excess(_entries(file), _SUBJECT)


def _entries(file: BinaryIO) -> Iterator[tuple[str, int]]:
    """Yield path and unpacked size of each file in a directory, up to its end."""
    while len(head := file.read(_ENTRY.size)) == _ENTRY.size:
        signature, *fields = _ENTRY.unpack(head)
        if signature != _ENTRY_SIGNATURE:
            return
        size, name, extra, comment = fields[8], fields[9], fields[10], fields[11]
        path = file.read(name).decode("utf-8", "replace")
        file.read(extra + comment)
        yield path, size
