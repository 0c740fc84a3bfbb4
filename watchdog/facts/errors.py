"""Groups failures by the error text that a user sees: today's, those of the past, and of pins.

An error is the same for all packages that show it; each error has a page, and pasted texts are
matched with the forms of all of them. `report/static/error-search.js` makes the same forms.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from watchdog.facts.facts import DowntimeFacts, Facts, OngoingFacts, TestTitles
from watchdog.facts.titles import clean, title_of
from watchdog.facts.tracebacks import logged_exceptions
from watchdog.model.error_address import ErrorAddress
from watchdog.model.history import ALL_USES, PinState, PinStatus

_LONGEST_ADDRESS = 90
_FEWEST_WORDS = 3
"""Words of a message that can stand as an address without the class of its exception."""
_CLASS = re.compile(r"(?:\w+\.)*\w*(?:Error|Exception|Warning|Interrupt|Exit)\w*: ")
_PREFIX = re.compile(r"^(?:E\s{2,}|>\s+|#+\s|\$\s)")
_FOLDERS = re.compile(r"(?:[A-Za-z]:)?(?:[\\/][\w.@~+-]+)*[\\/](?=[\w.@~+-]+\.\w+)")
_QUOTES = str.maketrans("", "", "“”‘’'\"`")


@dataclass(frozen=True, kw_only=True)
class KnownError:
    """An error text, and the failures that show it.

    Attributes:
        address: name of its page.
        title: the error as a user sees it.
        forms: normal forms of the texts that lead to it, that of the title first.
        packages: top-level names of the packages in its tracebacks.
        downtimes: of the past and of today, the latest first.
        ongoing: failures of fresh installs today, of the most downloaded package first.
        pins: pinned releases of the framework that show it today.
    """

    address: str
    title: str
    forms: tuple[str, ...]
    packages: tuple[str, ...]
    downtimes: tuple[DowntimeFacts, ...]
    ongoing: tuple[OngoingFacts, ...]
    pins: tuple[PinStatus, ...]

    @property
    def subjects(self) -> tuple[str, ...]:
        """The packages that showed it, those that show it today first."""
        today = (o.breakage.subject for o in self.ongoing)
        return tuple(dict.fromkeys((*today, *(d.subject for d in self.downtimes))))


def normal_form(text: str) -> str:
    """Return an error text without what differs between machines.

    That is quotes, folders, numbers, addresses of objects, the width of spaces, capitals, and what
    pytest or a terminal puts in front of a line.
    """
    plain = clean(_PREFIX.sub("", text.strip())).translate(_QUOTES)
    plain = re.sub(r"\b0x[0-9a-fA-F]+", "0", _FOLDERS.sub("", plain))
    return " ".join(re.sub(r"[0-9]+", "0", plain).lower().split())


@dataclass
class _Group:
    """The failures of one error, while they are collected."""

    title: str
    forms: dict[str, None] = field(default_factory=dict)
    packages: set[str] = field(default_factory=set)
    downtimes: dict[str, DowntimeFacts] = field(default_factory=dict)
    ongoing: dict[int, OngoingFacts] = field(default_factory=dict)
    pins: list[PinStatus] = field(default_factory=list)

    def add(self, text: ErrorText) -> None:
        """Add a failure, with the forms and packages of its text."""
        for own in (self.title, text.title, text.symptom):
            if form := normal_form(own):
                self.forms.setdefault(form)
        self.packages |= _packages(text)
        if text.downtime:
            self.downtimes[text.downtime.id] = text.downtime
        if text.ongoing:
            self.ongoing[id(text.ongoing)] = text.ongoing
        if text.pin:
            self.pins.append(text.pin)


@dataclass(frozen=True, kw_only=True)
class ErrorText:
    """An error text of one failure.

    Attributes:
        title: as a user sees it.
        symptom: as it is stored.
        log: the output in which it stands; empty if none was kept.
        downtime, ongoing, pin: the failure; one of the three.
    """

    title: str
    symptom: str
    log: str = ""
    downtime: DowntimeFacts | None = None
    ongoing: OngoingFacts | None = None
    pin: PinStatus | None = None


def known_errors(
    texts: Iterable[ErrorText], published: Sequence[ErrorAddress] = ()
) -> tuple[KnownError, ...]:
    """Return every error, by address.

    Args:
        texts: of all failures.
        published: every address of an error that was ever published.
    """
    groups: dict[str, _Group] = {}
    for text in texts:
        group = groups.setdefault(_key(text.title), _Group(text.title))
        group.add(text)
    addresses = _assign([group.title for group in groups.values()], published)
    errors = (_known(addresses[group.title], group) for group in groups.values())
    return tuple(sorted(errors, key=lambda error: error.address))


def error_texts(facts: Facts, pins: Sequence[PinStatus], titles: TestTitles) -> Iterator[ErrorText]:
    """Yield every error text of history, of today, and of pinned releases of the framework.

    Args:
        facts: what is true now.
        pins: what became of pinned releases of the framework.
        titles: what each use is.
    """
    for downtime in facts.downtimes:
        yield from _texts_of_downtime(downtime, titles.get(downtime.subject, {}))
    for ongoing in facts.ongoing:
        yield from _texts_of_today(ongoing, titles.get(ongoing.breakage.subject, {}))
    for pin in pins:
        if pin.state is PinState.ROTTED and pin.symptom:
            yield ErrorText(title=title_of(pin.symptom), symptom=pin.symptom, pin=pin)


def _known(address: str, group: _Group) -> KnownError:
    return KnownError(
        address=address,
        title=group.title,
        forms=tuple(group.forms),
        packages=tuple(sorted(group.packages)),
        downtimes=tuple(group.downtimes.values()),
        ongoing=tuple(group.ongoing.values()),
        pins=tuple(group.pins),
    )


def _packages(text: ErrorText) -> set[str]:
    """Return the top-level packages in the tracebacks of a text's exception."""
    exceptions = [e for e in logged_exceptions(text.log) if e.text and e.text in text.symptom]
    frames = (frame for exception in exceptions for frame in exception.frames)
    return {frame.package for frame in frames if frame.package}


def _texts_of_downtime(facts: DowntimeFacts, titles: Mapping[str, str]) -> Iterator[ErrorText]:
    """Yield the error of each cause, and of each further use that fails when it begins."""
    downtime, first = facts.downtime, facts.downtime.first_bad
    for cause, title in zip(downtime.causes, facts.titles, strict=True):
        symptom, log = cause.breakage.symptom, cause.breakage.log
        yield ErrorText(title=title, symptom=symptom, log=log, downtime=facts)
    seen = {cause.breakage.symptom for cause in downtime.causes}
    for use in sorted(downtime.uses):
        status = first.uses.get(use)
        if status and status.signature and status.symptom not in seen:
            title = _title(status.symptom, use, titles, first.log)
            yield ErrorText(title=title, symptom=status.symptom, log=first.log, downtime=facts)


def _texts_of_today(facts: OngoingFacts, titles: Mapping[str, str]) -> Iterator[ErrorText]:
    """Yield the error of each use that fails on a fresh install today."""
    status, counts = facts.breakage.status, facts.breakage.counts
    symptom, log = status.symptom or "", status.log
    yield ErrorText(title=facts.title, symptom=symptom, log=log, ongoing=facts)
    for failed in counts.failed[1:] if counts else ():
        title = _title(failed.symptom, failed.name, titles, log)
        yield ErrorText(title=title, symptom=failed.symptom, log=log, ongoing=facts)


def _title(symptom: str, use: str, titles: Mapping[str, str], log: str) -> str:
    test = None if use == ALL_USES else use
    return title_of(symptom, test=test, test_titles=titles, log=log)


# --- addresses -----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class ErrorAddresses:
    """The addresses of the known errors, and the old ones.

    Attributes:
        moved: old addresses, and those of the errors that tell the same now.
        withdrawn: old addresses of errors that are no longer told.
        new: addresses that were not published before.
    """

    moved: Mapping[str, str]
    withdrawn: tuple[ErrorAddress, ...]
    new: tuple[ErrorAddress, ...]


def error_addresses(
    errors: Sequence[KnownError], published: Sequence[ErrorAddress]
) -> ErrorAddresses:
    """Return where addresses that were ever published lead, and which errors need new ones."""
    current = {error.address for error in errors}
    known = {address.address for address in published}
    by_downtime = {d.id: error.address for error in reversed(errors) for d in error.downtimes}
    moved: dict[str, str] = {}
    withdrawn = []
    for old in published:
        if old.address in current:
            continue
        now = next((by_downtime[i] for i in old.downtimes if i in by_downtime), None)
        if now:
            moved[old.address] = now
        else:
            withdrawn.append(old)
    new = tuple(
        ErrorAddress(
            address=error.address,
            title=error.title,
            downtimes=tuple(downtime.id for downtime in error.downtimes),
        )
        for error in errors
        if error.address not in known
    )
    return ErrorAddresses(moved=moved, withdrawn=tuple(withdrawn), new=new)


def _assign(titles: Iterable[str], published: Sequence[ErrorAddress]) -> dict[str, str]:
    """Return the address of each title: the published one, or its words.

    Where another title has the same words already, a digest of the title follows them.
    """
    addresses = {_key(old.title): old.address for old in reversed(published)}
    taken = {old.address for old in published}
    assigned = {}
    for title in sorted(titles):
        address = addresses.get(_key(title))
        if address is None:
            words = _words(title)
            address = f"{words}-{_digest(title)}" if words in taken else words
            taken.add(address)
        assigned[title] = address
    return assigned


def _words(title: str) -> str:
    """Return the words of a title, joined by hyphens: what a search engine reads."""
    message = _CLASS.sub("", title, count=1)
    text = message if len(message.split()) >= _FEWEST_WORDS else title
    words = re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-")
    if len(words) > _LONGEST_ADDRESS:
        words = words[:_LONGEST_ADDRESS].rpartition("-")[0] or words[:_LONGEST_ADDRESS]
    return words or _digest(title)


def _key(title: str) -> str:
    """Return what titles of the same error have in common."""
    return re.sub(r"\b0x[0-9a-fA-F]+", "0x", clean(title)).lower()


def _digest(title: str) -> str:
    return hashlib.sha256(title.encode()).hexdigest()[:8]
