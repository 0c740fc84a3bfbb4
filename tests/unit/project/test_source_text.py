from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from project_folder import FILES, put, read

from watchdog.errors import ConfigurationError
from watchdog.project.reader import read_project
from watchdog.project.source_text import decode

CHAT = (FILES / "chat-2022.txt").read_text("utf-8")
WINDOWS = CHAT.replace("\n", "\r\n")


@pytest.mark.parametrize(
    "data",
    [
        codecs.BOM_UTF8 + WINDOWS.encode(),
        codecs.BOM_UTF16_LE + WINDOWS.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + WINDOWS.encode("utf-16-be"),
        codecs.BOM_UTF32_LE + CHAT.encode("utf-32-le"),
        "# -*- coding: cp1251 -*-\n# зависимости\n".encode("cp1251") + CHAT.encode(),
        "# dépendances\n".encode("latin-1") + CHAT.encode(),
        "# no such coding: klingon\n# é\n".encode() + CHAT.encode(),
        b"# coding: rot13\n" + CHAT.encode(),
        CHAT.replace("\n", "\r").encode(),
    ],
)
def test_encodings(tmp_path: Path, data: bytes) -> None:
    """A file has the same requirements in whatever encoding it was saved."""
    wanted = read_project(FILES / "chat-2022.txt").requirements
    assert len(wanted) == 22
    assert read(tmp_path, "requirements.txt", data).requirements == wanted
    source = decode(data, "x")
    assert source.encode(source.text) == data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "requirements.txt: is empty"),
        (b" \n\t\n", "requirements.txt: is empty"),
        (b"flask\0", "requirements.txt:1:6: a NUL character"),
        ("flask\nblinker\n".encode("utf-16-le"), "requirements.txt:1:2: a NUL character"),
        (b"flask\nx\xff==1\n", "requirements.txt:2:2: cannot be read as utf-8"),
        (b"\xff\xfef", "requirements.txt:1:1: cannot be read as utf-16-le"),
        (b"\x89PNG\r\n\x1a\n\0\0", "requirements.txt:1:1: cannot be read as utf-8"),
        (b"# only a comment\n", "requirements.txt: contains no requirement"),
    ],
)
def test_no_text(tmp_path: Path, data: bytes, message: str) -> None:
    """A file without readable text is an error that says where."""
    with pytest.raises(ConfigurationError) as error:
        read(tmp_path, "requirements.txt", data)
    assert error.value.problems[0].removeprefix(f"{tmp_path}/").startswith(message)


def test_no_file(tmp_path: Path) -> None:
    """A path that leads to no file is an error that names it."""
    with pytest.raises(ConfigurationError, match=r"gone\.txt: there is no such file"):
        read_project(tmp_path / "gone.txt")
    with pytest.raises(ConfigurationError, match="cannot be read: not a file"):
        read_project(Path("/dev/null"))


def test_large_file(tmp_path: Path) -> None:
    """A file that is far too large is not read; a long line is."""
    with pytest.raises(ConfigurationError, match="larger than 16 MiB"):
        read_project(put(tmp_path, "r.txt", b"#" * (17 * 2**20)))
    project = read(tmp_path, "r.txt", b"flask # " + b"x" * 2**20 + b"\n" + b"y" * 2**20)
    assert project.requirements == ("flask",)
    assert len(project.skipped[0].text) == 100
