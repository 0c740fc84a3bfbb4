"""Installs a lock as a new user would, with `python -m venv` and `pip`, and runs its smoke.

For second opinions: neither the store, nor uv's installer, nor the probe has a part in it. What is
shared with trials is how a smoke is isolated, how its end is judged, and what its output must not
contain. As uv, pip works where it reaches the index and nothing else.
"""

from __future__ import annotations

import os
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
from watchdog.resolver.cut_short import cut_short
from watchdog.resolver.uv_install import python_of
from watchdog.runner.exits import describe_exit
from watchdog.runner.judge import judge
from watchdog.runner.trials import TrialRunner, copy_smoke
from watchdog.sandbox.build import BuildSandbox
from watchdog.sandbox.process import ProcessResult
from watchdog.sandbox.redaction import Redactor, hide_urls
from watchdog.sandbox.sandbox import Job
from watchdog.storage.second_opinions import PipOutcome

_RESULT = "result"
_INSTALL_SECONDS = 1200
"""Time limit of pip for one lock; old source distributions compile for minutes."""

_NEEDED = re.compile(
    # How to reach the network, and what compilers need. No tokens: builds can read everything.
    r"(?i:https?_proxy|all_proxy|no_proxy)|SSL_CERT_(FILE|DIR)|PIP_(CERT|PROXY|DEFAULT_TIMEOUT|RETRIES)"
    r"|HOME|PATH|LANG|LC_.*|TMPDIR|TEMP|TMP|CC|CXX|AR|LD|[A-Z]+FLAGS|PKG_CONFIG_.*"
    r"|LD_LIBRARY_PATH|SYSTEMROOT|SYSTEMDRIVE|COMSPEC|PATHEXT|WINDIR|USERPROFILE"
)
_NAMES_FILES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "PIP_CERT")
_INFRASTRUCTURE = re.compile(
    r"Max retries exceeded|connection broken by|Connection (?:refused|reset|aborted)|timed out"
    r"|SSLError|ProxyError|IncompleteRead|\b(?:5\d\d|429|407|401|403) (?:Server|Client) Error"
    r"|THESE PACKAGES DO NOT MATCH|No space left on device|Temporary failure in name resolution"
)
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
        build_sandbox: where pip runs.
        indexes: URLs, the extra ones first; they may hold credentials: never print or store them.
    """

    runner: TrialRunner
    build_sandbox: BuildSandbox
    indexes: Sequence[str]

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
            python = self._create_venv(interpreter, folder, redact)
            version = self._run_pip(python, ["--version"], folder)
            installed = self._install(python, record.lock, folder)
            if installed.returncode:
                outcome = explain_refusal(installed, redact(hide_urls(installed.output)))
            else:
                job = self._smoke_job(record.subject, python, smoke, services, number, folder)
                outcome = self._run_smoke(job, redact)
            return replace(outcome, installer=" ".join(version.output.split()[:2]))
        except OSError as e:
            raise InfrastructureError(redact(hide_urls(str(e)))) from e
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _create_venv(self, interpreter: Interpreter, folder: Path, redact: Redactor) -> Path:
        """Create an environment in the folder and return its Python."""
        created = self._run([interpreter.path, "-m", "venv", str(folder / "env")], folder)
        if created.returncode:
            output = redact(hide_urls(created.output))
            raise InfrastructureError(f"python -m venv failed: {output[-500:]}")
        return python_of(folder / "env")

    def _install(self, python: Path, lock: Mapping[str, str], folder: Path) -> ProcessResult:
        """Install a lock, whose packages are all pinned.

        With dependencies, as a new user would: so pip's own resolver has to accept the lock, and
        what is missing from it would be added.
        """
        requirements = folder / "requirements.txt"
        pins = [f"{name}=={version}" for name, version in lock.items()]
        requirements.write_text("\n".join(pins) + "\n", "utf-8")
        return self._run_pip(python, ["install", "-r", str(requirements)], folder)

    def _run_pip(self, python: Path, arguments: Sequence[str], folder: Path) -> ProcessResult:
        return self._run([str(python), "-m", "pip", *arguments], folder)

    def _run(self, argv: Sequence[str], folder: Path) -> ProcessResult:
        """Run a program where it reaches the index, and return its exit with all its output."""
        env = self._environment()
        cache = Path(env["PIP_CACHE_DIR"])
        cache.mkdir(exist_ok=True)
        paths = [env[name] for name in _NAMES_FILES if name in env]
        paths += [url.removeprefix("file://") for url in self.indexes]
        result = self.build_sandbox.run(
            argv,
            env=env,
            stdin="",
            cwd=folder,
            timeout=_INSTALL_SECONDS,
            readable=[path for path in map(Path, paths) if path.is_absolute()],
            writable=[folder, cache],
        )
        if result.interrupted:
            raise InfrastructureError("interrupted")
        return replace(result, output=result.output + result.errors)

    def _environment(self) -> dict[str, str]:
        """Return the variables that configure pip for the index of uv, and no other way.

        In the environment, so that credentials in a URL are in no list of processes.
        """
        env = {name: value for name, value in os.environ.items() if _NEEDED.fullmatch(name)}
        if "SSL_CERT_FILE" in env:
            env.setdefault("PIP_CERT", env["SSL_CERT_FILE"])
        *extra, default = self.indexes
        return env | {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": default,
            "PIP_EXTRA_INDEX_URL": " ".join(extra),
            # Of this run only: an earlier download does not prove that a file is still there.
            "PIP_CACHE_DIR": str(self.runner.scratch / "pip"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INPUT": "1",
            "PIP_NO_COLOR": "1",
            "PIP_PROGRESS_BAR": "off",
        }

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
    if reason := cut_short(replace(installed, output=output, errors="")):
        raise InfrastructureError(f"pip did not end: {reason}")
    # Every package of a lock has some release on the index. If pip sees none and ignored none, it
    # could not read the index (it does not say so).
    unseen = "(from versions: none)" in output and "Ignored the following" not in output
    if unseen or _INFRASTRUCTURE.search(output):
        raise InfrastructureError(
            "pip cannot read the package index, or this machine failed: "
            + " ".join(output.split())[-300:]
        )
    errors = output[max(output.find("ERROR:"), 0) :]
    if _NO_SET.search(output):
        reason = "pip refuses the set: " + " ".join(errors.split())[:500]
        return PipOutcome(None, Stage.RESOLVE, reason=reason)
    exceptions = _EXCEPTION.findall(output) or [errors.strip().partition("\n")[0]]
    symptom = " ".join(exceptions[-1].split())[:_LONGEST]
    reason = f"pip cannot install it: {symptom}"
    return PipOutcome(None, Stage.INSTALL, symptom=symptom, reason=reason)
