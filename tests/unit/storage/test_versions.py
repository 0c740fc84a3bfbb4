from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ecosystem import day

from watchdog.model.wheel_wait import FirstWheel, Meanwhile, WheelWait
from watchdog.storage.versions import FinalVersions, add_versions, join_versions, read_versions


def final(number: int, *versions: str) -> FinalVersions:
    """Return versions that were read on a day."""
    return FinalVersions(as_of=day(number), versions=versions)


def test_versions_of_two_runs(tmp_path: Path) -> None:
    """A package that a later run does not read keeps its versions; the others are replaced."""
    add_versions(tmp_path, {"flask": final(1, "1.0", "2.0"), "click": final(1, "8.0")})
    add_versions(tmp_path, {"flask": final(2, "1.0")})  # 2.0 was yanked
    assert read_versions(tmp_path) == {"click": final(1, "8.0"), "flask": final(2, "1.0")}


def test_waits_for_wheels_are_kept(tmp_path: Path) -> None:
    """How long a package had no wheel for a Python is read as it was written."""
    first = FirstWheel(version="1.1", uploaded=day(5))
    wait = WheelWait(released=day(1).date(), first=first, meanwhile=Meanwhile.SOURCE)
    found = replace(final(1, "1.1"), wheels={"3.77": wait})
    add_versions(tmp_path, {"x": found})
    assert read_versions(tmp_path) == {"x": found}
    assert wait.days == 4


def test_versions_of_shards() -> None:
    """Shards are joined; what a shard only kept from an earlier run replaces nothing newer."""
    parts = [{"flask": final(2, "1.0")}, {"flask": final(1, "1.0", "2.0"), "click": final(2, "8")}]
    assert join_versions(parts) == {"click": final(2, "8"), "flask": final(2, "1.0")}


def test_versions_file_is_damaged(tmp_path: Path) -> None:
    """A file that is missing or damaged has no versions; texts that are none are left out."""
    assert read_versions(tmp_path) == {}
    (tmp_path / "versions.json").write_text("{", "utf-8")
    assert read_versions(tmp_path) == {}
    add_versions(tmp_path, {"flask": final(1, "1.0", "<b>")})
    assert read_versions(tmp_path)["flask"].versions == ("1.0",)
