"""The table of pinned releases of the framework as plain values. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from packaging.requirements import Requirement

from watchdog.facts.facts import TestTitles
from watchdog.matrix.schema import Matrix
from watchdog.model.evidence import Stage
from watchdog.model.history import PinState, PinStatus
from watchdog.model.python_series import series_key


@dataclass(frozen=True, kw_only=True)
class PinView:
    """A pinned release of the framework, and whether installing it still works.

    Attributes:
        typed: the command that was run.
        state: key of the colour on the page.
        word: the state in words.
        alone: whether the framework was installed without extensions.
        bounds: the cure's upper bounds, each as package and first version that is too new.
        on_newest: what it does on the newest Python, in words; empty if that was not tried.
        newest_works: whether it works there.
        newest_symptom: the error there, if any.
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
    on_newest: str = ""
    newest_works: bool = False
    newest_symptom: str | None = None


_PIN_WORDS = {
    PinState.WORKS: "still works",
    PinState.ROTTED: "broken",
    PinState.NEVER: "never worked here",
}
_PIN_COLOURS = {PinState.WORKS: "works", PinState.ROTTED: "broken", PinState.NEVER: "unjudged"}


def pin_view(matrix: Matrix, pin: PinStatus, titles: TestTitles | None = None) -> PinView:
    """Return a pinned release of the framework as a row of the table of pins.

    Args:
        matrix: names the framework.
        pin: the pinned release.
        titles: what each use is, by subject and name of the test.
    """
    own = (titles or {}).get(pin.subject, {})
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
        on_newest=on_newest_in_words(pin, own),
        newest_works=pin.on_newest is not None and pin.on_newest.stage is None,
        newest_symptom=pin.on_newest.symptom if pin.on_newest else None,
    )


def on_newest_in_words(pin: PinStatus, titles: Mapping[str, str]) -> str:
    """Return what a pin does on the newest Python, with the pins that cure it; "" if not tried.

    Args:
        pin: the pinned release.
        titles: what each use is, by the name of its test.
    """
    result = pin.on_newest
    if result is None:
        return ""
    if result.stage is None:
        return "works"
    if result.stage is Stage.INSTALL:
        return "cannot be installed"
    if result.stage is Stage.IMPORT or not result.fails:
        return "cannot be imported"
    names = [
        titles.get(name) or name.removeprefix("test_").replace("_", " ") for name in result.fails
    ]
    if len(names) == 1:
        return f"works, but for: {names[0]}"
    return f"{len(names)} uses fail: {names[0]}, …"


def bounds(requirements: Sequence[str] | None) -> tuple[tuple[str, str], ...]:
    """Return the upper bounds in requirements: package and first version that is too new."""
    return tuple(
        (requirement.name, specifier.version)
        for requirement in map(Requirement, requirements or ())
        for specifier in requirement.specifier
        if specifier.operator == "<"
    )


def newest_python_of(pins: Sequence[PinStatus]) -> str:
    """Return the newest Python on which pins were tried; "" if on none."""
    pythons = [pin.on_newest.python for pin in pins if pin.on_newest]
    return max(pythons, key=series_key, default="")
