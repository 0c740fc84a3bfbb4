"""Finds the uses of an API that is deprecated or removed, by subject. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from watchdog.analysis.forecast.usage import How, SymbolUse
from watchdog.harness.api import removed_in
from watchdog.model.evidence import CaughtWarning
from watchdog.model.history import is_announcement
from watchdog.model.python_series import PYTHON
from watchdog.storage.forecast import Forecast, Kind, Risk, Source

_REMOVED_IN_PYTHON = re.compile(
    r"\bremov(?:ed|al)\b[^.]{0,40}?\bPython (?P<series>3\.\d+)", re.IGNORECASE
)


def removed_in_python(text: str) -> str | None:
    """Return the series of Python in which a deprecation announces the removal; None without one.

    Python's own warnings say `slated for removal in Python 3.16`, and in a few other ways.
    """
    match = _REMOVED_IN_PYTHON.search(text)
    return match["series"] if match else None


def as_use(symbol: str) -> SymbolUse:
    """Return the use that a bare import of a symbol would be, to query a release for it."""
    return SymbolUse(symbol, "", 0, How.IMPORT)


@dataclass(frozen=True)
class Offer:
    """A release's answer about a symbol.

    Attributes:
        offered: whether it has it; None if that could not be found out.
        deprecated: the announcement that it goes away, if there is one.
        removed_in: the version that the announcement names.
        unknown_keywords: keywords that are passed and not accepted.
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
    """Yield the unguarded uses of what is announced to go away, or is gone.

    `held` are the packages that were queried, by import name, with their versions; an offer under
    `symbol(keyword)` is about a call with that keyword.
    """
    for use in uses:
        if use.guarded or use.package not in held or use.how is How.STAR:
            continue
        threat = _threat(use, offers, held[use.package])
        if threat is None:
            continue
        kind, text, removed_in_ = threat
        yield Risk(
            subject=subject,
            version=version,
            package=use.package,
            package_version=held[use.package],
            symbol=use.symbol,
            source=Source.SCAN,
            kind=kind,
            text=text,
            removed_in=removed_in_,
            file=use.file,
            line=use.line,
            code=use.text,
            lazy=use.lazy,
        )


def _threat(
    use: SymbolUse, offers: Mapping[str, Offer], version: str
) -> tuple[Kind, str, str | None] | None:
    """Return what threatens a use, in words, and the version named for it; None if nothing does."""
    offer = offers.get(use.symbol)
    if offer is None:
        return None
    keywords = use.keywords if use.how is How.CALL else ()
    of_keywords = [o for k in keywords if (o := offers.get(f"{use.symbol}({k})"))]
    announced = next((o for o in (offer, *of_keywords) if o.deprecated), None)
    named = announced.removed_in if announced else None
    if offer.offered is False:
        return Kind.GONE, f"{use.package} {version} has no {use.symbol}", named
    if announced:
        return Kind.ANNOUNCED, announced.deprecated or "", named
    lost = [keyword for o in of_keywords for keyword in o.unknown_keywords]
    if lost:
        return Kind.GONE, f"{use.symbol} does not take {', '.join(lost)}", None
    return None


def risks_of_warnings(
    subject: str,
    version: str,
    warnings: Iterable[CaughtWarning],
    modules: Iterable[str],
    held: Mapping[str, str],
) -> Iterator[Risk]:
    """Yield the announcements that a subject's own code caused, of the packages that are held.

    `modules` are the subject's top-level names: what other packages cause is theirs to fix.
    """
    own = set(modules)
    for warning in warnings:
        package = _top_level_name(warning.stack[0]) if warning.stack else ""
        symbol = _symbol(warning.message)
        # Where the first frame is not the package that warned, the name in the message says it.
        if package in own or package not in held:
            package = symbol.partition(".")[0]
        is_own = is_announcement(warning) and _top_level_name(warning.file) in own
        if not is_own or package not in held:
            continue
        named = removed_in(warning.message)
        yield _announced(subject, version, (package, held[package]), warning, named)


def risks_of_python_warnings(
    subject: str,
    version: str,
    warnings: Iterable[CaughtWarning],
    own: Iterable[str],
    standard: Iterable[str],
    python: str,
) -> Iterator[Risk]:
    """Yield the announcements of Python itself that a subject's own code caused.

    They name a Python that removes something, or a module of the standard library.

    Args:
        subject: name of the subject.
        version: its version.
        warnings: what was caught while its smoke ran.
        own: the subject's top-level names.
        standard: the modules of the standard library.
        python: full version of the Python that warned.
    """
    own, standard = set(own), set(standard)
    for warning in warnings:
        symbol = _symbol(warning.message)
        named = removed_in_python(warning.message)
        about_python = named is not None or symbol.partition(".")[0] in standard
        if not is_announcement(warning) or _top_level_name(warning.file) not in own:
            continue
        if about_python:
            yield _announced(subject, version, (PYTHON, python), warning, named)


def _announced(
    subject: str, version: str, package: tuple[str, str], warning: CaughtWarning, named: str | None
) -> Risk:
    """Return what a caught warning announces.

    Args:
        subject: whose code caused it.
        version: of the subject.
        package: name and version of what warned.
        warning: what was caught.
        named: the release that it names.
    """
    name, package_version = package
    return Risk(
        subject=subject,
        version=version,
        package=name,
        package_version=package_version,
        symbol=_symbol(warning.message),
        source=Source.WARNING,
        kind=Kind.ANNOUNCED,
        text=warning.message,
        removed_in=named,
        file=warning.file.removeprefix(_SITE),
        line=warning.line,
        code=warning.code,
    )


_SITE = "site-packages/"
_QUOTED = re.compile(r"['\"`]([A-Za-z_][\w.]*)")


def _top_level_name(frame: str) -> str:
    """Return the top-level name of `site-packages/flask_login/utils.py:14 <module>`."""
    if not frame.startswith(_SITE):
        return ""
    return frame.removeprefix(_SITE).split("/", 1)[0].split(".py", 1)[0]


def _symbol(message: str) -> str:
    """Return the symbol that a warning is about: what it quotes, or the text before "is"."""
    quoted = _QUOTED.search(message)
    return (quoted[1] if quoted else message.split(" is ", 1)[0][:80]).rstrip(".")


def merge_risks(risks: Iterable[Risk]) -> tuple[Risk, ...]:
    """Return each risk once: a warning that was raised before what is only in the source."""
    merged: list[Risk] = []
    for risk in sorted(risks, key=_weight):
        if not any(_covers(other, risk) for other in merged):
            merged.append(risk)
    return tuple(merged)


def _weight(risk: Risk) -> tuple[object, ...]:
    # What is imported comes before what is taken from it, and that before what is called.
    order = (Kind.GONE, Kind.BROKEN, Kind.ANNOUNCED)
    return order.index(risk.kind), risk.source is Source.SCAN, len(risk.symbol), risk.lazy


def _covers(risk: Risk, other: Risk) -> bool:
    """Return whether another risk of a subject is the same to the reader, or a part of it."""
    if (risk.subject, risk.package) != (other.subject, other.package):
        return False
    return risk.symbol.rsplit(".", 1)[-1] in other.symbol.split(".")


def date_risks(forecast: Forecast, earlier: Forecast | None) -> Forecast:
    """Return a forecast with the date on which each risk was forecast first."""
    first_seen = {risk.key: risk.seen for risk in earlier.risks} if earlier else {}
    dated = (
        replace(risk, seen=min(first_seen.get(risk.key) or forecast.as_of, forecast.as_of))
        for risk in forecast.risks
    )
    return replace(forecast, risks=tuple(dated))
