"""Runs made-up packages with known outcomes beside the real cells, to test the watchdog itself.

These canaries take the same way as every cell: a wheel, the store, an environment, the sandbox, the
probe, the judgement. Only the wheels come from here and not from the index. If one of them has an
unexpected outcome, the results of the run cannot be trusted, and none of them is reported as new.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from pydantic import TypeAdapter

from watchdog.harness import PACKAGE
from watchdog.model.cell import smoke_name
from watchdog.model.evidence import Judgement, Outcome, Trial
from watchdog.model.fingerprint import content_digest, digest
from watchdog.model.lock import Lock
from watchdog.runner import wheel_builder
from watchdog.runner.judge import judge
from watchdog.runner.scheduler import Scheduler, Urgency, gather, with_urgency
from watchdog.runner.trials import TrialRunner
from watchdog.runner.workspace import Workspace, cache_folder
from watchdog.storage import files

FEW_CELLS = 20
"""A run of at most so many cells does without the self test if one passed within `VALID_FOR`."""

VALID_FOR = timedelta(days=1)

_VERSION = "1.0"
_WORKING_CODE = "def use():\n    return 42\n"
_SMOKE = """import {module}

def test_use():
    assert {module}.use() == 42
"""
_TIMEOUT = 1
"""Seconds after which the canary that hangs is stopped."""


@dataclass(frozen=True, kw_only=True)
class Canary:
    """A made-up package and the outcome that it must have.

    Attributes:
        code: source of its only module.
        symptom: text that must be part of the symptom.
        hangs: it never ends by itself, so it gets a short time limit and only one attempt.
    """

    name: str
    code: str
    outcome: Outcome = Outcome.BROKEN
    symptom: str = ""
    hangs: bool = False

    @property
    def module(self) -> str:
        """The import name."""
        return self.name.replace("-", "_")


CANARIES = (
    Canary(name="canary-works", code=_WORKING_CODE, outcome=Outcome.WORKS),
    Canary(
        name="canary-raises",
        code="def use():\n    raise KeyError('lost')\n",
        symptom="KeyError: 'lost'",
    ),
    Canary(
        name="canary-lacks-a-name",
        code="from json import no_such_name\n" + _WORKING_CODE,
        symptom="cannot import name 'no_such_name'",
    ),
    Canary(name="canary-is-wrong", code="def use():\n    return 41\n", symptom="assert"),
    Canary(name="canary-exits", code="import os\ndef use():\n    os._exit(0)\n"),
    Canary(
        name="canary-prints-a-report",
        code="import os\ndef use():\n"
        '    print(\'{"event": "end"}\', flush=True)\n    os._exit(0)\n',
    ),
    Canary(
        name="canary-hangs",
        code="import time\ndef use():\n    time.sleep(600)\n",
        symptom="Timeout",
        hangs=True,
    ),
    # It fails in a linked environment and passes in the reference environment of its second try.
    Canary(
        name="canary-differs",
        code="import os, sys\ndef use():\n"
        "    own = os.path.realpath(__file__).startswith(os.path.realpath(sys.prefix))\n"
        "    assert own, 'only here'\n    return 42\n",
        outcome=Outcome.FLAKY,
        symptom="only here",
    ),
)


@dataclass
class SelfTest:
    """The result of the self test.

    Attributes:
        why: why the results of the run cannot be trusted; None if they can.
        ended: set as soon as that is known.
    """

    why: str | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, kw_only=True)
class PassedSelfTest:
    """A self test that passed.

    Attributes:
        key: digest of what was tested: this program, the Python and the isolation.
        at: when, UTC.
    """

    key: str
    at: datetime


_PASSED = TypeAdapter(PassedSelfTest)


@asynccontextmanager
async def alongside(scheduler: Scheduler, cells: int) -> AsyncIterator[SelfTest]:
    """Run the self test while the body of the `with` statement runs its cells.

    Nothing is tested if the body runs no trial, or if it has few cells and the same self test
    passed within a day.

    Args:
        scheduler: what runs the canaries.
        cells: how many cells the body has.
    """
    result = SelfTest()
    python = scheduler.workspace.usual_pythons[-1]

    async def test() -> None:
        await scheduler.busy.wait()
        key = await scheduler.in_thread(partial(_key, scheduler.workspace, python))
        if cells > FEW_CELLS or not _passed_recently(key):
            result.why = await _failures(scheduler, python)
            if result.why is None:
                passed = PassedSelfTest(key=key, at=datetime.now(UTC))
                files.write_atomic(_passed_file(), _PASSED.dump_json(passed))
        result.ended.set()

    async with asyncio.TaskGroup() as group:
        with with_urgency(Urgency.NEXT):  # no page is shown before it
            testing = group.create_task(test())
        yield result
        if not scheduler.busy.is_set():
            testing.cancel()


def _passed_file() -> Path:
    return cache_folder() / "self-test.json"


def _key(workspace: Workspace, python: str) -> str:
    """Return a digest of everything that the self test tests."""
    sources = sorted(path for path in PACKAGE.rglob("*.py") if "smokes" not in path.parts)
    return digest(
        [content_digest(path.read_bytes()) for path in sources],
        workspace.interpreters[python].version,
        workspace.sandbox.choose().value,
    )


def _passed_recently(key: str) -> bool:
    passed = files.read_json(_passed_file(), _PASSED)
    if passed is None or passed.key != key:
        return False
    return timedelta() <= datetime.now(UTC) - passed.at <= VALID_FOR


async def _failures(scheduler: Scheduler, python: str) -> str | None:
    """Run all canaries on one Python; return what was unexpected, None if nothing was.

    Their records are not stored.
    """
    workspace = scheduler.workspace
    smokes = workspace.scratch / "self-test"
    runner = replace(workspace.runner, smokes=smokes)
    # The canary that hangs only waits, so it must not take a slot from smokes that compute.
    impatient = replace(runner, seconds=_TIMEOUT, slots=threading.Semaphore(1))
    await scheduler.in_thread(partial(_publish, workspace, smokes))
    judgements = await gather(
        scheduler.in_worker(
            partial(_judge, impatient if canary.hangs else runner, canary, workspace, python)
        )
        for canary in CANARIES
    )
    return "; ".join(_unexpected(CANARIES, judgements)) or None


def _judge(runner: TrialRunner, canary: Canary, workspace: Workspace, python: str) -> Judgement:
    trial = _trial(workspace, canary, python)
    if canary.hangs:
        return judge(runner.attempt(trial))
    return runner.execute(trial).judgement


def _publish(workspace: Workspace, smokes: Path) -> None:
    """Write the wheels and smokes of the canaries, and add the wheels to the store."""
    for canary in CANARIES:
        module = canary.module
        content = wheel_builder.build_wheel(canary.name, _VERSION, {f"{module}.py": canary.code})
        wheel = cache_folder() / "self-test" / f"{module}-{_VERSION}-py3-none-any.whl"
        files.write_atomic(wheel, content)
        workspace.environments.add_local_wheel(canary.name, _VERSION, wheel)
        smoke = smokes / f"{smoke_name(canary.name)}.py"
        files.write_atomic(smoke, _SMOKE.format(module=module).encode())


def _trial(workspace: Workspace, canary: Canary, python: str) -> Trial:
    return Trial(
        subject=canary.name,
        lock=Lock(((canary.name, _VERSION),)),
        interpreter=workspace.interpreters[python],
        smoke=smoke_name(canary.name),
        distributions=(),
        services=(),
        fingerprint=canary.name,
        as_of=workspace.settings.as_of,
    )


def _unexpected(canaries: Sequence[Canary], judgements: Sequence[Judgement]) -> Iterator[str]:
    for canary, judgement in zip(canaries, judgements, strict=True):
        if judgement.outcome is canary.outcome and canary.symptom in (judgement.symptom or ""):
            continue
        actual = f"{judgement.outcome} {judgement.symptom or judgement.reason or ''}".strip()
        expected = f"{canary.outcome} {canary.symptom}".strip()
        yield f"{canary.name} had the outcome {actual!r} instead of {expected!r}"
