"""Runs trials: environment, probe, evidence, judgement, ledger. Each fingerprint once.

A failure is run again in a fresh environment before it is believed, the first of its kind in one
made the plain way.
"""

from __future__ import annotations

import itertools
import json
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from watchdog.environments.builder import Environments
from watchdog.environments.bytecode import Scripts
from watchdog.environments.interpreters import prefixes
from watchdog.errors import InfrastructureError, InstallError
from watchdog.harness import AUTOMATIC, PACKAGE, PROBE, SMOKES
from watchdog.model.evidence import Ended, Evidence, Failure, Outcome, Record, Stage, Trial
from watchdog.runner import api_coverage
from watchdog.runner.judge import agree, judge
from watchdog.runner.probe_report import executed_functions, read_events, test_names
from watchdog.runner.public_names import PublicNames
from watchdog.sandbox.redaction import Redactor
from watchdog.sandbox.sandbox import Job, Sandbox, cell_environment
from watchdog.sandbox.services import Services
from watchdog.storage import clock
from watchdog.storage.ledger import Ledger

LOG_LIMIT = 16_000
EVENTS = "events.jsonl"
_EVIDENCE: TypeAdapter[Evidence] = TypeAdapter(Evidence)


@dataclass
class TrialRunner:
    """What is needed to run trials; safe to use from several threads.

    Attributes:
        seconds, memory_mb: limits of one smoke.
        slots: how many smokes run at once; making and clearing away environments needs none.
        store: where the packages lie that environments are made of.
        scratch: a folder of this run; each attempt has a folder of its own in it, and cleans up.
    """

    environments: Environments
    shipped: PublicNames
    scripts: Scripts
    sandbox: Sandbox
    ledger: Ledger
    services: Services
    store: Path
    scratch: Path
    seconds: int
    memory_mb: int
    slots: threading.Semaphore
    hosts: frozenset[str] = frozenset()
    smokes: Path = SMOKES
    stopping: threading.Event = field(default_factory=threading.Event)
    _numbers: Iterator[int] = field(default_factory=partial(itertools.count, 1))
    _confirmed: set[tuple[str, str | None]] = field(default_factory=set)

    def trial(self, trial: Trial) -> Record:
        """Run it; the record goes into the ledger unless the trouble was ours."""
        record = self.judged(trial)
        if record.judgement.outcome is Outcome.ERROR or self.stopping.is_set():
            return record
        return self.ledger.append(record)

    def judged(self, trial: Trial) -> Record:
        """Run it, a failure twice; what that says."""
        attempts = self._attempts(trial)
        judgement = agree(attempts)
        packages = self.environments.packages(trial.lock, trial.interpreter, trial.as_of)
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
            reach=attempts[-1].reach,
            setuptools=dict(self.environments.pins(trial.lock, trial.interpreter)).get(
                "setuptools"
            ),
            files={p.name: p.sha256 for p in packages if p.sha256},
            built=self.environments.built(packages),
        )

    def _attempts(self, trial: Trial) -> list[Evidence]:
        composed = self.attempt(trial)
        first = judge(composed)
        if first.outcome is not Outcome.BROKEN:
            return [composed]
        # In the plain way until that has shown the same, so that composing cannot be the cause;
        # the like on other Pythons and with other versions in a fresh environment all the same.
        kind = (trial.subject, first.signature)
        if kind in self._confirmed:
            return [composed, self.attempt(trial)]
        reference = self.attempt(trial, reference=True)
        second = judge(reference)
        if second.outcome is Outcome.BROKEN and second.signature == first.signature:
            self._confirmed.add(kind)
        elif self.environments.repair_bytecode(trial.lock, trial.interpreter, trial.as_of):
            return [reference, self.attempt(trial)]
        return [composed, reference]

    def attempt(self, trial: Trial, *, reference: bool = False) -> Evidence:
        """Build an environment, run the probe in it, tell what happened."""
        number = next(self._numbers)
        folder = self.scratch / f"c{number}"
        how = "plain" if reference else "composed"
        try:
            folder.mkdir(parents=True)
            return self._attempt(trial, folder, number, reference=reference)
        except InstallError as e:
            log = self._redactor(trial, folder)(e.log)[-LOG_LIMIT:]
            kind, _, message = e.symptom.partition(": ")
            failure = Failure(kind, message) if message else Failure("InstallError", kind)
            return Evidence(
                Ended.REPORTED, Stage.INSTALL, failure=failure, log=log, environment=how
            )
        except (InfrastructureError, OSError) as e:
            return Evidence(
                Ended.NOT_STARTED, Stage.INSTALL, detail=self._redactor(trial, folder)(str(e))
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _attempt(self, trial: Trial, folder: Path, number: int, *, reference: bool) -> Evidence:
        build = self.environments.install if reference else self.environments.link
        python = build(trial.lock, trial.interpreter, folder / "env", trial.as_of)
        copied = folder / f"{trial.smoke}.py"
        smoke = self.smokes / copied.name
        shutil.copyfile(smoke if smoke.is_file() else AUTOMATIC, copied)
        token = secrets.token_hex(16)
        config = {
            "events": str(folder / EVENTS),
            "token": token,
            "seconds": self.seconds,
            "memory_mb": self.memory_mb,
            "measure": list(trial.distributions),
        }
        probe = self.scripts.put(PROBE, trial.interpreter, folder)
        job = Job(
            argv=[str(python), "-I", "-X", "faulthandler", str(probe), str(copied), "--watched"],
            env={
                **cell_environment(folder, python),
                **self.services.environment(trial.services, number),
                "WATCHDOG_DISTRIBUTIONS": " ".join(trial.distributions),
            },
            folder=folder,
            visible=("env", copied.name, probe.name),
            channel=EVENTS,
            stdin=json.dumps(config),
            seconds=self.seconds,
            memory_mb=self.memory_mb,
            shared=self.services.folders(trial.services),
            output_limit=LOG_LIMIT,
            cache_bytecode=not reference,
        )
        killed = _oom_kills()
        with self.slots:
            ran = self.sandbox.run(job)
        if not ran.reported.strip():  # the probe never began: is it for the Python itself?
            self.sandbox.check(trial.interpreter)
        self.environments.cache_bytecode(trial.interpreter, ran.bytecode)
        evidence = read_events(
            ran.reported,
            token,
            ran.finished,
            seconds=self.seconds,
            tests_of=test_names(copied.read_text("utf-8")),
            memory_short=killed is None or _oom_kills() != killed,
        )
        if functions := executed_functions(ran.reported, token):
            packages = self.environments.packages(trial.lock, trial.interpreter, trial.as_of)
            names = self.shipped.names(p for p in packages if p.name in trial.distributions)
            evidence = replace(evidence, reach=api_coverage.api_coverage(functions, names))
        return _redacted(
            replace(evidence, sandbox=ran.means),
            self._redactor(trial, folder),
            how="plain" if reference else "composed",
            log=ran.finished.output,
        )

    def _redactor(self, trial: Trial, folder: Path) -> Redactor:
        paths = dict.fromkeys(prefixes(trial.interpreter), "<python>")
        for part in ("env", "work", "home", "tmp", ""):
            path = folder / part if part else folder
            paths |= {str(path): f"<{part or 'cell'}>", str(path.resolve()): f"<{part or 'cell'}>"}
        # Some code looks through the links that an environment is made of.
        paths |= {str(self.store): "<store>", str(self.store.resolve()): "<store>"}
        paths[str(self.scratch)] = "<scratch>"
        paths[str(PACKAGE)] = "watchdog"
        paths[str(Path.home())] = "~"
        return Redactor(self.hosts, paths)


def _oom_kills() -> int | None:
    """How often the system killed somebody for want of memory; None where it does not tell."""
    try:
        lines = Path("/proc/vmstat").read_text("utf-8").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)


def _redacted(evidence: Evidence, redact: Redactor, *, how: str, log: str) -> Evidence:
    """The same evidence with every text made fit to store."""
    whole: dict[str, Any] = _EVIDENCE.dump_python(evidence)
    return _EVIDENCE.validate_python(_each_text(whole | {"environment": how, "log": log}, redact))


def _each_text(value: Any, redact: Redactor) -> Any:  # noqa: ANN401  any JSON
    if isinstance(value, str) and type(value) is str:
        return redact(value)
    if isinstance(value, Mapping):
        return {k: _each_text(v, redact) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_each_text(v, redact) for v in value]
    return value
