"""Gives each downtime a page whose address never changes, and says where old addresses lead."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count

from watchdog.facts.downtimes import Downtime
from watchdog.model.history import Address


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """The page of each downtime, and the old pages.

    Attributes:
        pages: the id of each downtime's page, in the order of the downtimes.
        moved: ids of old pages, and of the pages that tell the same now.
        withdrawn: old pages about what is no longer told; each leads to its subject.
        new: the addresses of pages that were not published before.
    """

    pages: tuple[str, ...]
    moved: Mapping[str, str]
    withdrawn: tuple[Address, ...]
    new: tuple[Address, ...]


def assign_addresses(downtimes: Sequence[Downtime], published: Sequence[Address]) -> Addresses:
    """Return the page of each downtime: the first address that was published for it.

    Args:
        downtimes: of all subjects.
        published: every address that was ever published, the first ones first.
    """
    of_downtime: dict[int, list[Address]] = {number: [] for number in range(len(downtimes))}
    withdrawn = []
    for address in published:
        number = _find(downtimes, address)
        if number is None:
            withdrawn.append(address)
        else:
            of_downtime[number].append(address)
    taken = {address.id for address in published}
    pages: list[str] = []
    moved: dict[str, str] = {}
    new: list[Address] = []
    for number, downtime in enumerate(downtimes):
        own = of_downtime[number]
        if own:
            page = _page(downtime, own)
        else:
            new.append(_new_address(downtime, taken))
            page = new[-1].id
        taken.add(page)
        pages.append(page)
        moved |= {other.id: page for other in own if other.id != page}
    return Addresses(pages=tuple(pages), moved=moved, withdrawn=tuple(withdrawn), new=tuple(new))


def _page(downtime: Downtime, own: Sequence[Address]) -> str:
    """Return the first address that told how a downtime began, whatever it said of the culprit.

    If there is none, that of its first cause that has one.
    """
    beginnings = [address.id for address in own if _tells_beginning(address, downtime)]
    causes = [c.breakage.id for c in downtime.causes if c.breakage.id in {a.id for a in own}]
    return [*beginnings, *causes, own[0].id][0]


def _tells_beginning(address: Address, downtime: Downtime) -> bool:
    same_use = address.use is None or address.use in downtime.uses
    same_failure = address.signature == downtime.first.signature
    return same_use and (same_failure or address.since == downtime.since)


def _new_address(downtime: Downtime, taken: Collection[str]) -> Address:
    """Return an address whose id depends on nothing that a later search may tell better."""
    use = min(downtime.uses)
    name = f"{downtime.subject}--{downtime.since:%Y-%m-%d}"
    with_use = f"{name}--{use}"
    numbered = (f"{with_use}--{number}" for number in count(2))
    return Address(
        id=next(i for i in chain((name, with_use), numbered) if i not in taken),
        subject=downtime.subject,
        since=downtime.since,
        signature=downtime.first.signature,
        use=use,
    )


def _find(downtimes: Sequence[Downtime], address: Address) -> int | None:
    """Return the number of the downtime that an old page was about; None if there is none."""
    best: tuple[tuple[bool, ...], int] | None = None
    for number, downtime in enumerate(downtimes):
        if downtime.subject != address.subject:
            continue
        is_cause = any(cause.breakage.id == address.id for cause in downtime.causes)
        until = downtime.until or downtime.known_until
        is_then = downtime.since <= address.since < until
        if not is_cause and not is_then:
            continue
        same_failure = any(c.breakage.signature == address.signature for c in downtime.causes)
        same_use = address.use is None or address.use in downtime.uses
        is_first = downtime.first.id == address.id
        merit = (is_first, is_cause, same_failure, same_use)
        if best is None or merit > best[0]:
            best = (merit, number)
    return best[1] if best else None
