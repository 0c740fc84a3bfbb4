from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ecosystem import day
from samples import BAD, BREAKAGE, works

from watchdog.model.evidence import Stage
from watchdog.model.history import (
    Chapter,
    CureRecord,
    Effort,
    PastBreakage,
    PinState,
    PinStatus,
    Snapshot,
    UseStatus,
)
from watchdog.storage.archive import Archive


def chapter(
    first: int, last: int, *moments: Snapshot, breakage: PastBreakage = BREAKAGE
) -> Chapter:
    return Chapter(
        subject="ext",
        requirements=("ext",),
        smoke="abc",
        python="auto",
        since=day(first),
        until=day(last),
        finished=day(last),
        seconds=1.5,
        effort=Effort(1, 2, 3, 4),
        moments=moments,
        breakages=(breakage,),
    )


def test_archive_chapter_round_trip(tmp_path: Path) -> None:
    """A chapter is read back as it was written."""
    broken = Snapshot(day(3), "3.11", BAD, {"": UseStatus("x", "ImportError: x", Stage.IMPORT)})
    written = chapter(0, 5, works(0), broken)
    Archive(tmp_path).add_chapter(written)
    assert Archive(tmp_path).chapters("ext") == [written]
    assert Archive(tmp_path).subjects() == ["ext"]


def test_archive_keeps_changed_snapshots(tmp_path: Path) -> None:
    """Only snapshots that differ from a neighbour are stored."""
    Archive(tmp_path).add_chapter(chapter(0, 9, *(works(n) for n in range(9))))
    (kept,) = Archive(tmp_path).chapters("ext")
    assert [m.since for m in kept.moments] == [day(0), day(8)]


def test_archive_history_joins_chapters(
    tmp_path: Path,
) -> None:
    """A history joins its chapters and keeps the newest version of each breakage."""
    archive, over = Archive(tmp_path), replace(BREAKAGE, fixed_on=day(7))
    archive.add_chapter(chapter(0, 5, works(0)))
    archive.add_chapter(chapter(5, 9, works(7), breakage=over))
    history = archive.history("ext")
    assert history is not None
    assert (history.since, history.until) == (day(0), day(9))
    assert history.breakages == (over,)
    assert [m.since for m in history.moments] == [day(0), day(7)]
    assert history.effort == Effort(2, 4, 6, 8)


def test_archive_restarted_chapter(tmp_path: Path) -> None:
    """A chapter that starts from the beginning replaces the earlier chapters."""
    archive = Archive(tmp_path)
    archive.add_chapter(chapter(0, 5, works(0)))
    again = replace(chapter(0, 6, works(1)), smoke="changed", breakages=())
    archive.add_chapter(again)
    assert archive.chapters("ext") == [again]


def test_archive_skips_damaged_lines(tmp_path: Path) -> None:
    """Torn lines and lines of another kind are skipped."""
    archive = Archive(tmp_path)
    archive.add_chapter(chapter(0, 5, works(0)))
    path = tmp_path / "history" / "ext.jsonl"
    path.write_text(path.read_text() + '{"subject": 3}\n{"torn', "utf-8")
    assert len(archive.chapters("ext")) == 1
    assert archive.history("unknown") is None


def pin(requirements: tuple[str, ...]) -> PinStatus:
    return PinStatus(
        version="2.2.2",
        released=day(0),
        requirements=requirements,
        subject="flask",
        python="3.11",
        state=PinState.WORKS,
        checked=day(1),
    )


def test_archive_newest_pin_and_cure(tmp_path: Path) -> None:
    """The newest entry of each pin and each cure counts."""
    archive = Archive(tmp_path)
    old = pin(requirements=("flask==2.2.2",))
    new = replace(old, state=PinState.ROTTED, pins=("werkzeug<3",), checked=day(2))
    other = replace(old, version="10.0", requirements=("flask==10.0",))
    for rot in (old, new, other):
        archive.add_pin(rot)
    assert archive.pins() == [other, new]
    note = CureRecord("id", "3.11", ("ext", "werkzeug<3"), "bound", day(2))
    archive.add_cure(replace(note, typed=None))
    archive.add_cure(note)
    assert archive.cures() == {"id": note}


def test_archive_reads_old_pins(tmp_path: Path) -> None:
    """Pins in the old format with the key flask can be read."""
    archive = Archive(tmp_path)
    archive.add_pin(pin(requirements=()))
    path = tmp_path / "pins.jsonl"
    text = path.read_text("utf-8")
    path.write_text(text.replace('"version"', '"flask"'), "utf-8")
    assert text != path.read_text("utf-8")
    assert [rot.version for rot in archive.pins()] == ["2.2.2"]
