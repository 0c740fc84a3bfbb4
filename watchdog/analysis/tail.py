"""Makes the list of the long tail: who is a candidate, and who of them can be installed.

A package is a candidate if its name contains that of the framework, or if it requires the
framework or its foundation. What the matrix lists is left out.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from watchdog.analysis.download_list import ListedName
from watchdog.facts.titles import title_of
from watchdog.matrix.schema import Matrix
from watchdog.model.evidence import Stage
from watchdog.model.lock import Conflict, Lock, LockRequest, NoAnswer, Resolution, Unbuildable
from watchdog.model.release import Release
from watchdog.model.tail import TailPackage, in_order_of_use
from watchdog.runner.scheduler import Observer, Scheduler, run_with_scheduler
from watchdog.runner.workspace import Workspace

_AT_ONCE = 2
"""How many packages are resolved at once."""

_REASON_LENGTH = 200
"""Characters of a resolver's reason that are kept."""


@dataclass(frozen=True, kw_only=True)
class TailList:
    """A new list.

    Attributes:
        packages: those that are run, the most used first; then those that are dropped, by name.
        asked: the pages of how many packages were read.
        strangers: names that were asked for and require neither the framework nor its foundation.
        failures: by name, the infrastructure failure that hid a package; its line is that of the
            earlier list, if it had one.
    """

    packages: tuple[TailPackage, ...]
    asked: int
    strangers: tuple[str, ...]
    failures: tuple[tuple[str, str], ...]


def choose_candidates(
    matrix: Matrix, listed: Iterable[ListedName], also: Iterable[str], most: int
) -> tuple[ListedName, ...]:
    """Return the names whose pages are worth a request.

    These are, of names that matrix.yaml does not list: those with a rank that contain the
    framework's name, or whose summary names the core; those of `also`; and, up to `most`, those
    without a rank that contain the framework's name. Of the last ones `flask-NAME` and `NAME-flask`
    come first, then those whose newest version is not a first one, then the latest released.
    """
    own = {*matrix.extensions, *matrix.core}
    asked_for = {canonicalize_name(name) for name in also}
    words = re.compile(rf"\b({'|'.join(map(re.escape, matrix.core))})\b", re.IGNORECASE)
    sure: dict[str, ListedName] = {}
    others: dict[str, ListedName] = {}
    for name in listed:
        if name.name in own:
            continue
        is_named = matrix.framework in name.name
        is_ranked = name.rank is not None and (is_named or words.search(name.summary))
        if is_ranked or name.name in asked_for:
            sure[name.name] = name
        elif is_named:
            others[name.name] = name
    unranked = sorted(others.values(), key=lambda n: (n.month, n.name), reverse=True)
    unranked.sort(key=lambda n: (not _is_extension_name(matrix, n.name), _is_first(n.version)))
    unlisted = [ListedName(name=n) for n in sorted(asked_for) if n not in sure and n not in own]
    return (*sure.values(), *unlisted, *unranked[:most])


def _is_extension_name(matrix: Matrix, name: str) -> bool:
    """Return whether a name has the form that extensions have."""
    return name.startswith(f"{matrix.framework}-") or name.endswith(f"-{matrix.framework}")


_FIRST = re.compile(r"0(\.[0-2](\.\d)?)?|1\.0(\.0)?")


def _is_first(version: str) -> bool:
    """Return whether a version is one that a project begins with; then it has few releases."""
    return _FIRST.fullmatch(version) is not None


def make_tail_list(
    workspace: Workspace,
    observer: Observer,
    candidates: Sequence[ListedName],
    earlier: Sequence[TailPackage],
) -> TailList:
    """Find out which candidates can be installed, the most used first, until there are enough.

    Args:
        workspace: whose matrix has a table `tail`, which says how many are enough.
        observer: receives the progress.
        candidates: whose pages are read.
        earlier: the list as it was; a package that cannot be examined keeps its line.
    """
    return run_with_scheduler(workspace, observer, partial(_make, candidates, earlier))


async def _make(
    candidates: Sequence[ListedName], earlier: Sequence[TailPackage], scheduler: Scheduler
) -> TailList:
    workspace = scheduler.workspace
    as_of, table = workspace.settings.as_of, workspace.settings.matrix.tables.tail
    assert table is not None  # noqa: S101  the command has seen to it
    scheduler.observer.stage("Reading the index", len(candidates))
    await scheduler.in_thread(lambda: workspace.index.prefetch(c.name for c in candidates))
    described = [
        describe_package(c, workspace.index.releases_of(c.name, as_of), table.python)
        for c in candidates
    ]
    in_order = in_order_of_use(described, as_of.date())
    installable = [package for package in in_order if package.dropped is None]
    examiner = _Examiner(scheduler, table.python, table.most_used)
    scheduler.observer.stage("Resolving", min(table.most_used, len(installable)))
    await examiner.examine(installable)
    known = {package.name: package for package in earlier}
    hidden = [known[name] for name in examiner.failures if name in known]
    found = [*examiner.kept.values(), *(p for p in hidden if p.dropped is None)]
    kept = in_order_of_use(found, as_of.date())[: table.most_used]
    dropped = [package for package in in_order if package.dropped is not None]
    dropped += [*examiner.dropped, *(p for p in hidden if p.dropped is not None)]
    return TailList(
        packages=(*kept, *sorted(dropped, key=lambda package: package.name)),
        asked=len(candidates),
        strangers=tuple(sorted(examiner.strangers)),
        failures=tuple(sorted(examiner.failures.items())),
    )


def describe_package(
    listed: ListedName, releases: Sequence[Release], pythons: Sequence[str]
) -> TailPackage:
    """Return what the index shows of a package; it is dropped if no installer takes a file of it.

    Args:
        listed: the name and its rank.
        releases: all that the index shows, the oldest version first.
        pythons: on which it would be run.
    """
    final = [release for release in releases if release.final]
    newest = final[-1] if final else None
    package = TailPackage(
        name=listed.name,
        title=_title(listed.name, newest or (releases[-1] if releases else None)),
        rank=listed.rank,
        version=str(newest.version) if newest else None,
        released=newest.uploaded.date() if newest and newest.uploaded else None,
        releases=len(final),
    )
    return replace(package, dropped=_why_not_installed(releases, final, pythons))


def _title(name: str, release: Release | None) -> str:
    """Return the name of a package as its files have it, with capitals if one of them has."""
    files = release.files if release else ()
    forms = [_name_in_file(file.name).replace("_", "-") for file in files]
    fitting = [form for form in forms if canonicalize_name(form) == name]
    return max(fitting, key=lambda form: (form != form.lower(), form), default=name)


def _name_in_file(file: str) -> str:
    if file.endswith(".whl"):
        return file.split("-", 1)[0]
    return file.rpartition("-")[0]


def _why_not_installed(
    releases: Sequence[Release], final: Sequence[Release], pythons: Sequence[str]
) -> str | None:
    if not releases:
        return "the index has no file of it that an installer takes"
    if all(release.yanked for release in releases):
        return "all its releases are yanked"
    if not final:
        return "it has no final release"
    if not any(_allows(release, python) for release in final for python in pythons):
        return f"its metadata excludes Python {' and '.join(pythons)} (requires-python)"
    return None


def _allows(release: Release, python: str) -> bool:
    """Return whether a file of a release may be installed on a Python."""
    for file in release.files:
        try:
            allowed = SpecifierSet(file.requires_python or "")
        except InvalidSpecifier:  # installers ignore what they cannot read
            return True
        # The patch release of the Python is not known here, so any of the series counts.
        if not file.yanked and any(f"{python}.{patch}" in allowed for patch in (0, 99)):
            return True
    return False


class _Examiner:
    """Resolves packages in their order until enough can be installed."""

    def __init__(self, scheduler: Scheduler, pythons: Sequence[str], enough: int) -> None:
        self._scheduler = scheduler
        self._pythons = [p for p in reversed(pythons) if p in scheduler.workspace.interpreters]
        self._enough = enough
        self.kept: dict[str, TailPackage] = {}
        self.dropped: list[TailPackage] = []
        self.strangers: list[str] = []
        self.failures: dict[str, str] = {}

    async def examine(self, packages: Sequence[TailPackage]) -> None:
        """Examine packages, a few at once."""
        waiting = iter(packages)
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(self._work(waiting))

    async def _work(self, waiting: Iterator[TailPackage]) -> None:
        for package in waiting:
            if len(self.kept) >= self._enough:
                return
            await self._examine_package(package)

    async def _examine_package(self, package: TailPackage) -> None:
        matrix = self._scheduler.workspace.settings.matrix
        answer, requires = await self._resolve(package.name)
        if isinstance(answer, Lock):
            if matrix.framework not in package.name and requires:
                self.strangers.append(package.name)
                return
            self.kept[package.name] = replace(package, requires=requires)
            self._scheduler.observer.advance()
        elif isinstance(answer, NoAnswer) and answer.infrastructure:
            self.failures[package.name] = answer.reason
        else:
            self.dropped.append(replace(package, dropped=_why_not_resolved(answer)))

    async def _resolve(self, name: str) -> tuple[Resolution, tuple[str, ...]]:
        """Return the answer for the newest Python that has a lock, and what is asked for beside.

        Where no Python has one, the answer for the newest.
        """
        matrix = self._scheduler.workspace.settings.matrix
        first: tuple[Resolution, tuple[str, ...]] | None = None
        for python in self._pythons:
            answer, requires = await self._lock(python, name), tuple[str, ...]()
            if isinstance(answer, Lock) and not any(map(answer.version, matrix.core)):
                requires = (matrix.framework,)
                if matrix.framework in name:
                    answer = await self._lock(python, name, *requires)
            if isinstance(answer, Lock):
                return answer, requires
            first = first or (answer, requires)
        return first or (NoAnswer("none of the table's Pythons is on this machine"), ())

    async def _lock(self, python: str, *requirements: str) -> Resolution:
        as_of = self._scheduler.workspace.settings.as_of
        return await self._scheduler.lock(LockRequest(requirements, python, as_of))


def _why_not_resolved(answer: Resolution) -> str:
    match answer:
        case Unbuildable(symptom=symptom):
            return _cut(f"cannot be built: {title_of(symptom, stage=Stage.INSTALL)}")
        case Conflict(reason) | NoAnswer(reason):
            return _cut(f"does not resolve: {reason}")
    raise AssertionError(answer)


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _REASON_LENGTH else f"{text[: _REASON_LENGTH - 1].rstrip()}…"
