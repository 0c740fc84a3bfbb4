from __future__ import annotations

from pathlib import Path

from ecosystem import day

from watchdog.report.views import forecast
from watchdog.storage import forecast_score
from watchdog.storage.forecast_score import Alarm, PredictedBreakage, Score


def foretold(name: str, days: dict[str, float], *, private: bool = False) -> PredictedBreakage:
    culprit = "click 8.0.0" if name == "other" else "werkzeug 3.0.0"
    return PredictedBreakage(name, "ext", culprit, days, private=private, why="because")


SCORE = Score(
    day(9),
    (
        foretold("a", {"warning": 10.0, "scan": 30.0}),
        foretold("b", {"prerelease": 4.0}),
        foretold("c", {}, private=True),
        foretold("other", {}),
    ),
    (
        Alarm("ext", "werkzeug 3.0.0", ("x",), broken=True),
        Alarm("two", "werkzeug 3.0.0", ("x",), broken=False),
    ),
)


def test_score_lines() -> None:
    """Each number of the score is stated together with its total."""
    assert forecast.score_lines(SCORE, ("flask", "werkzeug")) == {
        "breakages forecast": "2 of 4 (50%)",
        "forecast, of those caused by flask and werkzeug": "2 of 3 (67%)",
        "forecast by warning": "1 of 4 (25%)",
        "forecast by scan": "1 of 4 (25%)",
        "forecast by prerelease": "1 of 4 (25%)",
        "not forecast, but a private name was in use": "1 of 4 (25%)",
        "median time before the breakage": "17 days",
        "announced removals in use that did break something": "1 of 2 (50%)",
    }


def test_score_lines_of_empty_score() -> None:
    """An empty score has no percentages."""
    told = forecast.score_lines(Score(day(9), (), ()), ("flask", "werkzeug"))
    assert (told["breakages forecast"], told["median time before the breakage"]) == ("none", "–")


def test_score_round_trip(tmp_path: Path) -> None:
    """A score is read back as written, and an invalid file gives None."""
    (tmp_path / "forecast-score.json").write_text(forecast_score.score_json(SCORE), "utf-8")
    assert forecast_score.read_score(tmp_path) == SCORE
    (tmp_path / "forecast-score.json").write_text("{}", "utf-8")
    assert forecast_score.read_score(tmp_path) is None
