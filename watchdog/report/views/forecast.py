"""What the pages say of what breaks next, as plain values. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from packaging.version import Version

from watchdog.matrix.schema import Matrix
from watchdog.model.signature import signature_id
from watchdog.storage.forecast import Forecast, Kind, Risk, Source
from watchdog.storage.forecast_score import Score


@dataclass(frozen=True)
class RiskView:
    """One thing that will fail: whose line of code, what goes away, when at the earliest.

    Attributes:
        issue: text to paste into the subject's tracker.
    """

    id: str
    subject: str
    who: str
    package: str
    symbol: str
    kind: str
    when: str
    text: str
    place: str
    code: str
    how: str
    seen: datetime | None
    issue: str


@dataclass(frozen=True)
class ForecastView:
    """The forecast, and how good earlier ones were."""

    as_of: datetime
    python: str
    subjects: int
    announced: tuple[RiskView, ...]
    gone: tuple[RiskView, ...]
    broken: tuple[RiskView, ...]
    score: Mapping[str, str]
    scored: tuple[tuple[str, str, str, str], ...]

    @property
    def headline(self) -> str:
        """What is to come, in a sentence."""
        told = []
        if number := len(self.announced):
            told.append(f"{number} announced removal{' is' if number == 1 else 's are'} in use")
        if number := len(self.broken):
            told.append(f"{number} failure{'' if number == 1 else 's'} on a prerelease")
        return ", ".join(told) or "Nothing that is announced to go is in use"

    @property
    def next(self) -> tuple[RiskView, ...]:
        """What is still to come: the failures on prereleases first."""
        return (*self.broken, *self.announced)


def forecast_view(
    matrix: Matrix, forecast: Forecast | None, scored: Score | None
) -> ForecastView | None:
    """The page of the forecast; None where none was made."""
    if forecast is None:
        return None
    shown: dict[Kind, list[RiskView]] = {kind: [] for kind in Kind}
    for each in forecast.risks:
        shown[each.kind].append(risk_view(matrix, each))
    return ForecastView(
        as_of=forecast.as_of,
        python=forecast.python,
        subjects=forecast.subjects,
        announced=tuple(shown[Kind.ANNOUNCED]),
        gone=tuple(shown[Kind.GONE]),
        broken=tuple(shown[Kind.BROKEN]),
        score=score_lines(scored, matrix.core_names) if scored else {},
        scored=tuple(
            (f.breakage, f.culprit, _words(f.days, private=f.private), f.why)
            for f in scored.foretold
        )
        if scored
        else (),
    )


def _words(days: Mapping[str, float], *, private: bool) -> str:
    known = [f"{name}, {round(number)} days" for name, number in days.items()]
    return "; ".join(known) or ("a private name" if private else "not foretold")


_HOW = {
    Source.WARNING: "warned while its smoke ran",
    Source.SCAN: "read from its source",
    Source.PRERELEASE: "run on the prerelease",
}


def risk_view(matrix: Matrix, each: Risk) -> RiskView:
    """One risk, ready to be shown."""
    who = f"{matrix.title(each.subject)} {each.version}"
    name = matrix.title(each.package)
    package = f"{name} {each.package_version}"
    place = f"{each.file}:{each.line}" if each.file else ""
    when = earliest(each, name)
    how = _HOW[each.source] + (", inside a function" if each.lazy else "")
    does = "fails" if each.kind is Kind.BROKEN else f"uses `{each.symbol}`"
    lines = [f"{who} {does}", ""]
    if place:
        lines += [f"in `{place}`:", "", f"    {each.code}", ""]
    says = "With" if each.kind is Kind.BROKEN else "Said by"
    lines += [f"{says} {package}: {each.text}", "", f"When: {when}."]
    return RiskView(
        id=_id(each),
        subject=each.subject,
        who=who,
        package=package,
        symbol=each.symbol,
        kind=each.kind.value,
        when=when,
        text=each.text,
        place=place,
        code=each.code,
        how=how,
        seen=each.seen,
        issue="\n".join(lines),
    )


def _id(each: Risk) -> str:
    """Its name in addresses and in the feed, which does not change from run to run."""
    symbol = each.symbol.rsplit(".", 1)[-1]
    name = symbol if symbol.isidentifier() else signature_id(each.symbol)
    return f"{each.subject}--{each.package}--{name}"


def earliest(risk: Risk, package: str) -> str:
    """When it may happen, in words: announcements slip, so a passed one may come any day.

    `package` is its name, as people write it.
    """
    newest = risk.package_version
    if risk.kind is Kind.GONE:
        return "now, wherever this code is reached"
    if risk.kind is Kind.BROKEN:
        return f"with {package} {newest}"
    if risk.removed_in is None:
        return f"no release is named; {package} {newest} still has it"
    if Version(risk.removed_in) > Version(newest):
        return f"{package} {risk.removed_in} at the earliest"
    return f"the next release of {package}: announced for {risk.removed_in}, which has passed"


def score_lines(found: Score, core_names: Sequence[str]) -> Mapping[str, str]:
    """The score in words and numbers."""
    number, alarms = len(found.foretold), len(found.alarms)

    def share(part: int, whole: int) -> str:
        return f"{part} of {whole} ({part / whole:.0%})" if whole else "none"

    lines = {f"foretold by {n}": share(c, number) for n, c in found.by_source.items()}
    core = [f for f in found.foretold if f.culprit.split()[0] in core_names]
    of_core = sum(bool(f.days) for f in core)
    private = sum(f.private and not f.days for f in found.foretold)
    return {
        "breakages foretold": share(found.known_before, number),
        f"foretold of those by {' and '.join(core_names)}": share(of_core, len(core)),
        **lines,
        "not foretold, but by the use of a private name": share(private, number),
        "median lead": f"{found.lead:.0f} days" if found.lead is not None else "–",
        "announced, taken away, and really broken": share(found.right, alarms),
    }
