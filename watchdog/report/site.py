"""Writes the pages: view models into templates, files into place, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2

from watchdog.matrix.columns import FIELDS
from watchdog.matrix.schema import Matrix
from watchdog.report import api, feed
from watchdog.report.views import forecast as outlooks
from watchdog.report.views import history, history_chart, paste, wording
from watchdog.report.views.front import site_view
from watchdog.report.views.second_opinions import second_opinions_view
from watchdog.report.views.wording import state_symbols
from watchdog.storage import constraints, declared, files, forecast, forecast_score, journal
from watchdog.storage.archive import Archive
from watchdog.storage.ledger import Ledger


def write_site(matrix: Matrix, ledger: Ledger, reports: Path) -> Path:
    """Write the site for the last run of the journal; returns the front page."""
    archive, runs = Archive(reports), journal.Journal(reports).runs()
    run = journal.latest_run(runs)
    histories = {s: h for s in archive.subjects() if (h := archive.history(s))}
    past = history.history_view(
        matrix, tuple(histories.values()), archive.pins(), archive.cures(), run.core if run else ()
    )
    site = site_view(matrix, run, ledger.get, past, runs) if run else None
    measured = {m.subject: m for m in declared.read_declared(reports)}
    sets = constraints.read_constraints(reports)
    outlook = outlooks.forecast_view(
        matrix, forecast.read_forecast(reports), forecast_score.read_score(reports)
    )
    listed = (
        ("matrix.html", "Matrix", site),
        ("history.html", "History", past.numbers),
        ("forecast.html", "Next to break", outlook),
        ("pins.html", "Pin rot", past.pins),
        ("declared.html", "Declared and measured", measured),
        ("known-good.html", "Known-good sets", sets),
        ("paste.html", "Paste your requirements", site),
        ("about.html", "About", True),
    )
    pages = [(name, words) for name, words, shown in listed if shown]
    templates = _templates()
    templates.globals |= {
        "pages": pages,
        "as_of": run.as_of if run else None,
        "site": matrix.site,
        "symbols": state_symbols(matrix).values(),
        "title": matrix.title,
        "measured": measured,
        "matrix": matrix,
        "framework": matrix.title(matrix.framework),
        "foundation": matrix.title(matrix.foundation),
        "company": _company(matrix),
        "examples": [e.name for e in matrix.extensions.values() if e.install is None][:1],
        "with_page": {s.subject for s in site.subjects} if site else set(),
    }

    def page(name: str, template: str, **values: Any) -> None:  # noqa: ANN401  what templates take
        root = "../" * name.count("/")
        text = templates.get_template(template).render(root=root, here=name, **values)
        write_text(reports / name, text)

    for static in sorted((Path(__file__).parent / "static").iterdir()):
        files.write_atomic(reports / static.name, _static(matrix, static))
    front = site.front if site else None
    todays = (*front.maintained, *front.abandoned, *front.on_older_pythons) if front else ()
    now = {b.past.id: b for b in todays if b.past}
    for breakage in past.breakages:
        fresh = site.fresh.get(breakage.subject) if site and breakage.ended else None
        page(
            f"breakages/{breakage.id}.html",
            "breakage.html",
            b=breakage,
            now=now.get(breakage.id),
            fresh=fresh,
        )
    for name, _ in pages:
        page(name, name, past=past, page=front, sets=sets, outlook=outlook)
    if site is None or run is None:
        page("index.html", "empty.html")
        return reports / "index.html"
    for subject in site.subjects:
        name = subject.subject
        mine = [b for b in past.breakages if b.subject == name]
        lane = history_chart.history_chart(matrix, [histories[name]], run.core) if mine else None
        risks = [r for r in outlook.next if r.subject == name] if outlook else []
        page(
            f"subjects/{name}.html", "subject.html", page=subject, mine=mine, lane=lane, risks=risks
        )
    evidence = {e.anchor for subject in site.subjects for e in subject.evidence}
    opinions = second_opinions_view(
        archive.opinions(), [s.subject for s in site.subjects], evidence
    )
    page(
        "index.html",
        "index.html",
        page=front,
        past=past,
        truth=_truth(reports),
        sets=sets,
        outlook=outlook,
        opinions=opinions,
    )
    write_text(reports / "paste-data.js", paste.data(matrix, site))
    for name, text in (*api.api_files(matrix, run, site, outlook), *_addresses(matrix, reports)):
        write_text(reports / name, text)
    return reports / "index.html"


def _static(matrix: Matrix, path: Path) -> bytes:
    """A file beside the pages; in a style sheet the core's colours are called as its packages."""
    content = path.read_bytes()
    if path.suffix == ".css":
        for field, name in zip(FIELDS, matrix.core_names, strict=True):
            content = content.replace(f"f-{field}".encode(), f"f-{name}".encode())
    return content


def _company(matrix: Matrix) -> str:
    """Whose releases stand beside the pinned framework, in words."""
    beside = matrix.pins.beside
    names = matrix.requirements(beside) if beside else ()
    return wording.join_words([matrix.title(name) for name in names if name != matrix.framework])


def _addresses(matrix: Matrix, reports: Path) -> Iterator[tuple[str, str]]:
    """What search engines read: which pages there are. They want whole addresses."""
    yield (
        "robots.txt",
        "User-agent: *\nAllow: /\n"
        + (f"Sitemap: {matrix.site.url}sitemap.xml\n" if matrix.site.url else ""),
    )
    if matrix.site.url:
        pages = sorted(p.relative_to(reports).as_posix() for p in reports.rglob("*.html"))
        yield "sitemap.xml", feed.sitemap(matrix.site.url, pages)


def _truth(reports: Path) -> list[tuple[str, str]]:
    """The watchdog's own score, where it was taken."""
    try:
        told = json.loads((reports / "truth.json").read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return [(str(k), str(v)) for k, v in told.items()] if isinstance(told, dict) else []


def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("watchdog.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["date"] = wording.date
    environment.filters["instant"] = wording.instant
    return environment


def write_text(path: Path, text: str) -> None:
    """Write a text, whole or not at all."""
    files.write_atomic(path, text.encode())
