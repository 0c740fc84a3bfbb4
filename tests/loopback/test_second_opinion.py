"""Cells run again with venv and pip, on the made-up ecosystem; and what is drawn of a run."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ecosystem import PYTHON, day
from home import Home
from samples import record

from watchdog.analysis.second_opinion import agreement, sample_cells, second_opinion
from watchdog.model.evidence import Outcome, Record, Stage
from watchdog.model.verdict import JournalEntry, Run, State
from watchdog.report.views.second_opinions import tally
from watchdog.storage.archive import Archive
from watchdog.storage.second_opinions import Agreement, PipOutcome, SampledCell, SecondOpinion


def lines(home: Home) -> dict[str, dict[str, Any]]:
    text = (home.folder / "reports" / "second-opinions.jsonl").read_text("utf-8")
    return {line["cell"].split("/")[0]: line for line in map(json.loads, text.splitlines())}


def front(home: Home) -> str:
    return (home.folder / "reports" / "index.html").read_text("utf-8")


def only(*subjects: str) -> list[str]:
    return [word for subject in subjects for word in ("--only", subject)]


def change(home: Home, subject: str, **parts: Any) -> None:
    """Have the ledger say something else of a subject, in every line of it."""
    path = home.folder / "reports" / "ledger" / f"{subject}.jsonl"
    found = [json.loads(line) | parts for line in path.read_text("utf-8").splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in found), "utf-8")


def journal(home: Home, subject: str, state: str) -> str:
    """Have the journal say that a cell is so; the name of its record."""
    path = home.folder / "reports" / "runs.jsonl"
    run = json.loads(path.read_text("utf-8"))
    record: str = run["cells"][f"{subject}/today/py{PYTHON}"]["record"]
    run["cells"][f"{subject}/today/py{PYTHON}"] = {"state": state, "record": record}
    path.write_text(json.dumps(run) + "\n", "utf-8")
    return record


@pytest.mark.slow
def test_second_opinion_agrees(
    home: Home,
) -> None:
    """Outcomes with pip and venv agree with ours, and a set that pip refuses is unclear."""
    assert home("run", *only("ext-works", "ext-import", "ext-exits", "ext-warns")).returncode == 0
    change(home, "ext-warns", lock={"ext-warns": "1.0", "flask": "1.0.0", "werkzeug": "9.9"})
    done = home("second-opinion")
    assert done.returncode == 0, done.stderr
    assert "4 cells and printed sets run again with venv and pip: 3 agree" in done.stderr
    found = lines(home)
    assert {name: (line["theirs"], line["finding"]) for name, line in found.items()} == {
        "ext-exits": ("broken", "agrees"),
        "ext-import": ("broken", "agrees"),
        "ext-works": ("works", "agrees"),
        "ext-warns": (None, "unclear"),
    }
    assert found["ext-import"]["alike"]
    assert found["ext-import"]["symptom"] == (
        "ImportError: cannot import name 'gone' from 'werkzeug' (site-packages/werkzeug.py)"
    )
    assert found["ext-exits"]["alike"]
    assert found["ext-works"]["installer"].startswith("pip ")
    assert found["ext-warns"]["reason"].startswith("pip refuses the set: ERROR: ")
    page = front(home)
    assert "Checked with venv and pip" in page
    assert "3 of 3 (100%)" in page
    assert "Where the two disagree" not in page
    assert "What cannot be compared, and why" in page


@pytest.mark.slow
def test_second_opinion_finds_forged_records(home: Home) -> None:
    """A forged record is found, run again and published, and the exit code is 1."""
    assert home("run", *only("ext-works", "ext-import")).returncode == 0
    change(home, "ext-import", judgement={"outcome": "works", "stage": "smoke"})
    name = journal(home, "ext-import", "works")
    bad = {"outcome": "broken", "stage": "smoke", "symptom": "KeyError: 'made up'"}
    change(home, "ext-works", judgement=bad)
    journal(home, "ext-works", "broken")
    done = home("second-opinion")
    assert done.returncode == 1, done.stderr
    assert "missed: broken ImportError: cannot import name" in done.stderr
    assert "run again by the watchdog: broken" in done.stderr
    assert f"ext-works/today/py{PYTHON}: false-alarm: works" in done.stderr
    found = lines(home)
    assert {s: line["finding"] for s, line in found.items()} == {
        "ext-import": "missed",
        "ext-works": "false-alarm",
    }
    page = front(home)
    assert "Where the two disagree" in page
    assert f'href="subjects/ext-import.html#{name}"' in page
    assert "the watchdog, run again, says broken" in page
    assert page.count("1 of 1 (100%)") == 2


@pytest.mark.slow
def test_second_opinion_interrupted(home: Home) -> None:
    """Ctrl-C ends second-opinion with exit code 130 and keeps the results that it has."""
    assert home("run", *only("ext-works", "ext-hangs")).returncode == 0
    process = subprocess.Popen(
        home.argv("second-opinion"),
        cwd=home.folder,
        env=home.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs are born deaf to Ctrl-C, and so would be their children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  no threads
    )
    kept = home.folder / "reports" / "second-opinions.jsonl"
    while not kept.exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert {name: line["finding"] for name, line in lines(home).items()} == {"ext-works": "agrees"}


def test_second_opinion_unreachable_index(home: Home) -> None:
    """With an unreachable index, second-opinion exits with 3 and shows no password."""
    assert home("run", *only("ext-works")).returncode == 0
    dead = "http://someone:s3cret@127.0.0.1:9/simple/"
    done = home("second-opinion", "--cells", "1", UV_DEFAULT_INDEX=dead, PIP_RETRIES="0")
    assert done.returncode == 3, done.stderr
    assert "the package index" in done.stderr
    assert "cannot" in done.stderr
    assert "s3cret" not in done.stderr
    assert not (home.folder / "reports" / "second-opinions.jsonl").exists()


def test_second_opinion_requirements(home: Home) -> None:
    """Without a run, or offline, second-opinion exits with 2 and a message."""
    for args, words in (((), "there is no run yet"), (("--offline",), "pip must read the index")):
        done = home("second-opinion", *args)
        assert (done.returncode, words in done.stderr) == (2, True), done.stderr


def test_second_opinion_only(home: Home) -> None:
    """--only repeats every cell that matches instead of a sample; none is an error."""
    assert home("run", *only("ext-works", "ext-import")).returncode == 0
    done = home("second-opinion", "--only", "ext-imp*")
    assert done.returncode == 0, done.stderr
    assert "1 cells and printed sets run again" in done.stderr
    assert set(lines(home)) == {"ext-import"}
    none = home("second-opinion", "--only", "no-such")
    assert (none.returncode, "no broken or working cell" in none.stderr) == (2, True), none.stderr


@pytest.mark.slow
def test_second_opinion_flaky_is_unclear(home: Home) -> None:
    """A smoke that is flaky gives an unclear finding and no disagreement."""
    assert home("run", *only("ext-works")).returncode == 0
    smoke = home.folder / "smokes" / "smoke_ext_works.py"
    # The folder of an environment has a number; in those with an even one it fails.
    smoke.write_text(
        smoke.read_text("utf-8") + "\n\ndef test_number():\n    import re, sys\n"
        "    number = int(re.search(r'[/\\\\]n(\\d+)[/\\\\]', sys.prefix + '/')[1])\n"
        "    assert number % 2\n",
        "utf-8",
    )
    done = home("second-opinion", "--cells", "1")
    assert done.returncode == 0, done.stderr
    told = lines(home)["ext-works"]
    assert (told["theirs"], told["finding"]) == ("flaky", "unclear")


def run_of(*cells: tuple[str, State, str]) -> Run:
    return Run(day(1), day(1), {cell: JournalEntry(state, name) for cell, state, name in cells})


def records(*names: str) -> dict[str, Record]:
    """Records by fingerprint; each name is SUBJECT/FINGERPRINT."""
    return {n: replace(record(Outcome.WORKS, n), subject=n.split("/")[0]) for n in names}


def drawn_of(known: dict[str, Record], each: int, asked: list[SecondOpinion]) -> list[str]:
    run = run_of(*((name, State.WORKS, name) for name in known))
    series = {".".join(r.python.split(".")[:2]) for r in known.values()}
    return [d.cell for d in sample_cells(run, known.get, asked, pythons=series, each=each)]


def said_of(known: dict[str, Record], name: str) -> SecondOpinion:
    drawn = SampledCell(name, known[name], Outcome.WORKS)
    return second_opinion(drawn, PipOutcome(Outcome.WORKS, Stage.SMOKE), asked=day(1), run=day(1))


def test_sample_cells_alternates_subjects() -> None:
    """The sample takes the subjects in turn and always contains the same cells."""
    known = records("a/1", "a/2", "a/3", "a/4", "b/1", "b/2", "c/1")
    first = drawn_of(known, 3, [])
    assert {name[0] for name in first} == {"a", "b", "c"}
    assert first == drawn_of(known, 3, [])


def test_sample_cells_prefers_unasked() -> None:
    """Cells with an earlier second opinion are drawn only after all others."""
    known = records("a/1", "a/2", "b/1", "b/2", "c/1", "c/2")
    asked: list[SecondOpinion] = []
    seen: list[str] = []
    for _ in range(3):
        now = drawn_of(known, 2, asked)
        seen += now
        asked += [said_of(known, name) for name in now]
    assert sorted(seen) == sorted(known)
    assert {name[0] for name in seen[:3]} == {"a", "b", "c"}
    assert len(drawn_of(known, 2, asked)) == 2


def test_sample_cells_filters_candidates() -> None:
    """Only working or broken records on an installed Python are drawn, each of them once."""
    known = records("a/1", "b/1", "c/1")
    run = run_of(
        ("a", State.CONFLICT, "a/1"),
        ("b", State.WORKS, "no-such"),
        ("c", State.BROKEN, "c/1"),
        ("c again", State.BROKEN, "c/1"),
    )
    series = ".".join(known["c/1"].python.split(".")[:2])
    found = sample_cells(run, known.get, [], pythons={series}, each=9)
    assert [(d.cell, d.ours) for d in found] == [("c", Outcome.BROKEN)]
    assert sample_cells(run, known.get, [], pythons={"2.7"}, each=9) == ()


def test_sample_cells_leaves_tail_out() -> None:
    """No cell of the long tail is drawn: what its smoke tries is guessed."""
    known = records("a/today/py3.13", "b/tail/py3.13")
    assert drawn_of(known, 9, []) == ["a/today/py3.13"]


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        (Outcome.WORKS, Outcome.WORKS, Agreement.AGREES),
        (Outcome.BROKEN, Outcome.BROKEN, Agreement.AGREES),
        (Outcome.BROKEN, Outcome.WORKS, Agreement.FALSE_ALARM),
        (Outcome.WORKS, Outcome.BROKEN, Agreement.MISSED),
        (Outcome.WORKS, None, Agreement.UNCLEAR),
        (Outcome.BROKEN, Outcome.FLAKY, Agreement.UNCLEAR),
    ],
)
def test_agreement_of_outcomes(ours: Outcome, theirs: Outcome | None, expected: Agreement) -> None:
    """Each pair of our outcome and the one of pip is classified."""
    assert agreement(ours, theirs) is expected


def test_archive_opinions_and_tally(tmp_path: Path) -> None:
    """Opinions are read back as written, damaged lines are skipped, and tally counts them."""
    known = records("a/1", "b/1")
    archive = Archive(tmp_path)
    kept = [said_of(known, "a/1")]
    failed = PipOutcome(Outcome.BROKEN, Stage.SMOKE, "KeyError: 1")
    kept.append(
        second_opinion(
            SampledCell("b/1", known["b/1"], Outcome.WORKS), failed, asked=day(2), run=day(1)
        )
    )
    for each in kept:
        archive.add_opinion(each)
    assert archive.opinions() == kept
    kept_in = tmp_path / "second-opinions.jsonl"
    kept_in.write_text(kept_in.read_text("utf-8") + '{"cell": 1}\n[]\n{', "utf-8")
    assert archive.opinions() == kept
    found = tally(kept)
    assert (found.asked, found.compared, found.agree, found.missed) == (2, 2, 1, 1)
    assert Archive(tmp_path / "other").adopt(archive) == 3  # what another version wrote, too
