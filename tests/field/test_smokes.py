"""Smokes keep their contract, and each is shown able to fail."""

from __future__ import annotations

import ast
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from home import ROOT

from watchdog.errors import InfrastructureError
from watchdog.harness import PROBE, SMOKES
from watchdog.matrix import load as matrix_file
from watchdog.matrix.schema import Matrix
from watchdog.model.evidence import Isolation
from watchdog.model.lock import Installation, Lock, LockRequest
from watchdog.model.release import Interpreter
from watchdog.runner.controls import contemporary_requests
from watchdog.runner.workspace import Settings, Workspace, open_workspace

MATRIX: Matrix = matrix_file.load_matrix(ROOT / "matrix.yaml")
FILES = sorted(SMOKES.glob("smoke_*.py"))
SUBJECTS = ("flask", *MATRIX.extensions)
# Longer than a quickstart, each for a reason: the core smoke tries a dozen things that every
# application uses; Authlib and Flask-OAuthlib are client and server; OpenID 2.0 needs a provider of
# its own; scenarios are whole applications, the book's is a book's.
LONGEST = {
    "smoke_flask.py": 220,
    "smoke_authlib.py": 170,
    "smoke_flask_oauthlib.py": 160,
    "smoke_flask_openid.py": 145,
    "smoke_flask_security_too.py": 145,
    "smoke_scenario_book_application.py": 240,
    "smoke_scenario_celery.py": 155,
    "smoke_scenario_oauth_login.py": 175,
    "smoke_scenario_socketio_chat.py": 145,
    "smoke_scenario_user_logins.py": 160,
}


def file_of(subject: str) -> Path:
    return SMOKES / f"smoke_{subject.replace('-', '_')}.py"


def uses_of(tree: ast.Module) -> list[ast.FunctionDef]:
    found = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    return [f for f in found if f.name.startswith("test_")]


def sabotage_of(path: Path) -> list[str]:
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SABOTAGE":
            found: list[str] = ast.literal_eval(node.value)
            return found
    return []


def test_every_subject_has_one_smoke() -> None:
    """Smoke files and subjects of the matrix correspond one to one."""
    assert {f.name for f in FILES} == {file_of(s).name for s in SUBJECTS}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
class TestContract:
    def test_smoke_length_and_syntax(self, path: Path) -> None:
        """A smoke stays within its length limit and parses on the oldest Python."""
        text = path.read_text("utf-8")
        major, minor = (int(n) for n in MATRIX.python[0].split("."))
        ast.parse(text, feature_version=(major, minor))
        assert len(text.splitlines()) <= LONGEST.get(path.name, 136)

    def test_smoke_imports(self, path: Path) -> None:
        """A smoke imports neither the watchdog nor a test tool."""
        tree = ast.parse(path.read_text("utf-8"))
        names = {
            alias.name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        } | {
            (node.module or "").split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
        }
        allowed = {"pytest"} if path.name == "smoke_pytest_flask.py" else set()
        assert not (names & {"watchdog", "pytest", "conftest"}) - allowed

    def test_smoke_tests_have_titles_and_assertions(self, path: Path) -> None:
        """Each test of a smoke has a unique one-line docstring and checks something."""
        tests = uses_of(ast.parse(path.read_text("utf-8")))
        titles = [ast.get_docstring(t) or "" for t in tests]
        assert tests
        assert all(title and "\n" not in title.strip() for title in titles)
        assert len(set(titles)) == len(titles)
        for test in tests:
            kinds = (ast.Assert, ast.Raise, ast.With, ast.Call)
            assert any(isinstance(n, kinds) for n in ast.walk(test)), test.name

    def test_smoke_module_level_statements(self, path: Path) -> None:
        """At module level a smoke contains only imports, definitions and simple statements."""
        allowed = (
            ast.Import,
            ast.ImportFrom,
            ast.FunctionDef,
            ast.ClassDef,
            ast.Assign,
            ast.AugAssign,
            ast.Try,
            ast.If,
            ast.Expr,
        )
        for node in ast.parse(path.read_text("utf-8")).body:
            assert isinstance(node, allowed), ast.unparse(node)

    def test_smoke_names_sabotage_targets(self, path: Path) -> None:
        """A smoke names at least two central functions, each as file and function."""
        entries = sabotage_of(path)
        assert len(entries) >= 2
        assert all(e.count(":") == 1 and e.split(":")[0].endswith(".py") for e in entries)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    reports = tmp_path_factory.mktemp("reports")
    # The probe is run here and not by a runner, so the services must be here too.
    now, means = datetime.now(UTC).replace(microsecond=0), Isolation.LIMITS
    settings = Settings(MATRIX, now, reports, jobs=2, sandbox=means)
    try:
        with open_workspace(settings) as workspace:
            workspace.releases()
            workspace.start_services(SUBJECTS)
            yield workspace
    except InfrastructureError as e:
        pytest.skip(f"the package index cannot be reached: {e}")


def empty(source: str, qualified: str) -> str:
    """The module with one function emptied: its body is `return None`.

    Where a name is defined more than once (overloads, branches), every definition is emptied.
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
        self._runs = 0

    def questions(self) -> Iterator[LockRequest]:
        """Today on the newest Python; for what is broken today, the world it was made for."""
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
        """The site-packages of the first world in which the smoke passes."""
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
        pytest.fail(f"there is no world in which {file_of(self.subject).name} passes")

    def passes(self) -> bool:
        self._runs += 1
        work = self.folder / f"work{self._runs}"
        work.mkdir()
        events = self.folder / f"events{self._runs}.jsonl"
        smoke = work.with_suffix(".py")
        smoke.write_bytes(file_of(self.subject).read_bytes())
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
        told = [json.loads(line) for line in events.read_text("utf-8").splitlines()]
        outcomes = [e["outcome"] for e in told if e["event"] == "test"]
        ended = any(e["event"] == "end" for e in told)
        return ended and "passed" in outcomes and "failed" not in outcomes


@pytest.mark.real_index
@pytest.mark.parametrize("subject", SUBJECTS)
def test_smoke_detects_sabotage(workspace: Workspace, tmp_path: Path, subject: str) -> None:
    """A smoke fails when any one of its central functions has its body removed."""
    bench = Bench(workspace, subject, tmp_path)
    site = bench.install()
    undetected = []
    for entry in sabotage_of(file_of(subject)):
        file, _, name = entry.partition(":")
        path = site / file
        source = path.read_text("utf-8")
        path.unlink()  # it may be a link into uv's cache: never write through it
        path.write_text(empty(source, name), encoding="utf-8")
        if bench.passes():
            undetected.append(entry)
        path.write_text(source, encoding="utf-8")
    assert not undetected


@pytest.mark.real_index
def test_idle_smoke_misses_sabotage(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A smoke without assertions still passes after a central function lost its body."""
    idle = tmp_path / "smoke_flask_login.py"
    idle.write_text("import flask_login\n\n\ndef test_idle():\n    'Nothing'\n", encoding="utf-8")
    monkeypatch.setitem(globals(), "file_of", lambda _: idle)
    bench = Bench(workspace, "flask-login", tmp_path)
    site = bench.install()
    path = site / "flask_login/utils.py"
    source = path.read_text("utf-8")
    path.unlink()
    path.write_text(empty(source, "login_user"), encoding="utf-8")
    assert bench.passes(), "the idle smoke does not notice: that is what the test above is for"
