"""Resolves requests to locks, each once for as long as the index shows the same.

An answer depends on the request and on what the index showed of the packages that uv consulted,
which uv names in its log. So an answer is stored beside a digest of those pages as they were at the
cutoff: if a later request, at any cutoff, meets the same pages, the stored answer holds. The
watchdog and uv read a page at different moments; so while a page shows an upload of the last hour,
which one of them may have missed, no answer that depends on it is stored.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from watchdog.errors import InfrastructureError, InstallError, OfflineError, PageLimitError
from watchdog.model.fingerprint import digest
from watchdog.model.lock import (
    Lock,
    LockRequest,
    NoAnswer,
    Resolution,
    Unbuildable,
    package_name,
)
from watchdog.model.release import Interpreter
from watchdog.resolver.answer_cache import AnswerCache
from watchdog.resolver.index import Index
from watchdog.resolver.pip_resolver import PipResolver
from watchdog.resolver.pip_wheels import PipWheels
from watchdog.resolver.uv import Uv
from watchdog.resolver.uv_output import refused_packages

_RULES = 2
"""To be increased when stored answers would be read by other rules than they were made by."""

_ROUNDS = 6
"""Each round reads pages not read before; answers settle in two or three."""

_VISIBLE_AFTER = timedelta(hours=1)
"""How long an upload may take to be seen by every reader of an index and its mirrors."""

_ANY_TIME = datetime(2100, 1, 1, tzinfo=UTC)
"""A cutoff after every release."""

_NOT_ON_INDEX = "not on the index"


class _UnbuildableError(Exception):
    """pip cannot build a release that it was to build; not kept, as only this run tried it."""

    def __init__(self, resolution: Unbuildable) -> None:
        super().__init__(resolution.symptom)
        self.resolution = resolution


class Resolver:
    """Resolves requests; safe to use from several threads.

    Where the oldest version of something is wanted, requirements of the framework count first.
    """

    def __init__(
        self,
        uv: Uv,
        index: Index,
        folder: Path,
        framework: str,
        pip_wheels: PipWheels | None = None,
        pip_resolver: PipResolver | None = None,
    ) -> None:
        self._uv = uv
        self._pip_resolver = pip_resolver
        self._pip_wheels = pip_wheels
        self._framework = framework
        self._index = index
        self._cache = AnswerCache(folder / "answers.sqlite")
        self._refreshed: dict[str, Future[None]] = {}
        self._refreshing = threading.Lock()
        self._expected: set[str] = set()
        self._begun = False
        self._described: set[tuple[str, str]] = set()
        """Releases in locks of this run, by name and version: uv has their metadata."""

    def close(self) -> None:
        """Close the cache of answers."""
        self._cache.close()

    def prefetch_pages(self, requests: Iterable[tuple[LockRequest, Interpreter]]) -> None:
        """Read at once the pages that earlier answers to these requests depend on.

        Raises:
            InfrastructureError: the index cannot be read.
        """
        names: set[str] = set()
        for request, interpreter in requests:
            names |= {_name(requirement) for requirement in request.requirements}
            for package_set in self._cache.package_sets(self._key(request, interpreter)).values():
                names |= set(package_set)
        self._expected |= names
        try:
            self._index.prefetch(names)
        except OfflineError:  # resolve() reports a missing page, for the request that needs it
            return

    def resolve(self, request: LockRequest, interpreter: Interpreter) -> Resolution:
        """Return the lock for a request, or why there is none.

        Never raises for what a package does; an infrastructure failure is `NoAnswer`.
        """
        return self.lock_and_names(request, interpreter)[0]

    def lock_and_names(
        self, request: LockRequest, interpreter: Interpreter
    ) -> tuple[Resolution, frozenset[str]]:
        """Return what resolve() does, and the packages whose pages the answer depends on."""
        answer, names = self._answer(request, interpreter)
        refused = refused_packages(answer)
        if refused and self._pip_wheels is not None:
            accepted = set(self._pip_wheels.accepted(refused)) - set(request.by_pip)
            if accepted:
                by_pip = tuple(sorted((*request.by_pip, *accepted)))
                return self.lock_and_names(replace(request, by_pip=by_pip), interpreter)
        return self._with_bundled_setuptools(request, interpreter, answer, names)

    def _with_bundled_setuptools(
        self,
        request: LockRequest,
        interpreter: Interpreter,
        answer: Resolution,
        names: frozenset[str],
    ) -> tuple[Resolution, frozenset[str]]:
        """Return the answer with the setuptools that `python -m venv` brings, if it will do.

        pip leaves an installed release as it is where something merely requires its package. That
        setuptools is part of the Python, whatever the cutoff, so it is not in the lock.
        """
        bundled, name = interpreter.setuptools, "setuptools"
        if bundled is None or not isinstance(answer, Lock) or not answer.version(name):
            return answer, names
        with_it = replace(
            request,
            constraints=(*request.constraints, f"{name}=={bundled}"),
            later=(*(pair for pair in request.later if pair[0] != name), (name, _ANY_TIME)),
        )
        again, more = self._answer(with_it, interpreter)
        if not isinstance(again, Lock):
            return answer, names
        return Lock(tuple(pin for pin in again.pins if pin[0] != name)), names | more

    def _answer(
        self, request: LockRequest, interpreter: Interpreter
    ) -> tuple[Resolution, frozenset[str]]:
        """Return the answer of uv, kept or new, and the packages whose pages it depends on."""
        try:
            key = self._key(request, interpreter)
            if (kept := self._kept(key, request)) is None:
                try:
                    kept = self._resolve(request, interpreter)
                except _UnbuildableError as e:
                    return e.resolution, frozenset()
                self._keep(key, request, *kept)
            answer, consulted = kept
            if isinstance(answer, Lock):
                self._described.update(answer.pins)
        except PageLimitError as e:
            return NoAnswer(str(e), infrastructure=False), frozenset()
        except InfrastructureError as e:
            return NoAnswer(str(e)), frozenset()
        return answer, consulted

    def choice_of_pip(self, request: LockRequest, interpreter: Interpreter) -> Resolution | None:
        """Return which set pip installs for a request, or why it installs none.

        None where that is not known: nothing asks pip here, it gave no answer, or the index has
        changed since the cutoff in what the answer depends on, as pip reads it as it is now.
        """
        special = (request.oldest, request.later, request.without, request.by_pip)
        if self._pip_resolver is None or self._uv.overlay or any(special):
            return None
        key = digest(_RULES, "pip", self._key(request, interpreter))
        try:
            if (kept := self._kept(key, request)) is not None:
                return kept[0]
            if self._uv.offline:
                return None
            answer, names = self._pip_resolver.resolve(request, interpreter)
            now = replace(request, as_of=datetime.now(UTC))
            if isinstance(answer, NoAnswer) or self._state(names, request) != self._state(
                names, now
            ):
                return None
            self._keep(key, request, answer, names)
        except InfrastructureError:
            return None
        return answer

    def _kept(self, key: str, request: LockRequest) -> tuple[Resolution, frozenset[str]] | None:
        """Return an answer that was kept, and the packages whose pages it depends on."""
        for package_set, names in self._cache.package_sets(key).items():
            state = self._state(names, request)
            if state and (stored := self._cache.get(key, package_set, state)) is not None:
                return stored, frozenset(names)
        return None

    def _keep(
        self, key: str, request: LockRequest, answer: Resolution, names: Iterable[str]
    ) -> None:
        """Keep an answer, unless it may be another one soon."""
        names = sorted(names)
        lasting = not isinstance(answer, NoAnswer) and self._is_settled(names, request)
        if lasting and (state := self._state(names, request)):
            self._cache.put(key, names, state, answer)

    def _key(self, request: LockRequest, interpreter: Interpreter) -> str:
        return digest(
            _RULES,
            self._uv.identity,
            request.requirements,
            (self._framework, *request.oldest) if request.oldest else (),
            request.constraints,
            [name for name, _ in request.later],
            *([("without", *request.without)] if request.without else ()),
            *([("by pip", *request.by_pip)] if request.by_pip else ()),
            (interpreter.version, interpreter.platform),
        )

    def _state(self, names: Iterable[str], request: LockRequest) -> str | None:
        """Return a digest of what the index shows of packages at the request's cutoffs.

        None if that is not known, offline.
        """
        later = dict(request.later)
        states: list[tuple[str, str]] = []
        for name in names:
            try:
                page = self._index.page(name)
            except OfflineError:
                return None
            cutoff = later.get(name, request.as_of)
            states.append((name, _NOT_ON_INDEX if page is None else page.state(cutoff)))
        return digest(states)

    def _resolve(
        self, request: LockRequest, interpreter: Interpreter
    ) -> tuple[Resolution, frozenset[str]]:
        if request.oldest:
            return self._resolve_oldest(request, interpreter)
        return self._resolve_with_fresh_pages(request.requirements, request, interpreter)

    def _resolve_oldest(
        self, request: LockRequest, interpreter: Interpreter
    ) -> tuple[Resolution, frozenset[str]]:
        """Find the oldest allowed versions first, then resolve everything with these pinned."""
        oldest = request.oldest
        base = [r for r in request.requirements if _name(r) in (self._framework, *oldest)]
        others = [r for r in request.requirements if r not in base]
        absent = [name for name in oldest if name not in {_name(r) for r in base}]
        lowest, first_consulted = self._resolve_with_fresh_pages(
            (*(base or others), *absent), request, interpreter, lowest=True
        )
        if not isinstance(lowest, Lock):
            return lowest, first_consulted
        pins = [f"{name}=={version}" for name in oldest if (version := lowest.version(name))]
        unpinned = [r for r in request.requirements if _name(r) not in oldest]
        answer, consulted = self._resolve_with_fresh_pages((*unpinned, *pins), request, interpreter)
        return answer, first_consulted | consulted

    def _resolve_with_fresh_pages(
        self,
        requirements: tuple[str, ...],
        request: LockRequest,
        interpreter: Interpreter,
        *,
        lowest: bool = False,
    ) -> tuple[Resolution, frozenset[str]]:
        """Return an answer for which uv consulted only pages that it read in this run."""
        consulted = frozenset(_name(requirement) for requirement in requirements)
        wheels = self._wheels(request, interpreter)
        is_new = self._is_new(requirements, request, interpreter)
        for _ in range(_ROUNDS):
            self._refresh(consulted, interpreter, bulk_only=True)
            result = self._uv.resolve(
                requirements,
                interpreter,
                request.as_of,
                later=request.later,
                constraints=request.constraints,
                without=request.without,
                wheels=wheels,
                lowest=lowest,
                online=is_new or not consulted <= set(self._refreshed),
            )
            if isinstance(result.resolution, NoAnswer):
                break
            consulted |= result.consulted
            self._mark_refreshed(result.pages_read)
            if self._uv.offline or consulted <= set(self._refreshed):
                break
            self._refresh(consulted, interpreter)
        return result.resolution, consulted

    def _is_new(
        self, requirements: Iterable[str], request: LockRequest, interpreter: Interpreter
    ) -> bool:
        """Return whether uv probably lacks the metadata of a release that is asked for.

        Then it reads all that it needs at once. From its cache alone it would try older and older
        versions of what is not there: all 2,000 of botocore.
        """
        if self._uv.offline or self._cache.package_sets(self._key(request, interpreter)):
            return False
        newest = (self._newest(requirement, request) for requirement in requirements)
        return any(release and release not in self._described for release in newest)

    def _newest(self, requirement: str, request: LockRequest) -> tuple[str, str] | None:
        """Return the newest final release that a requirement allows at the cutoff, if any."""
        name = _name(requirement)
        try:
            allowed = Requirement(requirement).specifier
        except InvalidRequirement:
            return None
        page = self._index.page(name)
        cutoff = dict(request.later).get(name, request.as_of)
        for release in reversed(page.releases(cutoff) if page else ()):
            if release.final and release.version in allowed:
                return name, str(release.version)
        return None

    def _wheels(self, request: LockRequest, interpreter: Interpreter) -> list[Path]:
        """Return the wheels that pip builds of what uv refuses.

        Raises:
            _UnbuildableError: pip cannot build one.
            InfrastructureError: index, network or disk failed.
        """
        wheels = []
        for name, version in request.by_pip:
            assert self._pip_wheels is not None  # noqa: S101  for the type checker
            try:
                wheel = self._pip_wheels.wheel(name, version, interpreter, request.as_of)
            except InstallError as e:
                raise _UnbuildableError(Unbuildable(e.symptom, e.log, name, version)) from e
            wheels.append(wheel.path)
        return wheels

    def _is_settled(self, names: Iterable[str], request: LockRequest) -> bool:
        """Return whether every upload that counts here is old enough for all readers to see it."""
        young = datetime.now(UTC) - _VISIBLE_AFTER
        if request.installed_as_of < young:
            return True
        later = dict(request.later)
        for name in names:
            cutoff = later.get(name, request.as_of)
            page = self._index.page(name)
            if page and cutoff >= young and page.state(young) != page.state(cutoff):
                return False
        return True

    def _mark_refreshed(self, names: Iterable[str]) -> None:
        """Record that uv has read these pages in this run."""
        done: Future[None] = Future()
        done.set_result(None)
        with self._refreshing:
            for name in names:
                self._refreshed.setdefault(name, done)

    def _refresh(
        self, names: Iterable[str], interpreter: Interpreter, *, bulk_only: bool = False
    ) -> None:
        """Make uv read the pages of these packages again, once a run.

        The first call after `prefetch_pages` also reads all pages that earlier answers depend on.
        With `bulk_only` the other calls read nothing, since uv reads the pages of an online request
        itself.

        Raises:
            InfrastructureError: the index cannot be read.
        """
        if self._uv.offline:
            return
        names = set(names)
        claimed, done = self._claim(names, bulk_only=bulk_only)
        if claimed:
            try:
                self._uv.refresh(sorted(claimed), interpreter)
            except BaseException as e:
                with self._refreshing:
                    for name in claimed:
                        del self._refreshed[name]
                done.set_exception(e)
                raise
            done.set_result(None)
        for name in names:  # wait for pages that another thread is reading
            if (reading := self._refreshed.get(name)) is not None:
                reading.result()

    def _claim(self, names: set[str], *, bulk_only: bool) -> tuple[set[str], Future[None]]:
        """Return the pages that the caller has to read, and the future to complete after that."""
        done: Future[None] = Future()
        with self._refreshing:
            is_bulk = bool(self._expected) or not self._begun
            wanted = names | self._expected if is_bulk or not bulk_only else set[str]()
            claimed = wanted - set(self._refreshed)
            self._expected, self._begun = set(), True
            self._refreshed |= dict.fromkeys(claimed, done)
        return claimed, done


def _name(requirement: str) -> str:
    """Return the normalised name of a requirement's package."""
    try:
        return package_name(requirement)
    except InvalidRequirement:
        return requirement
