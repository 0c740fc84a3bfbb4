"""How long packages with compiled code had no wheel for a new Python, as plain values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from watchdog.model.wheel_wait import Meanwhile, WheelWait


@dataclass(frozen=True, kw_only=True)
class WheelView:
    """One package and its first wheel for a Python.

    Attributes:
        version: of the first wheel; None if there is none yet.
        day: when that wheel was uploaded, UTC.
        days: from the release of the Python to the wheel; negative if the wheel was earlier.
        wait: the same in words.
        meanwhile: what an installer took on the day of the release, in words.
    """

    name: str
    version: str | None
    day: datetime | None
    days: int | None
    wait: str
    meanwhile: str


@dataclass(frozen=True, kw_only=True)
class WheelsView:
    """The packages with compiled code, and how long they had no wheel for a Python.

    Attributes:
        sentence: how many had one on the day of the release, in words.
        waits: those without any yet first, then the longest wait first.
        stable: names of those whose wheels fit every later Python.
    """

    sentence: str
    waits: tuple[WheelView, ...]
    stable: tuple[str, ...]


def wheels_view(waits: Mapping[str, WheelWait]) -> WheelsView | None:
    """Return what the page of a Python shows of wheels; None if no package has compiled code."""
    made = {name: wait for name, wait in waits.items() if not _needs_none(wait)}
    views = [_wheel_view(name, wait) for name, wait in sorted(made.items())]
    views.sort(key=lambda view: (view.days is not None, -(view.days or 0)))
    stable = tuple(sorted(name for name, wait in waits.items() if _needs_none(wait)))
    if not views and not stable:
        return None
    return WheelsView(sentence=_sentence(views), waits=tuple(views), stable=stable)


def _needs_none(wait: WheelWait) -> bool:
    return wait.first is None and wait.meanwhile is Meanwhile.STABLE


def _wheel_view(name: str, wait: WheelWait) -> WheelView:
    return WheelView(
        name=name,
        version=wait.first.version if wait.first else None,
        day=wait.first.uploaded if wait.first else None,
        days=wait.days,
        wait=_wait(wait.days),
        meanwhile=wait.meanwhile.value if wait.days is None or wait.days > 0 else "",
    )


def _wait(days: int | None) -> str:
    """Return a wait in words."""
    if days is None:
        return "none yet"
    if days == 0:
        return "the same day"
    unit = "day" if abs(days) == 1 else "days"
    return f"{days} {unit}" if days > 0 else f"{-days} {unit} before"


def _sentence(views: list[WheelView]) -> str:
    """Return how many packages had a wheel on the day of the release, in words."""
    there = sum(view.days is not None and view.days <= 0 for view in views)
    missing = sum(view.days is None for view in views)
    text = f"{there} of {len(views)} packages had a wheel for it on the day of its release."
    late = [view for view in views if view.days is not None and view.days > 0]
    if late:
        text += f" The last of the others got one {late[0].wait} after it ({late[0].name})."
    if missing:
        text += f" {missing} {'has' if missing == 1 else 'have'} none yet."
    return text
