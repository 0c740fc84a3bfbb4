"""The page of all tutorials, as plain values: how far one gets in each, and what to type. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from watchdog.report.views.breakages import CureView, TodayView
from watchdog.report.views.chapters import PastStopView
from watchdog.report.views.subject import SubjectView
from watchdog.report.views.tables import natural_key


@dataclass(frozen=True, kw_only=True)
class TutorialView:
    """A tutorial on the page of all tutorials.

    Attributes:
        url: where it is read or watched; None if matrix.yaml does not say.
        sentences: how far one gets today, see `ChaptersView`.
        reaches_end: no chapter fails, on any Python.
        cures: what to type where one is stopped; each command once, with all its Pythons.
        stops: when its followers were stopped before, the latest first.
    """

    subject: str
    title: str
    url: str | None
    sentences: tuple[str, ...]
    reaches_end: bool
    cures: tuple[CureView, ...]
    stops: tuple[PastStopView, ...]


def tutorial_views(
    subjects: Iterable[SubjectView],
    stops: Mapping[str, tuple[PastStopView, ...]],
    urls: Mapping[str, str | None],
) -> tuple[TutorialView, ...]:
    """Return the tutorials among some subjects, in their order.

    Args:
        subjects: those of a run.
        stops: when the followers of each tutorial were stopped, by subject.
        urls: where each is read or watched, by subject.
    """
    return tuple(
        TutorialView(
            subject=subject.subject,
            title=subject.title,
            url=urls.get(subject.subject),
            sentences=subject.chapters.sentences,
            reaches_end=subject.chapters.reaches_end,
            cures=_merge_cures(subject.breakages),
            stops=stops.get(subject.subject, ()),
        )
        for subject in subjects
        if subject.chapters
    )


def _merge_cures(breakages: Iterable[TodayView]) -> tuple[CureView, ...]:
    """Return each command of some breakages once: its Pythons together, the oldest run counts."""
    merged: dict[str, CureView] = {}
    for cure in (cure for breakage in breakages for cure in breakage.cures):
        present = merged.get(cure.typed, cure)
        pythons = sorted({*present.pythons, *cure.pythons}, key=natural_key)
        checked = min(present.checked, cure.checked)
        merged[cure.typed] = replace(present, pythons=tuple(pythons), checked=checked)
    return tuple(merged.values())
