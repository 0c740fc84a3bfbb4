"""Reads where the projects of a run's packages live, from the metadata of what was installed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from urllib.parse import urlsplit

from packaging.version import Version

from watchdog.errors import InfrastructureError, InstallError
from watchdog.model.evidence import Record
from watchdog.model.project_links import ProjectLinks, links_in
from watchdog.model.release import Interpreter
from watchdog.runner.workspace import Workspace
from watchdog.storage.project_links import add_project_links, read_project_links


def store_project_links(workspace: Workspace, records: Iterable[Record]) -> None:
    """Store the links of each subject that is a package, of the newest version in the records.

    A version that was read before is not read again. One that cannot be fetched is left out, and so
    are addresses on the hosts of the index.
    """
    settings = workspace.settings
    known = read_project_links(settings.reports)
    found = {}
    for name, (version, interpreter) in _newest(workspace, records).items():
        if name in known and known[name].version == version:
            continue
        with contextlib.suppress(InstallError, InfrastructureError):
            metadata = workspace.environments.metadata(name, version, interpreter, settings.as_of)
            links = {
                kind: url
                for kind, url in links_in(metadata).items()
                if urlsplit(url).hostname not in workspace.hosts
            }
            found[name] = ProjectLinks(version=version, as_of=settings.as_of, links=links)
    if found:
        add_project_links(settings.reports, found)


def _newest(workspace: Workspace, records: Iterable[Record]) -> dict[str, tuple[str, Interpreter]]:
    """Return the newest version of each watched package that was run, with a Python of it."""
    matrix = workspace.settings.matrix
    packages = frozenset((*matrix.distributions, *matrix.tail))
    newest: dict[str, tuple[str, Interpreter]] = {}
    for record in records:
        interpreter = workspace.interpreters.get(".".join(record.python.split(".")[:2]))
        if interpreter is None:
            continue
        for name in packages & record.lock.keys():
            version = record.lock[name]
            if name not in newest or Version(version) > Version(newest[name][0]):
                newest[name] = (version, interpreter)
    return newest
