"""What a newcomer does: `python -m venv`, `pip install`, and trying it. For second opinions.

Nothing here comes from the store, the resolver's installer or the probe. As uv, pip works where it
reaches the index and nothing else; the smoke runs confined, as every cell does.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from watchdog.errors import InfrastructureError
from watchdog.harness import BARE
from watchdog.model.evidence import Isolation, Outcome, Record, Stage
from watchdog.resolver.uv_install import python_of
from watchdog.sandbox.build import BuildSandbox
from watchdog.sandbox.process import ProcessResult
from watchdog.sandbox.redaction import Redactor, hide_urls
from watchdog.sandbox.sandbox import Job, JobResult, Sandbox, cell_environment
from watchdog.sandbox.services import Services
from watchdog.storage.second_opinions import PipOutcome

_RESULT = "result"
_INSTALLING = 1200
"""Seconds that pip may take for one lock; old source distributions compile for minutes."""

_NEEDED = re.compile(
    # How to reach the network, and what compilers want. No token of ours: builds read all of it.
    r"(?i:https?_proxy|all_proxy|no_proxy)|SSL_CERT_(FILE|DIR)|PIP_(CERT|PROXY|DEFAULT_TIMEOUT|RETRIES)"
    r"|HOME|PATH|LANG|LC_.*|TMPDIR|TEMP|TMP|CC|CXX|AR|LD|[A-Z]+FLAGS|PKG_CONFIG_.*"
    r"|LD_LIBRARY_PATH|SYSTEMROOT|SYSTEMDRIVE|COMSPEC|PATHEXT|WINDIR|USERPROFILE"
)
_NAMES_FILES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "PIP_CERT")
_NETWORK = re.compile(
    r"Max retries exceeded|connection broken by|Connection (?:refused|reset|aborted)|timed out"
    r"|SSLError|ProxyError|IncompleteRead|\b(?:5\d\d|429|407|401|403) (?:Server|Client) Error"
    r"|THESE PACKAGES DO NOT MATCH|No space left on device|Temporary failure in name resolution"
)
_NO_SET = re.compile(
    r"ResolutionImpossible|conflicting dependencies|No matching distribution found"
)
_EXCEPTION = re.compile(r"^\s*((?:\w+\.)*\w*(?:Error|Exception|Failure)\b:.*)$", re.MULTILINE)
_KILLED = -9
_READ_ONLY = "[Errno 30]"


@dataclass(frozen=True)
class PipInstaller:
    """Somebody who tries things out; safe to use from several threads.

    Attributes:
        scratch: a folder of this run; each try has a folder of its own in it, and cleans up.
        indexes: URLs, the extra ones first; they may hold credentials: never print or store them.
        hosts: their names, which no text may hold.
        prefixes: folders of the Pythons, likewise.
        seconds, memory_mb: limits of one smoke.
    """

    build_sandbox: BuildSandbox
    sandbox: Sandbox
    services: Services
    scratch: Path
    indexes: Sequence[str]
    hosts: frozenset[str]
    prefixes: frozenset[str]
    seconds: int
    memory_mb: int

    def tries(
        self, record: Record, python: str, smoke: Path, services: Sequence[str], number: int
    ) -> PipOutcome:
        """Install the lock of a record and run its smoke.

        Args:
            record: whose lock.
            python: path of the interpreter.
            smoke: the file.
            services: names of what the smoke talks to.
            number: sets tries apart that run at once.

        Raises:
            InfrastructureError: this machine or the index failed, which says nothing of a package.
        """
        folder = self.scratch / f"n{number}"
        try:
            folder.mkdir()
            return self._tries(folder, record, python, smoke, services, number)
        except OSError as e:
            raise InfrastructureError(self._fit(str(e), folder)) from e
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _tries(
        self,
        folder: Path,
        record: Record,
        python: str,
        smoke: Path,
        services: Sequence[str],
        number: int,
    ) -> PipOutcome:
        made = self._run([python, "-m", "venv", str(folder / "env")], folder)
        if made.returncode:
            raise InfrastructureError(
                f"python -m venv fails: {self._fit(made.output, folder)[-500:]}"
            )
        own = python_of(folder / "env")
        asked = self._run([str(own), "-m", "pip", "--version"], folder)
        installer = " ".join(asked.output.split()[:2])
        wanted = folder / "requirements.txt"
        pins = [f"{name}=={version}" for name, version in record.lock.items()]
        wanted.write_text("\n".join(pins) + "\n", "utf-8")
        # With dependencies, as a newcomer would: so pip's own resolver has to accept the lock, and
        # what is missing from it would be added. Every package of the lock is pinned.
        done = self._run([str(own), "-m", "pip", "install", "-r", str(wanted)], folder)
        if done.returncode:
            return self._refused(done, folder, installer)
        copied = folder / smoke.name
        shutil.copyfile(smoke, copied)
        shutil.copyfile(BARE, folder / BARE.name)
        job = Job(
            argv=[
                str(own),
                str(folder / BARE.name),
                str(folder),
                smoke.stem,
                str(folder / _RESULT),
            ],
            env={
                **cell_environment(folder, own),
                **self.services.environment(services, number),
                # Whom the automatic smoke is about; the others do not read it.
                "WATCHDOG_DISTRIBUTIONS": record.subject,
            },
            folder=folder,
            visible=("env", copied.name, BARE.name),
            channel=_RESULT,
            stdin="",
            seconds=self.seconds,
            memory_mb=self.memory_mb,
            shared=self.services.folders(services),
        )
        return self._said(self.sandbox.run(job), folder, installer)

    def _run(self, argv: Sequence[str], folder: Path) -> ProcessResult:
        env = self._environment()
        cache = Path(env["PIP_CACHE_DIR"])
        cache.mkdir(exist_ok=True)
        named = [env[name] for name in _NAMES_FILES if name in env]
        named += [url.removeprefix("file://") for url in self.indexes]
        done = self.build_sandbox.run(
            argv,
            env=env,
            stdin="",
            cwd=folder,
            timeout=_INSTALLING,
            readable=[path for path in map(Path, named) if path.is_absolute()],
            writable=[folder, cache],
        )
        if done.interrupted:
            raise InfrastructureError("interrupted")
        return replace(done, output=done.output + done.errors)

    def _environment(self) -> dict[str, str]:
        """What pip is told: the index that uv is configured for, and no configuration of its own.

        By environment, so that credentials in an address stand in no list of processes.
        """
        env = {k: v for k, v in os.environ.items() if _NEEDED.fullmatch(k)}
        if "SSL_CERT_FILE" in env:
            env.setdefault("PIP_CERT", env["SSL_CERT_FILE"])
        *extra, default = self.indexes
        return env | {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": default,
            "PIP_EXTRA_INDEX_URL": " ".join(extra),
            # Of this run: what an earlier one downloaded is not taken for what is there.
            "PIP_CACHE_DIR": str(self.scratch / "pip"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INPUT": "1",
            "PIP_NO_COLOR": "1",
            "PIP_PROGRESS_BAR": "off",
        }

    def _refused(self, done: ProcessResult, folder: Path, installer: str) -> PipOutcome:
        """What it means that pip did not install a lock."""
        output = self._fit(done.output, folder)
        if done.timed_out:
            reason = f"pip took longer than {_INSTALLING} s"
            return PipOutcome(None, Stage.INSTALL, reason=reason, installer=installer)
        # Of every package of a lock some release is there: one that pip cannot see at all, though
        # none was passed over, is on an index that it could not read (it says so in silence).
        unseen = "(from versions: none)" in output and "Ignored the following" not in output
        if unseen or _NETWORK.search(output):
            raise InfrastructureError(
                "pip cannot read the package index, or this machine gave out: "
                + " ".join(output.split())[-300:]
            )
        first = output.find("ERROR:")
        if _NO_SET.search(output):
            reason = "pip refuses the set: " + " ".join(output[max(first, 0) :].split())[:500]
            return PipOutcome(None, Stage.RESOLVE, reason=reason, installer=installer)
        seen = _EXCEPTION.findall(output) or [output[max(first, 0) :].strip().partition("\n")[0]]
        symptom = " ".join(seen[-1].split())[:300]
        reason = f"pip cannot install it: {symptom}"
        return PipOutcome(None, Stage.INSTALL, symptom=symptom, reason=reason, installer=installer)

    def _said(self, ran: JobResult, folder: Path, installer: str) -> PipOutcome:
        """What the last line of the result says, or its absence."""
        done = ran.finished
        if done.interrupted:
            raise InfrastructureError("interrupted")
        lines = self._fit(ran.reported, folder).splitlines()
        kind, _, rest = (lines[-1] if lines else "").partition(" ")
        rest = rest[:300]
        if kind == "works":
            return PipOutcome(Outcome.WORKS, Stage.SMOKE, installer=installer)
        if kind == "skipped":
            return PipOutcome(
                None, Stage.SMOKE, reason=f"nothing was tried: {rest}", installer=installer
            )
        symptom = rest if kind == "broken" else self._death(done)
        reason = None
        if done.returncode == _KILLED and not (done.timed_out or done.note or kind):
            reason = "the process was killed from outside (is memory short here?)"
        elif _READ_ONLY in symptom and ran.isolation is not Isolation.LIMITS:
            reason = "it writes where the sandbox lets nobody write"
        outcome = None if reason else Outcome.BROKEN
        return PipOutcome(outcome, Stage.SMOKE, symptom=symptom, reason=reason, installer=installer)

    def _death(self, done: ProcessResult) -> str:
        if done.timed_out:
            return f"Timeout: no result after {self.seconds} s"
        if done.returncode < 0 or done.note:
            return f"Killed: ended by signal {-done.returncode}"
        return f"Exited: the process exited with code {done.returncode} and no result"

    def _fit(self, text: str, folder: Path) -> str:
        """A text without hosts and paths of this machine."""
        paths = {str(folder): "<cell>", str(self.scratch): "<scratch>", str(Path.home()): "~"}
        paths |= dict.fromkeys(self.prefixes, "<python>")
        paths |= {str(folder / part): f"<{part}>" for part in ("env", "work", "home", "tmp")}
        return Redactor(self.hosts, paths)(hide_urls(text))
