from __future__ import annotations

from home import Home


def lines(home: Home, *args: str, **env: str) -> tuple[int, dict[str, str]]:
    done = home("doctor", *args, **env)
    assert "Traceback" not in done.stderr, done.stderr
    found = [line.split(None, 1) for line in done.stdout.splitlines()]
    return done.returncode, {text.partition(": ")[0]: level for level, text in found}


def test_doctor_healthy_exits_0(home: Home) -> None:
    """The doctor command reports every part and exits with 0 when nothing is wrong."""
    code, found = lines(home)
    assert code == 0
    assert {"uv", "index", "sandbox", "ledger", "service smtp"} <= set(found)
    assert "WRONG" not in found.values()


def test_doctor_unreachable_index(home: Home) -> None:
    """When the index is down, doctor exits with 3 and names the setting to check."""
    home.index_url = "http://127.0.0.1:9/simple/"
    done = home("doctor")
    assert done.returncode == 3
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("WRONG")]
    assert "index" in line
    assert "UV_DEFAULT_INDEX" in line


def test_doctor_torn_ledger(run_copy: Home) -> None:
    """The doctor command counts torn ledger lines and still exits with 0."""
    path = run_copy.folder / "reports" / "ledger" / "ext-works.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    done = run_copy("doctor")
    assert done.returncode == 0, done.stdout
    assert "1 lines torn or unknown" in done.stdout


def test_doctor_newer_ledger(run_copy: Home) -> None:
    """A ledger that was written by a newer version makes doctor exit with 3."""
    path = run_copy.folder / "reports" / "ledger" / "ext-works.jsonl"
    text = path.read_text("utf-8").replace('"smoke":', '"schema_version": 99, "smoke":', 1)
    path.write_text(text, "utf-8")
    code, found = lines(run_copy)
    assert (code, found["ledger"]) == (3, "WRONG")


def test_doctor_missing_python(home: Home) -> None:
    """The doctor command prints the command that installs a missing Python."""
    path = home.folder / "matrix.yaml"
    path.write_text(path.read_text("utf-8").replace('"]', '", "3.99"]', 1), "utf-8")
    done = home("doctor")
    assert done.returncode == 0, done.stdout
    assert "uv python install 3.99" in done.stdout


def test_doctor_reports_folder_is_file(home: Home) -> None:
    """When the reports folder is a file, doctor fails without a traceback."""
    (home.folder / "reports").write_text("not a folder", "utf-8")
    done = home("doctor")
    assert done.returncode in (2, 3)
    assert "Traceback" not in done.stderr
