"""Tells what no wheel was published for yet, on a new Python, from what is broken."""

from __future__ import annotations

from datetime import datetime

from watchdog.errors import InfrastructureError
from watchdog.model.evidence import Record, Stage
from watchdog.model.lock import Lock, Resolution, Unbuildable
from watchdog.resolver.compiled_wheels import reason_not_there_yet
from watchdog.resolver.uv_output import failed_release
from watchdog.runner.workspace import Workspace


def why_cell_is_not_there_yet(
    workspace: Workspace, python: str, resolution: Resolution | None, record: Record | None
) -> str | None:
    """Return why what cannot be installed today is only not there yet, in words.

    None if it can be installed, or is broken, or the index does not tell.

    Args:
        workspace: of the run.
        python: the series that it was to be installed on.
        resolution: the lock, or why there is none.
        record: what running the lock gave.
    """
    match resolution:
        case Unbuildable(name=name, version=version):
            release = name, version
        case Lock() if record and record.judgement.stage is Stage.INSTALL and record.evidence:
            release = failed_release(record.evidence[-1].log)
        case _:
            return None
    return why_not_there_yet(workspace, python, release, workspace.settings.as_of)


def why_not_there_yet(
    workspace: Workspace, python: str, release: tuple[str, str], at: datetime
) -> str | None:
    """Return why a release that did not build at a cutoff was only not there yet, in words.

    None if it was broken, or the index does not tell.

    Args:
        workspace: of the run.
        python: the series on which it did not build.
        release: name and version; empty texts if they are not known.
        at: the cutoff, UTC.
    """
    name, version = release
    if not name:
        return None
    try:
        then = workspace.index.releases_of(name, at)
        now = workspace.index.releases_of(name, workspace.settings.as_of)
    except InfrastructureError:
        return None
    return reason_not_there_yet(then, version, python, at, since=now)
