from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ecosystem import PYTHON, day
from home import Home

from watchdog.analysis.history.replay import AUTO, stretches
from watchdog.model.python_series import PYTHON_RELEASES

FIFTH = day(5)


def test_stretches_use_newest_released_python() -> None:
    """Each period of the past uses the newest Python that was released by then."""
    since, until = datetime(2019, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)
    found = stretches(["3.8", "3.11", "3.12"], AUTO, since, until)
    assert [(s, a.date(), b.date()) for s, a, b in found] == [
        ("3.8", since.date(), PYTHON_RELEASES["3.11"]),
        ("3.11", PYTHON_RELEASES["3.11"], PYTHON_RELEASES["3.12"]),
        ("3.12", PYTHON_RELEASES["3.12"], until.date()),
    ]
    assert stretches(["3.8", "3.11"], "3.8", since, until) == [("3.8", since, until)]


def replay(home: Home, *requirements: str, until: datetime, since: datetime = FIFTH) -> Any:
    done = home(
        "replay",
        *requirements,
        "--python",
        PYTHON,
        "--since",
        since.isoformat(),
        "--until",
        until.isoformat(),
        "--format",
        "json",
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_replay_breakage_details(home: Home) -> None:
    """A replay finds culprit, date, missing symbol and proof, and a second one runs nothing."""
    told, effort = replay(home, "ext-import", until=day(60))
    (breakage,) = told["breakages"]
    assert breakage == {
        "id": "ext-import-1.0--werkzeug-3.0.0",
        "subject_version": "1.0",
        "python": PYTHON,
        "broken_from": day(30).isoformat().replace("+00:00", "Z"),
        "fixed_on": None,
        "days_broken": None,
        "culprit": {"name": "werkzeug", "version": "3.0.0", "last_good": "2.0.0"},
        "fixed_by": None,
        "stage": "import",
        "test": None,
        "symptom": breakage["symptom"],
        "missing": "werkzeug.gone",
        "proof": "swap",
        "warned": None,
    }
    assert "cannot import name 'gone'" in breakage["symptom"]
    assert "Reading the past of ext-import, in days (55) …" in effort
    assert "3 distinct locks" in effort
    again, effort = replay(home, "ext-import", until=day(60))
    assert again == told
    assert effort.rstrip().endswith("0 cells run")


def test_replay_never_working_subject(home: Home) -> None:
    """A subject that never worked has no breakage in its past; that it fails is said."""
    told, _ = replay(home, "ext-use", since=day(40), until=day(60))
    assert told["breakages"] == []
    assert told["failing_at_first"] == {"test_use": "KeyError: 'lost'"}
    days = ("--since", f"{day(40):%Y-%m-%d}", "--until", f"{day(60):%Y-%m-%d}")
    text = home("replay", "ext-use", "--python", PYTHON, *days).stdout
    assert "failed from the beginning, so that the cause lies before (--since):" in text
    assert "  KeyError: 'lost'" in text


def test_replay_unbuildable_is_gap(home: Home) -> None:
    """A period in which the subject cannot be built is a gap."""
    told, _ = replay(home, "ext-unbuildable", until=day(10))
    assert told["breakages"] == []
    (gap,) = told["gaps"]
    assert "this never builds" in gap["reason"]


def test_replay_fix_by_cap(home: Home, made_up: Any) -> None:
    """A release that limits its dependency is recognised as a fix by cap."""
    name = "ext-capped"
    code = "from werkzeug import gone\n"
    if name not in made_up.files:
        made_up.add(name, "1.0", day(4), files={"ext_capped.py": code}, requires=["flask"])
        requires = ["flask", "werkzeug<3"]
        made_up.add(name, "1.1", day(40), files={"ext_capped.py": code}, requires=requires)
    told, _ = replay(home, name, until=day(60))
    (breakage,) = told["breakages"]
    assert breakage["fixed_by"] == {"name": name, "version": "1.1", "how": "cap"}
    assert breakage["days_broken"] == pytest.approx(timedelta(days=10) / timedelta(days=1))


@pytest.mark.slow
def test_replay_dropped_requirement(home: Home, made_up: Any) -> None:
    """The culprit is the release that stopped requiring a package which others use."""
    name = "ext-borrowing"
    if name not in made_up.files:
        code = {"ext_borrowing.py": "import ext_lent\n"}
        made_up.add("ext-lent", "1.0", day(3))
        # Two releases in one second, one of them harmless and first in the alphabet.
        made_up.add("ext-aside", "1.0", day(3))
        made_up.add("ext-aside", "2.0", day(40))
        made_up.add("ext-lender", "1.0", day(3), requires=["ext-lent"])
        made_up.add("ext-lender", "2.0", day(40))
        requires = ["flask", "ext-aside", "ext-lender"]
        made_up.add(name, "1.0", day(4), files=code, requires=requires)
    told, _ = replay(home, name, until=day(60))
    (breakage,) = told["breakages"]
    assert breakage["missing"] == "ext_lent"
    assert breakage["culprit"] == {"name": "ext-lender", "version": "2.0", "last_good": "1.0"}
    assert breakage["proof"] == "swap"


@pytest.mark.slow
def test_replay_culprit_of_dependent_releases(home: Home, made_up: Any) -> None:
    """The culprit is the release that allowed several new interdependent releases."""
    name = "ext-lockstep"
    parts = ("ext-cog", "ext-gear", "ext-wheel")
    if name not in made_up.files:
        for part in parts:
            module = f"{part.replace('-', '_')}.py"
            made_up.add(part, "1.0", day(3), files={module: "VERSION = 1\n"})
            made_up.add(part, "2.0", day(30), files={module: "VERSION = 2\n"})
        code = (
            "import ext_cog, ext_gear, ext_wheel\n"
            "found = {ext_cog.VERSION, ext_gear.VERSION, ext_wheel.VERSION}\n"
            "assert found == {WANTED}, 'these do not fit'\n"
        )
        old = [f"{part}<2" for part in parts]
        new = [f"{part}>=2" for part in parts]
        fits = {"ext_lockstep.py": code.replace("WANTED", "1")}
        fails = {"ext_lockstep.py": code.replace("WANTED", "2") + "raise OSError('no start')\n"}
        made_up.add(name, "1.0", day(4), files=fits, requires=["flask", *old])
        made_up.add(name, "2.0", day(40), files=fails, requires=["flask", *new])
    told, _ = replay(home, name, until=day(60))
    (breakage,) = told["breakages"]
    assert breakage["symptom"] == "OSError: no start"
    assert breakage["culprit"] == {"name": name, "version": "2.0", "last_good": "1.0"}
    assert breakage["proof"] == "swap"


def test_replay_symptom_hides_paths(home: Home, made_up: Any) -> None:
    """The symptom contains no path of the local machine."""
    name = "ext-telling"
    if name not in made_up.files:
        code = (
            "import os, werkzeug\n"
            "if not hasattr(werkzeug, 'gone'):\n"
            "    raise OSError(os.path.realpath(__file__) + ' and ' + os.__file__)\n"
        )
        made_up.add(name, "1.0", day(4), files={"ext_telling.py": code}, requires=["flask"])
    told, _ = replay(home, name, until=day(60))
    (breakage,) = told["breakages"]
    assert breakage["symptom"] == "OSError: site-packages/ext_telling.py and python/os.py"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--python", "3.0"), "not in matrix.yaml"),
        (("--until", "2010-01-01"), "must be later than --since"),
        (("--since", "yesterday"), "is not a date"),
    ],
)
def test_replay_rejects_invalid_arguments(
    home: Home, arguments: tuple[str, ...], message: str
) -> None:
    """Invalid options give exit code 2 and a message."""
    done = home("replay", "ext-works", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
