"""Runs a maintainer's unpublished extension through its matrix and finds what breaks it.

The wheel is served as if it had been published long ago, so that its own past can be examined: with
which releases it worked, and with which no more.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import yaml
from packaging.specifiers import SpecifierSet

from watchdog import pipeline
from watchdog.analysis.check.explain import explain
from watchdog.analysis.check.result import CheckResult
from watchdog.matrix import load as matrix_file
from watchdog.matrix.schema import DEFAULT_CORE, Matrix
from watchdog.model.cell import Cell, Table, smoke_name
from watchdog.model.python_series import PYTHON_RELEASES
from watchdog.model.verdict import Breakage, Verdict
from watchdog.resolver.overlay_index import OverlayIndex, Wheel
from watchdog.runner import scheduler
from watchdog.runner.scheduler import Observer
from watchdog.runner.workspace import Settings, open_workspace
from watchdog.sandbox.scratch import scratch_folder

_LONG_AGO = timedelta(days=365 * 4)
"""The wheel counts as uploaded this long ago; its metadata says what newer packages it needs."""

_OLDEST_PYTHON = "3.8"
"""The oldest Python that the probe runs on."""


@dataclass(frozen=True)
class ExtensionCheck:
    """A maintainer's request to check an extension.

    Attributes:
        smoke: their own; None for the built-in or the automatic one.
        framework, foundation: rules for the columns.
        known: globs of cells that may break.
        core: names of the core packages, as in matrix.yaml.
    """

    wheel: Wheel
    smoke: Path | None
    pythons: tuple[str, ...]
    framework: tuple[str, ...]
    foundation: tuple[str, ...]
    requires: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    core: Mapping[str, str] = field(default_factory=lambda: DEFAULT_CORE)


@dataclass(frozen=True)
class ExtensionFinding:
    """A breakage of the extension and what explains it.

    Attributes:
        new: no earlier run knew it.
    """

    breakage: Breakage
    checked: CheckResult
    new: bool


@dataclass(frozen=True)
class ExtensionReport:
    """All verdicts on an extension's own wheel, and its breakages."""

    wheel: Wheel
    verdicts: tuple[Verdict, ...]
    findings: tuple[ExtensionFinding, ...]

    @property
    def new(self) -> tuple[ExtensionFinding, ...]:
        """Return the findings that no earlier run knew."""
        return tuple(finding for finding in self.findings if finding.new)


def default_pythons(wheel: Wheel) -> tuple[str, ...]:
    """Return the Pythons that a wheel's metadata allows."""
    allowed = SpecifierSet(wheel.requires_python or "")
    every = list(PYTHON_RELEASES)
    supported = every[every.index(_OLDEST_PYTHON) :]
    return tuple(series for series in supported if allowed.contains(f"{series}.99"))


def extension_matrix(request: ExtensionCheck) -> Matrix:
    """Return the matrix of one extension: unpinned, and under each series of the columns.

    Raises:
        ConfigurationError: a rule or a requirement is invalid.
    """
    name, pythons = request.wheel.name, list(request.pythons)
    rules = (list(request.framework), list(request.foundation))
    columns = dict(zip(request.core, rules, strict=True))
    extension = {
        "name": name,
        "requires": list(request.requires),
        "services": list(request.services),
    }
    content = {
        "core": dict(request.core),
        "python": pythons,
        "site": {"title": f"{name} {request.wheel.version}"},
        "tables": {"today": {}, "grid": {"python": pythons} | columns},
        "extensions": {name: extension},
        "known_issues": [{"cells": glob, "reason": "named with --known"} for glob in request.known],
    }
    text = yaml.safe_dump(content, sort_keys=False)
    return matrix_file.parse_matrix(text, f"the matrix of {name}")


@contextmanager
def extension_smokes(request: ExtensionCheck, folder: Path) -> Iterator[Path]:
    """Yield a copy of the smokes in a folder in which the maintainer's own replaces theirs."""
    with scratch_folder() as scratch:
        copied = scratch / "smokes"
        shutil.copytree(folder, copied)
        if request.smoke:
            shutil.copyfile(request.smoke, copied / f"{smoke_name(request.wheel.name)}.py")
        yield copied


def check_extension(
    settings: Settings, request: ExtensionCheck, observer: Observer
) -> ExtensionReport:
    """Run the wheel through its matrix, and find the culprit of each breakage.

    Raises:
        InfrastructureError: the index or this machine failed.
    """
    long_ago = settings.as_of - _LONG_AGO
    with (
        extension_smokes(request, settings.smokes) as folder,
        OverlayIndex(request.wheel, long_ago) as overlay,
    ):
        options: tuple[str, ...] = ("--wheel", request.wheel.path.name)
        if request.smoke:
            options += ("--smoke", request.smoke.name)
        settings = replace(settings, smokes=folder, overlay=overlay.url, own=True, options=options)
        with open_workspace(settings) as workspace:
            result = pipeline.run(workspace, pipeline.Selection(), observer)
            breakages = [b for b in result.breakages if not _all_expected(b)]
            cells = [_cell_to_explain(breakage) for breakage in breakages]
            explained = scheduler.run_with_scheduler(
                workspace,
                observer,
                lambda s: scheduler.gather(explain(s, cell) for cell in cells),
            )
    findings = tuple(map(_finding, breakages, explained))
    return ExtensionReport(request.wheel, result.verdicts, findings)


def _finding(breakage: Breakage, checked: CheckResult) -> ExtensionFinding:
    new = any(v.since is None and v.expected is None for v in breakage.verdicts)
    return ExtensionFinding(breakage, checked, new=new)


def _all_expected(breakage: Breakage) -> bool:
    return not breakage.verdicts or all(verdict.expected for verdict in breakage.verdicts)


def _cell_to_explain(breakage: Breakage) -> Cell:
    """Return the newest fresh install that breaks; if none does, the last cell of the breakage."""
    unpinned = [v for v in breakage.verdicts if v.cell.table is Table.TODAY]
    return (unpinned or breakage.verdicts)[-1].cell
