"""What machines read: versioned JSON with its schema, a table as CSV, a feed, badges. Pure.

Fields called `framework` and `foundation` are told under the names of the core's packages, and
`{framework}` in what a schema says of them is the framework as people write it.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from pydantic import TypeAdapter

from watchdog.matrix.columns import FIELDS
from watchdog.matrix.schema import Matrix
from watchdog.model.cell import parse_cell_id
from watchdog.model.verdict import Run, State
from watchdog.report.badges import badge, colour, endpoint
from watchdog.report.feed import feed
from watchdog.report.views.forecast import ForecastView
from watchdog.report.views.front import BreakageView, SiteView
from watchdog.report.views.history import HistoryView, PinView
from watchdog.report.views.wording import breakage_page

T = TypeVar("T")

VERSION = "v1"


@dataclass(frozen=True)
class Broken:
    """A breakage of a fresh install today.

    Attributes:
        maintained: whether one of its subjects had a release within two years.
        since, culprit, cure: null where the history does not know it.
        cure: what to type, verified by running.
        page: where its page is, relative to the site.
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


@dataclass(frozen=True)
class Today:
    """`today.json`: what is broken on a fresh install, at `as_of` (UTC).

    Attributes:
        doubt: why none of it is to be believed: a package of known outcome came out wrong.
    """

    as_of: datetime
    headline: str
    breakages: tuple[Broken, ...]
    doubt: str | None = None


@dataclass(frozen=True)
class Cell:
    """A combination that was looked at; `state` as in the documentation."""

    cell: str
    subject: str
    table: str
    python: str
    framework: str | None
    foundation: str | None
    version: str | None
    state: State


@dataclass(frozen=True)
class Field:
    """`field.json`: every cell of the run."""

    as_of: datetime
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Past:
    """A breakage of the history; `how_fixed` is a sentence."""

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


@dataclass(frozen=True)
class History:
    """`history.json`: every breakage that is known, the last first."""

    breakages: tuple[Past, ...]


@dataclass(frozen=True)
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


@dataclass(frozen=True)
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


def api_files(
    matrix: Matrix, run: Run, site: SiteView, outlook: ForecastView | None
) -> Iterator[tuple[str, str]]:
    """Path within the site and text of every file for machines."""
    told: tuple[Today | Field | History | Pins | Forecast, ...] = (
        today(site),
        field(run),
        history(site.chronicle),
        pins(site.chronicle.pins),
        forecast(outlook),
    )
    names = dict(zip(FIELDS, matrix.core_names, strict=True))
    for value in told:
        name, kind = type(value).__name__.lower(), type(value)
        adapter: TypeAdapter[Any] = TypeAdapter(kind)
        data = _renamed(names, adapter.dump_python(value, mode="json"))
        yield f"api/{VERSION}/{name}.json", json.dumps(data, indent=1, ensure_ascii=False) + "\n"
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | adapter.json_schema(
            mode="serialization"
        )
        yield f"api/{VERSION}/{name}.schema.json", _named_schema(matrix, schema) + "\n"
    yield f"api/{VERSION}/field.csv", field_csv(matrix, run)
    yield "feed.xml", feed(matrix, site, outlook)
    for subject, title, symbol, word in site.front.subjects:
        yield f"badges/{subject}.svg", badge(title, f"{symbol} {word}", colour(word))
        yield f"badges/{subject}.json", endpoint(title, word)


def parse_api_file(matrix: Matrix, kind: type[T], text: bytes) -> T:
    """What the text of such a file says.

    Raises:
        ValueError: it says something else.
    """
    names = dict(zip(matrix.core_names, FIELDS, strict=True))
    return TypeAdapter(kind).validate_python(_renamed(names, json.loads(text)))


def _renamed(names: Mapping[str, str], data: Any) -> Any:  # noqa: ANN401  any JSON
    if isinstance(data, dict):
        return {names.get(key, key): _renamed(names, value) for key, value in data.items()}
    return [_renamed(names, value) for value in data] if isinstance(data, list) else data


def _named_schema(matrix: Matrix, schema: dict[str, Any]) -> str:
    """The schema of such data. All the words in it are ours."""
    text = json.dumps(schema, indent=1)
    for field, name in zip(FIELDS, matrix.core_names, strict=True):
        text = text.replace(f'"{field}"', f'"{name}"')
        text = text.replace(f'"{field.title()}"', f'"{name.title()}"')
    title = json.dumps(matrix.title(matrix.framework))[1:-1]
    return text.replace("{framework}", title).replace("{since}", matrix.pins.since)


def today(site: SiteView) -> Today:
    """What is broken today, as the front page shows it."""
    front = site.front
    hurt = (*front.maintained, *front.abandoned, *front.on_older_pythons)
    return Today(front.as_of, front.headline, tuple(map(_broken, hurt)), front.doubt)


def _broken(b: BreakageView) -> Broken:
    past = b.past
    return Broken(
        id=b.id,
        subjects=tuple(subject for subject, _ in b.victims),
        symptom=b.symptom,
        pythons=b.pythons,
        maintained=b.maintained,
        since=past.began if past else None,
        culprit=past.culprit if past else None,
        cure=past.cure if past else None,
        page=breakage_page(past.id) if past else None,
    )


def field(run: Run) -> Field:
    """Every cell of a run."""
    found = []
    for cell_id, entry in sorted(run.cells.items()):
        at = parse_cell_id(cell_id)
        found.append(
            Cell(
                cell_id,
                at.subject,
                at.table.value,
                at.python,
                at.framework,
                at.foundation,
                at.version,
                entry.state,
            )
        )
    return Field(run.as_of, tuple(found))


def field_csv(matrix: Matrix, run: Run) -> str:
    """The same as a table."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    columns = ["cell", "subject", "table", "python", *matrix.core_names, "version", "state"]
    writer.writerow(columns)
    for c in field(run).cells:
        told = [c.framework, c.foundation, c.version, c.state.value]
        writer.writerow([c.cell, c.subject, c.table, c.python, *told])
    return out.getvalue()


def history(past: HistoryView) -> History:
    """Every breakage that is known."""
    return History(
        tuple(
            Past(
                v.id,
                v.subject,
                v.symptom,
                v.began,
                v.ended,
                v.how_fixed,
                v.culprit,
                v.last_good,
                v.proof,
                v.missing,
                v.python,
                v.cure,
                breakage_page(v.id),
            )
            for v in past.breakages
        )
    )


def pins(found: Sequence[PinView]) -> Pins:
    """What became of pinned releases."""
    return Pins(
        tuple(
            Pin(
                p.typed,
                p.version,
                p.alone,
                p.word,
                p.rotted_on,
                p.culprit,
                p.cure,
                p.newest_python,
                p.checked,
            )
            for p in found
        )
    )


def forecast(outlook: ForecastView | None) -> Forecast:
    """What breaks next."""
    if outlook is None:
        return Forecast(None, ())
    threats = tuple(
        Threat(
            r.subject,
            r.who,
            r.kind,
            r.package,
            r.symbol,
            r.text,
            r.when,
            r.place,
            r.seen,
            f"forecast.html#{r.id}",
        )
        for r in (*outlook.next, *outlook.gone)
    )
    return Forecast(outlook.as_of, threats)
