"""Contemporary controls take a Python for which there are wheels, with real uv."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import ecosystem
import pytest
from ecosystem import BACKEND, day
from home import Home
from loopback_index import LoopbackIndex, Upload
from packaging.tags import platform_tags

from watchdog.environments.interpreters import find_interpreters
from watchdog.sandbox.process import Processes

OLD, NEW = "3.13", "3.14"
OWN = next(iter(platform_tags()))
LATE = day(120)
"""By then both Pythons have been there for more than three months."""


@pytest.fixture
def packages() -> Iterator[LoopbackIndex]:
    """An index with a package that a dependency broke, and one that has wheels for one Python."""
    index = LoopbackIndex()
    index.start()
    ecosystem.build(index)
    name = "compiled"
    index.add(name, "1.0", day(90), files={"compiled.py": "speed = 1\n"})
    (wheel,) = index.files.pop(name)
    files = {
        "pyproject.toml": BACKEND,
        "b.py": "raise RuntimeError('no header for this Python')\n",
        "PKG-INFO": f"Metadata-Version: 2.2\nName: {name}\nVersion: 1.0\n",
    }
    index.add_sdist(name, "1.0", day(90), files)
    tag = f"cp{OLD.replace('.', '')}"
    filename = f"compiled-1.0-{tag}-{tag}-{OWN}.whl"
    index.files[name].append(Upload(filename, wheel.data, day(90), wheel.metadata))
    index.add("tool", "1.0", day(90), files={"tool.py": "old = 1\n"})
    index.add("tool", "2.0", day(110), files={"tool.py": "new = 1\n"})
    code = "import compiled\nfrom tool import old\ndef use():\n    return 42\n"
    index.add(
        "ext-late", "1.0", day(95), files={"ext_late.py": code}, requires=["compiled", "tool"]
    )
    yield index
    index.stop()


def test_control_does_not_compile_what_has_wheels_elsewhere(
    tmp_path: Path, packages: LoopbackIndex
) -> None:
    """The control runs on the older Python, which has a wheel; the newer one is not tried."""
    if missing := {OLD, NEW} - find_interpreters([OLD, NEW], Processes()).keys():
        pytest.skip(f"needs Python {OLD} and {NEW}: uv python install {' '.join(sorted(missing))}")
    smokes = tmp_path / "smokes"
    smokes.mkdir()
    ecosystem.write_smokes(smokes)
    text = ecosystem.SMOKE.format(name="ext-late", module="ext_late")
    (smokes / "smoke_ext_late.py").write_text(text, "utf-8")
    home = Home(tmp_path, packages.url, tmp_path / "caches")
    home.write_matrix(extra="  ext-late: {name: Ext-Late}\n")
    matrix = tmp_path / "matrix.yaml"
    own = f'python: ["{ecosystem.PYTHON}"]'
    matrix.write_text(
        matrix.read_text("utf-8").replace(own, f'python: ["{OLD}", "{NEW}"]'), "utf-8"
    )
    home("run", "--only", f"ext-late/today/py{OLD}", "--as-of", LATE.isoformat())
    assert home.states() == {f"ext-late/today/py{OLD}": "broken"}
    lines = [
        json.loads(line)
        for file in (tmp_path / "reports" / "ledger").glob("*.jsonl")
        for line in file.read_text("utf-8").splitlines()
    ]
    pythons = {line["python"] for line in lines if line["subject"] == "ext-late"}
    assert {python.rpartition(".")[0] for python in pythons} == {OLD}
