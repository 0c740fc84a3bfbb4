"""What packages use and releases offer, with made-up packages in real environments."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ecosystem import NOW, PYTHON
from home import Home

from watchdog.analysis.forecast.api import ApiReader
from watchdog.analysis.forecast.risks import as_use
from watchdog.matrix import load as matrix_file
from watchdog.model.lock import Lock
from watchdog.runner.workspace import Settings, Workspace, open_workspace

LOCK = Lock((("flask", "3.0.0"), ("werkzeug", "3.0.0")))
OLDER = Lock((("flask", "2.0.0"), ("werkzeug", "2.0.0")))


@pytest.fixture
def workspace(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    for name, value in home.env.items():
        monkeypatch.setenv(name, value)
    matrix = matrix_file.load_matrix(home.folder / "matrix.yaml")
    with open_workspace(Settings(matrix, NOW, home.folder / "reports", 2)) as opened:
        yield opened


def test_api_reader_finds_uses(workspace: Workspace) -> None:
    """ApiReader.uses returns the symbols that a package uses with file and line."""
    interpreter = workspace.interpreters[PYTHON]
    asked = ("ext-import", "1.0", interpreter, NOW, frozenset({"werkzeug", "flask"}))
    (use,) = ApiReader(workspace).uses(*asked)
    assert (use.symbol, use.file, use.line) == ("werkzeug.gone", "ext_import.py", 1)
    assert ApiReader(workspace).uses(*asked) == (use,)
    assert ApiReader(workspace).modules(*asked[:4]) == {"ext_import"}


def test_api_reader_finds_offers(workspace: Workspace) -> None:
    """ApiReader.offers says whether a release has each symbol, or None where it is unknown."""
    interpreter = workspace.interpreters[PYTHON]
    uses = [as_use("werkzeug.gone"), as_use("werkzeug.VERSION"), as_use("nowhere.x")]
    new = ApiReader(workspace).offers(LOCK, interpreter, NOW, uses)
    old = ApiReader(workspace).offers(OLDER, interpreter, NOW, uses)
    assert {s: o.offered for s, o in new.items()} == {
        "werkzeug.gone": False,
        "werkzeug.VERSION": True,
        "nowhere.x": None,
    }
    assert old["werkzeug.gone"].offered is True
    assert ApiReader(workspace).offers(LOCK, interpreter, NOW, uses) == new
    assert ApiReader(workspace).offers(LOCK, interpreter, NOW, []) == {}


@pytest.mark.slow
def test_api_reader_cache_across_processes(home: Home) -> None:
    """Later processes with other hash seeds reuse the cached uses and offers."""
    kept = home.caches / "watchdog"
    assert home("forecast", "ext-import").returncode == 0
    before = {*kept.glob("uses/*"), *kept.glob("offers/*")}
    # The order of a set differs between processes, with some seeds.
    for seed in "12345":
        assert home("forecast", "ext-import", PYTHONHASHSEED=seed).returncode == 0
    assert before == {*kept.glob("uses/*"), *kept.glob("offers/*")}
    assert any(path.name.startswith("ext-import-") for path in before)
