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
from packaging.version import Version

from watchdog.model.words import counted
from watchdog.storage.ledger import Ledger
from watchdog.storage.project_links import read_project_links
from watchdog.storage.versions import join_versions, read_versions


def record_of(home: Home, subject: str) -> dict[str, object]:
    cell = f"{subject}/today/py{PYTHON}"
    fingerprint = home.last_run()["cells"][cell]["record"]
    lines = (home.folder / "reports" / "ledger" / f"{subject}.jsonl").read_text("utf-8")
    records = [json.loads(line) for line in lines.splitlines()]
    found: dict[str, object] = next(r for r in records if r["fingerprint"] == fingerprint)
    return found


@pytest.mark.parametrize("subject", SUBJECTS)
def test_run_outcome_of_each_package(finished_run: Home, subject: str) -> None:
    """Each made-up package gets its known outcome, stage and symptom."""
    _, outcome, stage, symptom = SUBJECTS[subject]
    judgement = record_of(finished_run, subject)["judgement"]
    assert isinstance(judgement, dict)
    assert (judgement["outcome"], judgement["stage"]) == (outcome, stage), judgement
    if symptom:
        assert symptom in judgement["symptom"]
    assert finished_run.states()[f"{subject}/today/py{PYTHON}"] == outcome


def test_run_automatic_smoke(finished_run: Home) -> None:
    """A package without a smoke is judged by the automatic smoke."""
    assert finished_run.states()[f"ext-no-smoke/today/py{PYTHON}"] == "works"
    assert record_of(finished_run, "ext-no-smoke")["smoke"] == "automatic"


def test_run_conflict_reason(
    finished_run: Home,
) -> None:
    """Metadata that forbids the set gives a conflict with the reason of the resolver."""
    entry = finished_run.last_run()["cells"][f"ext-conflict/today/py{PYTHON}"]
    assert entry["state"] == "conflict"
    assert "werkzeug" in entry["reason"]
    assert "unsatisfiable" in entry["reason"]


def test_run_unbuildable_is_broken_at_install(finished_run: Home) -> None:
    """A source distribution that does not build is broken at stage install."""
    entry = finished_run.last_run()["cells"][f"ext-unbuildable/today/py{PYTHON}"]
    assert (entry["state"], entry["stage"]) == ("broken", "install")
    assert "this never builds" in entry["symptom"]


def test_run_flaky_package(finished_run: Home) -> None:
    """A package that fails once and then works is flaky, and both attempts are stored."""
    assert finished_run.states()[f"ext-flaky/today/py{PYTHON}"] == "flaky"
    evidence = record_of(finished_run, "ext-flaky")["evidence"]
    assert isinstance(evidence, list)
    assert len(evidence) == 2, "both attempts are kept"


def test_run_cuts_long_log(finished_run: Home) -> None:
    """A very long log is shortened in the middle and says how much was cut."""
    evidence = record_of(finished_run, "ext-floods")["evidence"]
    assert isinstance(evidence, list)
    log = evidence[0]["log"]
    assert len(log) < 20_000
    assert "bytes cut" in log


def test_run_stores_warning_with_stack(finished_run: Home) -> None:
    """A warning is stored with its category, message, file and call stack."""
    evidence = record_of(finished_run, "ext-warns")["evidence"]
    assert isinstance(evidence, list)
    (warning,) = evidence[0]["warnings"]
    assert warning["category"] == "DeprecationWarning"
    assert warning["message"] == "old_name goes away in 2.0"
    assert warning["file"] == "smoke_ext_warns.py"
    assert any("ext_warns_core.py" in frame for frame in warning["stack"])


def test_run_again_runs_nothing(run_copy: Home) -> None:
    """A second run without changes runs no trial and leaves the ledger as it is."""
    before = {p: p.read_bytes() for p in (run_copy.folder / "reports" / "ledger").iterdir()}
    done = run_copy("run")
    assert done.returncode == 0, done.stderr
    assert "0 trials run" in done.stderr
    assert before == {p: p.read_bytes() for p in (run_copy.folder / "reports" / "ledger").iterdir()}


def test_run_after_new_release(run_copy: Home) -> None:
    """After one new release only the cells of that extension run."""
    done = run_copy("run", "--as-of", ecosystem.day(63).isoformat())
    assert done.returncode == 0, done.stderr
    assert "1 trials run" in done.stderr
    assert record_of(run_copy, "ext-works")["lock"]["ext-works"] == "1.0.1"  # type: ignore[index]


def test_run_new_breakage_exits_1(home: Home) -> None:
    """A new breakage gives exit code 1 once; later runs keep its date and exit with 0."""
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


def test_first_run_has_no_news(finished_run: Home) -> None:
    """A first run marks no cell as new."""
    assert not any(entry.get("new") for entry in finished_run.last_run()["cells"].values())


def test_run_broken_core_blocks_extensions(home: Home) -> None:
    """Under a broken core every extension is blocked and only one breakage is shown."""
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


def test_run_smoke_that_never_passed(
    home: Home,
) -> None:
    """A version that never passed its smoke is not judged."""
    smoke = home.folder / "smokes" / "smoke_ext_works.py"
    smoke.write_text(smoke.read_text("utf-8").replace("== 42", "== 43"), encoding="utf-8")
    done = home("run", "--only", "ext-works")
    assert done.returncode == 0, done.stderr
    entry = home.last_run()["cells"][f"ext-works/today/py{PYTHON}"]
    assert entry["state"] == "unjudged"
    assert "release date" in entry["reason"]


def test_run_known_issues(home: Home) -> None:
    """A known issue is not news, and a known issue that works again is reported."""
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


def test_run_excluded_cells(home: Home) -> None:
    """An excluded cell is not run but counted."""
    home.write_matrix(
        extra="exclude:\n  - {cells: 'ext-*s/today/*', reason: 'for this test only'}\n"
    )
    done = home("run", "--only", "ext-works", "--only", "ext-wrong")
    assert "1 cell left out" in done.stderr
    assert list(home.states()) == [f"ext-wrong/today/py{PYTHON}"]


def test_run_missing_python(home: Home) -> None:
    """Cells of a missing Python are not judged and name the install command."""
    text = (home.folder / "matrix.yaml").read_text("utf-8")
    text = text.replace(f'python: ["{PYTHON}"]', f'python: ["{PYTHON}", "3.99"]')
    (home.folder / "matrix.yaml").write_text(text, encoding="utf-8")
    home("run", "--only", "ext-works")
    entry = home.last_run()["cells"]["ext-works/today/py3.99"]
    assert entry["state"] == "unjudged"
    assert "uv python install 3.99" in entry["reason"]


def test_run_unreachable_index_exits_3(home: Home) -> None:
    """An index that cannot be reached makes run exit with 3 and store nothing."""
    home.index_url = "http://127.0.0.1:9/simple/"
    home.caches = home.folder / "caches"
    done = home("run")
    assert done.returncode == 3
    assert "the package index cannot be read" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (home.folder / "reports" / "runs.jsonl").exists()
    assert not list((home.folder / "reports").glob("ledger/*"))


@pytest.mark.slow
def test_run_continues_after_kill(home: Home, finished_run: Home) -> None:
    """After a killed run, the next one gives the same states as an undisturbed run."""
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


@pytest.mark.slow
def test_cells_end_after_kill(home: Home) -> None:
    """The processes of a cell end by themselves after the watchdog was killed."""

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


@pytest.mark.slow
def test_run_continues_after_interrupt(home: Home) -> None:
    """Ctrl-C ends a run with exit code 130, and the same command continues it."""
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


def test_cell_cannot_import_watchdog(home: Home) -> None:
    """Inside a cell the watchdog and its dependencies cannot be imported."""
    smoke = home.folder / "smokes" / "smoke_ext_works.py"
    text = (
        "import importlib.util\n\n\ndef test_it():\n    'Nothing of ours'\n"
        "    for name in ('watchdog', 'pytest', 'pydantic'):\n"
        "        assert importlib.util.find_spec(name) is None, name\n"
    )
    smoke.write_text(text, encoding="utf-8")
    assert home.json("check", "ext-works")["outcome"] == "works"


def test_cell_environment_is_clean(home: Home) -> None:
    """A cell sees no variable of the user and has an empty home of its own."""
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


@pytest.mark.parametrize("count", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in (3, 8))])
def test_merge_equals_whole_run(home: Home, finished_run: Home, count: int) -> None:
    """Merging all shards gives the states of the whole run."""
    folders = shards(home, count, count)
    done = home("merge", *folders)
    assert done.returncode == 0, done.stderr
    whole = finished_run.states()
    assert home.states() == {i: s for i, s in whole.items() if i.split("/")[0] in QUICK}
    assert (home.folder / "reports" / "index.html").exists()
    known = read_versions(home.folder / "reports")
    parts = join_versions(read_versions(home.folder / folder) for folder in folders)
    assert known == parts
    assert known["ext-works"].versions
    assert home("merge", *folders).returncode == 2
    # The same from a folder that holds them.
    (home.folder / "parts").mkdir()
    for folder in folders:
        (home.folder / folder).rename(home.folder / "parts" / folder)
    done = home("merge", "--reports", "again", "parts")
    assert done.returncode == 0, done.stderr
    shards_in_words = counted(len(folders), "shard")
    assert f"{len(home.states())} cells of {shards_in_words}; " in done.stderr


def test_run_stores_project_links(finished_run: Home) -> None:
    """A run reads the metadata of the newest version of each package that it installed."""
    known = read_project_links(finished_run.folder / "reports")
    assert (known["ext-works"].version, known["ext-works"].links) == ("1.0", {})
    assert "flask" in known


def test_run_stores_versions(finished_run: Home) -> None:
    """A run stores the final versions of subjects, of the stack, and of packages in its locks."""
    known = read_versions(finished_run.folder / "reports")
    ledger = Ledger(finished_run.folder / "reports")
    entries = finished_run.last_run()["cells"].values()
    records = [ledger.get(entry["record"]) for entry in entries if "record" in entry]
    in_locks = {name for record in records if record for name in record.lock}
    assert in_locks <= known.keys()
    assert {"flask", "werkzeug", "ext-works"} <= known.keys()
    assert all(not Version(v).is_prerelease for own in known.values() for v in own.versions)


@pytest.mark.slow
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_merge_same_site_for_any_parts(home: Home) -> None:
    """A plan of 1 and of 3 shards gives the same pages, byte for byte."""
    home.extra["SOURCE_DATE_EPOCH"] = "1760000000"
    pages = {}
    for count in (1, 3):
        plan = f"plan{count}.json"
        parts = ("--minutes", "0.001", "--parts", str(count), "--into", plan)
        done = home("plan", *parts, *ONLY)
        assert done.returncode == 0, done.stderr
        folders = [f"by{count}-{number}" for number in range(count + 1)]
        for number, folder in enumerate(folders):
            done = home("run", "--plan", plan, "--shard", f"{number}/{count}", "--reports", folder)
            assert done.returncode == 0, done.stderr
        into = f"joined{count}"
        done = home("merge", "--plan", plan, "--reports", into, *folders)
        assert done.returncode == 0, done.stderr
        root = home.folder / into
        files = sorted(p for p in root.rglob("*") if p.is_file() and p.suffix != ".jsonl")
        pages[count] = {str(p.relative_to(root)): p.read_bytes() for p in files}
    assert "index.html" in pages[1]
    assert pages[1].keys() == pages[3].keys()
    assert [name for name, data in pages[1].items() if data != pages[3][name]] == []


def test_merge_missing_part_is_error(home: Home) -> None:
    """Cells of a missing shard are errors, and merge exits with 3."""
    planned = home("plan", "--format", "json", *ONLY)
    (home.folder / "plan.json").write_text(planned.stdout, "utf-8")
    done = home("merge", "--plan", "plan.json", *shards(home, 3, 2))
    assert done.returncode == 3, done.stderr
    states = home.states()
    assert len(states) == len(json.loads(planned.stdout)["cells"])
    lost = [i for i, e in home.last_run()["cells"].items() if "did not end" in e.get("reason", "")]
    assert lost
    assert {states[i] for i in lost} == {"error"}
