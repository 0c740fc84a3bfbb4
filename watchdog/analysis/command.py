"""Makes trials of a command that its user runs in a project: its tests, a script, the application.

The project is copied once, and each trial runs in a copy of that copy: nothing is written to the
project, and the code that runs sees nothing else of it.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from watchdog.analysis.check.result import COMMAND
from watchdog.errors import ConfigurationError
from watchdog.harness import command_smoke
from watchdog.model.evidence import Trial
from watchdog.model.fingerprint import content_digest, digest
from watchdog.model.lock import Lock
from watchdog.runner.workspace import Workspace
from watchdog.sandbox.process import Processes

PYTEST = "pytest"

IMPORT_APPLICATION = "import the application and request /"
"""What is run where no command is given."""

_NOT_COPIED = {
    *(".git", ".hg", ".svn", ".tox", ".nox", ".venv", "venv", "env", "node_modules"),
    *("__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".eggs", "build", "dist"),
}
_MOST_BYTES = 200_000_000
_GIT_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command and the project that it runs in.

    Attributes:
        argv: the command and its arguments; without any, the application is imported.
        project: the copy of the project, in the scratch folder of the run.
        digest: of the files of the project.
        environment: variables that it sees beside those of a cell.
    """

    argv: tuple[str, ...]
    project: Path
    digest: str
    environment: tuple[tuple[str, str], ...] = ()

    @property
    def title(self) -> str:
        """The command as its user wrote it."""
        return shlex.join(self.argv) if self.argv else IMPORT_APPLICATION

    @property
    def needs_pytest(self) -> bool:
        """Whether the command is pytest, which an application seldom requires."""
        return PYTEST in self.argv[:3]

    def trial(
        self, workspace: Workspace, subject: str, lock: Lock, python: str, as_of: datetime
    ) -> Trial:
        """Return the trial of the command with a lock; `subject` is not used."""
        del subject
        return workspace.made_trial(
            COMMAND,
            command_smoke(self.argv, self.title, self.digest),
            lock,
            python,
            as_of,
            environment=(*self.environment, ("WATCHDOG_PROJECT", str(self.project))),
            shared=(self.project,),
        )


def copy_project(
    workspace: Workspace, folder: Path, argv: Sequence[str], names: Sequence[str]
) -> Command:
    """Copy a project into the scratch folder; return the command that runs in it.

    Of a git repository the files are copied that git knows or would add.

    Args:
        workspace: of the run.
        folder: the project.
        argv: the command and its arguments.
        names: variables of the environment that the command may see.

    Raises:
        ConfigurationError: the folder is too large, or a variable is not set.
    """
    if missing := [name for name in names if name not in os.environ]:
        raise ConfigurationError(tuple(f"--env {name}: it is not set" for name in missing))
    into = workspace.scratch / "project"
    into.mkdir()
    digests: dict[str, str] = {}
    size = 0
    for path in sorted(project_files(folder, workspace.processes)):
        source = folder / path
        size += source.stat().st_size
        if size > _MOST_BYTES:
            most = f"more than {_MOST_BYTES // 1_000_000} MB of files"
            advice = "name the folder of the application with --project"
            raise ConfigurationError((f"{folder}: {most}; {advice}",))
        (into / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, into / path)
        (into / path).chmod(0o755 if os.access(source, os.X_OK) else 0o644)
        digests[str(path)] = content_digest(source.read_bytes())
    return Command(
        argv=tuple(argv),
        project=into,
        digest=digest(digests),
        environment=tuple((name, os.environ[name]) for name in names),
    )


def project_files(folder: Path, processes: Processes) -> list[Path]:
    """Return the files of a project, relative to its folder; links and what tools made apart."""
    argv = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names: Iterable[Path] = ()
    listed = False
    with contextlib.suppress(OSError):
        done = processes.run(argv, env=dict(os.environ), cwd=folder, timeout=_GIT_SECONDS)
        listed = done.returncode == 0
        names = [Path(name) for name in done.output.split("\0") if name]
    if not listed:
        names = _walk(folder)
    return [n for n in names if (folder / n).is_file() and not (folder / n).is_symlink()]


def _walk(folder: Path) -> Iterable[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _NOT_COPIED]
        for name in files:
            yield (Path(root) / name).relative_to(folder)
