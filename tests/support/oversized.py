"""Packages that bring more than a package may: made on the spot, small as files.

All but `lying_wheel` are correct wheels, as anybody can publish them.
"""

from __future__ import annotations

import base64
import hashlib
import io
import struct
import zipfile
from collections.abc import Iterable, Iterator

from watchdog.runner.wheel_builder import wheel_metadata

MB = 1_000_000
_BLOCK = bytes(MB)
_WHEEL = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_CODE = b"def use():\n    return 42\n"
_SIZE_IN_LOCAL, _SIZE_IN_DIRECTORY = 22, 24
"""Offset of the uncompressed size in both headers of a file (APPNOTE 4.3.7 and 4.3.12)."""

Files = Iterable[tuple[str, Iterable[bytes]]]
"""Paths, and contents in pieces."""


def zeros(megabytes: int) -> Iterator[bytes]:
    """Yield so many megabytes of zeros in pieces."""
    for _ in range(megabytes):
        yield _BLOCK


def wheel(name: str, files: Files, *, metadata: str | None = None) -> bytes:
    """Build a compressed wheel, version 1.0, with a correct RECORD."""
    module = name.replace("-", "_")
    info = f"{module}-1.0.dist-info"
    text = wheel_metadata(name, "1.0", ["flask"], None) if metadata is None else metadata
    out, record = io.BytesIO(), io.StringIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path, pieces in (
            (f"{module}.py", [_CODE]),
            *files,
            (f"{info}/METADATA", [text.encode()]),
            (f"{info}/WHEEL", [_WHEEL]),
        ):
            digest, size = hashlib.sha256(), 0
            with archive.open(path, "w") as member:
                for piece in pieces:
                    member.write(piece)
                    digest.update(piece)
                    size += len(piece)
            hashed = base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
            record.write(f"{path},sha256={hashed},{size}\n")
        archive.writestr(f"{info}/RECORD", f"{record.getvalue()}{info}/RECORD,,\n")
    return out.getvalue()


def huge_file(name: str) -> bytes:
    """Build a wheel of 1.5 MB with a file of 1.5 GB."""
    return wheel(name, [("huge.bin", zeros(1500))])


def huge_metadata(name: str) -> bytes:
    """Build a wheel with 60 MB of METADATA."""
    head = wheel_metadata(name, "1.0", ["flask"], None)
    return wheel(name, [], metadata=head + "Keywords: a\n" * 5_000_000)


def long_name(name: str) -> bytes:
    """Build a wheel with a file name of 300 characters."""
    return wheel(name, [("x" * 297 + ".py", [b""])])


def many_files(name: str) -> bytes:
    """Build a wheel with 300,000 tiny files."""
    module = name.replace("-", "_")
    return wheel(name, ((f"{module}_d/{n // 1000}/{n}.txt", [b"x"]) for n in range(300_000)))


def lying_wheel(name: str) -> bytes:
    """Build a wheel with a file of 1.5 GB whose headers say that it has 10 bytes."""
    data = bytearray(huge_file(name))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        member, directory = archive.getinfo("huge.bin"), archive.start_dir
    entry = data.index(b"huge.bin", directory) - 46
    for place in (member.header_offset + _SIZE_IN_LOCAL, entry + _SIZE_IN_DIRECTORY):
        assert struct.unpack_from("<I", data, place) == (1500 * MB,)
        struct.pack_into("<I", data, place, 10)
    return bytes(data)
