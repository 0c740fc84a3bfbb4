"""Runs a workflow of GitHub Actions on this machine, as far as ours need it.

Each job has a folder of its own; between jobs go only outputs and declared artifacts. `run:` steps
are run by bash as the runner does; of the actions only those below are known, each doing here what
its documentation says it does there.
"""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


@dataclass
class Job:
    """How a job ended: `success`, `failure` or `skipped`; its outputs, and what it printed."""

    result: str
    outputs: dict[str, str] = field(default_factory=dict)
    log: str = ""


@dataclass
class Workflow:
    """One run of a workflow file.

    Attributes:
        origin: the repository that `actions/checkout` clones.
        kill: which step of which job is killed while it runs: (job, matrix value, step's name).
        env_of: more of the environment, for the steps of one job.
        before: what is done before a job begins, as somebody evil would.
        home: the repository of the workflow itself, where that is another than the one it is for.
        cache: what `actions/cache` keeps from run to run.
    """

    file: Path
    origin: Path
    folder: Path
    env: Mapping[str, str]
    inputs: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    kill: tuple[str, str, str] | None = None
    env_of: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    before: Mapping[str, Callable[[], None]] = field(default_factory=dict)
    home: Path | None = None
    cache: Path | None = None
    jobs: dict[str, Job] = field(default_factory=dict)
    steps_run: list[tuple[str, str]] = field(default_factory=list)

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    def run(self) -> dict[str, Job]:
        told = yaml.load(self.file.read_text("utf-8"), Loader=yaml.BaseLoader)  # noqa: S506
        for name, job in told["jobs"].items():
            self.before.get(name, lambda: None)()
            self.jobs[name] = self._job(name, job, told.get("env", {}))
        return self.jobs

    def _job(self, name: str, job: dict[str, Any], env: dict[str, str]) -> Job:
        needs = job.get("needs", [])
        needs = [needs] if isinstance(needs, str) else needs
        condition = job.get("if", "success()")
        contexts = {"needs": {n: vars(self.jobs[n]) for n in needs}}
        all_well = all(self.jobs[n].result == "success" for n in needs)
        if not _true(_asked(condition), self._contexts(contexts), well=all_well):
            return Job("skipped")
        values = self._matrix(job, contexts)
        done = [self._one(name, job, env, contexts | {"matrix": value}) for value in values]
        failed = any(each.result == "failure" for each in done)
        return Job(
            "failure" if failed else "success", done[-1].outputs, "\n".join(d.log for d in done)
        )

    def _matrix(self, job: dict[str, Any], contexts: dict[str, Any]) -> list[dict[str, Any]]:
        matrix = job.get("strategy", {}).get("matrix")
        if not matrix:
            return [{}]
        ((key, given),) = matrix.items()
        values = _value(given.strip()[3:-2], self._contexts(contexts), well=True)
        return [{key: value} for value in values]

    def _contexts(self, more: Mapping[str, Any]) -> dict[str, Any]:
        github = {
            "event_name": "schedule",
            "token": "a-token",
            "ref": "refs/heads/main",
            "ref_name": "main",
            "event": {"repository": {"default_branch": "main"}},
            "run_id": "1",
            "action_path": "",
        }
        return {"github": github, "inputs": self.inputs, "vars": self.variables, **more}

    def _one(
        self, name: str, job: dict[str, Any], env: dict[str, str], contexts: dict[str, Any]
    ) -> Job:
        value = str(next(iter(contexts["matrix"].values()), ""))
        place = self.folder / f"{name}-{value.replace('/', '-')}"
        (place / "work").mkdir(parents=True)
        (place / "temp").mkdir()
        steps: dict[str, Any] = {}
        runner = _Steps(
            self, name, value, place, {**self.env, **env, **self.env_of.get(name, {})}, []
        )
        done = runner.all(job["steps"], contexts | {"steps": steps})
        outputs = {
            key: _text(given, self._contexts(contexts | {"steps": steps}))
            for key, given in job.get("outputs", {}).items()
        }
        return Job("success" if done else "failure", outputs, "".join(runner.log))


@dataclass
class _Steps:
    """The steps of one job, in its folder."""

    workflow: Workflow
    job: str
    value: str
    place: Path
    env: dict[str, str]
    log: list[str]
    path: list[str] = field(default_factory=list)

    def all(self, steps: list[dict[str, Any]], contexts: dict[str, Any]) -> bool:
        well = True
        for step in steps:
            asked = _asked(step.get("if", "success()"))
            told = self.workflow._contexts(contexts)
            if not _true(asked, told, well=well):
                continue
            try:
                outputs = self._step(step, contexts)
            except StepFailedError as e:
                self.log.append(f"{step.get('name', step.get('uses'))}: {e}\n")
                well, outputs = False, {}
            if "id" in step:
                contexts["steps"][step["id"]] = {"outputs": outputs}
        return well

    def _step(self, step: dict[str, Any], contexts: dict[str, Any]) -> dict[str, str]:
        told = self.workflow._contexts(contexts)
        given = {k: _text(v, told) for k, v in step.get("with", {}).items()}
        if uses := step.get("uses"):
            if uses.startswith("$/"):
                return self._composite(uses.removeprefix("$/"), given)
            name, _, version = uses.partition("@")
            assert re.fullmatch(r"[0-9a-f]{40}", version), f"{uses} is not pinned by a commit"
            _ACTIONS[name](self, given)
            return {}
        env = {k: _text(v, told) for k, v in step.get("env", {}).items()}
        return self._run(step, env)

    def _composite(self, action: str, given: dict[str, str]) -> dict[str, str]:
        """An action of the repository itself, at the commit that runs: no checkout is needed."""
        home = self.workflow.home or self.workflow.origin
        key = (_commit(home), action)
        if key in _DONE:  # it does the same in every job
            self.path += _DONE[key]
            return {}
        folder = home / action
        told = yaml.load((folder / "action.yml").read_text("utf-8"), Loader=yaml.BaseLoader)  # noqa: S506
        inputs = {k: str(v.get("default", "")) for k, v in told.get("inputs", {}).items()} | given
        mine = Workflow(
            self.workflow.file,
            self.workflow.origin,
            self.workflow.folder,
            self.workflow.env,
            inputs,
            steps_run=self.workflow.steps_run,
            home=home,
            cache=self.workflow.cache,
        )
        env = self.env | {"GITHUB_ACTION_PATH": str(folder)}
        inner = _Steps(mine, self.job, self.value, self.place, env, self.log, self.path)
        steps: dict[str, Any] = {}
        more = {"github": {**mine._contexts({})["github"], "action_path": str(folder)}}
        if not inner.all(told["runs"]["steps"], {"steps": steps, **more}):
            raise StepFailedError(f"{action} failed")
        if given.keys() <= {"matrix", "services"}:
            _DONE[key] = list(self.path)
        outputs = told.get("outputs", {})
        contexts = mine._contexts({"steps": steps})
        return {k: _text(v["value"], contexts) for k, v in outputs.items()}

    def _run(self, step: dict[str, Any], env: dict[str, str]) -> dict[str, str]:
        name = step.get("name", "")
        self.workflow.steps_run.append((self.job, name))
        files = {
            n: self.place / "temp" / f"{n}-{len(self.workflow.steps_run)}"
            for n in ("GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")
        }
        for file in files.values():
            file.touch()
        whole = self.env | env | {k: str(v) for k, v in files.items()}
        whole |= {"RUNNER_TEMP": str(self.place / "temp"), "GITHUB_ACTIONS": "true"}
        whole["PATH"] = os.pathsep.join([*reversed(self.path), whole["PATH"]])
        process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.place / "work",
            env=whole,
            text=True,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if (self.job, self.value, name) == self.workflow.kill:
            time.sleep(0.1)
            os.killpg(process.pid, signal.SIGKILL)
        printed, _ = process.communicate(timeout=280)
        self.log.append(f"── {self.job} {self.value}: {name}\n{printed}")
        self.path += files["GITHUB_PATH"].read_text("utf-8").split()
        if process.returncode:
            raise StepFailedError(f"exit code {process.returncode}")
        lines = files["GITHUB_OUTPUT"].read_text("utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines)


_DONE: dict[tuple[str, str], list[str]] = {}
"""What setting up added to PATH, by commit and action."""


class StepFailedError(Exception):
    pass


def _commit(repository: Path) -> str:
    argv = ["git", "-C", str(repository), "rev-parse", "HEAD"]
    return subprocess.run(argv, text=True, capture_output=True, check=True).stdout


def _checkout(steps: _Steps, given: dict[str, str]) -> None:
    into = steps.place / "work" / given.get("path", "")
    assert given["persist-credentials"] == "false"
    subprocess.run(
        ["git", "clone", "-q", "--depth=1", "--branch=main", steps.workflow.origin.as_uri(), into],
        check=True,
    )


def _upload(steps: _Steps, given: dict[str, str]) -> None:
    into = steps.workflow.artifacts / given["name"]
    assert not into.exists(), f"a second artifact {given['name']}"
    patterns = [steps.place / "work" / line.strip() for line in given["path"].split("\n") if line]
    root = Path(os.path.commonpath(patterns))
    if root.is_file():  # of a single file only itself, without its folders
        root = root.parent
    for pattern in patterns:
        for found in glob.glob(str(pattern)):  # noqa: PTH207  patterns with a place
            target = into / Path(found).relative_to(root)
            if Path(found).is_dir():
                shutil.copytree(found, target, dirs_exist_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(found, target)


def _download(steps: _Steps, given: dict[str, str]) -> None:
    into = steps.place / "work" / given.get("path", "")
    there = steps.workflow.artifacts
    if name := given.get("name"):
        if not (there / name).is_dir():
            raise StepFailedError(f"no artifact {name}")
        shutil.copytree(there / name, into, dirs_exist_ok=True)
        return
    for found in sorted(there.glob(given["pattern"])):
        merged = given.get("merge-multiple") == "true"
        shutil.copytree(found, into if merged else into / found.name, dirs_exist_ok=True)


def _pages(steps: _Steps, given: dict[str, str]) -> None:
    _upload(steps, {"name": "github-pages", "path": given["path"]})


def _deploy(steps: _Steps, _: dict[str, str]) -> None:
    artifacts = steps.workflow.artifacts
    shutil.copytree(artifacts / "github-pages", steps.workflow.folder / "pages")


def _restore(steps: _Steps, given: dict[str, str]) -> None:
    if (cache := steps.workflow.cache) and cache.exists():
        shutil.copytree(cache, steps.place / "work" / given["path"])


def _save(steps: _Steps, given: dict[str, str]) -> None:
    folder = steps.place / "work" / given["path"]
    if (cache := steps.workflow.cache) and folder.exists():  # the real action warns and goes on
        shutil.rmtree(cache, ignore_errors=True)
        shutil.copytree(folder, cache)


_ACTIONS: dict[str, Callable[[_Steps, dict[str, str]], None]] = {
    "actions/checkout": _checkout,
    "actions/upload-artifact": _upload,
    "actions/download-artifact": _download,
    "actions/upload-pages-artifact": _pages,
    "actions/deploy-pages": _deploy,
    "actions/cache/restore": _restore,
    "actions/cache/save": _save,
    "actions/setup-python": lambda *_: None,
}


def _asked(condition: str) -> str:
    """A condition without its braces; one that does not ask how things went asks success()."""
    inner = condition.strip()
    inner = inner[3:-2] if inner.startswith("${{") else inner
    return (
        inner
        if re.search(r"\b(success|failure|always|cancelled)\(", inner)
        else f"success() && ({inner})"
    )


def _true(condition: str, contexts: dict[str, Any], *, well: bool) -> bool:
    return bool(_value(condition, contexts, well=well))


def _text(template: str, contexts: dict[str, Any]) -> str:
    def one(found: re.Match[str]) -> str:
        value = _value(found[1], contexts, well=True)
        return "" if value is None else str(value)

    return _EXPRESSION.sub(one, template)


_TOKEN = re.compile(r"('[^']*')|(&&)|(\|\|)|(!=|==)|(!)|([A-Za-z_][\w.-]*)|(\(|\)|,)|(\s+)")


def _value(expression: str, contexts: dict[str, Any], *, well: bool) -> Any:
    """An expression of the workflow language, read as Python's."""
    calls = {
        "success": lambda: well,
        "failure": lambda: not well,
        "always": lambda: True,
        "cancelled": lambda: False,
        "fromJSON": json.loads,
    }
    python = "".join(_python(expression))
    names = {"at": lambda path: _at(contexts, path), **calls}
    return eval(python, {"__builtins__": {}}, names)  # noqa: S307  of our own files


def _python(expression: str) -> Iterator[str]:
    words = {"&&": " and ", "||": " or ", "!": " not ", "true": "True", "false": "False"}
    end = 0
    for found in _TOKEN.finditer(expression):
        assert found.start() == end, f"{expression!r} is not understood"
        end = found.end()
        token = found[0]
        if found[6] and "." in token:
            yield f"at({token!r})"
        else:
            yield words.get(token, token)
    assert end == len(expression), f"{expression!r} is not understood"


def _at(contexts: dict[str, Any], path: str) -> Any:
    value: Any = contexts
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value
