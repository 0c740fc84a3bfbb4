"""Each smoke is shown able to fail: it notices when a central function of its subject is empty."""

from __future__ import annotations

import ast
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import smoke_files
from smoke_files import MATRIX, SUBJECTS, sabotage_of

from watchdog.analysis.doctor import SERVICE_ADVICE
from watchdog.errors import InfrastructureError
from watchdog.harness import PROBE
from watchdog.model.evidence import Isolation
from watchdog.model.lock import Installation, Lock, LockRequest
from watchdog.model.release import Interpreter
from watchdog.runner.controls import contemporary_requests
from watchdog.runner.workspace import Settings, Workspace, open_workspace


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


class Bench:
    """One subject in an environment of its own, whose files may be changed."""

    def __init__(self, workspace: Workspace, subject: str, folder: Path) -> None:
        self.workspace, self.subject, self.folder = workspace, subject, folder
        self.skipped: list[str] = []
        self._runs = 0

    def questions(self) -> Iterator[LockRequest]:
        """Yield requests: today on the newest Python, then older Pythons, then its own time."""
        place = self.workspace
        newest = list(place.interpreters)[-1]
        requirements = MATRIX.requirements(self.subject)
        yield LockRequest(requirements, newest, place.settings.as_of)
        for python in reversed(list(place.interpreters)[:-1]):
            yield LockRequest(requirements, python, place.settings.as_of)
        if self.subject in MATRIX.distributions:
            releases = place.releases()
            versions = [r for r in releases[self.subject] if not r.version.is_prerelease]
            for release in versions[:-4:-1]:
                version = str(release.version)
                yield from contemporary_requests(place, releases, self.subject, version)

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
            self.python = self.workspace.environments.install(installation, into)
            if self.passes():
                return next(into.rglob("site-packages"))
        pytest.fail(f"there is no lock with which {smoke_files.file_of(self.subject).name} passes")

    def passes(self) -> bool:
        """Run the smoke; return whether a test passed and none failed."""
        self._runs += 1
        work = self.folder / f"work{self._runs}"
        work.mkdir()
        events = self.folder / f"events{self._runs}.jsonl"
        smoke = work.with_suffix(".py")
        smoke.write_bytes(smoke_files.file_of(self.subject).read_bytes())
        extension = MATRIX.extensions.get(self.subject)
        wanted = extension.services if extension else ()
        env = {"PATH": f"{self.python.parent}:/usr/bin:/bin", "HOME": str(work), "LANG": "C.UTF-8"}
        env |= self.workspace.services.environment(self.workspace.services.available(wanted))
        config = {"events": str(events), "token": "t", "seconds": 60, "memory_mb": 4096}
        try:
            subprocess.run(
                [str(self.python), "-I", str(PROBE), str(smoke), "--watched"],
                input=json.dumps(config),
                text=True,
                capture_output=True,
                cwd=work,
                env=env,
                timeout=60,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
        lines = [json.loads(line) for line in events.read_text("utf-8").splitlines()]
        tests = [line for line in lines if line["event"] == "test"]
        outcomes = [test["outcome"] for test in tests]
        self.skipped = [test["reason"] for test in tests if test["outcome"] == "skipped"]
        ended = any(line["event"] == "end" for line in lines)
        return ended and "passed" in outcomes and "failed" not in outcomes


@pytest.mark.real_index
@pytest.mark.parametrize("subject", SUBJECTS)
def test_smoke_detects_sabotage(workspace: Workspace, tmp_path: Path, subject: str) -> None:
    """A smoke fails when any one of its central functions has its body removed."""
    bench = Bench(workspace, subject, tmp_path)
    site = bench.install()
    missing = self_skipped(bench)
    undetected = []
    for entry in sabotage_of(smoke_files.file_of(subject)):
        file, _, name = entry.partition(":")
        path = site / file
        source = path.read_text("utf-8")
        path.unlink()  # it may be a link into uv's cache: never write through it
        path.write_text(empty(source, name), encoding="utf-8")
        if bench.passes():
            undetected.append(entry)
        path.write_text(source, encoding="utf-8")
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
    path = site / "flask_login/utils.py"
    source = path.read_text("utf-8")
    path.unlink()
    path.write_text(empty(source, "login_user"), encoding="utf-8")
    assert bench.passes(), "the idle smoke does not notice: that is what the test above is for"
