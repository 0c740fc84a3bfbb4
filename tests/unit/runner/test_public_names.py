from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from watchdog.environments.builder import Environments
from watchdog.runner import api_coverage
from watchdog.runner.public_names import PublicNames

THING = cast("Any", "thing")
OTHER = cast("Any", "other")
NAMES = {"thing/__init__.py:go": False, "thing/__init__.py:Thing": True}


@pytest.fixture
def environments(tmp_path: Path) -> Environments:
    for name, code in (
        ("thing", "def go(): ...\nclass Thing:\n    def use(self): ...\n"),
        ("other", "def other(): ...\n"),
    ):
        site = tmp_path / f"{name}-1.0-abcdef" / "site-packages"
        for file, text in {
            f"{name}/__init__.py": code,
            f"{name}/not_recorded.py": "def nobody(): ...\n",
            f"{name}-1.0.dist-info/RECORD": f"{name}/__init__.py,,\n{name}/gone.py,,\n../up.py,,\n",
        }.items():
            (site / file).parent.mkdir(parents=True, exist_ok=True)
            (site / file).write_text(text, "utf-8")
    return cast(
        "Environments",
        SimpleNamespace(site_packages=lambda p: tmp_path / f"{p}-1.0-abcdef" / "site-packages"),
    )


def test_the_names_of_several_packages_are_read_from_what_they_record(
    environments: Environments, tmp_path: Path
) -> None:
    shipped = PublicNames(environments, tmp_path / "cache")
    assert shipped.names([THING]) == NAMES
    assert shipped.names([THING, OTHER]) == NAMES | {"other/__init__.py:other": False}


def test_a_file_is_read_once_also_by_later_runs(
    environments: Environments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    PublicNames(environments, tmp_path / "cache").names([THING])
    monkeypatch.setattr(api_coverage, "public_names", lambda _: pytest.fail("it was read again"))
    assert PublicNames(environments, tmp_path / "cache").names([THING]) == NAMES


@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b'{"x": "perhaps"}', b"\x00\xff"])
def test_what_was_kept_and_cannot_be_read_is_read_again(
    environments: Environments, tmp_path: Path, damage: bytes
) -> None:
    PublicNames(environments, tmp_path / "cache").names([THING])
    (kept,) = (tmp_path / "cache" / "shipped").iterdir()
    kept.write_bytes(damage)
    assert PublicNames(environments, tmp_path / "cache").names([THING]) == NAMES
    assert PublicNames(environments, tmp_path / "cache").names([THING]) == NAMES
