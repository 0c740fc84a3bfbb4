"""The automatic smoke, on made-up packages with known outcomes: what it sees, what it lets pass."""

from __future__ import annotations

from typing import Any

import ecosystem
import pytest
from ecosystem import day
from home import Home
from loopback_index import LoopbackIndex

GONE = "ImportError: cannot import name 'gone' from 'werkzeug'"

EXAMPLE = '''
"""Answers.

Example::

    from flask import Flask
    from {module} import answer

    app = Flask(__name__)
    answer(app)

    if __name__ == "__main__":
        app.run()
"""

def answer(app):
    {body}
'''

PACKAGES: dict[str, dict[str, str]] = {
    "auto-module": {
        "auto_module/__init__.py": "",
        "auto_module/extra.py": "from werkzeug import gone\n",
    },
    "auto-attached": {
        "auto_attached.py": "import werkzeug\nclass Thing:\n    def init_app(self, app):\n"
        "        return werkzeug.gone\n"
    },
    "auto-example": {
        "auto_example.py": EXAMPLE.format(
            module="auto_example", body="from werkzeug import gone; return gone"
        )
    },
    "auto-main": {"auto_main.py": "from werkzeug import gone\n"},
    "auto-good": {"auto_good.py": EXAMPLE.format(module="auto_good", body="return app.answer()")},
    "auto-guess": {
        "auto_guess.py": "class Thing:\n    def init_app(self, app):\n"
        "        raise AttributeError('it wants something that nobody can guess')\n"
    },
    "auto-script": {"auto_script.py": "", "build_auto.py": "raise SystemExit('usage: …')\n"},
    "auto-optional": {
        "auto_optional/__init__.py": "",
        "auto_optional/other.py": "import nobody_has_this\n",
    },
    "auto-exit": {
        "auto_exit/__init__.py": "",
        "auto_exit/end.py": "import os\nos._exit(0)\n",
    },
    "auto-exits": {
        "auto_exits/__init__.py": "",
        **{f"auto_exits/end{n}.py": "import os\nos._exit(0)\n" for n in range(6)},
    },
    "auto-serves": {
        "auto_serves.py": EXAMPLE.format(module="auto_serves", body="serve()")
        + "\ndef serve():\n    import time\n    while True:\n        try:\n"
        "            time.sleep(1)\n        except Exception:\n            pass\n"
    },
    "auto-both": {
        "auto_both.py": "import werkzeug\nfrom werkzeug import gone\n"
        "class Thing:\n    def init_app(self, app):\n"
        "        raise AttributeError('it wants something that nobody can guess')\n"
    },
    "auto-undeclared": {"auto_undeclared.py": "import toolbox_parts\n"},
    "auto-lazy": {
        "auto_lazy.py": "def load(something):\n    from werkzeug import gone\n    return gone\n"
    },
}
"""The files of each package; with Werkzeug 3 the name `gone` is gone."""


@pytest.fixture(scope="module")
def auto(
    tmp_path_factory: pytest.TempPathFactory, shared_caches: Any
) -> Any:  # a generator of Home
    index = LoopbackIndex()
    index.start()
    ecosystem.add_setuptools(index)
    index.add("werkzeug", "2.0.0", day(0), files=ecosystem.werkzeug(2))
    index.add("werkzeug", "3.0.0", day(30), files=ecosystem.werkzeug(3))
    index.add("flask", "2.0.0", day(1), files=ecosystem.flask(), requires=["werkzeug"])
    for name, files in PACKAGES.items():
        requires = ["flask", "helper"] if name == "auto-undeclared" else ["flask"]
        index.add(name, "1.0", day(4), files=files, requires=requires)
    # What is not required came along with another package at first.
    index.add("helper", "1.0", day(3), files={"helper.py": ""}, requires=["toolbox"])
    index.add("helper", "2.0", day(20), files={"helper.py": ""})
    index.add("toolbox", "1.0", day(3), files={"toolbox.py": "", "toolbox_parts.py": ""})
    index.add("toolbox", "2.0", day(30), files={"toolbox.py": ""})
    index.add("flask-alone", "1.0", day(4), files={"flask_alone.py": "import flask\n"})
    folder = tmp_path_factory.mktemp("auto")
    (folder / "smokes").mkdir()
    (folder / "smokes" / "smoke_flask.py").write_text(ecosystem.CORE_SMOKE, "utf-8")
    home = Home(folder, index.url, shared_caches / "auto")
    home.write_matrix()
    yield home
    index.stop()


@pytest.mark.parametrize(
    ("package", "symptom"),
    [
        ("auto-main", GONE),
        ("auto-module", GONE),
        ("auto-attached", "AttributeError: module 'werkzeug' has no attribute 'gone'"),
        ("auto-example", GONE),
    ],
)
def test_automatic_finds(auto: Home, package: str, symptom: str) -> None:
    """What worked in its own time and fails now is found, in whichever step it fails."""
    told = auto.json("check", package, "--quick", "--as-of", day(40).isoformat())
    assert told["outcome"] == "broken"
    assert told["symptom"].startswith(symptom)
    before = auto.json("check", package, "--quick", "--as-of", day(20).isoformat())
    assert before["outcome"] == "works"


@pytest.mark.parametrize(
    ("package", "level"),
    [
        ("auto-good", "documentation example ran"),
        ("auto-guess", "imports"),
        ("auto-script", "imports"),
        ("auto-optional", "imports"),
        ("auto-exit", "imports"),
        ("auto-lazy", "imports"),
        ("auto-serves", "imports"),
    ],
)
def test_automatic_level(auto: Home, package: str, level: str) -> None:
    """What fails in its own time as well is no breakage, and the level says what was run."""
    told = auto.json("check", package, "--quick", "--as-of", day(40).isoformat())
    assert (told["outcome"], told["subjects"][0]["evidence_level"]) == ("works", level)


def test_automatic_gives_up(auto: Home) -> None:
    """Where one test after another ends the process at all times, nothing is called broken."""
    told = auto.json("check", "auto-exits", "--quick", "--as-of", day(40).isoformat())
    assert told["outcome"] != "broken", told


def test_automatic_cause_behind_a_wrong_guess(auto: Home) -> None:
    """A guess that fails at all times does not hide the release after which nothing is imported."""
    told = auto.json("check", "auto-both", "--as-of", day(40).isoformat())
    assert told["symptom"].startswith(GONE)
    assert told["culprit"] is not None, told
    assert (told["culprit"]["name"], told["culprit"]["version"]) == ("werkzeug", "3.0.0")
    assert told["cure"]["pins"] == ["werkzeug<3"]


def test_automatic_cause_in_a_package_that_is_not_required(auto: Home) -> None:
    """A package that is named beside it, but that it does not require, can be the cause."""
    told = auto.json("check", "auto-undeclared", "toolbox", "--as-of", day(40).isoformat())
    assert told["symptom"] == "ModuleNotFoundError: No module named 'toolbox_parts'"
    assert told["culprit"] is not None, told
    assert (told["culprit"]["name"], told["culprit"]["version"]) == ("toolbox", "2.0")
    assert told["cure"]["pins"] == ["toolbox<2"]


def test_automatic_reads_missing_names(auto: Home) -> None:
    """A line that no test runs is read: the name that it uses was there in its own time."""
    told = auto.json("check", "auto-lazy", "--as-of", day(40).isoformat())
    (missing,) = told["missing_names"]
    assert (missing["file"], missing["line"], missing["symbol"]) == (
        "auto_lazy.py",
        2,
        "werkzeug.gone",
    )
    assert missing["missing_from"] == "werkzeug 3.0.0"
    before = auto.json("check", "auto-lazy", "--as-of", day(20).isoformat())
    assert before["missing_names"] == []


def test_automatic_with_framework_beside(auto: Home) -> None:
    """A package that is named after the framework and does not require it gets it beside it."""
    done = auto("check", "flask-alone", "--quick", "--as-of", day(40).isoformat())
    assert done.returncode == 0, done.stdout
    assert "installed beside it, because its test needs it: flask" in done.stdout


def test_automatic_runs_each_named_package(auto: Home) -> None:
    """Of several packages without a smoke each is run, and the levels are said."""
    done = auto("check", "auto-good", "auto-main", "--quick", "--as-of", day(40).isoformat())
    assert done.returncode == 1
    assert "auto-main cannot be imported" in done.stdout
    assert "auto-good (documentation example ran)" in done.stdout


def test_automatic_cause_and_cure(auto: Home) -> None:
    """The release that broke an attached extension is found, and the cure is run."""
    told = auto.json("check", "auto-attached", "--as-of", day(40).isoformat())
    assert told["culprit"]["name"] == "werkzeug"
    assert told["cure"]["pins"] == ["werkzeug<3"]
