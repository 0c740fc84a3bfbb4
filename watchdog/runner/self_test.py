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
from watchdog.runner.scheduler import Desk, together
from watchdog.runner.workspace import Workplace, cache_folder
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
class Answer:
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


ANSWERS = (
    Answer("known-answer-works", _GOOD, Outcome.WORKS),
    Answer("known-answer-raises", "def use():\n    raise KeyError('lost')\n", Outcome.BROKEN,
           "KeyError: 'lost'"),
    Answer("known-answer-lacks", "from json import no_such_name\n" + _GOOD, Outcome.BROKEN,
           "cannot import name 'no_such_name'"),
    Answer("known-answer-is-wrong", "def use():\n    return 41\n", Outcome.BROKEN, "assert"),
    Answer("known-answer-exits", "import os\ndef use():\n    os._exit(0)\n", Outcome.BROKEN),
    Answer("known-answer-prints", "import os\ndef use():\n"
           "    print('{\"event\": \"end\"}', flush=True)\n    os._exit(0)\n", Outcome.BROKEN),
    Answer("known-answer-hangs", "import time\ndef use():\n    time.sleep(600)\n", Outcome.BROKEN,
           "Timeout", hangs=True),
    # It fails in an environment of links, and passes in the plain one of the second attempt.
    Answer("known-answer-differs", "import os, sys\ndef use():\n"
           "    own = os.path.realpath(__file__).startswith(os.path.realpath(sys.prefix))\n"
           "    assert own, 'only here'\n    return 42\n", Outcome.FLAKY, "only here"),
)  # fmt: skip


@dataclass
class Doubt:
    """Why what a run finds is not to be believed, as soon as that is known; None where it is."""

    why: str | None = None


@asynccontextmanager
async def beside(desk: Desk) -> AsyncIterator[Doubt]:
    """Ask for the known answers while cells run; where none is run, nothing can be doubted."""
    doubt = Doubt()
    python = list(desk.workplace.interpreters)[-1]

    async def ask() -> None:
        await desk.busy.wait()
        doubt.why = await _doubt(desk, python)

    async with asyncio.TaskGroup() as group:
        asking = group.create_task(ask())
        yield doubt
        if not desk.busy.is_set():
            asking.cancel()


async def _doubt(desk: Desk, python: str) -> str | None:
    """Why what a run finds is not to be believed; None where every answer is as it must be.

    They run on one Python of the run; their records are kept in no ledger.
    """
    workplace = desk.workplace
    smokes = workplace.scratch / "known-answers"
    runner = replace(workplace.runner, smokes=smokes)
    # Who only waits takes no processor from those that compute.
    impatient = replace(runner, seconds=_PATIENCE, slots=threading.Semaphore(1))
    await desk.aside(partial(_offer, workplace, smokes))
    found = await together(
        desk.beside(
            partial((impatient if a.hangs else runner).judged, _trial(workplace, a, python))
        )
        for a in ANSWERS
    )  # fmt: skip
    return "; ".join(_wrong(ANSWERS, found)) or None


def _offer(workplace: Workplace, smokes: Path) -> None:
    """Make wheels and smokes, and let the store know of the wheels."""
    for answer in ANSWERS:
        module = answer.module
        data = wheel_builder.wheel(answer.name, _VERSION, {f"{module}.py": answer.code})
        wheel = cache_folder() / "known-answers" / f"{module}-{_VERSION}-py3-none-any.whl"
        if not wheel.exists() or wheel.read_bytes() != data:
            files.write_whole(wheel, data)
        workplace.environments.offer(answer.name, _VERSION, wheel)
        files.write_whole(
            smokes / f"{smoke_name(answer.name)}.py", _SMOKE.format(module=module).encode()
        )


def _trial(workplace: Workplace, answer: Answer, python: str) -> Trial:
    return Trial(
        subject=answer.name,
        lock=Lock(((answer.name, _VERSION),)),
        interpreter=workplace.interpreters[python],
        smoke=smoke_name(answer.name),
        distributions=(),
        services=(),
        fingerprint=answer.name,
        as_of=workplace.settings.as_of,
    )


def _wrong(answers: Sequence[Answer], found: Sequence[Record]) -> Iterator[str]:
    for answer, record in zip(answers, found, strict=True):
        judgement = record.judgement
        if judgement.outcome is answer.outcome and answer.symptom in (judgement.symptom or ""):
            continue
        came_out = f"{judgement.outcome} {judgement.symptom or judgement.reason or ''}".strip()
        must = f"{answer.outcome} {answer.symptom}".strip()
        yield f"{answer.name} came out as {came_out!r} and not as {must!r}"
