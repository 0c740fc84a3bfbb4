"""Writes the pages: view models into templates, files into place, whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jinja2

from watchdog import compare, ranges
from watchdog.archive import Archive
from watchdog.ledger import Ledger
from watchdog.matrix import Matrix
from watchdog.report import api, chronicle, paste, views, wording


def write(matrix: Matrix, ledger: Ledger, reports: Path) -> Path:
    """Write the site for the last run of the journal; returns the front page."""
    archive, run = Archive(reports), compare.whole(ledger.runs())
    histories = [h for s in archive.subjects() if (h := archive.history(s))]
    past = chronicle.chronicle(
        matrix, histories, archive.pins(), archive.cures(), run.core if run else ()
    )
    site = views.site(matrix, run, ledger.get, past) if run else None
    measured = ranges.read(reports)
    titles = {m.subject: matrix.title(m.subject) for m in measured}
    listed = (
        ("matrix.html", "Matrix", site),
        ("history.html", "History", past.numbers),
        ("pins.html", "Pin rot", past.pins),
        ("declared.html", "Declared and measured", measured),
        ("paste.html", "Paste your requirements", site),
    )
    pages = [(name, words) for name, words, shown in listed if shown]
    templates = _templates()
    templates.globals |= {"pages": pages, "as_of": run.as_of if run else None, "here": None}

    def page(name: str, template: str, **values: Any) -> None:  # noqa: ANN401  what templates take
        root = "../" * name.count("/")
        text = templates.get_template(template).render(root=root, here=name, **values)
        put(reports / name, text)

    for static in sorted((Path(__file__).parent / "static").iterdir()):
        put(reports / static.name, static.read_text("utf-8"))
    for breakage in past.breakages:
        page(f"breakages/{breakage.id}.html", "breakage.html", b=breakage)
    for name, _ in pages:
        front = site.front if site else None
        page(name, name, past=past, page=front, measured=measured, titles=titles)
    if site is None or run is None:
        page("index.html", "empty.html", front_page=True)
        return reports / "index.html"
    for subject in site.subjects:
        mine = [b for b in past.breakages if b.subject == subject.subject]
        page(f"subjects/{subject.subject}.html", "subject.html", page=subject, mine=mine)
    page(
        "index.html", "index.html", page=site.front, past=past, truth=_truth(reports),
        front_page=True,
    )  # fmt: skip
    put(reports / "paste-data.js", paste.data(site))
    for name, text in api.files(run, site):
        put(reports / name, text)
    return reports / "index.html"


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
    environment.globals["front_page"] = False
    return environment


def put(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
