from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ecosystem import day
from samples import RISK, SAYS, USE

from watchdog.analysis.forecast import risks
from watchdog.analysis.forecast.risks import Offer
from watchdog.analysis.forecast.usage import How, SymbolUse
from watchdog.model.evidence import CaughtWarning
from watchdog.report.views.forecast import earliest
from watchdog.storage.forecast import Forecast, Kind, Source, forecast_json, read_forecast

HELD = {"werkzeug": "2.3.7"}
LOST = Offer(offered=True, unknown_keywords=("a",))


@pytest.mark.parametrize(
    ("use", "offer", "kind"),
    [
        (USE, Offer(offered=True, deprecated=SAYS, removed_in="2.4"), Kind.ANNOUNCED),
        (USE, Offer(offered=False), Kind.GONE),
        (USE, Offer(offered=True), None),
        (USE, Offer(offered=None), None),
        (USE, None, None),
        (replace(USE, guarded=True), Offer(offered=False), None),
        (replace(USE, symbol="other.thing"), Offer(offered=False), None),
        (replace(USE, how=How.STAR), Offer(offered=False), None),
        (replace(USE, how=How.CALL, keywords=("a",)), LOST, Kind.GONE),
        (replace(USE, how=How.CALL, keywords=("b",)), LOST, None),
    ],
)
def test_risks_of_uses(use: SymbolUse, offer: Offer | None, kind: Kind | None) -> None:
    """Only an unguarded use of a deprecated or removed symbol is a risk."""
    offers = {use.symbol: offer, f"{use.symbol}(a)": offer} if offer else {}
    found = list(risks.risks_of_uses("ext", "1.0", [use], offers, HELD))
    assert [r.kind for r in found] == ([kind] if kind else [])


def warning(
    message: str, file: str, warner: str, category: str = "DeprecationWarning"
) -> CaughtWarning:
    return CaughtWarning(category, message, file, 14, "x", stack=(warner,))


OWN = "site-packages/ext/utils.py"
WERKZEUG = "site-packages/werkzeug/urls.py:5 url_decode"


@pytest.mark.parametrize(
    ("caught", "symbols"),
    [
        (warning(SAYS, "site-packages/ext/utils.py", WERKZEUG), ["werkzeug.urls.url_decode"]),
        (warning("'old' goes", "site-packages/ext.py", WERKZEUG), ["old"]),
        # what another package or the smoke causes is not this subject's
        (warning(SAYS, "site-packages/other/x.py", WERKZEUG), []),
        (warning(SAYS, "<cell>/smoke_ext.py", WERKZEUG), []),
        # what the subject itself announces is not a risk of it
        (
            warning(
                "'ext.old' is deprecated", "site-packages/ext/a.py", "site-packages/ext/a.py:3 old"
            ),
            [],
        ),
        (warning("unclosed file", "site-packages/ext/a.py", WERKZEUG, "ResourceWarning"), []),
    ],
)
def test_risks_of_warnings(caught: CaughtWarning, symbols: list[str]) -> None:
    """A caught deprecation warning is a risk only of the subject whose line caused it."""
    found = list(risks.risks_of_warnings("ext", "1.0", [caught], ["ext"], HELD))
    assert [r.symbol for r in found] == symbols
    assert all(r.package == "werkzeug" for r in found)


def test_merge_risks_keeps_strongest() -> None:
    """Of several risks for one symbol only the strongest is kept."""
    warned = replace(RISK, source=Source.WARNING, symbol="werkzeug.urls.url_decode")
    deep = replace(RISK, line=90, lazy=True)
    assert risks.merge_risks([deep, RISK, warned]) == (warned,)
    gone = replace(RISK, kind=Kind.GONE)
    assert risks.merge_risks([RISK, gone]) == (gone,)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "Werkzeug 2.4 at the earliest"),
        (
            {"package_version": "3.0.0"},
            "the next release of Werkzeug: announced for 2.4, which has passed",
        ),
        ({"removed_in": None}, "no release is named; Werkzeug 2.3.7 still has it"),
        ({"kind": Kind.GONE}, "now, as soon as this line runs"),
        ({"kind": Kind.BROKEN}, "with Werkzeug 2.3.7"),
    ],
)
def test_earliest_release_of_removal(changed: dict[str, Any], words: str) -> None:
    """The text names the earliest release that can remove the symbol."""
    assert earliest(replace(RISK, **changed), "Werkzeug") == words


def test_date_risks_keeps_first_day(tmp_path: Path) -> None:
    """A known risk keeps the day it was first seen, and the forecast file is read back."""
    first = risks.date_risks(Forecast(day(1), "3.13", 1, (RISK,)), None)
    again = risks.date_risks(Forecast(day(5), "3.13", 1, (replace(RISK, line=20),)), first)
    assert [r.seen for r in again.risks] == [day(1)]
    (tmp_path / "forecast.json").write_text(forecast_json(again), "utf-8")
    assert read_forecast(tmp_path) == again
    assert read_forecast(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("text", "series"),
    [
        (
            "'asyncio.iscoroutinefunction' is deprecated and slated for removal in Python 3.16",
            "3.16",
        ),
        ("scheduled for removal in Python 3.16. Use 'dict'.", "3.16"),
        ("ast.Str is deprecated and will be removed in Python 3.14; use ast.Constant", "3.14"),
        ("will be removed in Flask 3.2, which needs Python 3.10", None),
        ("Deprecated in Python 3.12 and to be removed one day", None),
        ("will be removed in version 3.4", None),
    ],
)
def test_removed_in_python(text: str, series: str | None) -> None:
    """Only a Python that is said to remove something is its release."""
    assert risks.removed_in_python(text) == series


@pytest.mark.parametrize(
    ("caught", "found"),
    [
        (
            warning("'mimetypes.x' is deprecated and slated for removal in Python 3.16", OWN, ""),
            [("mimetypes.x", "3.16")],
        ),
        (
            warning("datetime.datetime.utcnow() is deprecated and scheduled for removal", OWN, ""),
            [("datetime.datetime.utcnow()", None)],
        ),
        (warning("'x' is slated for removal in Python 3.16", "site-packages/b.py", ""), []),
        (warning(SAYS, OWN, WERKZEUG), []),
        (warning("removed in Python 3.16", OWN, "", category="UserWarning"), []),
    ],
    ids=["named", "no release", "of another", "of a package", "no deprecation"],
)
def test_risks_of_python_warnings(
    caught: CaughtWarning, found: list[tuple[str, str | None]]
) -> None:
    """Python's own announcements are told by the Python or the module that they name."""
    own, standard = ["ext"], ["datetime", "mimetypes"]
    given = risks.risks_of_python_warnings("ext", "1.0", [caught], own, standard, "3.15.2")
    told = list(given)
    assert [(risk.symbol, risk.removed_in) for risk in told] == found
    assert {(risk.package, risk.package_version) for risk in told} <= {("python", "3.15.2")}
