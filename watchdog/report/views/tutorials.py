"""The page of all tutorials, as plain values: how far one gets in each, and what to type. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from watchdog.report.views.breakages import CureView, TodayView, without_cure
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
        works_on: Pythons on which one gets to the end as it is.
        without_cure: sentences about Pythons for which no command is known.
        stops: when its followers were stopped before, the latest first.
    """

    subject: str
    title: str
    url: str | None
    sentences: tuple[str, ...]
    reaches_end: bool
    cures: tuple[CureView, ...]
    works_on: tuple[str, ...]
    without_cure: tuple[str, ...]
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
            cures=(cures := _merge_cures(subject.breakages)),
            works_on=subject.breakages[0].works_on if subject.breakages else (),
            without_cure=without_cure(
                _ascending(p for b in subject.breakages for p in b.pythons),
                cures,
                _ascending(p for b in subject.breakages for p in b.nothing_works_on),
                tuple(dict.fromkeys(t for b in subject.breakages for t in b.tried)),
            ),
            stops=stops.get(subject.subject, ()),
        )
        for subject in subjects
        if subject.chapters
    )


def _ascending(pythons: Iterable[str]) -> tuple[str, ...]:
    """Return Pythons once each, in ascending order."""
    return tuple(sorted(set(pythons), key=natural_key))


def _merge_cures(breakages: Iterable[TodayView]) -> tuple[CureView, ...]:
    """Return each command of some breakages once: its Pythons together, the oldest run counts."""
    merged: dict[str, CureView] = {}
    for cure in (cure for breakage in breakages for cure in breakage.cures):
        present = merged.get(cure.typed, cure)
        pythons = _ascending([*present.pythons, *cure.pythons])
        checked = min(present.checked, cure.checked)
        merged[cure.typed] = replace(present, pythons=pythons, checked=checked)
    return tuple(merged.values())
