"""`check -r`: a whole project in its one environment, as it is and after an upgrade."""

from __future__ import annotations

from ecosystem import day
from home import Home


def write(home: Home, *requirements: str) -> str:
    path = home.folder / "requirements.txt"
    path.write_text("\n".join(requirements), "utf-8")
    return str(path)


def test_a_project_runs_every_known_subject_in_its_one_environment(home: Home) -> None:
    path = write(home, "ext-works", "ext-import", "ext-no-smoke")
    told = home.json("check", "-r", path, "--as-of", day(32).isoformat())
    assert {s["subject"]: s["outcome"] for s in told["subjects"]} == {
        "flask": "works",
        "ext-works": "works",
        "ext-import": "broken",
        "ext-no-smoke": "works",
    }
    assert told["cure"]["pins"] == ["werkzeug<3"]
    assert home("check", "-r", path).returncode == 1


def test_another_flask_may_be_asked_for(home: Home) -> None:
    path = write(home, "ext-works", "flask==2.0.0")
    told = home.json("check", "-r", path, "--flask", "3.0", "--as-of", day(32).isoformat())
    assert (told["lock"]["flask"], told["outcome"]) == ("3.0.0", "works")


def test_an_upgrade_says_what_must_move_first(home: Home) -> None:
    path = write(home, "ext-works", "flask==2.0.0", "werkzeug==2.0.0")
    at = ("--as-of", day(32).isoformat())
    told = home.json("check", "-r", path, "--upgrade-to", "flask==3.0.0", *at)
    assert told["outcome"] == "conflict"
    assert told["moves"] == ["werkzeug==3.0.0"]


def test_without_requirements_it_says_what_to_name(home: Home) -> None:
    done = home("check")
    assert (done.returncode, "-r" in done.stderr) == (2, True)
