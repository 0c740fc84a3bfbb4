"""Builds the JSON files of `api/v1`, their schemas, and the table of cells as CSV. Pure.

Fields called `framework` and `foundation` are published under the names of the core's packages.
`{framework}` in the description of a class is replaced by the framework's title.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import TypeAdapter

from watchdog.facts.evidence_level import EvidenceLevel
from watchdog.matrix.columns import FIELDS
from watchdog.matrix.schema import Matrix
from watchdog.model.cell import parse_cell_id
from watchdog.model.verdict import Run, State
from watchdog.report.views.breakages import CureView, TodayView
from watchdog.report.views.forecast import ForecastView, RiskView
from watchdog.report.views.front import SiteView
from watchdog.report.views.history import HistoryView, PastBreakageView
from watchdog.report.views.pins import PinView
from watchdog.report.views.suites import SuitesView, SuiteView
from watchdog.report.views.tail import TailLine, TailView
from watchdog.report.views.wording import breakage_page

T = TypeVar("T")

VERSION = "v1"

# The names of these classes and fields, and their docstrings as descriptions, are published in the
# schemas: changing one changes files that other programs read.


@dataclass(frozen=True, kw_only=True)
class Cured:
    """A command that was run and works on these Pythons."""

    typed: str
    pythons: tuple[str, ...]
    checked: datetime


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A breakage of a fresh install today: one subject, and the Pythons on which it fails alike.

    Attributes:
        maintained: whether one of its subjects had a release within two years.
        since: when the most of its uses began to fail; null where no record shows it.
        culprit: the release that began it; causes: those that followed one another.
        cure: what to type, verified by running; null where none was found.
        page: where its page is, relative to the site.
        title: the error that a user sees.
        severity: `cannot be imported`, or in how many of the tested uses it fails.
        uses: the tested uses that fail, in words; empty if all of them do.
        works_on: the Pythons on which a fresh install works.
        cures: each command that was run, with the Pythons on which it works and the date.
        nothing_works_on: the Pythons on which a cure was searched and none was found.
        tried: what was tried to find a cure, where none was found.
    """

    id: str
    subjects: tuple[str, ...]
    symptom: str
    pythons: tuple[str, ...]
    maintained: bool
    since: datetime | None
    culprit: str | None
    cure: str | None
    page: str | None
    title: str = ""
    severity: str = ""
    uses: tuple[str, ...] = ()
    works_on: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    cures: tuple[Cured, ...] = ()
    nothing_works_on: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()


@dataclass(frozen=True)
class Today:
    """`today.json`: what is broken on a fresh install, at `as_of` (UTC).

    Attributes:
        doubt: why none of it is to be believed: a package of known outcome came out wrong.
        waiting: number of combinations that the run has not judged yet; 0 once it has ended.
    """

    as_of: datetime
    headline: str
    breakages: tuple[Broken, ...]
    doubt: str | None = None
    waiting: int = 0


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A combination that was looked at; `state` as in the documentation.

    Attributes:
        evidence: how much shows that it works, such as `smoke` or `imports`; null if it does not.
    """

    cell: str
    subject: str
    table: str
    python: str
    framework: str | None
    foundation: str | None
    version: str | None
    state: State
    evidence: str | None = None


@dataclass(frozen=True)
class Field:
    """`field.json`: every cell of the run."""

    as_of: datetime
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Past:
    """A breakage of the history: one stretch of time, with its causes in turn.

    Attributes:
        symptom: the error of the first cause, as a user sees it.
        how_fixed: a sentence.
        goes_on: whether it fails in the latest run.
        severity: how badly it failed when it began.
        causes: the releases that caused it, in turn; null where one was not found.
        works: the last set before it in which every use passes.
    """

    id: str
    subject: str
    symptom: str
    broken_from: datetime
    fixed_on: datetime | None
    how_fixed: str | None
    culprit: str | None
    last_good: str | None
    proof: str
    missing: str | None
    python: str
    cure: str | None
    page: str
    goes_on: bool = False
    severity: str = ""
    causes: tuple[str | None, ...] = ()
    works: tuple[str, ...] = ()


@dataclass(frozen=True)
class History:
    """`history.json`: every breakage that is known, the last first."""

    breakages: tuple[Past, ...]


@dataclass(frozen=True, kw_only=True)
class Pin:
    """What became of `pip install {framework}==X`, alone or with the extensions of its time."""

    typed: str
    framework: str
    alone: bool
    state: str
    rotted_on: datetime | None
    culprit: str | None
    cure: str | None
    newest_python: str | None
    checked: datetime


@dataclass(frozen=True)
class Pins:
    """`pins.json`: each {framework} since {since}, the newest first."""

    pins: tuple[Pin, ...]


@dataclass(frozen=True, kw_only=True)
class Threat:
    """A use of what is announced to go, or fails on a prerelease, or is gone already.

    Attributes:
        known: the cutoff of the forecast that told it first.
        page: where it stands, relative to the site.
    """

    subject: str
    who: str
    kind: str
    package: str
    symbol: str
    text: str
    when: str
    place: str
    known: datetime | None
    page: str


@dataclass(frozen=True)
class Forecast:
    """`forecast.json`: what breaks next, the most used first."""

    as_of: datetime | None
    threats: tuple[Threat, ...]


@dataclass(frozen=True, kw_only=True)
class TailPackage:
    """A package without a smoke of its own, as a fresh install of it was tried automatically.

    Attributes:
        rank: by downloads, 1 for the most downloaded package of the index; null if not known.
        python: the newest Python that was judged; null if none was.
        state: of that Python: `works` says that what was tried passes; `evidence` says what it was.
        evidence: `documentation example ran`, `attached and answered a request`, `imports` or
            `reads only`; null if it does not work.
        word: the state in a few words, as on its badge.
        error: the error that a user sees; null if it does not fail.
        reason: why it could not be judged; null if it was.
    """

    subject: str
    title: str
    rank: int | None
    version: str | None
    python: str | None
    state: str
    evidence: str | None
    word: str
    error: str | None
    reason: str | None
    page: str


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """A name that nobody can install on the Pythons of the tail, and the reason."""

    title: str
    reason: str


@dataclass(frozen=True)
class Tail:
    """`tail.json`: the packages that have no smoke of their own, the most used first.

    Attributes:
        levels: how many there are of each `evidence`.
        broken: how many fail.
        unjudged: how many could not be judged.
        dropped: what is not tried.
    """

    as_of: datetime
    pythons: tuple[str, ...]
    levels: dict[str, int]
    broken: int
    unjudged: int
    packages: tuple[TailPackage, ...]
    dropped: tuple[Dropped, ...]


@dataclass(frozen=True, kw_only=True)
class SuiteFinding:
    """Tests of a package that pass with the packages of its own time and fail today.

    Attributes:
        count: how many tests; `tests` names some of them, as pytest does.
        error: the error that they show.
        since: the release that made them fail, in words.
        warning: whether the suite treats a warning as an error, and they pass if it is none.
        own_code: whether the tests themselves use what is gone, and not the package.
        cure: pins with which they pass; null if none are known.
    """

    count: int
    tests: tuple[str, ...]
    error: str
    since: str
    warning: bool
    own_code: bool
    cure: str | None


@dataclass(frozen=True, kw_only=True)
class Suite:
    """The test suite that a package brings, run with the packages of today.

    Attributes:
        state: `works`, `broken` or `unjudged`.
        verdict: how it fares, in words.
        control: how it fares with the packages of its own time, in words; null if it was not run.
        reason: why it says nothing; null if it says something.
    """

    subject: str
    version: str
    python: str
    state: str
    verdict: str
    control: str | None
    reason: str | None
    findings: tuple[SuiteFinding, ...]


@dataclass(frozen=True)
class Suites:
    """`suites.json`: the test suites that packages bring, the most used package first."""

    suites: tuple[Suite, ...]


def api_files(
    matrix: Matrix,
    run: Run,
    site: SiteView,
    forecast_view: ForecastView | None,
    tail_view: TailView | None = None,
    levels: Mapping[str, EvidenceLevel] = MappingProxyType({}),
    *,
    suites: SuitesView | None = None,
) -> Iterator[tuple[str, str]]:
    """Yield path within the site and text of every file of the API.

    Args:
        matrix: names the core.
        run: the run that is shown.
        site: what the pages show.
        forecast_view: None where no forecast was made.
        tail_view: None where the run has no cell of the long tail.
        levels: how much shows that it works, of each cell that does, by its id.
        suites: None where no suite was run.
    """
    documents: tuple[tuple[str, Today | Field | History | Pins | Forecast | Tail | Suites], ...] = (
        ("today", today(site)),
        ("field", field(run, levels)),
        ("history", history(site.history)),
        ("pins", pins(site.history.pins)),
        ("forecast", forecast(forecast_view)),
        ("tail", tail(run.as_of, tail_view)),
        ("suites", Suites(tuple(map(suite, suites.lines)) if suites else ())),
    )
    for name, document in documents:
        adapter: TypeAdapter[Any] = TypeAdapter(type(document))
        data = adapter.dump_python(document, mode="json")
        schema = adapter.json_schema(mode="serialization")
        yield f"api/{VERSION}/{name}.json", data_text(matrix, data)
        yield f"api/{VERSION}/{name}.schema.json", schema_text(matrix, schema)
    yield f"api/{VERSION}/field.csv", field_csv(matrix, run, levels)


def suite(view: SuiteView) -> Suite:
    """Return the suite of a package as it is published."""
    return Suite(
        subject=view.subject,
        version=view.version,
        python=view.python,
        state=view.state,
        verdict=view.sentence,
        control=view.control or None,
        reason=view.reason or None,
        findings=tuple(
            SuiteFinding(
                count=finding.count,
                tests=finding.tests,
                error=finding.symptom,
                since=finding.since,
                warning=finding.is_warning,
                own_code=finding.is_own_code,
                cure=finding.cure or None,
            )
            for finding in view.findings
        ),
    )


def parse_api_file(matrix: Matrix, kind: type[T], text: bytes) -> T:
    """Return the value that a JSON file of the API holds.

    Raises:
        ValueError: the text is not JSON, or not of this kind.
    """
    fields = dict(zip(matrix.core_names, FIELDS, strict=True))
    return TypeAdapter(kind).validate_python(_rename_keys(fields, json.loads(text)))


def data_text(matrix: Matrix, data: Any) -> str:  # noqa: ANN401  any JSON
    """Return data as published JSON, its keys under the names of the core's packages."""
    names = dict(zip(FIELDS, matrix.core_names, strict=True))
    return json.dumps(_rename_keys(names, data), indent=1, ensure_ascii=False) + "\n"


def _rename_keys(names: Mapping[str, str], data: Any) -> Any:  # noqa: ANN401  any JSON
    """Return JSON data with the keys in `names` replaced, at every depth."""
    if isinstance(data, dict):
        return {names.get(key, key): _rename_keys(names, value) for key, value in data.items()}
    if isinstance(data, list):
        return [_rename_keys(names, value) for value in data]
    return data


def schema_text(matrix: Matrix, schema: dict[str, Any]) -> str:
    """Return a schema as published JSON, with the names and titles of the core's packages.

    Plain text replacement is safe: a schema holds only words of this module.
    """
    text = json.dumps(
        {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema, indent=1
    )
    for field, name in zip(FIELDS, matrix.core_names, strict=True):
        text = text.replace(f'"{field}"', f'"{name}"')
        text = text.replace(f'"{field.title()}"', f'"{name.title()}"')
    title = json.dumps(matrix.title(matrix.framework))[1:-1]
    return text.replace("{framework}", title).replace("{since}", matrix.pins.since) + "\n"


def today(site: SiteView) -> Today:
    """Return what is broken on a fresh install, as the front page lists it."""
    front = site.front
    breakages = tuple(broken(card, front.as_of) for card in front.on_fresh_installs)
    return Today(front.as_of, front.headline, breakages, front.doubt, front.waiting)


def cured(cure: CureView) -> Cured:
    """Return a cure as it is published."""
    return Cured(typed=cure.typed, pythons=cure.pythons, checked=cure.checked)


_MAINTAINED_WITHIN = timedelta(days=730)


def broken(card: TodayView, as_of: datetime) -> Broken:
    """Return a breakage of today; `as_of` is the cutoff of its run, UTC."""
    span = card.main_span
    return Broken(
        id=card.id,
        subjects=(card.subject,),
        symptom=card.symptom,
        pythons=card.pythons,
        maintained=card.released_on is None or as_of - card.released_on <= _MAINTAINED_WITHIN,
        since=span.since if span else None,
        culprit=span.causes[0] if span else None,
        cure=card.cures[0].typed if card.cures else None,
        page=breakage_page(card.pages[0]) if card.pages else None,
        title=card.error,
        severity=card.severity,
        uses=card.uses,
        works_on=card.works_on,
        causes=tuple(dict.fromkeys(cause for cause in span.causes if cause)) if span else (),
        cures=tuple(map(cured, card.cures)),
        nothing_works_on=card.nothing_works_on,
        tried=card.tried,
    )


def field(run: Run, levels: Mapping[str, EvidenceLevel] = MappingProxyType({})) -> Field:
    """Return every cell of a run with its state and evidence, sorted by cell id."""
    cells = []
    for cell_id, entry in sorted(run.cells.items()):
        cell = parse_cell_id(cell_id)
        cells.append(
            Cell(
                cell=cell_id,
                subject=cell.subject,
                table=cell.table.value,
                python=cell.python,
                framework=cell.framework,
                foundation=cell.foundation,
                version=cell.version,
                state=entry.state,
                evidence=level.value if (level := levels.get(cell_id)) else None,
            )
        )
    return Field(run.as_of, tuple(cells))


def field_csv(
    matrix: Matrix, run: Run, levels: Mapping[str, EvidenceLevel] = MappingProxyType({})
) -> str:
    """Return every cell of a run as a CSV table."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    core = matrix.core_names
    writer.writerow(["cell", "subject", "table", "python", *core, "version", "state", "evidence"])
    for cell in field(run, levels).cells:
        writer.writerow(
            [
                cell.cell,
                cell.subject,
                cell.table,
                cell.python,
                cell.framework,
                cell.foundation,
                cell.version,
                cell.state.value,
                cell.evidence,
            ]
        )
    return text.getvalue()


def history(view: HistoryView) -> History:
    """Return every known breakage, the latest first."""
    return History(tuple(_past(breakage) for breakage in view.breakages))


def _past(breakage: PastBreakageView) -> Past:
    first = breakage.causes[0]
    return Past(
        id=breakage.id,
        subject=breakage.subject,
        symptom=breakage.error,
        broken_from=breakage.began,
        fixed_on=breakage.ended,
        how_fixed=breakage.how_fixed,
        culprit=first.culprit,
        last_good=first.last_good,
        proof=first.proof,
        missing=first.missing,
        python=breakage.python,
        cure=breakage.cure,
        page=breakage_page(breakage.id),
        goes_on=breakage.goes_on,
        severity=breakage.severity,
        causes=tuple(cause.culprit for cause in breakage.causes),
        works=breakage.works,
    )


def pins(views: Sequence[PinView]) -> Pins:
    """Return the state of each pinned release of the framework."""
    return Pins(
        tuple(
            Pin(
                typed=pin.typed,
                framework=pin.version,
                alone=pin.alone,
                state=pin.word,
                rotted_on=pin.rotted_on,
                culprit=pin.culprit,
                cure=pin.cure,
                newest_python=pin.newest_python,
                checked=pin.checked,
            )
            for pin in views
        )
    )


def forecast(view: ForecastView | None) -> Forecast:
    """Return what will break, then what is gone already; nothing where no forecast was made."""
    if view is None:
        return Forecast(None, ())
    return Forecast(view.as_of, tuple(map(threat, (*view.next, *view.gone))))


def threat(risk: RiskView) -> Threat:
    """Return a risk of the forecast."""
    return Threat(
        subject=risk.subject,
        who=risk.who,
        kind=risk.kind,
        package=risk.package,
        symbol=risk.symbol,
        text=risk.text,
        when=risk.when,
        place=risk.place,
        known=risk.seen,
        page=f"forecast.html#{risk.id}",
    )


def tail(as_of: datetime, view: TailView | None) -> Tail:
    """Return the long tail; nothing where the run has no cell of it."""
    if view is None:
        return Tail(as_of, (), {}, 0, 0, (), ())
    levels = Counter(line.line.level.value for line in view.lines if line.line.level)
    return Tail(
        as_of=as_of,
        pythons=view.pythons,
        levels=dict(levels),
        broken=len(view.broken.lines),
        unjudged=sum(len(group.lines) for group in view.unjudged),
        packages=tuple(map(tail_package, view.lines)),
        dropped=tuple(Dropped(title=title, reason=reason) for title, reason in view.dropped),
    )


_TAIL_STATES = {True: State.WORKS, False: State.BROKEN, None: State.UNJUDGED}


def tail_package(tail_line: TailLine) -> TailPackage:
    """Return a package of the long tail as it is published."""
    line = tail_line.line
    return TailPackage(
        subject=line.subject,
        title=line.title,
        rank=tail_line.rank,
        version=line.version,
        python=tail_line.python,
        state=_TAIL_STATES[line.works].value,
        evidence=line.level.value if line.level else None,
        word=line.word,
        error=tail_line.error or None,
        reason=tail_line.reason or None,
        page=f"subjects/{line.subject}.html",
    )
