"""Bisect and cure on random ecosystems with a known culprit, with real uv and real runs.

WATCHDOG_FUZZ=200 tries that many ecosystems; a few by default.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from ecosystem import day
from home import Home

CASES = int(os.environ.get("WATCHDOG_FUZZ", "6"))
LIBRARIES = ("lib-a", "lib-b", "lib-c", "lib-d")


@dataclass(frozen=True)
class Fault:
    """The subject fails with this message while all of these hold: library, from, below."""

    message: str
    when: tuple[tuple[str, int, int], ...]

    def has(self, versions: dict[str, int]) -> bool:
        return all(low <= versions[lib] < high for lib, low, high in self.when)


@dataclass(frozen=True)
class Planted:
    """An ecosystem: releases as (day, library, version), and the faults in order of precedence."""

    kind: str
    releases: tuple[tuple[int, str, int], ...]
    faults: tuple[Fault, ...]

    def symptom(self, versions: dict[str, int]) -> str | None:
        return next((f.message for f in self.faults if f.has(versions)), None)

    def worlds(self) -> Iterator[tuple[int, str, dict[str, int]]]:
        """After each release: the day, the library, the newest versions."""
        versions = dict.fromkeys(LIBRARIES, 1)
        for number, library, version in self.releases:
            versions[library] = version
            yield number, library, dict(versions)

    def truth(self) -> tuple[str, int] | None:
        """Return the library whose release began what fails today, and the day; None if it works.

        It began where it stopped to work, though it may have failed in another way then.
        """
        began = None
        for number, library, versions in self.worlds():
            if self.symptom(versions) is None:
                began = None
            elif began is None:
                began = (library, number)
        return began

    def later(self) -> tuple[str, int] | None:
        """Return library and day of the failure of today, if it began with another one."""
        *_, (_, _, now) = self.worlds()
        symptom, began = self.symptom(now), None
        fault = next(f for f in self.faults if f.message == symptom)
        first = None
        for number, library, versions in self.worlds():
            shown = self.symptom(versions)
            first = first or shown if shown else None
            if not fault.has(versions):
                began = None
            elif began is None:
                began = (library, number)
        return began if first != symptom else None


def plant(seed: int) -> Planted:
    """A random ecosystem whose subject is broken in the end."""
    dice = random.Random(seed)  # noqa: S311  nothing secret: the same cases each time
    kind = dice.choice(["single", "pair", "non-monotonic", "hidden"])
    while True:
        counts = {library: dice.randint(2, 5) for library in LIBRARIES}
        order = [lib for lib, count in counts.items() for _ in range(count - 1)]
        dice.shuffle(order)
        seen = dict.fromkeys(LIBRARIES, 1)
        releases = []
        for number, library in enumerate(order):
            seen[library] += 1
            releases.append((6 + 2 * number, library, seen[library]))
        one, two = dice.sample(LIBRARIES, 2)

        def since(library: str, counts: dict[str, int] = counts) -> int:
            return dice.randint(2, counts[library])

        faults = {
            "single": [Fault("alpha is lost", ((one, since(one), 99),))],
            "pair": [Fault("beta is lost", ((one, since(one), 99), (two, since(two), 99)))],
            "non-monotonic": [
                Fault("gamma is lost", ((one, 2, 3),)),
                Fault("gamma is lost", ((one, 4, 99),)),
            ],
            "hidden": [
                Fault("delta is lost", ((one, 2, dice.choice([3, 4, 99])),)),
                Fault("epsilon is lost", ((two, since(two), 99),)),
            ],
        }[kind]
        planted = Planted(kind, tuple(releases), tuple(faults))
        if planted.truth() is not None:
            return planted


def publish(index: Any, name: str, planted: Planted) -> None:
    prefix = name.removesuffix("-subject")
    module = name.replace("-", "_")
    for library in LIBRARIES:
        files = {f"{prefix}_{library[-1]}.py": "VERSION = 1\n"}
        index.add(f"{prefix}-{library}", "1.0", day(3), files=files)
    for number, library, version in planted.releases:
        files = {f"{prefix}_{library[-1]}.py": f"VERSION = {version}\n"}
        index.add(f"{prefix}-{library}", f"{version}.0", day(number), files=files)
    code = [f"import {prefix}_{library[-1]}" for library in LIBRARIES]
    for fault in planted.faults:
        terms = [f"{low} <= {prefix}_{lib[-1]}.VERSION < {high}" for lib, low, high in fault.when]
        code += [f"if {' and '.join(terms)}:", f"    raise ValueError({fault.message!r})"]
    needs = ["flask", *(f"{prefix}-{library}" for library in LIBRARIES)]
    index.add(name, "1.0", day(4), files={f"{module}.py": "\n".join(code) + "\n"}, requires=needs)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(CASES))
def test_bisect_finds_planted_culprit(home: Home, made_up: Any, seed: int) -> None:
    """The check command names the planted culprit or none, and its cure needs every bound."""
    planted, name = plant(seed), f"fuzz{seed}-subject"
    if name not in made_up.files:
        publish(made_up, name, planted)
    told = home.json("check", name, "--as-of", day(60).isoformat())
    truth = planted.truth()
    assert truth is not None
    *_, (_, _, now) = planted.worlds()
    assert str(planted.symptom(now)) in told["symptom"]
    library, number = truth
    if told["proof"] == "undetermined":
        assert told["culprit"] is None
    else:
        assert told["culprit"]["name"] == f"fuzz{seed}-{library}", planted
        assert told["since"] == day(number).isoformat().replace("+00:00", "Z"), planted
    later = planted.later()
    assert (told["later"] is None) == (later is None), planted
    if later is not None and told["later"]["culprit"]:
        library, number = later
        assert told["later"]["culprit"]["name"] == f"fuzz{seed}-{library}", planted
        assert told["later"]["since"] == day(number).isoformat().replace("+00:00", "Z"), planted
    cured_by(planted, told, seed)


def cured_by(planted: Planted, told: Any, seed: int) -> None:
    """The cure works by the rules of the made-up world, and no bound of it can be spared."""
    assert told["cure"] is not None, planted
    bounds = dict(pin.split("<") for pin in told["cure"]["pins"])
    *_, (_, _, now) = planted.worlds()

    def with_bounds(some: dict[str, str]) -> dict[str, int]:
        tops = {n.removeprefix(f"fuzz{seed}-"): int(float(v)) - 1 for n, v in some.items()}
        return {lib: min(version, tops.get(lib, 99)) for lib, version in now.items()}

    assert planted.symptom(with_bounds(bounds)) is None, planted
    for name, bound in bounds.items():
        fewer = {n: v for n, v in bounds.items() if n != name}
        assert planted.symptom(with_bounds(fewer)) is not None, planted
        wider = bounds | {name: str(int(float(bound)) + 1)}
        assert planted.symptom(with_bounds(wider)) is not None, planted
