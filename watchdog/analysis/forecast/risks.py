"""What will go away under a subject: announced by a warning, seen in its source, or gone. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from watchdog.analysis.forecast.usage import How, SymbolUse
from watchdog.harness.api import removed_in
from watchdog.model.evidence import CaughtWarning
from watchdog.model.history import is_announcement
from watchdog.storage.forecast import Forecast, Kind, Risk, Source


def as_use(symbol: str) -> SymbolUse:
    """A symbol as if it were imported, to ask a release for it."""
    return SymbolUse(symbol, "", 0, How.IMPORT)


@dataclass(frozen=True)
class Offer:
    """What a release says of a symbol.

    Attributes:
        offered: None where it could not be asked.
        deprecated: its announcement, where it has one.
        removed_in: the version that the announcement names.
        unknown_keywords: keywords that are given and not taken.
        private: whether a part of its name begins with an underscore.
    """

    offered: bool | None
    deprecated: str | None = None
    removed_in: str | None = None
    unknown_keywords: tuple[str, ...] = ()
    private: bool = False


def risks_of_uses(
    subject: str,
    version: str,
    uses: Iterable[SymbolUse],
    offers: Mapping[str, Offer],
    held: Mapping[str, str],
) -> Iterator[Risk]:
    """The unguarded uses of what is announced to go, or is gone.

    `held` are the packages that were asked, by import name, with their versions; an offer under
    `symbol(keyword)` tells of a call with that keyword.
    """
    for use in uses:
        package, offer = use.package, offers.get(use.symbol)
        if use.guarded or offer is None or package not in held or use.how is How.STAR:
            continue
        given = use.keywords if use.how is How.CALL else ()
        of_keywords = [o for k in given if (o := offers.get(f"{use.symbol}({k})"))]
        lost = [k for o in of_keywords for k in o.unknown_keywords]
        announced = next((o for o in (offer, *of_keywords) if o.deprecated), None)
        if offer.offered is False:
            kind, text = Kind.GONE, f"{package} {held[package]} has no {use.symbol}"
        elif announced:
            kind, text = Kind.ANNOUNCED, announced.deprecated or ""
        elif lost:
            kind, text = Kind.GONE, f"{use.symbol} does not take {', '.join(lost)}"
        else:
            continue
        named = announced.removed_in if announced else None
        yield Risk(
            subject=subject,
            version=version,
            package=package,
            package_version=held[package],
            symbol=use.symbol,
            source=Source.SCAN,
            kind=kind,
            text=text,
            removed_in=named,
            file=use.file,
            line=use.line,
            code=use.text,
            lazy=use.lazy,
        )


def risks_of_warnings(
    subject: str,
    version: str,
    warnings: Iterable[CaughtWarning],
    modules: Iterable[str],
    held: Mapping[str, str],
) -> Iterator[Risk]:
    """The announcements that a subject's own code caused, of the packages that are held.

    `modules` are the subject's top-level names: what other packages cause is theirs to mend.
    """
    own = set(modules)
    for warning in warnings:
        package = _top(warning.stack[0]) if warning.stack else ""
        # Where the first frame is not who warned, the name in the message tells.
        symbol = _symbol(warning.message)
        if package in own or package not in held:
            package = symbol.partition(".")[0]
        if not is_announcement(warning) or _top(warning.file) not in own or package not in held:
            continue
        yield Risk(
            subject=subject,
            version=version,
            package=package,
            package_version=held[package],
            symbol=symbol,
            source=Source.WARNING,
            kind=Kind.ANNOUNCED,
            text=warning.message,
            removed_in=removed_in(warning.message),
            file=warning.file.removeprefix(_SITE),
            line=warning.line,
            code=warning.code,
        )


_SITE = "site-packages/"
_QUOTED = re.compile(r"['\"`]([A-Za-z_][\w.]*)")


def _top(place: str) -> str:
    """The top-level name of a place such as `site-packages/flask_login/utils.py:14 <module>`."""
    first = place.removeprefix(_SITE).split("/", 1)[0] if place.startswith(_SITE) else ""
    return first.split(".py", 1)[0]


def _symbol(message: str) -> str:
    found = _QUOTED.search(message)
    return (found[1] if found else message.split(" is ", 1)[0][:80]).rstrip(".")


def merge_risks(risks: Iterable[Risk]) -> tuple[Risk, ...]:
    """Each once: a warning that was raised before what only stands in the source."""
    found: list[Risk] = []
    order = (Kind.GONE, Kind.BROKEN, Kind.ANNOUNCED)

    def weight(risk: Risk) -> tuple[object, ...]:
        # What is imported comes before what is taken from it, and that before what is called.
        return order.index(risk.kind), risk.source is Source.SCAN, len(risk.symbol), risk.lazy

    for each in sorted(risks, key=weight):
        if not any(_same(known, each) for known in found):
            found.append(each)
    return tuple(found)


def _same(known: Risk, other: Risk) -> bool:
    """Whether another risk of a subject is the same to the reader, or a part of it."""
    if (known.subject, known.package) != (other.subject, other.package):
        return False
    return known.symbol.rsplit(".", 1)[-1] in other.symbol.split(".")


def date_risks(forecast: Forecast, earlier: Forecast | None) -> Forecast:
    """With the day on which each risk was told first."""
    known = {r.key: r.seen for r in earlier.risks} if earlier else {}
    risks = (
        replace(r, seen=min(known.get(r.key) or forecast.as_of, forecast.as_of))
        for r in forecast.risks
    )
    return replace(forecast, risks=tuple(risks))
