"""The table of pinned releases of the framework as plain values. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from packaging.requirements import Requirement

from watchdog.matrix.schema import Matrix
from watchdog.model.history import PinState, PinStatus


@dataclass(frozen=True, kw_only=True)
class PinView:
    """A pinned release of the framework, and whether installing it still works.

    Attributes:
        typed: the command that was run.
        state: key of the colour on the page.
        word: the state in words.
        alone: whether the framework was installed without extensions.
        bounds: the cure's upper bounds, each as package and first version that is too new.
    """

    version: str
    released: datetime
    typed: str
    python: str
    state: str
    word: str
    rotted_on: datetime | None
    culprit: str | None
    symptom: str | None
    cure: str | None
    newest_python: str | None
    checked: datetime
    alone: bool
    bounds: tuple[tuple[str, str], ...] = ()


_PIN_WORDS = {
    PinState.WORKS: "still works",
    PinState.ROTTED: "broken",
    PinState.NEVER: "never worked here",
}
_PIN_COLOURS = {PinState.WORKS: "works", PinState.ROTTED: "broken", PinState.NEVER: "unjudged"}


def pin_view(matrix: Matrix, pin: PinStatus) -> PinView:
    """Return a pinned release of the framework as a row of the table of pins."""
    culprit = pin.culprit
    cure = f"pip install {shlex.join([*pin.requirements, *pin.pins])}" if pin.pins else None
    return PinView(
        version=pin.version,
        released=pin.released,
        typed=f"pip install {shlex.join(pin.requirements)}",
        python=pin.python,
        state=_PIN_COLOURS[pin.state],
        word=_PIN_WORDS[pin.state],
        rotted_on=pin.rotted_on,
        culprit=f"{culprit.name} {culprit.version}" if culprit else None,
        symptom=pin.symptom,
        cure=cure,
        newest_python=pin.newest_python,
        checked=pin.checked,
        alone=pin.subject == matrix.framework,
        bounds=bounds(pin.pins),
    )


def bounds(requirements: Sequence[str] | None) -> tuple[tuple[str, str], ...]:
    """Return the upper bounds in requirements: package and first version that is too new."""
    return tuple(
        (requirement.name, specifier.version)
        for requirement in map(Requirement, requirements or ())
        for specifier in requirement.specifier
        if specifier.operator == "<"
    )
