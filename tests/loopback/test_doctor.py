from __future__ import annotations

from home import Home


def lines(home: Home, *args: str, **env: str) -> tuple[int, dict[str, str]]:
    done = home("doctor", *args, **env)
    assert "Traceback" not in done.stderr, done.stderr
    found = [line.split(None, 1) for line in done.stdout.splitlines()]
    return done.returncode, {text.partition(": ")[0]: level for level, text in found}


def test_where_all_is_well_it_says_so_and_gives_0(home: Home) -> None:
    code, found = lines(home)
    assert code == 0
    assert {"uv", "index", "sandbox", "ledger", "service smtp"} <= set(found)
    assert "WRONG" not in found.values()


def test_an_index_that_is_down_gives_3_and_what_to_do(home: Home) -> None:
    home.index_url = "http://127.0.0.1:9/simple/"
    done = home("doctor")
    assert done.returncode == 3
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("WRONG")]
    assert "index" in line
    assert "UV_DEFAULT_INDEX" in line


def test_a_torn_ledger_is_noted_with_how_many_lines(run_copy: Home) -> None:
    path = run_copy.folder / "reports" / "ledger" / "ext-works.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    done = run_copy("doctor")
    assert done.returncode == 0, done.stdout
    assert "1 lines torn or unknown" in done.stdout


def test_a_ledger_of_a_newer_version_is_wrong(run_copy: Home) -> None:
    path = run_copy.folder / "reports" / "ledger" / "ext-works.jsonl"
    text = path.read_text("utf-8").replace('"smoke":', '"schema_version": 99, "smoke":', 1)
    path.write_text(text, "utf-8")
    code, found = lines(run_copy)
    assert (code, found["ledger"]) == (3, "WRONG")


def test_a_python_that_is_missing_is_noted_with_the_way_to_get_it(home: Home) -> None:
    path = home.folder / "matrix.yaml"
    path.write_text(path.read_text("utf-8").replace('"]', '", "3.99"]', 1), "utf-8")
    done = home("doctor")
    assert done.returncode == 0, done.stdout
    assert "uv python install 3.99" in done.stdout


def test_a_reports_folder_that_is_a_file_is_wrong(home: Home) -> None:
    (home.folder / "reports").write_text("not a folder", "utf-8")
    done = home("doctor")
    assert done.returncode in (2, 3)
    assert "Traceback" not in done.stderr
