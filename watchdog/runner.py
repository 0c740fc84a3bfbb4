"""Runs trials: environment, probe, evidence, judgement, ledger. Each fingerprint once.

A failure is run again in a fresh environment before it is believed, the first of its kind in one
made the plain way.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name
from pydantic import TypeAdapter, ValidationError

from watchdog import clock, reach
from watchdog.environments import Environments
from watchdog.errors import InfrastructureError, InstallError
from watchdog.judge import agree, judge
from watchdog.ledger import Ledger
from watchdog.model import (
    CaughtWarning,
    Ended,
    Evidence,
    Failure,
    Outcome,
    Record,
    Stage,
    Trial,
    Use,
)
from watchdog.process import Finished, Processes, passed_on
from watchdog.redaction import Redactor
from watchdog.services import Services
from watchdog.store import Package

PACKAGE = Path(__file__).parent
PROBE = PACKAGE / "probe.py"
SMOKES = PACKAGE / "smokes"
AUTOMATIC = SMOKES / "automatic.py"
LOG_LIMIT = 16_000
_SIGKILL = -9
_EVIDENCE: TypeAdapter[Evidence] = TypeAdapter(Evidence)
_TESTS = TypeAdapter(Use)
_FAILURE = TypeAdapter(Failure)
_WARNING = TypeAdapter(CaughtWarning)


@dataclass
class Runner:
    """What is needed to run trials; safe to use from several threads.

    Attributes:
        seconds, memory_mb: limits of one smoke.
        slots: how many smokes run at once; making and clearing away environments needs none.
        scratch: a folder of this run; each attempt has a folder of its own in it, and cleans up.
    """

    environments: Environments
    processes: Processes
    ledger: Ledger
    services: Services
    scratch: Path
    seconds: int
    memory_mb: int
    slots: threading.Semaphore
    hosts: frozenset[str] = frozenset()
    smokes: Path = SMOKES
    stopping: threading.Event = field(default_factory=threading.Event)
    _count: int = 0
    _confirmed: set[tuple[str, str | None]] = field(default_factory=set)
    _counting: threading.Lock = field(default_factory=threading.Lock)
    _named: dict[tuple[Package, ...], dict[str, bool]] = field(default_factory=dict)

    def trial(self, trial: Trial) -> Record:
        """Run it, a failure twice; the record goes into the ledger unless the trouble was ours."""
        attempts = [self.attempt(trial)]
        first = judge(attempts[0])
        if first.outcome is Outcome.BROKEN:
            # The first of a kind in the plain way, so that composing cannot be the cause; its
            # like on other Pythons and with other versions in a fresh environment all the same.
            kind = (trial.subject, first.signature)
            with self._counting:
                plain = kind not in self._confirmed
                self._confirmed.add(kind)
            attempts.append(self.attempt(trial, plain=plain))
        judgement = agree(attempts)
        record = Record(
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
        )
        if judgement.outcome is Outcome.ERROR or self.stopping.is_set():
            return record
        return self.ledger.append(record)

    def attempt(self, trial: Trial, *, plain: bool = False) -> Evidence:
        """Build an environment, run the probe in it, tell what happened."""
        with self._counting:
            self._count += 1
            number = self._count
        folder = self.scratch / f"c{number}"
        how = "plain" if plain else "composed"
        try:
            folder.mkdir(parents=True)
            return self._attempt(trial, folder, number, plain=plain)
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

    def _attempt(self, trial: Trial, folder: Path, number: int, *, plain: bool) -> Evidence:
        build = self.environments.install if plain else self.environments.compose
        python = build(trial.lock, trial.interpreter, folder / "env", trial.as_of)
        work, home = folder / "work", folder / "home"
        for part in (work, home, folder / "tmp"):
            part.mkdir()
        copied = folder / f"{trial.smoke}.py"
        smoke = self.smokes / copied.name
        shutil.copyfile(smoke if smoke.is_file() else AUTOMATIC, copied)
        events = folder / "events.jsonl"
        token = secrets.token_hex(16)
        config = {
            "events": str(events),
            "token": token,
            "seconds": self.seconds,
            "memory_mb": self.memory_mb,
            "measure": list(trial.distributions),
        }
        with self.slots:
            done = self.processes.run(
                [str(python), "-I", "-X", "faulthandler", str(PROBE), str(copied), "--watched"],
                env=self._environment(trial, folder, number, python),
                cwd=work,
                stdin=json.dumps(config),
                timeout=self.seconds,
                merged=True,
                output_limit=LOG_LIMIT,
            )
        read = events.read_text("utf-8", "replace") if events.exists() else ""
        evidence = read_events(read, token, done, seconds=self.seconds)
        if executed := _executed(read, token):
            evidence = replace(evidence, reach=reach.reach(executed, self._public(trial, python)))
        return _redacted(
            evidence,
            self._redactor(trial, folder),
            how="plain" if plain else "composed",
            log=done.output,
        )

    def _public(self, trial: Trial, python: Path) -> dict[str, bool]:
        """The public names of the trial's distributions; read once for each set of files."""
        packages = self.environments.packages(trial.lock, trial.interpreter, trial.as_of)
        key = tuple(p for p in packages if p.name in trial.distributions)
        if key not in self._named:
            self._named[key] = reach.public(_sources(python, trial.distributions))
        return self._named[key]

    def _environment(self, trial: Trial, folder: Path, number: int, python: Path) -> dict[str, str]:
        env = passed_on()
        env.setdefault("LANG", "C.UTF-8")
        env |= self.services.environment(trial.services, number)
        home = str(folder / "home")
        return env | {
            "PATH": os.pathsep.join([str(python.parent), os.defpath]),
            "HOME": home,
            "USERPROFILE": home,
            "TMPDIR": str(folder / "tmp"),
            "TEMP": str(folder / "tmp"),
            "WATCHDOG_DISTRIBUTIONS": " ".join(trial.distributions),
        }

    def _redactor(self, trial: Trial, folder: Path) -> Redactor:
        prefix = Path(trial.interpreter.path).parent.parent
        paths = {str(prefix): "<python>", str(prefix.resolve()): "<python>"}
        for part in ("env", "work", "home", "tmp", ""):
            path = folder / part if part else folder
            paths |= {str(path): f"<{part or 'cell'}>", str(path.resolve()): f"<{part or 'cell'}>"}
        paths[str(self.scratch)] = "<scratch>"
        paths[str(PACKAGE)] = "watchdog"
        paths[str(Path.home())] = "~"
        return Redactor(self.hosts, paths)


def smoke_file(subject: str, folder: Path = SMOKES) -> Path:
    """The smoke of a subject: its own in `folder`, or the automatic one, of `folder` first."""
    own = folder / f"smoke_{subject.replace('-', '_')}.py"
    automatic = folder / AUTOMATIC.name
    return next((smoke for smoke in (own, automatic) if smoke.is_file()), AUTOMATIC)


def has_smoke(subject: str, folder: Path = SMOKES) -> bool:
    """Whether somebody wrote a smoke for a subject."""
    return smoke_file(subject, folder).name != AUTOMATIC.name


def read_events(text: str, token: str, done: Finished, *, seconds: int) -> Evidence:
    """The evidence in what a probe wrote and how its process ended.

    Only lines that carry the token count; whatever a smoke prints is not among them.
    """
    stage, during, ended = Stage.IMPORT, None, False
    failure: Failure | None = None
    tests: list[Use] = []
    warnings: list[CaughtWarning] = []
    for line in text.splitlines():
        event = _event(line, token)
        kind = event.get("event")
        try:
            if kind == "loaded":
                stage = Stage.SMOKE
            elif kind == "testing":
                during = str(event.get("name"))
            elif kind == "failed":
                failure = _FAILURE.validate_python(event.get("failure"))
            elif kind == "test":
                fields = {k: v for k, v in event.items() if k not in ("event", "token")}
                tests.append(_TESTS.validate_python(fields))
                during = None
            elif kind == "end":
                warnings = [_WARNING.validate_python(w) for w in event.get("warnings", ())]
                ended = True
        except ValidationError:
            continue
    how, detail = _how(done, ended=ended, seconds=seconds)
    return Evidence(
        ended=how,
        stage=stage,
        tests=tuple(tests),
        failure=failure,
        warnings=tuple(warnings),
        seconds=round(done.seconds, 3),
        during=during,
        detail=detail,
    )


def _executed(text: str, token: str) -> list[str]:
    found = _event(text.splitlines()[-1] if text.strip() else "", token).get("executed")
    return [str(entry) for entry in found] if isinstance(found, list) else []


def _sources(python: Path, distributions: tuple[str, ...]) -> dict[str, str]:
    """The Python files of these distributions in an environment, by their place in it."""
    wanted = set(distributions)
    site = next(python.parent.parent.glob("[lL]ib/**/site-packages"), None)
    sources: dict[str, str] = {}
    for info in site.glob("*.dist-info") if site else ():
        name = canonicalize_name(info.name.removesuffix(".dist-info").rsplit("-", 1)[0])
        record = info / "RECORD"
        if name not in wanted or not record.is_file():
            continue
        for line in record.read_text("utf-8", "replace").splitlines():
            file = line.split(",")[0]
            if file.endswith(".py") and not file.startswith((".", "/")):
                with contextlib.suppress(OSError):
                    sources[file] = (info.parent / file).read_text("utf-8", "replace")
    return sources


def _event(line: str, token: str) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(event, dict) or event.get("token") != token:
        return {}
    return event


def _how(done: Finished, *, ended: bool, seconds: int) -> tuple[Ended, str]:
    if ended and not done.interrupted:
        return Ended.REPORTED, ""
    if done.interrupted:
        return Ended.INTERRUPTED, "interrupted"
    if done.timed_out:
        return Ended.TIMEOUT, f"no result after {seconds} s"
    if done.returncode == _SIGKILL:  # not ours: the kernel's, when memory is short
        return Ended.NOT_STARTED, "the process was killed from outside (is memory short here?)"
    if done.returncode < 0:
        try:
            name = signal.Signals(-done.returncode).name
        except ValueError:
            name = f"signal {-done.returncode}"
        return Ended.SIGNAL, f"the process was ended by {name}"
    return Ended.SILENT, f"the process exited with code {done.returncode} and no result"


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
