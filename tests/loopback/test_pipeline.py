"""The whole pipeline on the made-up ecosystem, with real uv."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from pathlib import Path

import ecosystem
import pytest
from ecosystem import PYTHON, SUBJECTS
from home import Home


def record_of(home: Home, subject: str) -> dict[str, object]:
    cell = f"{subject}/today/py{PYTHON}"
    fingerprint = home.last_run()["cells"][cell]["record"]
    lines = (home.folder / "reports" / "ledger" / f"{subject}.jsonl").read_text("utf-8")
    records = [json.loads(line) for line in lines.splitlines()]
    found: dict[str, object] = next(r for r in records if r["fingerprint"] == fingerprint)
    return found


@pytest.mark.parametrize("subject", SUBJECTS)
def test_each_made_up_package_gets_its_known_outcome(finished_run: Home, subject: str) -> None:
    _, outcome, stage, symptom = SUBJECTS[subject]
    judgement = record_of(finished_run, subject)["judgement"]
    assert isinstance(judgement, dict)
    assert (judgement["outcome"], judgement["stage"]) == (outcome, stage), judgement
    if symptom:
        assert symptom in judgement["symptom"]
    assert finished_run.states()[f"{subject}/today/py{PYTHON}"] == outcome


def test_a_package_without_a_smoke_is_judged_by_the_automatic_one(finished_run: Home) -> None:
    assert finished_run.states()[f"ext-no-smoke/today/py{PYTHON}"] == "works"
    assert record_of(finished_run, "ext-no-smoke")["smoke"] == "automatic"


def test_what_the_metadata_forbids_is_a_conflict_with_the_resolvers_reason(
    finished_run: Home,
) -> None:
    entry = finished_run.last_run()["cells"][f"ext-conflict/today/py{PYTHON}"]
    assert entry["state"] == "conflict"
    assert "werkzeug" in entry["reason"]
    assert "unsatisfiable" in entry["reason"]


def test_a_source_distribution_that_does_not_build_breaks_the_install(finished_run: Home) -> None:
    entry = finished_run.last_run()["cells"][f"ext-unbuildable/today/py{PYTHON}"]
    assert (entry["state"], entry["stage"]) == ("broken", "install")
    assert "this never builds" in entry["symptom"]


def test_what_fails_once_and_works_when_run_again_is_flaky(finished_run: Home) -> None:
    assert finished_run.states()[f"ext-flaky/today/py{PYTHON}"] == "flaky"
    evidence = record_of(finished_run, "ext-flaky")["evidence"]
    assert isinstance(evidence, list)
    assert len(evidence) == 2, "both attempts are kept"


def test_a_flooded_log_is_cut_in_the_middle_and_says_so(finished_run: Home) -> None:
    evidence = record_of(finished_run, "ext-floods")["evidence"]
    assert isinstance(evidence, list)
    log = evidence[0]["log"]
    assert len(log) < 20_000
    assert "bytes cut" in log


def test_a_warning_is_kept_with_the_frame_that_caused_it(finished_run: Home) -> None:
    evidence = record_of(finished_run, "ext-warns")["evidence"]
    assert isinstance(evidence, list)
    (warning,) = evidence[0]["warnings"]
    assert warning["category"] == "DeprecationWarning"
    assert warning["message"] == "old_name goes away in 2.0"
    assert warning["file"] == "smoke_ext_warns.py"
    assert any("ext_warns_core.py" in frame for frame in warning["stack"])


def test_a_second_run_with_nothing_changed_runs_no_cell(run_copy: Home) -> None:
    before = {p: p.read_bytes() for p in (run_copy.folder / "reports" / "ledger").iterdir()}
    done = run_copy("run")
    assert done.returncode == 0, done.stderr
    assert "0 trials run" in done.stderr
    assert before == {p: p.read_bytes() for p in (run_copy.folder / "reports" / "ledger").iterdir()}


def test_after_one_new_release_of_one_extension_only_its_cells_run(run_copy: Home) -> None:
    done = run_copy("run", "--as-of", ecosystem.day(63).isoformat())
    assert done.returncode == 0, done.stderr
    assert "1 trials run" in done.stderr
    assert record_of(run_copy, "ext-works")["lock"]["ext-works"] == "1.0.1"  # type: ignore[index]


def test_a_breakage_that_an_earlier_run_did_not_have_is_new_and_exits_with_1(home: Home) -> None:
    only = ("--only", "ext-works", "--only", "ext-import")
    before = home("run", *only, "--as-of", ecosystem.day(20).isoformat())
    assert before.returncode == 0, before.stderr
    assert set(home.states().values()) == {"works"}
    after = home("run", *only)
    assert after.returncode == 1, after.stderr
    assert "new" in after.stderr
    assert "cannot import name 'gone'" in after.stderr
    again = home("run", *only, "--as-of", ecosystem.day(61).isoformat())
    assert again.returncode == 0, "seen before: no longer new"
    cell = f"ext-import/today/py{PYTHON}"
    since = home.last_run()["cells"][cell]["since"]
    assert since.startswith(ecosystem.NOW.strftime("%Y-%m-%dT%H:%M"))


def test_a_first_run_has_no_news(finished_run: Home) -> None:
    assert not any(entry.get("new") for entry in finished_run.last_run()["cells"].values())


def test_under_a_broken_core_every_extension_is_blocked_by_one_breakage(home: Home) -> None:
    tables = f"  core: {{python: ['{PYTHON}'], flask: ['since 1.0'], werkzeug: [resolved]}}\n"
    tables += f"  grid: {{python: ['{PYTHON}'], flask: ['1.0']}}\n"
    home.write_matrix(tables=tables)
    done = home("run")
    assert done.returncode == 0, done.stderr
    states = home.states()
    assert states[f"flask/core/py{PYTHON}/flask-1.0/werkzeug-resolved"] == "broken"
    assert states[f"flask/core/py{PYTHON}/flask-3.0/werkzeug-resolved"] == "works"
    grid = {c: s for c, s in states.items() if "/grid/" in c}
    installable = {s for c, s in grid.items() if not c.startswith(("ext-conflict", "ext-unbuild"))}
    assert installable == {"blocked"}
    page = (home.folder / "reports" / "matrix.html").read_text("utf-8")
    assert page.count('<article class="card"') == 1


def test_a_version_that_never_passed_its_smoke_is_not_judged_broken(
    home: Home,
) -> None:
    smoke = home.folder / "smokes" / "smoke_ext_works.py"
    smoke.write_text(smoke.read_text("utf-8").replace("== 42", "== 43"), encoding="utf-8")
    done = home("run", "--only", "ext-works")
    assert done.returncode == 0, done.stderr
    entry = home.last_run()["cells"][f"ext-works/today/py{PYTHON}"]
    assert entry["state"] == "unjudged"
    assert "own release" in entry["reason"]


def test_a_known_issue_is_no_news_and_one_that_works_again_is_reported(home: Home) -> None:
    marks = (
        "known_issues:\n"
        "  - {cells: 'ext-import/*', reason: 'reported upstream long ago'}\n"
        "  - {cells: 'ext-works/*', reason: 'was broken for a while'}\n"
    )
    home.write_matrix(extra=marks)
    only = ("--only", "ext-works", "--only", "ext-import")
    home("run", *only, "--as-of", ecosystem.day(20).isoformat())
    done = home("run", *only)
    assert done.returncode == 0, done.stderr
    assert f"ext-works/today/py{PYTHON} works, although" in done.stderr


def test_an_excluded_cell_is_not_run_and_counted(home: Home) -> None:
    home.write_matrix(
        extra="exclude:\n  - {cells: 'ext-*s/today/*', reason: 'for this test only'}\n"
    )
    done = home("run", "--only", "ext-works", "--only", "ext-wrong")
    assert "1 cells left out" in done.stderr
    assert list(home.states()) == [f"ext-wrong/today/py{PYTHON}"]


def test_a_python_that_the_machine_lacks_is_counted_with_the_way_to_get_it(home: Home) -> None:
    text = (home.folder / "matrix.yaml").read_text("utf-8")
    text = text.replace(f'python: ["{PYTHON}"]', f'python: ["{PYTHON}", "3.99"]')
    (home.folder / "matrix.yaml").write_text(text, encoding="utf-8")
    home("run", "--only", "ext-works")
    entry = home.last_run()["cells"]["ext-works/today/py3.99"]
    assert entry["state"] == "unjudged"
    assert "uv python install 3.99" in entry["reason"]


def test_an_index_that_cannot_be_reached_gives_3_and_no_verdict(home: Home) -> None:
    home.index_url = "http://127.0.0.1:9/simple/"
    home.caches = home.folder / "caches"
    done = home("run")
    assert done.returncode == 3
    assert "the package index cannot be read" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (home.folder / "reports" / "runs.jsonl").exists()
    assert not list((home.folder / "reports").glob("ledger/*"))


def test_killed_in_the_middle_it_loses_only_cells_in_flight_and_says_nothing_false(
    home: Home, finished_run: Home
) -> None:
    process = subprocess.Popen(
        home.argv("run", "--jobs", "2"),
        cwd=home.folder,
        env=home.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    ledger = home.folder / "reports" / "ledger"
    deadline = time.monotonic() + 120
    while len(list(ledger.glob("*.jsonl"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (home.folder / "reports" / "runs.jsonl").exists()
    done = home("run")
    assert done.returncode == 0, done.stderr
    flaky = f"ext-flaky/today/py{PYTHON}"  # its flag is gone since the first run
    expected = {c: s for c, s in finished_run.states().items() if c != flaky}
    assert {c: s for c, s in home.states().items() if c != flaky} == expected


def test_cells_of_a_killed_watchdog_end_by_themselves(home: Home) -> None:
    def cells() -> list[Path]:
        mine = f"{home.folder.name}-orphan".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mine in (process / "environ").read_bytes():
                    found.append(process)
        return found

    process = subprocess.Popen(
        home.argv("run", "--only", "ext-hangs"),
        cwd=home.folder,
        env=home.env | {"LC_ALL": f"C.UTF-8@{home.folder.name}-orphan"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while len(cells()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 60  # limits.seconds is 4 there; the alarm comes after 13
    while cells() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert cells() == []


def test_interrupted_it_stops_at_once_and_the_same_command_goes_on(home: Home) -> None:
    process = subprocess.Popen(
        home.argv("run", "--only", "ext-hangs", "--only", "ext-works"),
        cwd=home.folder,
        env=home.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs are born deaf to Ctrl-C, and so would be their children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  no threads
    )
    ledger = home.folder / "reports" / "ledger" / "ext-works.jsonl"
    deadline = time.monotonic() + 120
    while not ledger.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "run the same command again to continue" in errors
    assert "Traceback" not in errors
    done = home("run", "--only", "ext-hangs", "--only", "ext-works")
    assert done.returncode == 0, done.stderr
    assert home.states()[f"ext-hangs/today/py{PYTHON}"] == "broken"


def test_nothing_of_the_watchdog_is_importable_inside_a_cell(home: Home) -> None:
    smoke = home.folder / "smokes" / "smoke_ext_works.py"
    text = (
        "import importlib.util\n\n\ndef test_it():\n    'Nothing of ours'\n"
        "    for name in ('watchdog', 'pytest', 'pydantic'):\n"
        "        assert importlib.util.find_spec(name) is None, name\n"
    )
    smoke.write_text(text, encoding="utf-8")
    assert home.json("check", "ext-works")["outcome"] == "works"


def test_a_cell_has_a_clean_environment_and_a_home_of_its_own(home: Home) -> None:
    smoke = home.folder / "smokes" / "smoke_ext_works.py"
    text = (
        "import os\n\n\ndef test_it():\n    'Clean'\n"
        "    assert 'A_SECRET' not in os.environ\n"
        "    assert os.path.realpath(os.environ['HOME']) != os.path.realpath(%r)\n"
        "    assert os.listdir(os.environ['HOME']) == [] and os.listdir('.') == []\n"
    )
    smoke.write_text(text % str(Path.home()), encoding="utf-8")
    done = home("check", "ext-works", "--format", "json", A_SECRET="x")
    assert json.loads(done.stdout)["outcome"] == "works", done.stdout


QUICK = ("ext-works", "ext-import", "ext-use", "ext-warns", "ext-wrong", "ext-conflict")
ONLY = tuple(word for name in QUICK for word in ("--only", name))


def shards(home: Home, count: int, ended: int) -> list[str]:
    folders = [f"part{number}" for number in range(1, count + 1)]
    for number, folder in list(enumerate(folders, 1))[:ended]:
        done = home("run", "--shard", f"{number}/{count}", "--reports", folder, *ONLY)
        assert done.returncode in (0, 2), done.stderr  # 2: a part without a cell
    return [folder for folder in folders if (home.folder / folder).exists()]


@pytest.mark.parametrize("count", [1, 3, 8])
def test_the_parts_of_a_run_together_say_what_the_whole_says(
    home: Home, finished_run: Home, count: int
) -> None:
    folders = shards(home, count, count)
    done = home("merge", *folders)
    assert done.returncode == 0, done.stderr
    whole = finished_run.states()
    assert home.states() == {i: s for i, s in whole.items() if i.split("/")[0] in QUICK}
    assert (home.folder / "reports" / "index.html").exists()
    assert home("merge", *folders).returncode == 2


def test_the_cells_of_a_part_that_did_not_end_are_not_run_and_never_green(home: Home) -> None:
    planned = home("plan", "--format", "json", *ONLY)
    (home.folder / "plan.json").write_text(planned.stdout, "utf-8")
    done = home("merge", "--plan", "plan.json", *shards(home, 3, 2))
    assert done.returncode == 3, done.stderr
    states = home.states()
    assert len(states) == len(json.loads(planned.stdout)["cells"])
    lost = [i for i, e in home.last_run()["cells"].items() if "did not end" in e.get("reason", "")]
    assert lost
    assert {states[i] for i in lost} == {"error"}
