"""Each smoke is shown able to fail: it notices when a central function of its subject is empty.

A subject has one linked environment, in which its smoke must pass. Each sabotage replaces one
module there by a file; all others, and their bytecode, stay links into the package store.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import smoke_files
from smoke_files import MATRIX, SUBJECTS, sabotage_of

from watchdog.analysis.doctor import SERVICE_ADVICE
from watchdog.errors import InfrastructureError, InstallError
from watchdog.harness import PROBE, smoke_source
from watchdog.model.evidence import Isolation
from watchdog.model.lock import Installation, Lock, LockRequest
from watchdog.model.release import Interpreter
from watchdog.runner.controls import contemporary_requests
from watchdog.runner.workspace import Settings, Workspace, open_workspace
from watchdog.sandbox.process import kill_marked

SECONDS = 120
"""For one run of a smoke: some start large programs, here beside other tests."""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    reports = tmp_path_factory.mktemp("reports")
    # The probe is run here and not by a runner, so the services must be here too.
    now, isolation = datetime.now(UTC).replace(microsecond=0), Isolation.LIMITS
    settings = Settings(MATRIX, now, reports, jobs=2, sandbox=isolation)
    try:
        with open_workspace(settings) as workspace:
            workspace.releases()
            workspace.start_services(SUBJECTS)
            yield workspace
    except InfrastructureError as e:
        pytest.skip(f"the package index cannot be reached: {e}")


def empty(source: str, qualified: str) -> str:
    """Return the module with one function emptied: its body is `return None`.

    If a name is defined more than once (overloads, branches), every definition is emptied.
    """
    tree = ast.parse(source)
    nodes: list[ast.AST] = [tree]
    for part in qualified.split("."):
        nodes = [
            inner
            for node in nodes
            for inner in ast.walk(node)
            if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            and inner.name == part
            and inner is not node
        ]
    assert nodes, f"{qualified} is not there"
    for node in nodes:
        assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        node.body = (
            [ast.Return(ast.Constant(None))] if not isinstance(node, ast.ClassDef) else [ast.Pass()]
        )
    return ast.unparse(ast.fix_missing_locations(tree))


def replace_file(site: Path, file: str, text: str) -> None:
    """Write a file of an environment so that nothing is written through a link.

    Links to the folders that it is in become folders with links to what was in them.
    """
    folder = site
    for name in Path(file).parent.parts:
        folder /= name
        if folder.is_symlink():
            original = folder.resolve()
            folder.unlink()
            folder.mkdir()
            for item in original.iterdir():
                (folder / item.name).symlink_to(item)
    path = site / file
    path.unlink()
    path.write_text(text, encoding="utf-8")


def read_events(path: Path) -> list[dict[str, Any]]:
    """Return the events that the probe has written so far."""
    lines = path.read_text("utf-8").splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def has_failed(events: list[dict[str, Any]]) -> bool:
    """Return whether the smoke could not be loaded, or a test of it failed."""
    return any(e["event"] == "failed" or e.get("outcome") == "failed" for e in events)


class Bench:
    """One subject in an environment of its own, whose files may be changed."""

    def __init__(self, workspace: Workspace, subject: str, folder: Path) -> None:
        self.workspace, self.subject, self.folder = workspace, subject, folder
        self.skipped: list[str] = []
        self._runs = 0

    def questions(self) -> Iterator[LockRequest]:
        """Yield requests: today on the newest and the oldest Python, then others.

        For a package the Pythons between and the times of its last releases; for a scenario, which
        may have a chapter that works no more, the last years before.
        """
        place = self.workspace
        pythons = list(place.interpreters)
        oldest, between, newest = pythons[0], pythons[1:-1], pythons[-1]
        requirements, now = MATRIX.requirements(self.subject), place.settings.as_of
        yield LockRequest(requirements, newest, now)
        yield LockRequest(requirements, oldest, now)
        if self.subject in MATRIX.distributions:
            for python in reversed(between):
                yield LockRequest(requirements, python, now)
            releases = place.releases()
            versions = [r for r in releases[self.subject] if not r.version.is_prerelease]
            for release in versions[:-4:-1]:
                version = str(release.version)
                yield from contemporary_requests(place, releases, self.subject, version)
        else:
            for years in range(1, 9):
                yield LockRequest(requirements, oldest, now - timedelta(days=365 * years))
            for python in reversed(between):
                yield LockRequest(requirements, python, now)

    def install(self) -> Path:
        """Install the first lock with which the smoke passes; return its site-packages."""
        for number, question in enumerate(self.questions()):
            interpreter: Interpreter = self.workspace.interpreters[question.python]
            lock = self.workspace.resolver.resolve(question, interpreter)
            if not isinstance(lock, Lock):
                continue
            into = self.folder / f"env{number}"
            as_of = max([question.as_of, *(t for _, t in question.later)])
            installation = Installation(lock=lock, interpreter=interpreter, as_of=as_of)
            environments = self.workspace.environments
            try:
                environments.fetch(environments.missing(installation))
                self.python = environments.link(installation, into)
            except InstallError:  # what is as old as that does not build on this Python
                continue
            if self.passes():
                return next(into.rglob("site-packages"))
        name = smoke_files.file_of(self.subject).name
        if absent := [p for p in MATRIX.python if p not in self.workspace.interpreters]:
            wanted = " ".join(absent)
            pytest.skip(f"{name} passes on no Python that is here; uv python install {wanted}")
        pytest.fail(f"there is no lock with which {name} passes")

    def passes(self, *python_options: str) -> bool:
        """Run the smoke until a test fails; return whether a test passed and none failed."""
        self._runs += 1
        work = self.folder / f"work{self._runs}"
        work.mkdir()
        events = self.folder / f"events{self._runs}.jsonl"
        smoke = work.with_suffix(".py")
        smoke.write_bytes(smoke_source(smoke_files.file_of(self.subject)))
        extension = MATRIX.extensions.get(self.subject)
        wanted = extension.services if extension else ()
        env = {"PATH": f"{self.python.parent}:/usr/bin:/bin", "HOME": str(work), "LANG": "C.UTF-8"}
        env |= self.workspace.services.environment(self.workspace.services.available(wanted))
        config = {"events": str(events), "token": "t", "seconds": SECONDS, "memory_mb": 4096}
        process = subprocess.Popen(
            [str(self.python), *python_options, "-I", str(PROBE), str(smoke), "--watched"],
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=work,
            env=env,
            start_new_session=True,
        )
        assert process.stdin
        with process.stdin as stdin:
            stdin.write(json.dumps(config))
        deadline = time.monotonic() + SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if has_failed(read_events(events)):
                break
            time.sleep(0.02)
        ended_by_itself = process.poll() is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        kill_marked(f"HOME={work}\0")  # programs that the smoke started in a session of their own
        written = read_events(events)
        tests = [event for event in written if event["event"] == "test"]
        self.skipped = [test["reason"] for test in tests if test["outcome"] == "skipped"]
        passed = any(test["outcome"] == "passed" for test in tests)
        ended = ended_by_itself and any(event["event"] == "end" for event in written)
        return ended and passed and not has_failed(written)

    def passes_with(self, site: Path, file: str, text: str) -> bool:
        """Run the smoke with another text in one file of the environment."""
        original = (site / file).read_text("utf-8")
        replace_file(site, file, text)
        # Without bytecode: that of a changed module must not be written to the package store.
        passed = self.passes("-B")
        (site / file).write_text(original, encoding="utf-8")
        return passed


@pytest.mark.real_index
@pytest.mark.timeout(900)  # what has no wheels is compiled, on two Pythons, beside other tests
@pytest.mark.parametrize("subject", SUBJECTS)
def test_smoke_detects_sabotage(workspace: Workspace, tmp_path: Path, subject: str) -> None:
    """A smoke fails when any one of its central functions has its body removed."""
    bench = Bench(workspace, subject, tmp_path)
    site = bench.install()
    missing = self_skipped(bench)
    undetected = []
    for entry in sabotage_of(smoke_files.file_of(subject)):
        file, _, name = entry.partition(":")
        if bench.passes_with(site, file, empty((site / file).read_text("utf-8"), name)):
            undetected.append(entry)
    if undetected and missing:
        pytest.skip(f"not all of the smoke runs here: {missing}; {doctor_advice(subject)}")
    assert not undetected


def self_skipped(bench: Bench) -> str:
    """Return why the smoke skipped some of its tests on this machine; empty if it did not."""
    return "; ".join(dict.fromkeys(bench.skipped))


def doctor_advice(subject: str) -> str:
    """Return how to get the servers that a subject's smoke connects to."""
    extension = MATRIX.extensions.get(subject)
    names = extension.services if extension else ()
    return "; ".join(SERVICE_ADVICE.get(name, f"{name} is missing") for name in names)


@pytest.mark.real_index
def test_idle_smoke_misses_sabotage(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A smoke without assertions still passes after a central function lost its body."""
    idle = tmp_path / "smoke_flask_login.py"
    idle.write_text("import flask_login\n\n\ndef test_idle():\n    'Nothing'\n", encoding="utf-8")
    monkeypatch.setattr(smoke_files, "file_of", lambda _: idle)
    bench = Bench(workspace, "flask-login", tmp_path)
    site = bench.install()
    file = "flask_login/utils.py"
    text = empty((site / file).read_text("utf-8"), "login_user")
    passed = bench.passes_with(site, file, text)
    assert passed, "the idle smoke does not notice: that is what the test above is for"
