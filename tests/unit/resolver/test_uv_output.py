"""What uv's output proves."""

from __future__ import annotations

import pytest

from watchdog.model.lock import Conflict, NoAnswer, Unbuildable
from watchdog.resolver.uv_output import parse_resolution, without_warnings
from watchdog.sandbox.process import ProcessResult


def failed(errors: str) -> ProcessResult:
    return ProcessResult(returncode=1, output="", errors=errors, seconds=1.0)


def test_failed_build_names_its_release() -> None:
    """What does not build is told with name and version."""
    answer = parse_resolution(
        failed(
            "error: Failed to build `jsmin==2.2.2`\n"
            "  cause: The build backend returned an error\n"
            "         error in jsmin setup command: use_2to3 is invalid.\n"
        )
    )
    assert isinstance(answer, Unbuildable)
    assert (answer.name, answer.version) == ("jsmin", "2.2.2")


@pytest.mark.parametrize(
    "cause",
    [
        "Failed to download `setuptools==75.0`\n  cause: end of file",
        "Failed to extract archive: setuptools-75.0-py3-none-any.whl",
        "something nobody has seen",
        "The build backend returned an error\n         EOFError: marshal data too short",
    ],
)
def test_download_of_a_build_tool_proves_nothing(cause: str) -> None:
    """A build without whole tools is a failure of the infrastructure, so it is never kept."""
    answer = parse_resolution(failed(f"error: Failed to build `jsmin==2.2.2`\n  cause: {cause}"))
    assert isinstance(answer, NoAnswer)
    assert answer.infrastructure


def test_build_requirements_that_do_not_exist() -> None:
    """Build requirements that no index has are the package's own fault."""
    answer = parse_resolution(
        failed(
            "error: Failed to build `x==1`\n  cause: Failed to resolve requirements from "
            "`build-system.requires`\n  cause: No solution found when resolving: `tool>=9`"
        )
    )
    assert isinstance(answer, Unbuildable)


def test_conflict() -> None:
    """A proof that no set exists is a conflict."""
    answer = parse_resolution(
        failed("error: No solution found when resolving dependencies\n  cause: Because a and b")
    )
    assert isinstance(answer, Conflict)


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        (
            "WARN Failed to load credentials from `file`\nerror: Failed to download `x==1`\n",
            "error: Failed to download `x==1`",
        ),
        ("warning: no hard links\n", "warning: no hard links"),
        ("error: WARN was the answer\n", "error: WARN was the answer"),
    ],
)
def test_failure_is_told_without_warnings(errors: str, told: str) -> None:
    """What uv warns of does not stand before what failed."""
    assert without_warnings(errors) == told
