"""Runs a workflow of GitHub Actions on this machine, as far as this project needs it.

Each job has its own folder; only outputs and declared artifacts pass between jobs. `run:` steps are
run by bash, as the runner does; the actions below are imitated according to their documentation,
others are not supported.
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
    """A finished job: `success`, `failure` or `skipped`, its outputs, and what it printed."""

    result: str
    outputs: dict[str, str] = field(default_factory=dict)
    log: str = ""


@dataclass
class Workflow:
    """One run of a workflow file.

    Attributes:
        origin: the repository that `actions/checkout` clones.
        kill: the step that is killed while it runs: job, matrix value, name of the step.
        env_of: further environment variables for the steps of a job.
        before: functions that are called before a job, to play an attacker.
        home: the repository of the workflow, if that is not `origin`.
        cache: the folder that `actions/cache` keeps from run to run.
        tools: the folder for what actions of the repository install; it must outlive all tests that
            run workflows of the same commit. None for the folder of the job.
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
    tools: Path | None = None
    jobs: dict[str, Job] = field(default_factory=dict)
    steps_run: list[tuple[str, str]] = field(default_factory=list)

    @property
    def artifacts(self) -> Path:
        """Return the folder of the uploaded artifacts."""
        return self.folder / "artifacts"

    def run(self) -> dict[str, Job]:
        """Run all jobs in the order of the file."""
        workflow = yaml.load(self.file.read_text("utf-8"), Loader=yaml.BaseLoader)  # noqa: S506
        for name, job in workflow["jobs"].items():
            self.before.get(name, lambda: None)()
            self.jobs[name] = self._job(name, job, workflow.get("env", {}))
        return self.jobs

    def _job(self, name: str, job: dict[str, Any], env: dict[str, str]) -> Job:
        needs = job.get("needs", [])
        needs = [needs] if isinstance(needs, str) else needs
        condition = job.get("if", "success()")
        contexts = {"needs": {n: vars(self.jobs[n]) for n in needs}}
        succeeded = all(self.jobs[n].result == "success" for n in needs)
        if not _is_true(_full_condition(condition), self._contexts(contexts), succeeded=succeeded):
            return Job("skipped")
        values = self._matrix(job, contexts)
        jobs = [self._matrix_job(name, job, env, contexts | {"matrix": v}) for v in values]
        failed = any(run.result == "failure" for run in jobs)
        return Job(
            "failure" if failed else "success", jobs[-1].outputs, "\n".join(run.log for run in jobs)
        )

    def _matrix(self, job: dict[str, Any], contexts: dict[str, Any]) -> list[dict[str, Any]]:
        matrix = job.get("strategy", {}).get("matrix")
        if not matrix:
            return [{}]
        ((key, expression),) = matrix.items()
        values = _evaluate(expression.strip()[3:-2], self._contexts(contexts), succeeded=True)
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

    def _matrix_job(
        self, name: str, job: dict[str, Any], env: dict[str, str], contexts: dict[str, Any]
    ) -> Job:
        value = str(next(iter(contexts["matrix"].values()), ""))
        folder = self.folder / f"{name}-{value.replace('/', '-')}"
        (folder / "work").mkdir(parents=True)
        (folder / "temp").mkdir()
        steps: dict[str, Any] = {}
        runner = _Steps(
            self, name, value, folder, {**self.env, **env, **self.env_of.get(name, {})}, []
        )
        succeeded = runner.run_all(job["steps"], contexts | {"steps": steps})
        outputs = {
            key: _substitute(template, self._contexts(contexts | {"steps": steps}))
            for key, template in job.get("outputs", {}).items()
        }
        return Job("success" if succeeded else "failure", outputs, "".join(runner.log))


@dataclass
class _Steps:
    """Runs the steps of one job in its folder."""

    workflow: Workflow
    job: str
    value: str
    folder: Path
    env: dict[str, str]
    log: list[str]
    path: list[str] = field(default_factory=list)
    temp: Path | None = None
    """RUNNER_TEMP, if it is not in the folder of the job."""

    def run_all(self, steps: list[dict[str, Any]], contexts: dict[str, Any]) -> bool:
        """Run the steps; return true if none failed."""
        succeeded = True
        for step in steps:
            condition = _full_condition(step.get("if", "success()"))
            if not _is_true(condition, self.workflow._contexts(contexts), succeeded=succeeded):
                continue
            try:
                outputs = self._step(step, contexts)
            except StepFailedError as e:
                self.log.append(f"{step.get('name', step.get('uses'))}: {e}\n")
                succeeded, outputs = False, {}
            if "id" in step:
                contexts["steps"][step["id"]] = {"outputs": outputs}
        return succeeded

    def _step(self, step: dict[str, Any], contexts: dict[str, Any]) -> dict[str, str]:
        temp = {"runner": {"temp": str(self.temp or self.folder / "temp")}}
        values = self.workflow._contexts(contexts | temp)
        inputs = {k: _substitute(v, values) for k, v in step.get("with", {}).items()}
        if uses := step.get("uses"):
            if uses.startswith("$/"):
                return self._composite(uses.removeprefix("$/"), inputs)
            name, _, version = uses.partition("@")
            assert re.fullmatch(r"[0-9a-f]{40}", version), f"{uses} is not pinned by a commit"
            _ACTIONS[name](self, inputs)
            return {}
        env = {k: _substitute(v, values) for k, v in step.get("env", {}).items()}
        return self._run(step, env)

    def _composite(self, action: str, inputs: dict[str, str]) -> dict[str, str]:
        """Run an action of the repository itself, at the commit of the workflow."""
        home = self.workflow.home or self.workflow.origin
        key = (_commit(home), action)
        added = _ADDED_TO_PATH.get(key)
        # It does the same in every job; but an earlier test's folder may be gone by now.
        if added is not None and all(Path(path).exists() for path in added):
            self.path += added
            return {}
        folder = home / action
        definition = yaml.load((folder / "action.yml").read_text("utf-8"), Loader=yaml.BaseLoader)  # noqa: S506
        defaults = {k: str(v.get("default", "")) for k, v in definition.get("inputs", {}).items()}
        workflow = Workflow(
            self.workflow.file,
            self.workflow.origin,
            self.workflow.folder,
            self.workflow.env,
            defaults | inputs,
            steps_run=self.workflow.steps_run,
            home=home,
            cache=self.workflow.cache,
            tools=self.workflow.tools,
        )
        env = self.env | {"GITHUB_ACTION_PATH": str(folder)}
        runner = _Steps(workflow, self.job, self.value, self.folder, env, self.log, self.path)
        if workflow.tools:
            runner.temp = workflow.tools / key[0].strip()
            runner.temp.mkdir(parents=True, exist_ok=True)
        steps: dict[str, Any] = {}
        github = {**workflow._contexts({})["github"], "action_path": str(folder)}
        if not runner.run_all(definition["runs"]["steps"], {"steps": steps, "github": github}):
            raise StepFailedError(f"{action} failed")
        if inputs.keys() <= {"matrix", "services"}:
            _ADDED_TO_PATH[key] = list(self.path)
        outputs = definition.get("outputs", {})
        contexts = workflow._contexts({"steps": steps})
        return {k: _substitute(v["value"], contexts) for k, v in outputs.items()}

    def _run(self, step: dict[str, Any], env: dict[str, str]) -> dict[str, str]:
        name = step.get("name", "")
        self.workflow.steps_run.append((self.job, name))
        files = {
            n: self.folder / "temp" / f"{n}-{len(self.workflow.steps_run)}"
            for n in ("GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")
        }
        for file in files.values():
            file.touch()
        env = self.env | env | {k: str(v) for k, v in files.items()}
        temp = self.temp or self.folder / "temp"
        env |= {"RUNNER_TEMP": str(temp), "GITHUB_ACTIONS": "true"}
        env["PATH"] = os.pathsep.join([*reversed(self.path), env["PATH"]])
        process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.folder / "work",
            env=env,
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


_ADDED_TO_PATH: dict[tuple[str, str], list[str]] = {}
"""The folders that the action for setting up added to PATH, by commit and action."""


class StepFailedError(Exception):
    """A step failed; the message says how."""


def _commit(repository: Path) -> str:
    argv = ["git", "-C", str(repository), "rev-parse", "HEAD"]
    return subprocess.run(argv, text=True, capture_output=True, check=True).stdout


def _checkout(steps: _Steps, inputs: dict[str, str]) -> None:
    into = steps.folder / "work" / inputs.get("path", "")
    assert inputs["persist-credentials"] == "false"
    subprocess.run(
        ["git", "clone", "-q", "--depth=1", "--branch=main", steps.workflow.origin.as_uri(), into],
        check=True,
    )


def _upload(steps: _Steps, inputs: dict[str, str]) -> None:
    into = steps.workflow.artifacts / inputs["name"]
    assert not into.exists(), f"a second artifact {inputs['name']}"
    patterns = [steps.folder / "work" / line.strip() for line in inputs["path"].split("\n") if line]
    root = Path(os.path.commonpath(patterns))
    if root.is_file():  # a single file is uploaded without its folders
        root = root.parent
    for pattern in patterns:
        for match in glob.glob(str(pattern)):  # noqa: PTH207  absolute patterns
            target = into / Path(match).relative_to(root)
            if Path(match).is_dir():
                shutil.copytree(match, target, dirs_exist_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(match, target)


def _download(steps: _Steps, inputs: dict[str, str]) -> None:
    into = steps.folder / "work" / inputs.get("path", "")
    artifacts = steps.workflow.artifacts
    if name := inputs.get("name"):
        if not (artifacts / name).is_dir():
            raise StepFailedError(f"no artifact {name}")
        shutil.copytree(artifacts / name, into, dirs_exist_ok=True)
        return
    for artifact in sorted(artifacts.glob(inputs["pattern"])):
        merged = inputs.get("merge-multiple") == "true"
        target = into if merged else into / artifact.name
        shutil.copytree(artifact, target, dirs_exist_ok=True)


def _pages(steps: _Steps, inputs: dict[str, str]) -> None:
    _upload(steps, {"name": "github-pages", "path": inputs["path"]})


def _deploy(steps: _Steps, _: dict[str, str]) -> None:
    artifacts = steps.workflow.artifacts
    shutil.copytree(artifacts / "github-pages", steps.workflow.folder / "pages")


def _restore(steps: _Steps, inputs: dict[str, str]) -> None:
    if (cache := steps.workflow.cache) and cache.exists():
        shutil.copytree(cache, steps.folder / "work" / inputs["path"])


def _save(steps: _Steps, given: dict[str, str]) -> None:
    folder = steps.folder / "work" / given["path"]
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


def _full_condition(condition: str) -> str:
    """Return a condition without braces; `success()` is added if it has no status function."""
    inner = condition.strip()
    inner = inner[3:-2] if inner.startswith("${{") else inner
    if re.search(r"\b(success|failure|always|cancelled)\(", inner):
        return inner
    return f"success() && ({inner})"


def _is_true(condition: str, contexts: dict[str, Any], *, succeeded: bool) -> bool:
    return bool(_evaluate(condition, contexts, succeeded=succeeded))


def _substitute(template: str, contexts: dict[str, Any]) -> str:
    """Replace the expressions in a text by their values."""

    def replace(match: re.Match[str]) -> str:
        value = _evaluate(match[1], contexts, succeeded=True)
        return "" if value is None else str(value)

    return _EXPRESSION.sub(replace, template)


_TOKEN = re.compile(r"('[^']*')|(&&)|(\|\|)|(!=|==)|(!)|([A-Za-z_][\w.-]*)|(\(|\)|,)|(\s+)")


def _evaluate(expression: str, contexts: dict[str, Any], *, succeeded: bool) -> Any:
    """Evaluate an expression of the workflow language by translating it to Python."""
    calls = {
        "success": lambda: succeeded,
        "failure": lambda: not succeeded,
        "always": lambda: True,
        "cancelled": lambda: False,
        "fromJSON": json.loads,
    }
    python = "".join(_to_python(expression))
    names = {"at": lambda path: _look_up(contexts, path), **calls}
    return eval(python, {"__builtins__": {}}, names)  # noqa: S307  only from files of this project


def _to_python(expression: str) -> Iterator[str]:
    """Yield the tokens of an expression as Python."""
    words = {"&&": " and ", "||": " or ", "!": " not ", "true": "True", "false": "False"}
    end = 0
    for match in _TOKEN.finditer(expression):
        assert match.start() == end, f"{expression!r} is not supported"
        end = match.end()
        token = match[0]
        if match[6] and "." in token:
            yield f"at({token!r})"
        else:
            yield words.get(token, token)
    assert end == len(expression), f"{expression!r} is not supported"


def _look_up(contexts: dict[str, Any], path: str) -> Any:
    """Return the value at a dotted path, or None."""
    value: Any = contexts
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value
