"""Decides which deprecation warning announced a breakage, by package and symbol.

A warning announces what its sentence is about: `'flask.Markup' is deprecated …` is about
`flask.Markup`, not about the `markupsafe.Markup` that it recommends. A dotted name says its package
itself. A bare name counts if the message, the category of the warning or the line of source ties it
to the package that lost the name, and nothing ties it to another one.
"""

from __future__ import annotations

import collections.abc
import keyword
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from watchdog.model.evidence import CaughtWarning
from watchdog.model.history import PastBreakage, Snapshot, is_announcement
from watchdog.model.python_series import PYTHON
from watchdog.model.signature import missing_symbol

Parts = tuple[str, ...]


class NameKind(Enum):
    """The kinds of names that can go away."""

    SYMBOL = auto()
    ATTRIBUTE = auto()
    ARGUMENT = auto()


@dataclass(frozen=True)
class MissingName:
    """What a failure reports as gone.

    Attributes:
        parts: of a symbol, its dotted path; of an attribute, its class and its name; of an
            argument, its function and its name.
        packages: the packages that can announce it: import names and distributions.
        log: output of the failure, in which the files of its traceback stand.
    """

    kind: NameKind
    parts: Parts
    packages: frozenset[str]
    log: str = ""


@dataclass(frozen=True)
class Mention:
    """What a deprecation is about: `werkzeug.urls.url_quote`, or `loop` as an argument."""

    parts: Parts
    is_argument: bool = False


def announced(breakage: PastBreakage, moments: Sequence[Snapshot]) -> tuple[datetime, str] | None:
    """Return when a breakage was first announced, and the text of the warning.

    Args:
        breakage: what it says itself of an announcement is ignored.
        moments: the history of its subject, in which each warning stands where it first occurred.

    Returns:
        The instant and the message of the first warning before the breakage that is about what
        then was missing; None if there is none, or if the failure names nothing that is missing.
    """
    missing = missing_name(breakage)
    if missing is None:
        return None
    announcements = (
        (moment.since, warning.message)
        for moment in moments
        if moment.since < breakage.broken_from
        for warning in moment.warnings
        if announces(warning, missing)
    )
    return min(announcements, key=lambda announcement: announcement[0], default=None)


_ATTRIBUTE = re.compile(
    r"(?:type object )?'(?P<owner>\w+)' object has no attribute '(?P<name>\w+)'"
    r"|type object '(?P<type>\w+)' has no attribute '(?P<of_type>\w+)'"
)
_ARGUMENT = re.compile(
    r"\b(?P<function>\w+)\(\) got an unexpected keyword argument '(?P<name>\w+)'"
)


def missing_name(breakage: PastBreakage) -> MissingName | None:
    """Return what the failure of a breakage reports as gone; None if it names nothing."""
    culprit = breakage.culprit.name if breakage.culprit else None
    symbol = breakage.missing or missing_symbol(breakage.symptom)
    if symbol:
        parts = tuple(symbol.split("."))
        packages = {parts[0]}
        if not _is_installed(parts[0], breakage):
            # Named otherwise than its distribution, or a part of Python.
            packages |= {culprit, PYTHON} - {None} if culprit else {PYTHON}
        return MissingName(NameKind.SYMBOL, parts, frozenset(packages), breakage.log)
    if culprit is None:
        return None
    if match := _ATTRIBUTE.search(breakage.symptom):
        parts = (match["owner"] or match["type"], match["name"] or match["of_type"])
        return MissingName(NameKind.ATTRIBUTE, parts, frozenset({culprit}), breakage.log)
    if match := _ARGUMENT.search(breakage.symptom):
        parts = (match["function"], match["name"])
        return MissingName(NameKind.ARGUMENT, parts, frozenset({culprit}), breakage.log)
    return None


def _is_installed(package: str, breakage: PastBreakage) -> bool:
    """Return whether a distribution of that name is in one of the locks of a breakage."""
    locks = (breakage.works, breakage.breaks)
    return any(_is_package(package, name) for lock in locks if lock for name, _ in lock.pins)


def _is_package(name: str, other: str) -> bool:
    """Return whether two spellings are of one package: `Jinja` and `jinja2` are."""
    plain, other_plain = (n.lower().replace("_", "-").rstrip("0123456789") for n in (name, other))
    return plain == other_plain


def announces(warning: CaughtWarning, missing: MissingName) -> bool:
    """Return whether a deprecation warning is about what then was missing."""
    if not is_announcement(warning):
        return False
    tie = _Tie(warning, missing)
    if any(_is_about(mention, tie) for mention in mentions(warning.message)):
        return True
    return _announces_group(warning.message, missing) or _announces_feature(tie)


def is_same_symbol(symbol: str, missing: MissingName) -> bool:
    """Return whether a symbol that is used in source code is what then was missing.

    A part of what is missing is so too: `flask._request_ctx_stack.top`.
    """
    parts = tuple(symbol.split("."))
    if not any(_is_package(parts[0], package) for package in missing.packages):
        return False
    if missing.kind is not NameKind.SYMBOL:
        return parts[-2:] == missing.parts
    longer, shorter = sorted((parts, missing.parts), key=len, reverse=True)
    return _leads_to(shorter, longer) or _is_reexport(parts, missing.parts)


# --- what a message is about ---------------------------------------------------------------------

_NAME = r"[`'\"]?@?(?P<{0}>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)[`'\"]?(?:\(\.*\))?[`'\"]?"
_KINDS = (
    r"module|package|attribute|property|method|function|class(?:es)?|type|alias|name|constant|"
    r"variable|decorator|extension|shortcut|API|object|import"
)
_ARGUMENTS = r"(?:keyword )?argument|parameter|keyword|option"
_SUBJECT = re.compile(
    rf"(?:(?:importing|accessing|using|calling|(?:the )?use of|access to|import of)\s+)?"
    rf"(?:the\s+)?(?:(?:{_KINDS})s?\s+)?{_NAME.format('name')}"
    rf"(?:\s+(?:(?:{_KINDS})s?|(?P<argument>(?:{_ARGUMENTS})s?)))*"
    rf"(?:\s+(?:on|of|from)\s+(?:the\s+)?{_NAME.format('owner')}(?:\s+(?:{_KINDS}))?)?",
    re.IGNORECASE,
)
_PREDICATE = re.compile(
    r",?\s+(?:"
    r"(?:is|are|was|were|has been|have been)\s+(?:now\s+|being\s+)?"
    r"(?:deprecated|obsolete|renamed|removed|going away|going to be removed|to be removed|"
    r"(?:scheduled|slated) for removal|pending deprecation|an? private API and will be removed)"
    r"|will be\s+(?:deprecated|removed|renamed|dropped)|will go away|will stop working)\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?]\s+|[\n;:]\s*")
_WHEN = re.compile(r"(?:as of|since|in|from|starting (?:with|from))\s[^,]*,\s+", re.IGNORECASE)
_AND = re.compile(r"\s*,\s*(?:and\s+|or\s+)?|\s+(?:and|or)\s+")
_CALL_TO = re.compile(
    rf"Call to deprecated (?:(?:{_KINDS})\s+)?{_NAME.format('name')}", re.IGNORECASE
)


def mentions(message: str) -> Iterator[Mention]:
    """Yield what the sentences of a deprecation are about; nothing where that has no name.

    `Passing a schema to Validator.iter_errors is deprecated` is about a way to call it, and
    `distutils Version classes are deprecated` about several classes: neither yields a name.
    """
    if match := _CALL_TO.match(message):
        yield Mention(tuple(match["name"].split(".")))
    for predicate in _PREDICATE.finditer(message):
        subject = _WHEN.sub("", _SENTENCE_END.split(message[: predicate.start()])[-1].strip(), 1)
        matches = [_SUBJECT.fullmatch(part) for part in _AND.split(subject)]
        if matches[0] and matches[0]["argument"] and not all(matches):
            matches = matches[:1]  # "The convert_unicode parameter and corresponding …"
        for match in matches:
            if match and all(matches):
                owner = match["owner"].split(".") if match["owner"] else []
                name = match["name"].split(".")
                yield Mention((*owner, *name), match["argument"] is not None)


# --- whose it is ---------------------------------------------------------------------------------

_VERSION_OF = re.compile(
    r"\b(?:in|since|from|by|of|until|with|before|for|as of)\s+"
    r"(?!(?:version|release|the|in)\b)(?P<name>[A-Za-z][\w-]*)\s+[vV]?\d"
    r"|\bversion of (?P<next>[A-Za-z][\w-]*)"
    r"|\bversion\(\s*[\"'](?P<metadata>[\w-]+)[\"']\s*\)"
)
_CATEGORY = re.compile(r"(?:Pending)?(?P<name>[A-Z]\w*?)(?:Pending)?Deprecat")
_ABBREVIATIONS = {"SA": "sqlalchemy"}  # SADeprecationWarning


@dataclass(frozen=True)
class _Tie:
    """The signs by which a bare name in a warning belongs to a package."""

    warning: CaughtWarning
    missing: MissingName

    def holds(self, name: str) -> bool:
        """Return whether the strongest sign that there is ties a name to the missing one."""
        for packages in (self._named(), self._in_category(), self._imported(name)):
            if packages:
                return self._accepts(packages)
        return self._accepts(self._used(name) or self._raised_in())

    def contradicts(self) -> bool:
        """Return whether the message or the category names another package only."""
        packages = self._named() or self._in_category()
        return bool(packages) and not self._accepts(packages)

    def _accepts(self, packages: set[str]) -> bool:
        return any(_is_package(a, b) for a in packages for b in self.missing.packages)

    def _named(self) -> set[str]:
        """Return the packages that the message names: `removed in Flask 2.3`."""
        matches = _VERSION_OF.finditer(self.warning.message)
        return {m["name"] or m["next"] or m["metadata"] for m in matches}

    def _in_category(self) -> set[str]:
        """Return the package whose category of warnings it is: `PydanticDeprecatedSince20`."""
        match = _CATEGORY.match(self.warning.category)
        return {_ABBREVIATIONS.get(match["name"], match["name"])} if match else set()

    def _imported(self, name: str) -> set[str]:
        """Return the package that the line of source imports the name from."""
        pattern = rf"\bfrom\s+(\w+)[\w.]*\s+import\b.*\b{re.escape(name)}\b"
        match = re.search(pattern, self.warning.code)
        return {match[1]} if match else set()

    def _used(self, name: str) -> set[str]:
        """Return the first part of the dotted name in the line of source: `flask.__version__`."""
        match = re.search(rf"(?<![\w.])(\w+)(?:\.\w+)*\.{re.escape(name)}\b", self.warning.code)
        return {match[1]} if match else set()

    def _raised_in(self) -> set[str]:
        """Return the package in which it was raised, if the line of source raises it."""
        file = self.warning.file.removeprefix("site-packages/")
        is_raised = "warn(" in self.warning.code and file != self.warning.file
        return {re.split(r"/|\.py", file, maxsplit=1)[0]} if is_raised else set()


def _is_about(mention: Mention, tie: _Tie) -> bool:
    missing = tie.missing
    if mention.is_argument or missing.kind is NameKind.ARGUMENT:
        return _is_about_argument(mention, tie)
    if missing.kind is NameKind.ATTRIBUTE:
        return _is_about_attribute(mention, tie)
    parts = missing.parts
    if len(mention.parts) > 1 and mention.parts[0] == parts[0]:
        advised = _recommends(tie.warning.message, parts)
        is_reexport = _is_reexport(mention.parts, parts) and not advised
        return _leads_to(mention.parts, parts) or is_reexport
    if mention.parts == parts[:1]:  # a whole package or module
        return not tie.contradicts()
    is_end = len(mention.parts) < len(parts) and _same(mention.parts, parts[-len(mention.parts) :])
    return is_end and tie.holds(mention.parts[-1])


def _is_about_argument(mention: Mention, tie: _Tie) -> bool:
    """Return whether a keyword argument that is not accepted any more is what is announced."""
    missing = tie.missing
    is_same = mention.is_argument and missing.kind is NameKind.ARGUMENT
    if not is_same or mention.parts[-1] != missing.parts[-1]:
        return False
    if len(mention.parts) > 1:
        return mention.parts[-2] == missing.parts[0] and not tie.contradicts()
    return tie.holds(mention.parts[-1])


def _is_about_attribute(mention: Mention, tie: _Tie) -> bool:
    """Return whether the attribute of an object is what is announced.

    A class in front of it must be the object's. Without one, a line of source that reads such an
    attribute must be of a file in which it failed: other classes have attributes of that name.
    """
    owner, name = tie.missing.parts
    if mention.parts[-1] != name:
        return False
    if mention.parts[-2:-1] == (owner,):
        return not tie.contradicts()
    if mention.parts[-2:-1] and not mention.parts[-2].islower():
        return False
    is_read = re.search(rf"\.{re.escape(name)}\b", tie.warning.code)
    return tie.holds(name) and (not is_read or tie.warning.file in tie.missing.log)


def _leads_to(parts: Parts, missing: Parts) -> bool:
    """Return whether a path is the missing one, or that of a module or class which has it."""
    is_top_level = len(parts) == 1 and len(missing) > 1
    return not is_top_level and _same(parts, missing[: len(parts)])


def _is_reexport(parts: Parts, missing: Parts) -> bool:
    """Return whether both end in one name of one package, and one of them is from its top."""
    is_same = parts[0] == missing[0] and _same(parts[-1:], missing[-1:])
    from_the_top = min(len(parts), len(missing)) == len(("package", "name"))
    return is_same and from_the_top


def _same(parts: Parts, missing: Parts) -> bool:
    """Compare paths; `with_` is how code has to write the name `with`."""
    spelled = [p.removesuffix("_") if keyword.iskeyword(p.rstrip("_")) else p for p in missing]
    return list(parts) == list(missing) or list(parts) == spelled


def _recommends(message: str, parts: Parts) -> bool:
    """Return whether a message recommends a symbol as what to use instead."""
    module, name = ".".join(parts[:-1]), parts[-1]
    pattern = rf"from {re.escape(module)} import {re.escape(name)}\b"
    return bool(re.search(pattern, message))


_INSTEAD_OF = re.compile(
    r"\bthe ABCs from '(?P<old>[\w.]+)' instead of from '(?P<new>[\w.]+)'", re.IGNORECASE
)
_ABCS = frozenset(collections.abc.__all__)


def _announces_group(message: str, missing: MissingName) -> bool:
    """Return whether a message is about the abstract base classes, and one of them is missing."""
    match = _INSTEAD_OF.search(message)
    return (
        match is not None
        and ".".join(missing.parts[:-1]) == match["old"]
        and missing.parts[-1] in _ABCS
    )


_FEATURE = re.compile(r"(?:The )?[\w-]+ support$", re.IGNORECASE)


def _announces_feature(tie: _Tie) -> bool:
    """Return whether a feature goes away that the line of source uses by the missing name.

    `JWS support is deprecated` names no symbol; it was raised where one was called.
    """
    message, name = tie.warning.message, tie.missing.parts[-1]
    predicate = _PREDICATE.search(message)
    is_feature = predicate is not None and _FEATURE.match(message[: predicate.start()])
    is_called = re.search(rf"\b{re.escape(name)}\(", tie.warning.code)
    is_symbol = tie.missing.kind is NameKind.SYMBOL
    return bool(is_feature and is_called and is_symbol) and tie.holds(name)
