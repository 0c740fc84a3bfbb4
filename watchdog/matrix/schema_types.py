"""Types of the values in matrix.yaml, with what each may be."""

from __future__ import annotations

from typing import Annotated, Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from watchdog.matrix import python_rules, version_rules

SERIES_PATTERN = r"^\d+\.\d+$"
MONTH_PATTERN = r"^\d{4}-\d{2}$"
URL_PATTERN = r"""^https?://[^\s"'<>]+/$"""
REPOSITORY_PATTERN = r"""^https?://[^\s"'<>]*[^\s"'<>/]$"""


def _check_requirement(text: str) -> str:
    try:
        Requirement(text)
    except InvalidRequirement as e:
        raise ValueError(f"not a requirement: {str(e).splitlines()[0]}") from None
    return text


def _check_normalised(text: str) -> str:
    if text != canonicalize_name(text):
        raise ValueError(f"write it normalised: {canonicalize_name(text)}")
    return text


Series = Annotated[str, Field(pattern=SERIES_PATTERN, examples=["3.13"])]
PythonRule = Annotated[
    str, Field(pattern=python_rules.PATTERN, examples=["since 3.8", "newest 2", "3.13"])
]
Rule = Annotated[
    str, Field(pattern=version_rules.PATTERN, examples=["newest", "last 3", "since 1.0"])
]
Need = Annotated[str, AfterValidator(_check_requirement)]
Name = Annotated[str, AfterValidator(_check_normalised)]
Service = Literal["smtp", "redis", "mongodb", "oauth"]
Reason = Annotated[str, Field(min_length=10, description="the reason, for later readers")]


class Strict(BaseModel):
    """A part of matrix.yaml: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
