"""How the requirements files of a tutorial fare today, as plain values: a row a form. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from watchdog.facts.titles import title_of
from watchdog.matrix.schema import Matrix
from watchdog.model.evidence import Outcome
from watchdog.model.history import CHANGED_ON_OLDER_PYTHON
from watchdog.model.python_series import PYTHON_RELEASES
from watchdog.model.verdict import State
from watchdog.report.views import wording
from watchdog.report.views.tables import CellView, TableView, natural_key
from watchdog.report.views.wording import state_symbols
from watchdog.storage.tutorial_files import SHORTEST_DAYS, TutorialFile


@dataclass(frozen=True, kw_only=True)
class FormView:
    """What breaks a form of a requirements file, and what revives it.

    Attributes:
        file: which form: `21 Jan 2018 to 8 Feb 2019, 25 packages`.
        python: the Python of the failure: the newest of those for which a cure was searched.
        failure: what fails.
        cause: since when and because of what; empty if that is not known.
        pins: the lines to put in place of those of the same packages.
        works_with: a sentence: with how many changed lines it works, or that no way was found;
            empty if it only works as it is on an older Python.
        works_on: a sentence: on which Pythons it works as it is, and on which it fails; empty if
            only one was tried.
    """

    file: str
    python: str
    failure: str
    cause: str
    pins: tuple[str, ...]
    works_with: str
    works_on: str


@dataclass(frozen=True, kw_only=True)
class TutorialFilesView:
    """The requirements files of a tutorial.

    Attributes:
        sentence: how many of them work, on each Python.
        table: a row for each form, the newest first; a column for each Python.
        forms: those that fail, in the same order.
    """

    sentence: str
    table: TableView
    forms: tuple[FormView, ...]


def tutorial_files_view(
    matrix: Matrix, subject: str, results: Iterable[TutorialFile]
) -> TutorialFilesView | None:
    """Return how the requirements files of a scenario fare; None if none were tried."""
    own = sorted(
        (r for r in results if r.subject == subject),
        key=lambda r: (r.since, natural_key(r.python)),
        reverse=True,
    )
    if not own:
        return None
    pythons = sorted({r.python for r in own}, key=natural_key, reverse=True)
    by_form: dict[date, dict[str, TutorialFile]] = {}
    for result in own:
        by_form.setdefault(result.since, {})[result.python] = result
    rows = tuple(
        (
            _form(next(iter(form.values()))),
            None,
            tuple(_cell(matrix, form.get(python)) for python in pythons),
        )
        for form in by_form.values()
    )
    counts = []
    for python in pythons:
        tried = [result.outcome for result in own if result.python == python]
        counts.append(f"{tried.count(Outcome.WORKS)} of {len(tried)} on Python {python}")
    return TutorialFilesView(
        sentence=(
            "The tutorial's repository has a file of requirements, which changed over time. "
            f"So many of its versions work today: {', '.join(counts)}. "
            f"Versions that were replaced within {SHORTEST_DAYS} days are left out."
        ),
        table=TableView(
            title="Its requirements file, as it was",
            columns=tuple(f"Python {python}" for python in pythons),
            rows=rows,
        ),
        forms=tuple(
            _form_view(matrix, tuple(form.values()))
            for form in by_form.values()
            if any(result.outcome is not Outcome.WORKS for result in form.values())
        ),
    )


def _cell(matrix: Matrix, result: TutorialFile | None) -> CellView | None:
    if result is None:
        return None
    state = State(result.outcome.value)
    symbol, word = state_symbols(matrix)[state]
    why = result.symptom or result.reason
    return CellView(state=state.value, symbol=symbol, word=word, why=why, link=None)


def _form(result: TutorialFile) -> str:
    days = f"since {wording.date(result.since)}"
    if result.until:
        days = f"{wording.date(result.since)} to {wording.date(result.until)}"
    return f"{days}, {result.packages} packages"


def _form_view(matrix: Matrix, results: Sequence[TutorialFile]) -> FormView:
    """Return what breaks and revives a form.

    Args:
        matrix: knows the names of packages.
        results: of the form, the newest Python first; some of them fail.
    """
    failing = [result for result in results if result.outcome is not Outcome.WORKS]
    searched = [r for r in failing if r.cure_searched or r.pins or r.cure_python]
    result = (searched or failing)[0]
    cause = ""
    if result.broken_since:
        cause = f"since {wording.instant(result.broken_since)}"
    if result.culprit:
        release = f"{wording.package_title(matrix, result.culprit.name)} {result.culprit.version}"
        cause = ", ".join(filter(None, (cause, f"because of {release}")))
    failure = title_of(result.symptom) if result.symptom else ""
    if result.reason:
        error = f"; the first error of what was run: {failure}" if failure else ""
        failure = f"{result.reason}{error}"
    return FormView(
        file=_form(result),
        python=result.python,
        failure=failure,
        cause=cause,
        pins=result.pins,
        works_with=_works_with(result),
        works_on=_works_on(results),
    )


def _works_on(results: Sequence[TutorialFile]) -> str:
    """Return on which Pythons a form works as it is, and on which it fails; empty if one was tried.

    Args:
        results: of the form, the newest Python first.
    """
    tried = {r.python: r.outcome is Outcome.WORKS for r in results}
    tried |= {r.cure_python: True for r in results if r.cure_python and _revived_as_it_is(r)}
    if len(tried) == 1:
        return ""
    pythons = sorted(tried, key=natural_key)
    works = [python for python in pythons if tried[python]]
    fails = [python for python in pythons if not tried[python]]
    if not works:
        return f"As it is it works on none of the {len(tried)} Pythons on which it was tried."
    sentence = f"As it is it works on Python {wording.join_words(works)}"
    if not fails:
        return f"{sentence}."
    newer = [python for python in fails if natural_key(python) > natural_key(works[-1])]
    came_out = PYTHON_RELEASES.get(newer[0]) if newer else None
    if came_out:
        fails[fails.index(newer[0])] = f"{newer[0]} (out since {wording.date(came_out)})"
    return f"{sentence}; it fails on Python {wording.join_words(fails)}."


def _revived_as_it_is(result: TutorialFile) -> bool:
    """Return whether a form works unchanged, with all of its uses, on an older Python."""
    changed = bool(result.pins) and result.cure_how == CHANGED_ON_OLDER_PYTHON
    return result.cure_python is not None and not changed and not result.partial


def _works_with(result: TutorialFile) -> str:
    """Return with which changes a form works again, or that none were found.

    Empty if it works as it is on an older Python, and only there.
    """
    rest = ", but for what never worked there" if result.partial else ""
    lines = f"{len(result.pins)} changed line{'s' * (len(result.pins) != 1)}"
    if result.pins and result.cure_how == CHANGED_ON_OLDER_PYTHON:
        return f"With {lines} it works on Python {result.cure_python}{rest}."
    if result.pins:
        return f"With {lines} it works on Python {result.python}{rest}."
    if result.cure_python:
        return f"As it is it works on Python {result.cure_python}{rest}." if rest else ""
    if result.cure_searched:
        return "Nothing that was tried revives it."
    return "What revives it was not searched to the end."
