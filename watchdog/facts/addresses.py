"""Gives each downtime a page whose address never changes, and says where old addresses lead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from watchdog.facts.downtimes import Downtime
from watchdog.model.history import Address


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """The page of each downtime, and the old pages.

    Attributes:
        pages: the id of each downtime's page, in the order of the downtimes.
        moved: ids of old pages, and of the pages that tell the same now.
        withdrawn: old pages about what is no longer told; each leads to its subject.
    """

    pages: tuple[str, ...]
    moved: Mapping[str, str]
    withdrawn: tuple[Address, ...]


def assign_addresses(downtimes: Sequence[Downtime], published: Sequence[Address]) -> Addresses:
    """Return the page of each downtime: the first address that was published for it.

    Args:
        downtimes: of all subjects.
        published: every address that was ever published, the first ones first.
    """
    of_downtime: dict[int, list[str]] = {number: [] for number in range(len(downtimes))}
    withdrawn = []
    for address in published:
        number = _find(downtimes, address)
        if number is None:
            withdrawn.append(address)
        else:
            of_downtime[number].append(address.id)
    pages: list[str] = []
    moved: dict[str, str] = {}
    for number, downtime in enumerate(downtimes):
        ids = of_downtime[number] or [_new_id(downtime, pages)]
        first = next((c.breakage.id for c in downtime.causes if c.breakage.id in ids), ids[0])
        pages.append(first)
        moved |= {other: first for other in ids if other != first}
    return Addresses(pages=tuple(pages), moved=moved, withdrawn=tuple(withdrawn))


def _new_id(downtime: Downtime, taken: Sequence[str]) -> str:
    """Return an id that depends on nothing that a later search may tell better."""
    name = f"{downtime.subject}--{downtime.since:%Y-%m-%d}"
    return name if name not in taken else f"{name}--{min(downtime.uses)}"


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
