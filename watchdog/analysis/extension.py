"""An extension's maintainer asks: does what I have here work, and what in the field breaks it?

Their wheel is served as if it had been published long ago, so that its own past can be asked: with
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
from watchdog.analysis import check as checking
from watchdog.analysis.check import CheckResult
from watchdog.matrix import load as matrix_file
from watchdog.matrix.schema import DEFAULT_CORE, Matrix
from watchdog.model.cell import Table, smoke_name
from watchdog.model.release import PYTHON_RELEASES
from watchdog.model.verdict import Breakage, Verdict
from watchdog.resolver.overlay_index import OverlayIndex, Wheel
from watchdog.runner import scheduler
from watchdog.runner.scheduler import Observer
from watchdog.runner.workspace import Settings, open_workspace
from watchdog.sandbox.scratch import scratch_folder

_LONG_AGO = timedelta(days=365 * 4)
"""When the wheel counts as uploaded; what it needs of later times its metadata says."""

_OLDEST_PYTHON = "3.8"  # that the probe runs on


@dataclass(frozen=True)
class ExtensionCheck:
    """What a maintainer wants to know.

    Attributes:
        smoke: their own; None for the built-in or the automatic one.
        framework, foundation: rules for the columns.
        known: globs of cells that may break.
        core: what they are called, as in matrix.yaml.
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
    """Cells that fail for one cause, and who did it.

    Attributes:
        new: no earlier run knew it.
    """

    breakage: Breakage
    checked: CheckResult
    new: bool


@dataclass(frozen=True)
class ExtensionReport:
    """What is known of an extension's own wheel."""

    wheel: Wheel
    verdicts: tuple[Verdict, ...]
    findings: tuple[ExtensionFinding, ...]

    @property
    def new(self) -> tuple[ExtensionFinding, ...]:
        return tuple(finding for finding in self.findings if finding.new)


def default_pythons(wheel: Wheel) -> tuple[str, ...]:
    """The Pythons that a wheel says it runs on."""
    allowed = SpecifierSet(wheel.requires_python or "")
    series = list(PYTHON_RELEASES)
    return tuple(s for s in series[series.index(_OLDEST_PYTHON) :] if allowed.contains(f"{s}.99"))


def extension_matrix(asked: ExtensionCheck) -> Matrix:
    """A matrix of the one extension: unpinned, and under each series of the columns.

    Raises:
        ConfigurationError: a rule or a requirement is none.
    """
    name, pythons = asked.wheel.name, list(asked.pythons)
    rules = (list(asked.framework), list(asked.foundation))
    columns = dict(zip(asked.core, rules, strict=True))
    extension = {
        "name": name,
        "requires": list(asked.requires),
        "services": list(asked.services),
    }
    whole = {
        "core": dict(asked.core),
        "python": pythons,
        "site": {"title": f"{name} {asked.wheel.version}"},
        "tables": {"today": {}, "grid": {"python": pythons} | columns},
        "extensions": {name: extension},
        "known_issues": [{"cells": glob, "reason": "named with --known"} for glob in asked.known],
    }
    return matrix_file.parse_matrix(yaml.safe_dump(whole, sort_keys=False), f"the matrix of {name}")


@contextmanager
def extension_smokes(asked: ExtensionCheck, folder: Path) -> Iterator[Path]:
    """The smokes of a folder, with the maintainer's own in its place."""
    with scratch_folder() as place:
        into = place / "smokes"
        shutil.copytree(folder, into)
        if asked.smoke:
            shutil.copyfile(asked.smoke, into / f"{smoke_name(asked.wheel.name)}.py")
        yield into


def check_extension(
    settings: Settings, asked: ExtensionCheck, observer: Observer
) -> ExtensionReport:
    """Run the wheel through its matrix, and find who broke what is broken."""
    long_ago = settings.as_of - _LONG_AGO
    with (
        extension_smokes(asked, settings.smokes) as folder,
        OverlayIndex(asked.wheel, long_ago) as overlay,
    ):
        settings = replace(settings, smokes=folder, overlay=overlay.url, own=True)
        with open_workspace(settings) as workspace:
            result = pipeline.run(workspace, pipeline.Selection(), observer)
            found = [b for b in result.breakages if not _all_known(b)]
            cells = [_first(breakage).cell for breakage in found]
            explained = scheduler.run_with_scheduler(
                workspace,
                observer,
                lambda d: scheduler.gather(checking.explain(d, c) for c in cells),
            )
    findings = tuple(map(_finding, found, explained))
    return ExtensionReport(asked.wheel, result.verdicts, findings)


def _finding(breakage: Breakage, checked: CheckResult) -> ExtensionFinding:
    new = any(v.since is None and v.expected is None for v in breakage.verdicts)
    return ExtensionFinding(breakage, checked, new=new)


def _all_known(breakage: Breakage) -> bool:
    return not breakage.verdicts or all(v.expected for v in breakage.verdicts)


def _first(breakage: Breakage) -> Verdict:
    """The cell that is looked into: a fresh install on the newest Python, if that breaks."""
    unpinned = [v for v in breakage.verdicts if v.cell.table is Table.TODAY]
    return (unpinned or breakage.verdicts)[-1]
