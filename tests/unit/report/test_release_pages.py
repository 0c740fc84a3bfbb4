"""The pages of releases: what they say, and that the pages of breakages lead to them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ecosystem import day
from samples import BREAKAGE, MATRIX, RISK, history
from stored_samples import AFTER_A_RUN, HISTORY

from watchdog.model.history import Culprit, Fix, History
from watchdog.model.wheel_wait import FirstWheel, Meanwhile, WheelWait
from watchdog.report import site
from watchdog.report.content import build_views
from watchdog.report.views import wording
from watchdog.report.views.releases import NextReleaseView, ReleaseView, release_page
from watchdog.storage.forecast import Forecast, Risk
from watchdog.storage.versions import FinalVersions

OVER = replace(
    BREAKAGE,
    id="other-1.0--werkzeug-3.0.0",
    fixed_on=day(5),
    fixed_by=Fix("other", "1.1", "release"),
)


def page_of(**histories: History) -> ReleaseView:
    views = build_views(MATRIX, replace(AFTER_A_RUN, histories=histories))
    (release,) = views.releases.past
    return release


def next_pages(*risks: Risk) -> list[NextReleaseView]:
    stored = replace(AFTER_A_RUN, forecast=Forecast(day(9), "3.13", 80, risks))
    return list(build_views(MATRIX, stored).releases.next)


@pytest.mark.parametrize(
    ("name", "version", "path"),
    [
        ("werkzeug", "3.0.0", "releases/werkzeug-3.0.0.html"),
        ("python", "3.12", "releases/python-3.12.html"),
        ("odd", "1!2.0+Local_1", "releases/odd-1-2.0-local-1.html"),
        ("odd", "../../x", "releases/odd-..-..-x.html"),
    ],
)
def test_address_of_release(name: str, version: str, path: str) -> None:
    """The address of a release names it, and no version leads out of the folder."""
    assert release_page(name, version) == path


def test_verdict_counts_what_goes_on() -> None:
    """The verdict says who was broken, and how many of them still fail."""
    release = page_of(ext=HISTORY, other=history("other", OVER, until=9))
    assert release.verdict == (
        "werkzeug 3.0.0 broke 2 packages: Ext and Other. Ext still fails on a fresh install."
    ).replace("werkzeug", MATRIX.title("werkzeug"))
    assert (release.open, release.days) == (1, "8 days")


def test_verdict_of_what_is_over() -> None:
    """A release whose breakages ended is said to have none that goes on."""
    release = page_of(other=history("other", OVER, until=9))
    assert release.verdict.endswith("broke 1 package: Other. This breakage is fixed.")
    (harm,) = release.begun
    assert harm.breakage.how_fixed == f"Fixed by Other 1.1 on {wording.date(day(5))}."


def test_later_cause_is_told_apart() -> None:
    """A release that came while something else had broken the subject did not begin it."""
    second = replace(
        BREAKAGE,
        id="ext-1.0--flask-4.0.0",
        broken_from=day(5),
        culprit=Culprit("flask", "4.0.0", "3.0.0"),
        signature="OtherError: y",
        symptom="OtherError: y",
    )
    views = build_views(
        MATRIX, replace(AFTER_A_RUN, histories={"ext": history("ext", BREAKAGE, second, until=9)})
    )
    pages = {release.package: release for release in views.releases.past}
    assert [len(pages[p].begun) for p in ("werkzeug", "flask")] == [1, 0]
    (harm,) = pages["flask"].continued
    assert (harm.error, harm.began, harm.since) == ("OtherError: y", False, day(5))


def test_next_release_groups_by_what_is_taken_away() -> None:
    """The page of a release to come names each thing taken away once, with all who use it."""
    other = replace(RISK, subject="other")
    page = next(
        p
        for p in next_pages(replace(RISK, removed_in="9"), replace(other, removed_in="9"))
        if p.version
    )
    (group,) = page.announced
    assert [risk.who for risk in group.risks] == ["Ext 1.0", "Other 1.0"]
    assert page.page == "releases/werkzeug-9.html"
    assert page.verdict.startswith("2 packages tested here use what is announced to be removed in")


def test_next_release_without_name() -> None:
    """What is announced without a release stands on the page of the next release."""
    page = next(p for p in next_pages(replace(RISK, removed_in=None)) if p.package == "werkzeug")
    assert page.page == "releases/werkzeug-next.html"
    assert page.heading.startswith("The next release of")
    assert "may remove: Ext." in page.verdict
    assert not page.announced
    assert page.unnamed[0].text == RISK.text


def test_page_of_a_python_tells_the_days_to_wheels() -> None:
    """The page of a Python has the days to each package's first wheel, the longest wait first."""
    python = MATRIX.python[-1]

    def wait(days: int | None, meanwhile: Meanwhile = Meanwhile.SOURCE) -> FinalVersions:
        first = None if days is None else FirstWheel(version="1.0", uploaded=day(10 + days))
        waiting = WheelWait(released=day(10).date(), first=first, meanwhile=meanwhile)
        return FinalVersions(as_of=day(50), versions=(), wheels={python: waiting})

    versions = {
        "early": wait(-3),
        "late": wait(9),
        "later": wait(14),
        "none": wait(None),
        "stable": wait(None, Meanwhile.STABLE),
    }
    views = build_views(MATRIX, replace(AFTER_A_RUN, versions=versions))
    (page,) = [r for r in views.releases.past if r.package == "python"]
    assert page.wheels
    told = [(w.name, w.wait, w.meanwhile) for w in page.wheels.waits]
    assert told == [
        ("none", "none yet", "built from source"),
        ("later", "14 days", "built from source"),
        ("late", "9 days", "built from source"),
        ("early", "3 days before", ""),
    ]
    assert page.wheels.stable == ("stable",)
    assert page.wheels.sentence == (
        "1 of 4 packages had a wheel for it on the day of its release. The last of the others got "
        "one 14 days after it (later). 1 has none yet."
    )
    templates = site._load_templates(MATRIX, views)
    (shown,) = [p for p in site.all_pages(views) if p.path == f"releases/python-{python}.html"]
    assert "14 days" in site._render(templates, shown)


def test_page_of_the_next_python() -> None:
    """The page of a Python to come names who uses what goes, and offers no way to try it."""
    risk = replace(RISK, package="python", package_version="3.15.2", removed_in="3.16")
    forecast = Forecast(day(9), "3.15", 80, (risk,), interpreter="3.15.2")
    views = build_views(MATRIX, replace(AFTER_A_RUN, forecast=forecast))
    (page,) = [p for p in site.all_pages(views) if p.path == "releases/python-3.16.html"]
    text = site._render(site._load_templates(MATRIX, views), page)
    assert "<h1>What Python 3.16 would break</h1>" in text
    assert "1 package tested here uses what is announced to be removed in Python 3.16" in text
    assert "flask-watchdog candidate" not in text


def test_pages_of_breakages_lead_to_release() -> None:
    """The page of a breakage links its culprit to the page of that release."""
    views = build_views(MATRIX, AFTER_A_RUN)
    templates = site._load_templates(MATRIX, views)
    (breakage,) = [p for p in site.all_pages(views) if p.template == "breakage.html"]
    assert '<a href="../releases/werkzeug-3.0.0.html">' in site._render(templates, breakage)


def test_pages_of_releases_render() -> None:
    """Every page of a release can be rendered from its values, and escapes texts of packages."""
    risk = replace(RISK, removed_in="9", text="<b>gone</b>", code="<script>")
    stored = replace(AFTER_A_RUN, forecast=Forecast(day(9), "3.13", 80, (risk,)))
    views = build_views(MATRIX, stored)
    templates = site._load_templates(MATRIX, views)
    texts = [site._render(templates, p) for p in site.all_pages(views) if "release" in p.path]
    assert len(texts) == 4
    assert not [text for text in texts if "<b>gone" in text or "<script>" in text]
