"""Finds the lines of an application that use what an upgrade removes, changes or deprecates.

The source is read as the forecast reads packages; which API a release has is found out by running
the API reader in an environment with it. Code that is guarded against a missing name is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from packaging.version import Version

from watchdog.analysis.forecast import risks
from watchdog.analysis.forecast.candidate import is_worse
from watchdog.analysis.forecast.instances import instance_uses
from watchdog.analysis.forecast.readings import query_offers
from watchdog.analysis.forecast.risks import Offer
from watchdog.analysis.forecast.usage import SymbolUse, symbol_uses
from watchdog.model.lock import Lock
from watchdog.runner.scheduler import Scheduler, gather
from watchdog.sandbox.redaction import printable
from watchdog.storage.forecast import Kind

_MOST_BYTES = 2_000_000
"""Larger files are data, not code that somebody wrote."""


@dataclass(frozen=True, kw_only=True)
class AffectedLine:
    """A line of an application that an upgrade affects.

    Attributes:
        file: relative to the folder of the source.
        line: counted from 1.
        symbol: the full dotted name of what is used.
        kind: removed, or announced to be removed.
        text: what is known of it, in words: of the warning that announces it, if there is one.
        release: `name version` of the first release that has the change; empty if it is unknown.
    """

    file: str
    line: int
    code: str
    symbol: str
    kind: Kind
    text: str
    release: str = ""


def read_own_source(
    folder: Path, files: Sequence[Path], modules: frozenset[str]
) -> tuple[SymbolUse, ...]:
    """Return what an application uses of some modules, by file and line.

    Args:
        folder: of the source.
        files: relative to it; those that are no Python are left out.
        modules: top-level import names.
    """
    uses: list[SymbolUse] = []
    for path in files:
        source = folder / path
        if path.suffix == ".py" and source.stat().st_size <= _MOST_BYTES:
            text = source.read_text("utf-8", "replace")
            name = printable(path.as_posix())
            found = (*symbol_uses(text, name, modules), *instance_uses(text, name, modules))
            uses += (replace(use, text=printable(use.text)) for use in found)
    return tuple(uses)


async def find_affected_lines(
    scheduler: Scheduler,
    uses: Sequence[SymbolUse],
    packages: Mapping[str, str],
    old: Lock,
    new: Lock,
    python: str,
) -> tuple[AffectedLine, ...]:
    """Return the uses that are worse off with a new lock than with an old one, by file and line.

    Args:
        scheduler: runs the API reader.
        uses: of the application.
        packages: the package of each top-level import name.
        old: what is installed now.
        new: what the upgrade installs.
        python: series, `3.11`.
    """
    as_of = scheduler.workspace.settings.as_of
    changed = {m for m, name in packages.items() if old.version(name) != new.version(name)}
    concerned = [use for use in uses if use.package in changed and not use.guarded]
    if not concerned:
        return ()
    scheduler.observer.stage("Comparing the APIs that the source uses")
    before = await query_offers(scheduler, old, python, as_of, concerned)
    after = await query_offers(scheduler, new, python, as_of, concerned)
    worse = [use for use in concerned if is_worse(use, before, after)]
    versions = {module: new.version(packages[module]) or "" for module in changed}
    found = list(risks.risks_of_uses("", "", worse, after, versions))
    search = _ReleaseSearch(scheduler=scheduler, python=python, as_of=as_of, old=old, new=new)
    by_symbol = {use.symbol: use for use in worse}
    symbols = sorted({risk.symbol for risk in found})
    gone = {risk.symbol for risk in found if risk.kind is not Kind.ANNOUNCED}
    dated = await gather(
        search.first_worse(by_symbol[symbol], packages, before, gone=symbol in gone)
        for symbol in symbols
    )
    releases = dict(zip(symbols, dated, strict=True))
    lines = []
    for risk in found:
        release, words = releases[risk.symbol]
        lines.append(
            AffectedLine(
                file=risk.file,
                line=risk.line,
                code=risk.code,
                symbol=risk.symbol,
                kind=risk.kind,
                text=words or risk.text,
                release=release,
            )
        )
    return tuple(sorted(set(lines), key=lambda line: (line.file, line.line, line.symbol)))


@dataclass(kw_only=True)
class _ReleaseSearch:
    """Finds the first release in which a use is worse off; each release is queried once a use."""

    scheduler: Scheduler
    python: str
    as_of: datetime
    old: Lock
    new: Lock

    async def first_worse(
        self,
        use: SymbolUse,
        packages: Mapping[str, str],
        before: Mapping[str, Offer],
        *,
        gone: bool,
    ) -> tuple[str, str]:
        """Return `name version` of that release, and the words of its announcement, if any.

        For what is `gone` in the end a release that only announces that is not worse. The
        announcement is that of the last release that still has the symbol.
        """
        name = packages[use.package]
        low, high = self.old.version(name), self.new.version(name)
        if low is None or high is None:
            return "", ""
        index = self.scheduler.workspace.index
        between = [
            release.version
            for release in index.final_releases(name, self.as_of)
            if Version(low) < release.version <= Version(high)
        ]
        first, last = -1, len(between)
        words = ""
        while last - first > 1:
            middle = (first + last) // 2
            offers = await self._offers(name, between[middle], use)
            if gone:
                offers = {key: replace(offer, deprecated=None) for key, offer in offers.items()}
            if offers and is_worse(use, before, offers):
                last = middle
            else:
                first = middle
        words = await self._announcement(name, between[:last], use)
        return (f"{name} {between[last]}" if last < len(between) else ""), words

    async def _announcement(self, name: str, older: Sequence[Version], use: SymbolUse) -> str:
        if not older:
            return ""
        offers = await self._offers(name, older[-1], use)
        offer = offers.get(use.symbol)
        return (offer.deprecated or "") if offer else ""

    async def _offers(self, name: str, version: Version, use: SymbolUse) -> Mapping[str, Offer]:
        """Return what a release has of a use: beside the old packages, else beside the new."""
        for lock in (self.new, self.old):
            pins = Lock.of({**dict(lock.pins), name: str(version)})
            offers = await query_offers(self.scheduler, pins, self.python, self.as_of, [use])
            if any(offer.offered is not None for offer in offers.values()):
                return offers
        return {}
