from __future__ import annotations

import pytest

from watchdog.analysis.pip_install import explain_refusal
from watchdog.errors import InfrastructureError
from watchdog.model.evidence import Stage
from watchdog.sandbox.process import ProcessResult

FAILED = ProcessResult(1, "", "", 1.0)


@pytest.mark.parametrize(
    ("output", "stage", "symptom", "reason"),
    [
        (
            "ERROR: Cannot install a and b\nERROR: ResolutionImpossible: for help visit …",
            Stage.RESOLVE,
            None,
            "pip refuses the set: ERROR: Cannot install a and b ERROR: ResolutionImpossible",
        ),
        (
            "Collecting a\n  KeyError: 'license'\n  ImportError: no name 'x'\nERROR: failed",
            Stage.INSTALL,
            "ImportError: no name 'x'",
            "pip cannot install it: ImportError: no name 'x'",
        ),
        (
            "Collecting a\nERROR: wheel cannot be built\nmore",
            Stage.INSTALL,
            "ERROR: wheel cannot be built",
            "pip cannot install it: ERROR: wheel cannot be built",
        ),
    ],
)
def test_refusal_of_a_lock(output: str, stage: Stage, symptom: str | None, reason: str) -> None:
    outcome = explain_refusal(FAILED, output)
    assert (outcome.outcome, outcome.stage, outcome.symptom) == (None, stage, symptom)
    assert (outcome.reason or "").startswith(reason)


@pytest.mark.parametrize(
    ("installed", "reason"),
    [
        (ProcessResult(-9, "", "", 1200.0, timed_out=True), r"time limit \(1200 s\)"),
        (ProcessResult(-9, "", "", 9.0, note="more than 8192 MB of memory"), "more than 8192 MB"),
        (ProcessResult(1, "", "", 9.0), "terminated by signal 9"),
    ],
)
def test_pip_cut_short_is_an_infrastructure_error(installed: ProcessResult, reason: str) -> None:
    with pytest.raises(InfrastructureError, match=reason):
        explain_refusal(installed, "KeyError: 'x'\nerror: command 'gcc' terminated by signal 9")


@pytest.mark.parametrize(
    "output",
    [
        "ERROR: Could not find a version that satisfies the requirement a (from versions: none)",
        "WARNING: Retrying after connection broken by 'NewConnectionError'",
        "ERROR: Could not install packages: [Errno 28] No space left on device",
    ],
)
def test_failed_index_or_machine_is_an_infrastructure_error(output: str) -> None:
    with pytest.raises(InfrastructureError, match="pip cannot read the package index"):
        explain_refusal(FAILED, output)
