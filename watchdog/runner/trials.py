"""Runs trials: builds the environment, runs the probe, judges the evidence, keeps the record.

A failure is run again in a fresh environment before it is reported. The first failure of its kind
is repeated in a reference environment, one that uv installed as a user would, so that the links
of the first environment cannot be the cause.
"""

from __future__ import annotations

import itertools
import json
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from watchdog.environments.builder import Environments
from watchdog.environments.bytecode import Scripts
from watchdog.environments.interpreters import prefixes
from watchdog.errors import InfrastructureError, InstallError, LimitError
from watchdog.harness import AUTOMATIC, PACKAGE, PROBE, SMOKES, smoke_parts, smoke_source
from watchdog.model.evidence import Ended, Evidence, Failure, Outcome, Record, Stage, Trial
from watchdog.model.lock import Lock
from watchdog.model.release import Interpreter
from watchdog.runner import machine
from watchdog.runner.judge import agree, judge, shows_damaged_bytecode
from watchdog.runner.preloaded import LibraryChangedError, PreloadedPythons
from watchdog.runner.probe_report import defined_tests, read_events
from watchdog.sandbox.redaction import Redactor, cut_middle
from watchdog.sandbox.sandbox import Job, JobResult, Sandbox, cell_environment
from watchdog.sandbox.services import Services
from watchdog.storage import clock
from watchdog.storage.ledger import Ledger

LOG_LIMIT = 16_000
"""Characters of a smoke's output that are kept."""

_SHORTEST_SECRET = 5
"""Characters of a variable's value from which on it is kept out of logs; `1` is in every log."""

EVENTS = "events.jsonl"
LINKED = "composed"
REFERENCE = "plain"
"""The two kinds of environment, as `Evidence.environment` has stored them from the beginning."""

_PATIENCE = 3
"""How many times as long a smoke may take where the machine is overloaded."""

_OPTIONS = ("-I", "-X", "faulthandler")
"""Of the Python that runs the probe."""

_EVIDENCE: TypeAdapter[Evidence] = TypeAdapter(Evidence)


@dataclass
class TrialRunner:
    """Runs trials; safe to use from several threads.

    Attributes:
        seconds: time limit of one smoke.
        memory_mb: memory limit of one smoke.
        slots: limits how many smokes run at once; preparing environments takes no slot.
        preloaded: the Pythons that start cells faster.
        store: folder of the packages that environments are linked from.
        scratch: folder of this run; each attempt makes a folder of its own in it and removes it.
        hosts: names of index servers, which are redacted.
        smokes: folder of the smokes.
        patience: how many times as long a smoke may take.
        stopping: set when the run is ending, so that nothing more is stored.
    """

    environments: Environments
    scripts: Scripts
    sandbox: Sandbox
    ledger: Ledger
    services: Services
    store: Path
    scratch: Path
    seconds: int
    memory_mb: int
    slots: threading.Semaphore
    preloaded: PreloadedPythons
    hosts: frozenset[str] = frozenset()
    smokes: Path = SMOKES
    patience: int = 1
    stopping: threading.Event = field(default_factory=threading.Event)
    _numbers: Iterator[int] = field(default_factory=partial(itertools.count, 1))
    _confirmed: set[tuple[str | Lock, str | None]] = field(default_factory=set)

    def run(self, trial: Trial) -> Record:
        """Run a trial and add its record to the ledger, unless the infrastructure failed."""
        record = self.execute(trial)
        if record.judgement.outcome is Outcome.ERROR or self.stopping.is_set():
            return record
        return self.ledger.append(record)

    def run_once(self, trial: Trial) -> Record:
        """Run a trial once; add its record to the ledger only if it works.

        A failure that was seen once is enough to guide a search, whose result is run in full.
        """
        record = self._record_of(trial, [self._attempt_in_time(trial, preloaded=True)])
        if record.judgement.outcome is Outcome.WORKS and not self.stopping.is_set():
            return self.ledger.append(record)
        return record

    def execute(self, trial: Trial) -> Record:
        """Run a trial, twice if it fails, and return its record without storing it."""
        return self._record_of(trial, self._attempts(trial))

    def _record_of(self, trial: Trial, attempts: Sequence[Evidence]) -> Record:
        """Return the record that attempts at a trial give."""
        judgement = agree(attempts)
        packages = self.environments.packages(trial.installation)
        setuptools = dict(self.environments.pins(trial.installation)).get("setuptools")
        return Record(
            fingerprint=trial.fingerprint,
            subject=trial.subject,
            python=trial.interpreter.version,
            platform=trial.interpreter.platform,
            smoke=trial.smoke,
            lock=dict(trial.lock.pins),
            judgement=judgement,
            evidence=tuple(attempts) if judgement.outcome is Outcome.FLAKY else (attempts[-1],),
            ran_at=clock.now().replace(microsecond=0),
            setuptools=setuptools,
            files={p.name: p.sha256 for p in packages if p.sha256},
            built=self.environments.describe_builds(packages),
        )

    def _attempts(self, trial: Trial) -> list[Evidence]:
        """Return the attempts that show how a trial comes out.

        What a preloaded Python started counts where it works, or where a fresh one fails in the
        same way. Otherwise the trial is run again without it, unless no answer was possible.
        """
        if trial.once:
            return self._attempts_with(trial, preloaded=False)
        before = self.preloaded.cells(trial.subject, trial.interpreter)
        attempts = self._attempts_with(trial, preloaded=True)
        started = self.preloaded.cells(trial.subject, trial.interpreter) > before
        if not started or agree(attempts).outcome is Outcome.ERROR:
            return attempts
        judgements = [judge(evidence) for evidence in attempts]
        if judgements[0].outcome is Outcome.WORKS:
            return attempts
        if judgements[0].outcome is Outcome.BROKEN and len({j.signature for j in judgements}) == 1:
            return attempts
        reason = "its cells come out differently"
        self.preloaded.begin_fresh(trial.subject, trial.interpreter, reason)
        return self._attempts_with(trial, preloaded=False)

    def _attempts_with(self, trial: Trial, *, preloaded: bool) -> list[Evidence]:
        linked = self._attempt_in_time(trial, preloaded=preloaded)
        if trial.once and not shows_damaged_bytecode(linked):
            return [linked]
        if shows_damaged_bytecode(linked):
            self.environments.repair_bytecode(trial.installation)
            linked = self._attempt_in_time(trial, preloaded=preloaded)
        first = judge(linked)
        if first.outcome is not Outcome.BROKEN:
            return [linked]
        # One reference environment is enough for each kind of failure: once it has shown the same,
        # with a fresh Python, neither links nor a preloaded one are the cause, and later failures
        # of the kind are repeated as they began. So it is for the same failure of another subject
        # with the same packages.
        kinds: set[tuple[str | Lock, str | None]] = {
            (trial.subject, first.signature),
            (trial.lock, first.signature),
        }
        if not kinds.isdisjoint(self._confirmed):
            return [linked, self._attempt_in_time(trial, preloaded=preloaded)]
        reference = self._attempt_in_time(trial, reference=True)
        second = judge(reference)
        if second.outcome is Outcome.BROKEN and second.signature == first.signature:
            self._confirmed |= kinds
        elif self.environments.repair_bytecode(trial.installation):
            return [reference, self._attempt_in_time(trial)]
        return [linked, reference]

    def _attempt_in_time(
        self, trial: Trial, *, reference: bool = False, preloaded: bool = False
    ) -> Evidence:
        """Make an attempt, and another one with more time if an overloaded machine was too slow."""
        evidence = self.attempt(trial, reference=reference, preloaded=preloaded)
        if evidence.ended is Ended.TIMEOUT and machine.is_overloaded():
            return self.patient().attempt(trial, reference=reference)
        return evidence

    def patient(self) -> TrialRunner:
        """Return this runner with more time for a smoke."""
        return replace(self, patience=_PATIENCE)

    @property
    def limit(self) -> int:
        """Seconds after which a smoke is ended; reports name `seconds`, so that they are alike."""
        return self.patience * self.seconds

    def attempt(
        self, trial: Trial, *, reference: bool = False, preloaded: bool = False
    ) -> Evidence:
        """Build an environment, run the probe in it once, and return what happened.

        Args:
            trial: what to run.
            reference: install with uv as a user would, instead of linking from the store.
            preloaded: let a preloaded Python start it, where there is one.
        """
        number = next(self._numbers)
        folder = self.scratch / f"c{number}"
        redact = self.redactor(trial.interpreter, folder)
        try:
            folder.mkdir(parents=True)
            return self._attempt(trial, folder, number, reference=reference, preloaded=preloaded)
        except LibraryChangedError:
            return self.attempt(trial)
        except LimitError as error:
            return Evidence(Ended.REFUSED, Stage.INSTALL, detail=redact(error.symptom))
        except InstallError as error:
            kind, _, message = error.symptom.partition(": ")
            return Evidence(
                Ended.REPORTED,
                Stage.INSTALL,
                failure=Failure(kind, message) if message else Failure("InstallError", kind),
                log=cut_middle(redact(error.log), LOG_LIMIT),
                environment=REFERENCE if reference else LINKED,
            )
        except (InfrastructureError, OSError) as error:
            return Evidence(Ended.NOT_STARTED, Stage.INSTALL, detail=redact(str(error)))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _attempt(
        self, trial: Trial, folder: Path, number: int, *, reference: bool, preloaded: bool
    ) -> Evidence:
        build = self.environments.install if reference else self.environments.link
        python = build(trial.installation, folder / "env")
        smoke = self._copy_smoke(trial, folder)
        token = secrets.token_hex(16)
        job = self._job(trial, folder, number, python, smoke, token, preloaded=preloaded)
        kills_before = machine.out_of_memory_kills()
        with self.slots:
            result = self.sandbox.run(replace(job, cache_bytecode=not reference))
        self.preloaded.check(trial.subject, trial.interpreter, result)
        if not result.reported.strip():
            # The probe never began. Find out whether this Python starts in the sandbox at all.
            self.sandbox.check(trial.interpreter)
        self.environments.cache_bytecode(trial.interpreter, result.bytecode)
        evidence = read_events(
            result.reported,
            token,
            result.finished,
            seconds=self.seconds,
            tests_of=defined_tests(smoke.read_text("utf-8")),
            memory_short=kills_before is None or machine.out_of_memory_kills() != kills_before,
        )
        return self._storable(evidence, result, trial, folder, REFERENCE if reference else LINKED)

    def _copy_smoke(self, trial: Trial, folder: Path) -> Path:
        """Copy the smoke into the cell's folder and return the copy."""
        name = f"{trial.smoke}.py"
        if trial.source is not None:
            copied = folder / name
            copied.write_text(trial.source, "utf-8")
            return copied
        smoke = self.smokes / name
        return copy_smoke(smoke if smoke.is_file() else AUTOMATIC, folder)

    def _job(
        self,
        trial: Trial,
        folder: Path,
        number: int,
        python: Path,
        smoke: Path,
        token: str,
        *,
        preloaded: bool,
    ) -> Job:
        """Return the job that runs the probe."""
        probe = self.scripts.put(PROBE, trial.interpreter, folder)
        config = {
            "events": str(folder / EVENTS),
            "token": token,
            "seconds": self.limit,
            "memory_mb": self.memory_mb,
        }
        arguments = [str(probe), str(smoke), "--watched"]
        job = self.smoke_job(
            argv=[str(python), *_OPTIONS, *arguments],
            folder=folder,
            python=python,
            visible=("env", smoke.relative_to(folder).parts[0], probe.name),
            channel=EVENTS,
            stdin=json.dumps(config),
            services=trial.services,
            number=number,
            distributions=trial.distributions,
            environment={**dict(trial.environment), **_left_out(trial)},
            shared=trial.shared,
        )
        if not preloaded:
            return job
        return replace(
            job,
            preloaded=self.preloaded.for_cell(
                trial.subject, trial.interpreter, _OPTIONS, arguments
            ),
        )

    def smoke_job(
        self,
        *,
        argv: Sequence[str],
        folder: Path,
        python: Path,
        visible: tuple[str, ...],
        channel: str,
        stdin: str,
        services: Sequence[str],
        number: int,
        distributions: Sequence[str],
        environment: Mapping[str, str] | None = None,
        shared: tuple[Path, ...] = (),
    ) -> Job:
        """Return a job that runs a smoke, with its services and the limits of a cell.

        Args:
            argv: the program and its arguments.
            folder: folder of the cell.
            python: interpreter of its environment.
            visible: names in the folder that the program sees.
            channel: name in the folder of the file that its result is read from.
            stdin: its input.
            services: names of the services that the smoke connects to.
            number: keeps the data of jobs apart that run at the same time.
            distributions: what the automatic smoke tests; other smokes do not read it.
            environment: further variables.
            shared: further folders of the scratch folder that it may read.
        """
        return Job(
            argv=argv,
            env={
                **cell_environment(folder, python),
                **self.services.environment(services, number),
                "WATCHDOG_DISTRIBUTIONS": " ".join(distributions),
                **(environment or {}),
            },
            folder=folder,
            visible=visible,
            channel=channel,
            stdin=stdin,
            seconds=self.limit,
            memory_mb=self.memory_mb,
            shared=(*self.services.folders(services), *shared),
            output_limit=LOG_LIMIT,
        )

    def _storable(
        self, evidence: Evidence, result: JobResult, trial: Trial, folder: Path, environment: str
    ) -> Evidence:
        """Return the evidence with its log, every text redacted."""
        redact = self.redactor(trial.interpreter, folder, hidden=dict(trial.environment))
        fields: dict[str, Any] = _EVIDENCE.dump_python(replace(evidence, sandbox=result.isolation))
        fields |= {"environment": environment, "log": result.finished.output}
        return _EVIDENCE.validate_python(_redact_all(fields, redact))

    def redactor(
        self, interpreter: Interpreter, folder: Path, *, hidden: Mapping[str, str] | None = None
    ) -> Redactor:
        """Return what removes hosts and paths of this machine from the output of a cell.

        Also the values of `hidden` variables, in place of which their names stand.
        """
        secrets_ = {v: f"<{n}>" for n, v in (hidden or {}).items() if len(v) >= _SHORTEST_SECRET}
        paths = secrets_ | dict.fromkeys(prefixes(interpreter), "<python>")
        for part in ("env", "work", "home", "tmp", ""):
            path = folder / part if part else folder
            paths |= {str(path): f"<{part or 'cell'}>", str(path.resolve()): f"<{part or 'cell'}>"}
        # Some code resolves the links that an environment is made of.
        paths |= {str(self.store): "<store>", str(self.store.resolve()): "<store>"}
        paths[str(self.scratch)] = "<scratch>"
        paths[str(PACKAGE)] = "watchdog"
        paths[str(Path.home())] = "~"
        return Redactor(self.hosts, paths)


def copy_smoke(smoke: Path, folder: Path) -> Path:
    """Copy a smoke with all its parts into a folder and return the copy of the smoke itself."""
    if smoke.stem != "__init__":
        copied_file = folder / smoke.name
        copied_file.write_bytes(smoke_source(smoke))
        return copied_file
    copied = folder / smoke.parent.name
    copied.mkdir()
    for part in smoke_parts(smoke):
        shutil.copyfile(part, copied / part.name)
    return copied / smoke.name


def _left_out(trial: Trial) -> dict[str, str]:
    """Return the variable that tells an automatic smoke which of its tests to skip."""
    return {"WATCHDOG_LEFT_OUT": " ".join(sorted(trial.left_out))} if trial.left_out else {}


def _redact_all(value: Any, redact: Redactor) -> Any:  # noqa: ANN401  any JSON
    """Return a JSON value with every text in it redacted; enum members stay."""
    if isinstance(value, str) and type(value) is str:
        return redact(value)
    if isinstance(value, Mapping):
        return {key: _redact_all(item, redact) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_redact_all(item, redact) for item in value]
    return value
