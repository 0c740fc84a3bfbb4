from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from packaging.tags import platform_tags

from watchdog.model.release import File, Interpreter
from watchdog.resolver.wheel_tags import arrivals, installer_choice

PYTHON = Interpreter("/usr/bin/python3.11", "3.11.7", None, "linux-x86_64")
OWN = next(iter(platform_tags()))


def takes(*names: str, **requires: str) -> str | None:
    files = [File(n, None, requires_python=requires.get("requires")) for n in names]
    found = installer_choice(files, PYTHON)
    return found.name if found else None


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["x-1.0.tar.gz", "x-1.0-py3-none-any.whl"], "x-1.0-py3-none-any.whl"),
        (["x-1.0.zip", "x-1.0.tar.gz"], "x-1.0.tar.gz"),
        (
            ["x-1.0-py3-none-any.whl", f"x-1.0-cp311-cp311-{OWN}.whl"],
            f"x-1.0-cp311-cp311-{OWN}.whl",
        ),
        (
            [f"x-1.0-cp38-abi3-{OWN}.whl", f"x-1.0-cp310-cp310-{OWN}.whl"],
            f"x-1.0-cp38-abi3-{OWN}.whl",
        ),
        (["x-1.0-1-py3-none-any.whl", "x-1.0-py3-none-any.whl"], "x-1.0-1-py3-none-any.whl"),
        (["x-1.0-cp312-cp312-win32.whl"], None),
        (["x-1.0-py2-none-any.whl", "x-1.0.tar.gz"], "x-1.0.tar.gz"),
        (["x-1.0.exe.whl"], None),
        ([], None),
    ],
)
def test_installer_choice_best_file(names: list[str], expected: str | None) -> None:
    """The best matching wheel is chosen, otherwise the source distribution."""
    assert takes(*names) == expected


def test_installer_choice_requires_python() -> None:
    """A file that requires another Python is not chosen."""
    assert takes("x-1.0-py3-none-any.whl", requires=">=3.12") is None
    assert takes("x-1.0-py3-none-any.whl", requires=">=3.11") == "x-1.0-py3-none-any.whl"
    assert takes("x-1.0-py3-none-any.whl", requires="nonsense") == "x-1.0-py3-none-any.whl"


def test_arrivals_joins_uploads() -> None:
    """Files of a release that are uploaded within minutes count as one arrival."""

    def uploaded(name: str, minutes: int) -> File:
        return File(name, datetime(2023, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes))

    files = [
        uploaded("x-1.0.tar.gz", 0),
        uploaded("x-1.0-cp312-cp312-win32.whl", 1),
        uploaded(f"x-1.0-cp311-cp311-{OWN}.whl", 5),
        uploaded("x-1.0-py3-none-any.whl", 9),
        uploaded(f"x-1.0-1-cp311-cp311-{OWN}.whl", 100_000),
    ]
    told = [
        (began.minute, settled.minute, file.name)
        for began, settled, file in arrivals(files, PYTHON)[:1]
    ]
    assert told == [(0, 5, f"x-1.0-cp311-cp311-{OWN}.whl")]
    assert [file.name for _, _, file in arrivals(files, PYTHON)] == [files[2].name, files[4].name]
