"""Installs a lock as a new user would, with `python -m venv` and `pip`, and runs its smoke.

For second opinions: neither the store, nor uv's installer, nor the probe has a part in it. What is
shared with trials is how a smoke is isolated, how its end is judged, and what its output must not
contain.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from watchdog.errors import InfrastructureError
from watchdog.harness import BARE, smoke_module
from watchdog.model.evidence import (
    Evidence,
    Failure,
    Outcome,
    Record,
    Stage,
    UseOutcome,
    UseResult,
)
from watchdog.model.release import Interpreter
from watchdog.resolver.pip import Pip, infrastructure_failure
from watchdog.runner.exits import describe_exit
from watchdog.runner.judge import judge
from watchdog.runner.trials import TrialRunner, copy_smoke
from watchdog.sandbox.process import ProcessResult
from watchdog.sandbox.redaction import Redactor, hide_urls
from watchdog.sandbox.sandbox import Job
from watchdog.storage.second_opinions import PipOutcome

_RESULT = "result"
_NO_SET = re.compile(
    r"ResolutionImpossible|conflicting dependencies|No matching distribution found"
)
_EXCEPTION = re.compile(r"^\s*((?:\w+\.)*\w*(?:Error|Exception|Failure)\b:.*)$", re.MULTILINE)
_LONGEST = 300
"""Characters of a symptom that are kept."""


@dataclass(frozen=True)
class PipInstaller:
    """Installs locks with pip and runs their smokes; safe to use from several threads.

    Attributes:
        runner: isolates the smokes; each install has a folder in its scratch folder for a while.
        pip: what installs.
    """

    runner: TrialRunner
    pip: Pip

    def try_record(
        self,
        record: Record,
        interpreter: Interpreter,
        smoke: Path,
        services: Sequence[str],
        number: int,
    ) -> PipOutcome:
        """Install the lock of a record and run its smoke.

        Args:
            record: whose lock and subject.
            interpreter: the Python to make the environment of.
            smoke: the file.
            services: names of the services that the smoke talks to.
            number: keeps installs apart that run at once.

        Raises:
            InfrastructureError: this machine or the index failed, which says nothing of a package.
        """
        folder = self.runner.scratch / f"n{number}"
        redact = self.runner.redactor(interpreter, folder)
        try:
            folder.mkdir()
            python = self.pip.create_venv(interpreter, folder)
            version = self.pip.version(python, folder)
            installed = self._install(python, record.lock, folder)
            if installed.returncode:
                outcome = explain_refusal(installed, redact(hide_urls(installed.output)))
            else:
                job = self._smoke_job(record.subject, python, smoke, services, number, folder)
                outcome = self._run_smoke(job, redact)
            return replace(outcome, installer=version)
        except OSError as e:
            raise InfrastructureError(redact(hide_urls(str(e)))) from e
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _install(self, python: Path, lock: Mapping[str, str], folder: Path) -> ProcessResult:
        """Install a lock, whose packages are all pinned.

        With dependencies, as a new user would: so pip's own resolver has to accept the lock, and
        what is missing from it would be added.
        """
        requirements = folder / "requirements.txt"
        pins = [f"{name}=={version}" for name, version in lock.items()]
        requirements.write_text("\n".join(pins) + "\n", "utf-8")
        return self.pip.run_pip(python, ["install", "-r", str(requirements)], folder)

    def _smoke_job(
        self,
        subject: str,
        python: Path,
        smoke: Path,
        services: Sequence[str],
        number: int,
        folder: Path,
    ) -> Job:
        """Return the job that runs a smoke without the probe."""
        copied = copy_smoke(smoke, folder)
        shutil.copyfile(BARE, folder / BARE.name)
        program, result = str(folder / BARE.name), str(folder / _RESULT)
        return self.runner.smoke_job(
            argv=[str(python), program, str(folder), smoke_module(smoke), result],
            folder=folder,
            python=python,
            visible=("env", copied.relative_to(folder).parts[0], BARE.name),
            channel=_RESULT,
            stdin="",
            services=services,
            number=number,
            distributions=(subject,),
        )

    def _run_smoke(self, job: Job, redact: Redactor) -> PipOutcome:
        """Run a smoke and judge it as a trial is judged."""
        result = self.runner.sandbox.run(job)
        if result.finished.interrupted:
            raise InfrastructureError("interrupted")
        lines = redact(hide_urls(result.reported)).splitlines()
        kind, _, text = (lines[-1] if lines else "").partition(" ")
        text = text[:_LONGEST]
        if kind == "skipped":
            return PipOutcome(None, Stage.SMOKE, reason=f"nothing was tried: {text}")
        ended, detail = describe_exit(
            result.finished, reported=kind in ("works", "broken"), seconds=self.runner.seconds
        )
        evidence = Evidence(
            ended,
            Stage.SMOKE,
            tests=(UseResult("all", "", UseOutcome.PASSED),) if kind == "works" else (),
            failure=_failure(text) if kind == "broken" else None,
            detail=detail,
            sandbox=result.isolation,
        )
        return _outcome_of(evidence)


def _failure(line: str) -> Failure:
    """Return the failure of which the bare runner wrote the last line of the traceback."""
    kind, _, message = line.partition(": ")
    return Failure(kind, message)


def _outcome_of(evidence: Evidence) -> PipOutcome:
    """Return what a smoke without a probe shows, judged as a trial is."""
    judgement = judge(evidence)
    judged = judgement.outcome in (Outcome.WORKS, Outcome.BROKEN)
    symptom = judgement.symptom or (evidence.failure.symptom if evidence.failure else None)
    return PipOutcome(
        judgement.outcome if judged else None,
        Stage.SMOKE,
        symptom=symptom,
        reason=judgement.reason,
    )


def explain_refusal(installed: ProcessResult, output: str) -> PipOutcome:
    """Return what it means that pip did not install a lock; `output` is redacted.

    Raises:
        InfrastructureError: the index or this machine failed.
    """
    if reason := infrastructure_failure(installed, output):
        raise InfrastructureError(reason)
    errors = output[max(output.find("ERROR:"), 0) :]
    if _NO_SET.search(output):
        reason = "pip refuses the set: " + " ".join(errors.split())[:500]
        return PipOutcome(None, Stage.RESOLVE, reason=reason)
    exceptions = _EXCEPTION.findall(output) or [errors.strip().partition("\n")[0]]
    symptom = " ".join(exceptions[-1].split())[:_LONGEST]
    reason = f"pip cannot install it: {symptom}"
    return PipOutcome(None, Stage.INSTALL, symptom=symptom, reason=reason)
