"""`check -r`: a whole project in its one environment, as it is and after an upgrade."""

from __future__ import annotations

from ecosystem import day
from home import Home


def write(home: Home, *requirements: str) -> str:
    path = home.folder / "requirements.txt"
    path.write_text("\n".join(requirements), "utf-8")
    return str(path)


def test_check_project_runs_all_subjects(home: Home) -> None:
    """A project check runs the smokes of all known subjects in one environment."""
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


def test_check_project_with_other_flask(home: Home) -> None:
    """The option --flask replaces the Flask version that the requirements file pins."""
    path = write(home, "ext-works", "flask==2.0.0")
    told = home.json("check", "-r", path, "--flask", "3.0", "--as-of", day(32).isoformat())
    assert (told["lock"]["flask"], told["outcome"]) == ("3.0.0", "works")


def test_check_project_upgrade_names_moves(home: Home) -> None:
    """The option --upgrade-to names the pins that must change together with the upgrade."""
    path = write(home, "ext-works", "flask==2.0.0", "werkzeug==2.0.0")
    at = ("--as-of", day(32).isoformat())
    told = home.json("check", "-r", path, "--upgrade-to", "flask==3.0.0", *at)
    assert told["outcome"] == "conflict"
    assert told["moves"] == ["werkzeug==3.0.0"]


def test_check_requires_requirements(home: Home) -> None:
    """The check command without requirements exits with 2 and mentions -r."""
    done = home("check")
    assert (done.returncode, "-r" in done.stderr) == (2, True)
