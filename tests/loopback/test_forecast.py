"""The forecast on a made-up stack: a package that announces, removes, and has a prerelease."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ecosystem import PYTHON, day
from home import Home

from watchdog.environments.interpreters import find_interpreters
from watchdog.sandbox.process import Processes

ANNOUNCING = """
import warnings
def kept():
    return 1
def calling():
    warnings.warn("'calling' is deprecated and will be removed in Announcer 2.0.",
                  DeprecationWarning, stacklevel=2)
    return 1
def __getattr__(name):
    if name == "old":
        warnings.warn("'announcer.old' is deprecated and will be removed in Announcer 2.0. "
                      "Use 'kept' instead.", DeprecationWarning, stacklevel=2)
        return kept
    raise AttributeError(name)
"""
PLAIN = "def kept():\n    return 1\ndef calling():\n    return 1\nold = kept\n"
AFTER = "def kept():\n    return 1\n"
EARLY = "def other():\n    return 1\n"
IMPORTS = "import flask\nfrom announcer import old\ndef use():\n    return 42\n"
CALLS = """
import flask
import announcer
def use():
    return 42
def seldom():
    return announcer.calling()
def guarded():
    try:
        return announcer.never_there()
    except AttributeError:
        return None
"""
SAFE = "import flask\nfrom announcer import kept\ndef use():\n    return 42\n"
# Its newest release does not let the prerelease in; its oldest does, and fails.
HOLDS_BACK = (
    ("0.9", "raise ImportError('long ago')\n", ["announcer"]),
    ("1.0", SAFE, ["announcer<3a0"]),
)
SUBJECTS = {"ext-imports-old": IMPORTS, "ext-calls-old": CALLS, "ext-uses-kept": SAFE}


@pytest.fixture
def threatened(home: Home, made_up: Any) -> Home:
    """The field with a stack of its own."""
    if "announcer" not in made_up.files:
        releases = (
            ("1.0", 5, PLAIN),
            ("1.1", 8, ANNOUNCING),
            ("2.0", 20, AFTER),
            ("3.0rc1", 25, EARLY),
        )
        for version, at, code in releases:
            made_up.add("announcer", version, day(at), files={"announcer.py": code})
        for version, code, needs in HOLDS_BACK:
            made_up.add(
                "ext-holds-back",
                version,
                day(6),
                files={"ext_holds_back.py": code},
                requires=["flask", *needs],
            )
        for name, code in SUBJECTS.items():
            files = {f"{name.replace('-', '_')}.py": code}
            made_up.add(name, "1.0", day(6), files=files, requires=["flask", "announcer"])
    for name in (*SUBJECTS, "ext-holds-back"):
        module = name.replace("-", "_")
        smoke = f'"""{name}"""\nfrom {module} import use\ndef test_use():\n    assert use() == 42\n'
        (home.folder / "smokes" / f"smoke_{module}.py").write_text(smoke, "utf-8")
    matrix = home.folder / "matrix.yaml"
    names = "".join(
        f"  {name}: {{name: {name.title()}}}\n" for name in (*SUBJECTS, "ext-holds-back")
    )
    text = matrix.read_text("utf-8").replace("extensions:\n", f"extensions:\n{names}")
    matrix.write_text(f"{text}stack: [announcer]\n", "utf-8")
    return home


def risks(home: Home, at: int) -> dict[str, dict[str, Any]]:
    forecast = home.json("forecast", *SUBJECTS, "ext-holds-back", "--as-of", day(at).isoformat())
    return {r["subject"]: r for r in forecast["risks"]}


def static_risks(home: Home, at: int, candidate: str) -> dict[str, dict[str, Any]]:
    only = [word for name in (*SUBJECTS, "ext-holds-back") for word in ("--only", name)]
    when = ("--as-of", day(at).isoformat())
    forecast = home.json("candidate", "--static", candidate, *only, *when)
    return {r["subject"]: r for r in forecast["risks"]}


def test_forecast_announced_removals(threatened: Home) -> None:
    """The forecast lists used symbols with an announced removal, and the line that uses them."""
    found = risks(threatened, 10)
    assert found.keys() == {"ext-imports-old", "ext-calls-old"}
    raised = found["ext-imports-old"]
    assert (raised["source"], raised["kind"], raised["symbol"]) == (
        "warning",
        "announced",
        "announcer.old",
    )
    assert (raised["file"], raised["line"]) == ("ext_imports_old.py", 2)
    assert raised["removed_in"] == "2.0"
    # No smoke comes by there: the source tells.
    read = found["ext-calls-old"]
    assert (read["source"], read["lazy"], read["line"]) == ("scan", True, 7)
    assert "will be removed in Announcer 2.0" in read["text"]


def test_forecast_before_announcement(threatened: Home) -> None:
    """The forecast reports no risk before the removal is announced."""
    assert risks(threatened, 7) == {}


def test_forecast_removed_symbols(
    threatened: Home,
) -> None:
    """The forecast reports removed symbols that no smoke reaches, but not guarded uses."""
    found = risks(threatened, 22)
    assert found["ext-calls-old"]["kind"] == "gone"
    assert found["ext-calls-old"]["symbol"] == "announcer.calling"
    assert "never_there" not in json.dumps(found)


def test_forecast_prerelease_failures(threatened: Home) -> None:
    """The forecast reports a subject that works today and fails on a prerelease."""
    found = risks(threatened, 26)
    broken = found["ext-uses-kept"]
    assert (broken["kind"], broken["package_version"]) == ("broken", "3.0rc1")
    assert "cannot import name 'kept'" in broken["text"]
    assert "ext-uses-kept" not in risks(threatened, 24)
    # What the newest version does not let in is no news, whatever an ancient one does.
    assert "ext-holds-back" not in found


def test_candidate_static_runs_no_smoke(threatened: Home) -> None:
    """A static check of a candidate reads source code and runs no smoke."""
    found = static_risks(threatened, 10, "announcer==1.1")
    assert found == {}
    found = static_risks(threatened, 26, "announcer==3.0rc1")
    # Also who does not let it in yet uses it.
    assert found.keys() == {"ext-uses-kept", "ext-holds-back"}
    assert found["ext-uses-kept"]["symbol"] == "announcer.kept"


def test_forecast_pages(threatened: Home) -> None:
    """The risks appear on the forecast page, the front page, in the feed and in the JSON API."""
    when = ("--as-of", day(10).isoformat())
    assert threatened("run", *when, "--only", "ext-*-old/*").returncode == 0
    assert threatened("forecast", *when).returncode == 0
    assert threatened("report").returncode == 0
    reports = threatened.folder / "reports"
    page = (reports / "forecast.html").read_text("utf-8")
    assert "<h1>2 announced removals will break code</h1>" in page
    assert "ext_imports_old.py:2" in page
    assert "forecast.html#ext-imports-old--announcer--old" in (reports / "index.html").read_text(
        "utf-8"
    )
    feed = (reports / "feed.xml").read_text("utf-8")
    assert "forecast/ext-imports-old--announcer--old" in feed
    told = json.loads((reports / "api" / "v1" / "forecast.json").read_text("utf-8"))
    assert [t["kind"] for t in told["threats"]] == ["announced", "announced"]


@pytest.mark.slow
def test_forecast_score_output(threatened: Home) -> None:
    """The forecast score has lead times and says which alarms were followed by a breakage."""
    assert threatened("history", *SUBJECTS).returncode == 0
    done = threatened("benchmarks/forecast_score.py")
    assert done.returncode == 0, done.stderr
    told = json.loads((threatened.folder / "reports" / "forecast-score.json").read_text("utf-8"))
    (known,) = told["foretold"]
    assert known["culprit"] == "announcer 2.0"
    assert known["days"] == {"warning": 12.0, "scan": 12.0}
    alarms = {a["subject"]: a["broken"] for a in told["alarms"]}
    # The other one's use is reached by no smoke: what was announced did not break it, as far as
    # is known.
    assert alarms == {"ext-imports-old": True, "ext-calls-old": False}


def test_forecast_asks_python_itself(threatened: Home, made_up: Any) -> None:
    """A name that this Python lacks and the one before has is gone; a guarded use is none."""
    older = f"3.{int(PYTHON.split('.')[1]) - 1}"
    name = "inspect.getargspec"
    if PYTHON != "3.11" or older not in find_interpreters([older], Processes()):
        pytest.skip(f"needs Python 3.11, and {older} beside it: uv python install 3.10 3.11")
    code = (
        "import flask\nimport inspect\ndef use():\n    return 42\n"
        f"def seldom(f):\n    return {name}(f)\n"
        "def guarded(f):\n    try:\n        return inspect.getargspec(f)\n"
        "    except AttributeError:\n        return inspect.never_there(f)\n"
        "def wrong(f):\n    return inspect.never_was(f)\n"
    )
    if "ext-calls-python" not in made_up.files:
        files = {"ext_calls_python.py": code}
        made_up.add("ext-calls-python", "1.0", day(6), files=files, requires=["flask"])
    path = threatened.folder / "matrix.yaml"
    text = path.read_text("utf-8").replace(f'["{PYTHON}"]', f'["{older}", "{PYTHON}"]', 1)
    extension = "extensions:\n  ext-calls-python: {name: Ext}\n"
    path.write_text(text.replace("extensions:\n", extension, 1), "utf-8")
    smoke = '"""x"""\nfrom ext_calls_python import use\ndef test_use():\n    assert use() == 42\n'
    (threatened.folder / "smokes" / "smoke_ext_calls_python.py").write_text(smoke, "utf-8")
    argv = ("forecast", "ext-calls-python", "--python", PYTHON, "--as-of", day(10).isoformat())
    told = threatened.json(*argv)
    (risk,) = told["risks"]
    assert (risk["package"], risk["symbol"], risk["kind"]) == ("python", name, "gone")
    assert (risk["file"], risk["line"]) == ("ext_calls_python.py", 6)
    assert risk["text"] == f"Python {told['interpreter']} has no {name}"
