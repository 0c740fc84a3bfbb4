"""Writes the pages: view models into templates, files into place, whole or not at all."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import jinja2

from watchdog import compare
from watchdog.ledger import Ledger
from watchdog.matrix import Matrix
from watchdog.report import views


def write(matrix: Matrix, ledger: Ledger, reports: Path) -> Path:
    """Write the site for the last run of the journal; returns the front page."""
    environment = _templates()
    front = reports / "index.html"
    run = compare.whole(ledger.runs())
    if run is None:
        _put(front, environment.get_template("empty.html").render())
        _put(reports / "style.css", _style())
        return front
    site = views.site(matrix, run, ledger.get)
    _put(reports / "style.css", _style())
    for subject in site.subjects:
        page = environment.get_template("subject.html").render(page=subject, front=site.front)
        _put(reports / "subjects" / f"{subject.subject}.html", page)
    _put(front, environment.get_template("index.html").render(page=site.front))
    return front


def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("watchdog.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["date"] = date
    environment.filters["instant"] = instant
    return environment


def date(value: datetime) -> str:
    """`30 Sep 2023`."""
    return f"{value.day} {value:%b %Y}"


def instant(value: datetime) -> str:
    """`30 Sep 2023 14:36 UTC`."""
    return f"{date(value)} {value:%H:%M} UTC"


def _style() -> str:
    return (Path(__file__).parent / "static" / "style.css").read_text("utf-8")


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
