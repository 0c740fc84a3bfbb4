"""Runs the suite of a release, or some of its tests, with locks."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from packaging.utils import canonicalize_name

from watchdog.analysis.suite.source import SuiteSource
from watchdog.harness import suite_smoke
from watchdog.model.evidence import Record, Stage, Trial
from watchdog.model.lock import Conflict, Lock, LockRequest, NoAnswer, Resolution, Unbuildable
from watchdog.resolver.uv_output import failed_release
from watchdog.runner.scheduler import Scheduler

SUITE_SECONDS = 420
"""Time limit of one run of a suite, in seconds."""

SECONDS_A_TEST = 60
"""Time limit of a single test, in seconds."""

_WARNINGS_ARE_NO_ERRORS = ("-W", "default")

_MOST_LEFT_OUT = 5
"""Test tools that are left out since they cannot be installed."""


@dataclass(frozen=True, kw_only=True)
class WholeRun:
    """A run of all tests with one set.

    Attributes:
        request: what was resolved, without the test tools that cannot be installed.
    """

    request: LockRequest
    lock: Lock
    record: Record


@dataclass(frozen=True, kw_only=True)
class SuiteRuns:
    """Runs the suite of a release, or some of its tests, with locks.

    Attributes:
        lenient: warnings are never turned into errors, whatever the suite's settings say.
    """

    scheduler: Scheduler
    source: SuiteSource
    lenient: bool = False

    def trial(
        self,
        lock: Lock,
        python: str,
        as_of: datetime,
        wanted: Collection[str] | None = None,
        *,
        once: bool = False,
        lenient: bool = False,
    ) -> Trial:
        """Return the trial of the suite, or of some of its tests, with a lock.

        Args:
            lock: what is installed.
            python: series.
            as_of: the instant the index is read at.
            wanted: names of uses; None for all.
            once: a failure is stored without being repeated.
            lenient: warnings are not turned into errors, whatever the suite's settings say.
        """
        source = self.source
        tests = None if wanted is None else sorted(wanted)
        arguments = (
            *source.tests.arguments,
            *(_WARNINGS_ARE_NO_ERRORS if lenient or self.lenient else ()),
        )
        return self.scheduler.workspace.made_trial(
            f"suite-{source.subject}",
            suite_smoke(
                arguments,
                tests,
                source.digest,
                seconds=SUITE_SECONDS,
                seconds_a_test=SECONDS_A_TEST,
            ),
            lock,
            python,
            as_of,
            environment=(("WATCHDOG_PROJECT", str(source.folder)),),
            shared=(source.folder,),
            once=once,
        )

    async def whole(self, lock: Lock, python: str, as_of: datetime) -> Record:
        """Run all tests once; the record is kept, whatever it says."""
        return await self.scheduler.record(self.trial(lock, python, as_of, once=True))

    async def some(
        self, lock: Lock, python: str, as_of: datetime, wanted: Collection[str]
    ) -> Record:
        """Run some tests; what fails is run again before it counts."""
        return await self.scheduler.record(self.trial(lock, python, as_of, wanted))

    async def resolved(self, request: LockRequest, plain: Lock) -> WholeRun | str:
        """Run all tests with the set of a request; or return why there is none.

        A test tool that does not build, or cannot be had, is left out: other tests may run without
        it.

        Args:
            request: for the package with its test tools.
            plain: what the package alone needs.
        """
        needed = {name for name, _ in plain.pins}
        for _ in range(_MOST_LEFT_OUT):
            lock = await self.scheduler.lock(request)
            name = _hindrance(lock)
            if isinstance(lock, Lock):
                record = await self.whole(lock, request.python, request.installed_as_of)
                if record.judgement.stage is not Stage.INSTALL:
                    return WholeRun(request=request, lock=lock, record=record)
                judgement = record.judgement
                name, _ = failed_release(f"{judgement.symptom}\n{record.evidence[-1].log}")
            is_left_out = name in request.without
            if not name or name in needed or is_left_out or await self._is_of_pytest(name, request):
                return reason_of(lock) if not isinstance(lock, Lock) else _install_reason(record)
            request = replace(request, without=(*request.without, name))
        return "too many of its test tools cannot be installed"

    async def _is_of_pytest(self, name: str, request: LockRequest) -> bool:
        """Return whether pytest needs a package, so that without it no test runs."""
        alone = replace(request, requirements=("pytest",), constraints=(), later=(), without=())
        lock = await self.scheduler.lock(alone)
        return not isinstance(lock, Lock) or lock.version(name) is not None


def _hindrance(resolution: Resolution) -> str:
    """Return the package that is asked for and cannot be had; empty if it is none in particular."""
    match resolution:
        case Unbuildable(name=name):
            return name
        case Conflict(reason):
            found = _UNAVAILABLE.search(reason)
            return canonicalize_name(found["name"]) if found else ""
        case _:
            return ""


_UNAVAILABLE = re.compile(
    r"\bonly (?P<name>[\w.-]+?)(?:[<>=!~]\S*)? (?:is|are) available and you require (?P=name)\b"
)
"""How uv says that no release of a package fits what is asked for of it."""


def reason_of(resolution: Resolution) -> str:
    """Return why there is no lock, in words."""
    match resolution:
        case Lock():
            return "the package itself is not in what is installed"
        case Unbuildable(symptom=symptom, name=name):
            return f"{name or 'a source distribution'} does not build: {symptom}"
        case Conflict(reason) | NoAnswer(reason):
            return reason


def _install_reason(record: Record) -> str:
    judgement = record.judgement
    return f"it cannot be installed: {judgement.symptom or judgement.reason}"
