"""The command `tail`, and a run of the table that it keeps the list of."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from ecosystem import PYTHON, day
from home import Home

from watchdog.model.cell import Cell
from watchdog.runner import cell_runs
from watchdog.runner.scheduler import Scheduler

TAIL = f'  tail: {{python: ["{PYTHON}"], most_used: 4, list: tail.jsonl}}\n'
NAMES = """\
name\tmonth\trank\tsummary
flask-tail-attaches\t2025-11\t4000\tSomething
flask-tail-broken\t2025-11\t5000\tSomething
tail-of-flask\t2025-11\t\tSomething
flask-tail-yanked\t2025-11\t900\tSomething
flask-tail-unbuildable\t2025-11\t800\tSomething
flask-tail-nowhere\t2025-11\t700\tSomething
flask-tail-exits\t2025-11\t600\tSomething
tail-stranger\t2025-11\t50\tFor flask, it says
ext-works\t2025-11\t20\tListed already
"""
BROKEN = "from werkzeug import gone\n"
THING = "class Thing:\n    def init_app(self, app):\n        app.answer()\n"


def publish(made_up: Any) -> None:
    """Publish the packages of a long tail, once."""
    if "flask-tail-attaches" in made_up.files:
        return
    made_up.add(
        "flask-tail-attaches",
        "1.0",
        day(4),
        files={"flask_tail_attaches.py": THING},
        requires=["flask"],
    )
    made_up.add(
        "flask-tail-broken",
        "1.0",
        day(4),
        files={"flask_tail_broken.py": BROKEN},
        requires=["flask"],
    )
    made_up.add("tail-of-flask", "1.0", day(4), files={"tail_of_flask.py": "import flask\n"})
    made_up.add("flask-tail-yanked", "1.0", day(4))
    made_up.files["flask-tail-yanked"][0].yanked = True
    made_up.add_sdist(
        "flask-tail-unbuildable",
        "1.0",
        day(4),
        {
            "pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'b'\n"
            "backend-path = ['.']\n",
            "b.py": "raise RuntimeError('this never builds')\n",
            "PKG-INFO": "Metadata-Version: 1.0\nName: flask-tail-unbuildable\nVersion: 1.0\n",
        },
    )
    made_up.add("tail-stranger", "1.0", day(4))
    # One module after another ends the process, at all times.
    exits = {f"flask_tail_exits/end{n}.py": "import os\nos._exit(0)\n" for n in range(6)}
    made_up.add(
        "flask-tail-exits",
        "1.0",
        day(4),
        files={"flask_tail_exits/__init__.py": "", **exits},
        requires=["flask"],
    )


def test_list_and_run_of_tail(home: Home, made_up: Any) -> None:
    """Candidates are asked for once, the list says who is dropped and why, and the rest is run."""
    publish(made_up)
    home.write_matrix(tables="  today: {}\n" + TAIL)
    (home.folder / "names.tsv").write_text(NAMES, "utf-8")
    made_up.requests.clear()
    done = home("tail", "--names", "names.tsv")
    assert done.returncode == 0, done.stderr
    assert "Left out, since they require no part of the core: tail-stranger" in done.stderr
    lines = (home.folder / "tail.jsonl").read_text("utf-8").splitlines()
    packages = {row["name"]: row for row in map(json.loads, lines)}
    assert list(packages) == [
        "flask-tail-exits",
        "flask-tail-attaches",
        "flask-tail-broken",
        "tail-of-flask",
        "flask-tail-nowhere",
        "flask-tail-unbuildable",
        "flask-tail-yanked",
    ]
    assert packages["tail-of-flask"]["requires"] == ["flask"]
    assert "no file" in packages["flask-tail-nowhere"]["dropped"]
    assert packages["flask-tail-unbuildable"]["dropped"] == (
        "cannot be built: RuntimeError: this never builds"
    )
    assert "yanked" in packages["flask-tail-yanked"]["dropped"]
    assert made_up.requests.count("/simple/ext-works/") == 0

    again = home("tail", "--names", "names.tsv")
    assert again.returncode == 0, again.stderr
    assert (home.folder / "tail.jsonl").read_text("utf-8").splitlines() == lines

    ran = home("run", "--table", "tail")
    assert ran.returncode in (0, 1), ran.stderr
    assert "4 cells of the long tail: ✓ " in ran.stderr
    assert "✓ 2 works" not in ran.stderr
    states = home.states()
    assert states.keys() == {f"{n}/tail/py{PYTHON}" for n in list(packages)[:4]}
    assert states[f"flask-tail-attaches/tail/py{PYTHON}"] == "works"
    assert states[f"tail-of-flask/tail/py{PYTHON}"] == "works"
    assert states[f"flask-tail-broken/tail/py{PYTHON}"] == "broken"
    assert states[f"flask-tail-exits/tail/py{PYTHON}"] == "unjudged"
    reports = home.folder / "reports"
    tail = json.loads((reports / "api" / "v1" / "tail.json").read_text("utf-8"))
    assert [package["subject"] for package in tail["packages"]] == list(packages)[:4]
    assert tail["packages"][0]["word"] != "works"
    assert (reports / "subjects" / "tail-of-flask.html").is_file()
    assert "The long tail" in (reports / "tail.html").read_text("utf-8")


def test_tail_needs_its_table(home: Home) -> None:
    """Without the table in matrix.yaml the command says what to add."""
    home.write_matrix()
    (home.folder / "names.tsv").write_text(NAMES, "utf-8")
    done = home("tail", "--names", "names.tsv")
    assert done.returncode == 2
    assert "matrix.yaml has no table `tail`; add it below `tables`" in done.stderr


def test_tail_waits_for_the_first_page(
    home: Home, made_up: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pages of the long tail are read when the cells of the first page have run."""
    publish(made_up)
    home.write_matrix(tables="  today: {}\n" + TAIL)
    (home.folder / "names.tsv").write_text(NAMES, "utf-8")
    assert home("tail", "--names", "names.tsv").returncode == 0
    ran: list[int] = []
    read_tail = cell_runs.read_tail

    async def read_and_count(scheduler: Scheduler, cells: Iterable[Cell]) -> Any:
        ran.append(scheduler.ran)
        return await read_tail(scheduler, cells)

    monkeypatch.setattr(cell_runs, "read_tail", read_and_count)
    done = home("run", "--only", "ext-works", "--only", "flask-tail-attaches")
    assert done.returncode == 0, done.stderr
    assert ran == [2], "the cell of ext-works, and Flask alone"
    assert home.states()[f"flask-tail-attaches/tail/py{PYTHON}"] == "works"
