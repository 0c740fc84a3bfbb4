"""The page of the forecast as plain values: risks, and how good earlier forecasts were. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from packaging.version import Version

from watchdog.matrix.schema import Matrix
from watchdog.model.signature import signature_id
from watchdog.model.words import counted
from watchdog.report.views.wording import package_title, share
from watchdog.storage.forecast import Forecast, Kind, Risk, Source
from watchdog.storage.forecast_score import Score


@dataclass(frozen=True, kw_only=True)
class RiskView:
    """One use that will fail: in which code, of what, and when at the earliest.

    Attributes:
        id: in addresses and in the feed; the same from run to run.
        who: title and version of the subject.
        place: file and line, or "".
        how: how it was found, in words.
        seen: cutoff of the first forecast that reported it.
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


@dataclass(frozen=True, kw_only=True)
class ForecastView:
    """The forecast, and how good earlier ones were.

    Attributes:
        subjects: how many packages were read.
        score: words with a number.
        scored: each breakage with its culprit, what was known before, and what there was to see.
    """

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
        """Return what will break, in a sentence."""
        parts = []
        if number := len(self.announced):
            parts.append(f"{counted(number, 'announced removal')} will break code")
        if number := len(self.broken):
            parts.append(f"{counted(number, 'failure')} on a prerelease")
        return ", ".join(parts) or "No announced removal will break code that was read or run"

    @property
    def next(self) -> tuple[RiskView, ...]:
        """Return the risks of the future, failures on prereleases first."""
        return (*self.broken, *self.announced)


def forecast_view(
    matrix: Matrix, forecast: Forecast | None, score: Score | None
) -> ForecastView | None:
    """Return the page of the forecast; None where no forecast was made."""
    if forecast is None:
        return None
    views: dict[Kind, list[RiskView]] = defaultdict(list)
    for risk in forecast.risks:
        views[risk.kind].append(risk_view(matrix, risk))
    return ForecastView(
        as_of=forecast.as_of,
        python=forecast.python,
        subjects=forecast.subjects,
        announced=tuple(views[Kind.ANNOUNCED]),
        gone=tuple(views[Kind.GONE]),
        broken=tuple(views[Kind.BROKEN]),
        score=score_lines(score, matrix.core_names) if score else {},
        scored=_scored_breakages(score) if score else (),
    )


def _scored_breakages(score: Score) -> tuple[tuple[str, str, str, str], ...]:
    return tuple(
        (
            prediction.breakage,
            prediction.culprit,
            _lead_in_words(prediction.days, private=prediction.private),
            prediction.why,
        )
        for prediction in score.foretold
    )


def _lead_in_words(days: Mapping[str, float], *, private: bool) -> str:
    """Return how many days before a breakage each source knew it."""
    if days:
        return "; ".join(f"{source}, {round(number)} days" for source, number in days.items())
    return "a private name" if private else "not forecast"


_HOW = {
    Source.WARNING: "warned while its test ran",
    Source.SCAN: "found in its source",
    Source.PRERELEASE: "its test was run with the prerelease",
}


def risk_view(matrix: Matrix, risk: Risk) -> RiskView:
    """Return a risk with its words for the page."""
    who = f"{matrix.title(risk.subject)} {risk.version}"
    title = package_title(matrix, risk.package)
    package = f"{title} {risk.package_version}"
    when = earliest(risk, title)
    return RiskView(
        id=_risk_id(risk),
        subject=risk.subject,
        who=who,
        package=package,
        symbol=risk.symbol,
        kind=risk.kind.value,
        when=when,
        text=risk.text,
        place=_place(risk),
        code=risk.code,
        how=_HOW[risk.source] + (", inside a function" if risk.lazy else ""),
        seen=risk.seen,
        issue=_issue_text(risk, who, package, when),
    )


def _place(risk: Risk) -> str:
    return f"{risk.file}:{risk.line}" if risk.file else ""


def _issue_text(risk: Risk, who: str, package: str, when: str) -> str:
    """Return the text of an issue for the subject's tracker, in Markdown."""
    if risk.kind is Kind.BROKEN:
        failure, source = f"{who} fails", "With"
    else:
        failure, source = f"{who} uses `{risk.symbol}`", "Said by"
    lines = [failure, ""]
    if place := _place(risk):
        lines += [f"in `{place}`:", "", f"    {risk.code}", ""]
    lines += [f"{source} {package}: {risk.text}", "", f"When: {when}."]
    return "\n".join(lines)


def _risk_id(risk: Risk) -> str:
    """Return the id in addresses and in the feed; it does not change from run to run."""
    symbol = risk.symbol.rsplit(".", 1)[-1]
    name = symbol if symbol.isidentifier() else signature_id(risk.symbol)
    return f"{risk.subject}--{risk.package}--{name}"


def earliest(risk: Risk, package: str) -> str:
    """Return in words when it may happen at the earliest.

    Announced removals are often postponed, so one whose release has passed may come any day.
    `package` is the title of the package that removes the symbol.
    """
    newest = risk.package_version
    if risk.kind is Kind.GONE:
        return "now, as soon as this line runs"
    if risk.kind is Kind.BROKEN:
        return f"with {package} {newest}"
    if risk.removed_in is None:
        return f"no release is named; {package} {newest} still has it"
    if Version(risk.removed_in) > Version(newest):
        return f"{package} {risk.removed_in} at the earliest"
    return f"the next release of {package}: announced for {risk.removed_in}, which has passed"


def score_lines(score: Score, core_names: Sequence[str]) -> Mapping[str, str]:
    """Return the score of earlier forecasts, as words with a number."""
    total = len(score.foretold)
    by_source = {
        f"forecast by {source}": share(number, total) for source, number in score.by_source.items()
    }
    of_core = [p for p in score.foretold if p.culprit.split()[0] in core_names]
    core_foretold = sum(bool(prediction.days) for prediction in of_core)
    caused_by = " and ".join(core_names)
    lead = f"{score.lead:.0f} days" if score.lead is not None else "–"
    private = sum(prediction.private and not prediction.days for prediction in score.foretold)
    return {
        "breakages forecast": share(score.known_before, total),
        f"forecast, of those caused by {caused_by}": share(core_foretold, len(of_core)),
        **by_source,
        "not forecast, but a private name was in use": share(private, total),
        "median time before the breakage": lead,
        "announced removals in use that did break something": share(score.right, len(score.alarms)),
    }
