"""Made-up packages whose outcome is known, run beside the real cells: the tester tested.

They take the way of every cell: a wheel, the store, an environment, the sandbox, the probe, the
judgement. Only that they come from here and not from the index. Where one comes out otherwise
than it must, what the run found is not to be believed, and is no news.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from watchdog.model.cell import smoke_name
from watchdog.model.evidence import Outcome, Record, Trial
from watchdog.model.lock import Lock
from watchdog.runner import wheel_builder
from watchdog.runner.scheduler import Scheduler, gather
from watchdog.runner.workspace import Workspace, cache_folder
from watchdog.storage import files

_VERSION = "1.0"
_GOOD = "def use():\n    return 42\n"
_SMOKE = """import {module}

def test_use():
    assert {module}.use() == 42
"""
_PATIENCE = 3
"""Seconds after which one that hangs is taken to hang."""


@dataclass(frozen=True)
class Canary:
    """A package and what must come out.

    Attributes:
        symptom: part of what must be seen.
        hangs: it is waited for only as long as it takes to tell.
    """

    name: str
    code: str
    outcome: Outcome
    symptom: str = ""
    hangs: bool = False

    @property
    def module(self) -> str:
        return self.name.replace("-", "_")


CANARIES = (
    Canary("known-answer-works", _GOOD, Outcome.WORKS),
    Canary(
        "known-answer-raises",
        "def use():\n    raise KeyError('lost')\n",
        Outcome.BROKEN,
        "KeyError: 'lost'",
    ),
    Canary(
        "known-answer-lacks",
        "from json import no_such_name\n" + _GOOD,
        Outcome.BROKEN,
        "cannot import name 'no_such_name'",
    ),
    Canary("known-answer-is-wrong", "def use():\n    return 41\n", Outcome.BROKEN, "assert"),
    Canary("known-answer-exits", "import os\ndef use():\n    os._exit(0)\n", Outcome.BROKEN),
    Canary(
        "known-answer-prints",
        'import os\ndef use():\n    print(\'{"event": "end"}\', flush=True)\n    os._exit(0)\n',
        Outcome.BROKEN,
    ),
    Canary(
        "known-answer-hangs",
        "import time\ndef use():\n    time.sleep(600)\n",
        Outcome.BROKEN,
        "Timeout",
        hangs=True,
    ),
    # It fails in an environment of links, and passes in the plain one of the second attempt.
    Canary(
        "known-answer-differs",
        "import os, sys\ndef use():\n"
        "    own = os.path.realpath(__file__).startswith(os.path.realpath(sys.prefix))\n"
        "    assert own, 'only here'\n    return 42\n",
        Outcome.FLAKY,
        "only here",
    ),
)


@dataclass
class SelfTest:
    """Why what a run finds is not to be believed, as soon as that is known; None where it is."""

    why: str | None = None


@asynccontextmanager
async def alongside(scheduler: Scheduler) -> AsyncIterator[SelfTest]:
    """Ask for the known answers while cells run; where none is run, nothing can be doubted."""
    doubt = SelfTest()
    python = list(scheduler.workspace.interpreters)[-1]

    async def ask() -> None:
        await scheduler.busy.wait()
        doubt.why = await _doubt(scheduler, python)

    async with asyncio.TaskGroup() as group:
        asking = group.create_task(ask())
        yield doubt
        if not scheduler.busy.is_set():
            asking.cancel()


async def _doubt(scheduler: Scheduler, python: str) -> str | None:
    """Why what a run finds is not to be believed; None where every answer is as it must be.

    They run on one Python of the run; their records are kept in no ledger.
    """
    workspace = scheduler.workspace
    smokes = workspace.scratch / "known-answers"
    runner = replace(workspace.runner, smokes=smokes)
    # Who only waits takes no processor from those that compute.
    impatient = replace(runner, seconds=_PATIENCE, slots=threading.Semaphore(1))
    await scheduler.in_thread(partial(_offer, workspace, smokes))
    found = await gather(
        scheduler.in_worker(
            partial((impatient if a.hangs else runner).judged, _trial(workspace, a, python))
        )
        for a in CANARIES
    )
    return "; ".join(_wrong(CANARIES, found)) or None


def _offer(workspace: Workspace, smokes: Path) -> None:
    """Make wheels and smokes, and let the store know of the wheels."""
    for answer in CANARIES:
        module = answer.module
        data = wheel_builder.build_wheel(answer.name, _VERSION, {f"{module}.py": answer.code})
        wheel = cache_folder() / "known-answers" / f"{module}-{_VERSION}-py3-none-any.whl"
        if not wheel.exists() or wheel.read_bytes() != data:
            files.write_atomic(wheel, data)
        workspace.environments.add_local_wheel(answer.name, _VERSION, wheel)
        files.write_atomic(
            smokes / f"{smoke_name(answer.name)}.py", _SMOKE.format(module=module).encode()
        )


def _trial(workspace: Workspace, answer: Canary, python: str) -> Trial:
    return Trial(
        subject=answer.name,
        lock=Lock(((answer.name, _VERSION),)),
        interpreter=workspace.interpreters[python],
        smoke=smoke_name(answer.name),
        distributions=(),
        services=(),
        fingerprint=answer.name,
        as_of=workspace.settings.as_of,
    )


def _wrong(answers: Sequence[Canary], found: Sequence[Record]) -> Iterator[str]:
    for answer, record in zip(answers, found, strict=True):
        judgement = record.judgement
        if judgement.outcome is answer.outcome and answer.symptom in (judgement.symptom or ""):
            continue
        came_out = f"{judgement.outcome} {judgement.symptom or judgement.reason or ''}".strip()
        must = f"{answer.outcome} {answer.symptom}".strip()
        yield f"{answer.name} came out as {came_out!r} and not as {must!r}"
