"""What fails with uv's set and works with pip's is not broken; with real uv and pip."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ecosystem
import pytest
from ecosystem import PYTHON, day
from home import Home
from loopback_index import LoopbackIndex

NAMES = ("ext-refuted", "ext-both-fail", "ext-alike", "ext-uv-cures", "ext-more-bounds")
"""Works with pip's set alone; fails with both sets; fails, and both choose the same set; fails
with both, and works with an older Werkzeug in the set of uv alone; the same, but with an older
`xx` it works in that of pip too."""


@pytest.fixture(scope="module")
def packages() -> Iterator[LoopbackIndex]:
    """An index on which uv and pip choose different versions of `aa` and `zz`.

    uv takes aa 2.0 and zz 4.0, pip takes aa 1.0 and zz 6.0: they give way in different places.
    """
    index = LoopbackIndex()
    index.start()
    ecosystem.build(index)
    index.add("aa", "1.0", day(1), files={"aa.py": "old = 1\n"})
    index.add("aa", "2.0", day(32), files={"aa.py": "new = 1\n"})
    index.add("zz", "4.0", day(2), files={"zz.py": "from aa import old\n"}, requires=["aa"])
    index.add("zz", "6.0", day(33), files={"zz.py": "from aa import old\n"}, requires=["aa<2"])
    use = "def use():\n    return 42\n"
    both = ["aa", "zz"]
    index.add(
        "ext-refuted", "1.0", day(5), files={"ext_refuted.py": f"import zz\n{use}"}, requires=both
    )
    gone = f"from werkzeug import gone\nimport zz\n{use}"
    index.add(
        "ext-both-fail",
        "1.0",
        day(5),
        files={"ext_both_fail.py": gone},
        requires=[*both, "werkzeug"],
    )
    index.add("bb", "1.0", day(1), files={"bb.py": "old = 1\n"})
    index.add("bb", "2.0", day(2), files={"bb.py": "new = 1\n"})
    index.add("yy", "4.0", day(2), files={"yy.py": ""}, requires=["bb"])
    index.add("yy", "6.0", day(33), files={"yy.py": ""}, requires=["bb<2"])
    new = f"from werkzeug import gone\nfrom bb import new\n{use}"
    index.add(
        "ext-uv-cures",
        "1.0",
        day(5),
        files={"ext_uv_cures.py": new},
        requires=["bb", "yy", "werkzeug"],
    )
    index.add("dd", "1.0", day(2), files={"dd.py": ""})
    index.add("dd", "2.0", day(34), files={"dd.py": ""})
    for version, released, needs in (("4.0", 2, "bb"), ("5.0", 34, "bb"), ("6.0", 35, "bb<2")):
        index.add("xx", version, day(released), files={"xx.py": ""}, requires=[needs])
    index.add(
        "ext-more-bounds",
        "1.0",
        day(5),
        files={"ext_more_bounds.py": new},
        requires=["bb", "dd", "xx", "werkzeug"],
    )
    old = f"from aa import old\n{use}"
    index.add("ext-alike", "1.0", day(5), files={"ext_alike.py": old}, requires=["aa"])
    yield index
    index.stop()


@pytest.fixture
def home(tmp_path: Path, packages: LoopbackIndex, shared_caches: Path) -> Home:
    """Return a folder whose matrix has the three packages."""
    smokes = tmp_path / "smokes"
    smokes.mkdir()
    ecosystem.write_smokes(smokes)
    for name in NAMES:
        module = name.replace("-", "_")
        text = ecosystem.SMOKE.format(name=name, module=module)
        (smokes / f"smoke_{module}.py").write_text(text, "utf-8")
    lines = [f"  {name}: {{name: {name.title()}}}" for name in NAMES]
    home = Home(tmp_path, packages.url, shared_caches / "pip-choice")
    home.write_matrix(extra="\n".join(lines) + "\n")
    return home


def only(home: Home, name: str) -> dict[str, Any]:
    """Run one subject and return its cell of the table `today`."""
    home("run", "--only", name)
    cell: dict[str, Any] = home.last_run()["cells"][f"{name}/today/py{PYTHON}"]
    return cell


def test_cell_that_works_with_pip_is_not_broken(home: Home) -> None:
    """A cell counts as working, and says which versions of uv fail, and how."""
    cell = only(home, "ext-refuted")
    assert cell["state"] == "works"
    assert cell["reason"] == (
        "pip and uv choose different versions; with those of uv (aa 2.0, zz 4.0) it fails: "
        "ImportError: cannot import name 'old' from 'aa' (site-packages/aa.py)"
    )


@pytest.mark.slow
def test_cell_is_asked_of_pip_once(home: Home) -> None:
    """The second run runs nothing: pip's answer is kept as long as the index shows the same."""
    only(home, "ext-refuted")
    again = home("run", "--only", "ext-refuted")
    assert "0 trials run" in again.stdout + again.stderr
    assert only(home, "ext-refuted")["state"] == "works"


@pytest.mark.parametrize("name", ["ext-both-fail", "ext-alike"])
def test_cell_that_fails_with_pip_is_broken(home: Home, name: str) -> None:
    """What fails with pip's set too, and what has only one set, is broken."""
    cell = only(home, name)
    assert cell["state"] == "broken"
    assert "pip and uv" not in (cell.get("reason") or "")


def test_check_believes_pip(home: Home) -> None:
    """`check` gives the result of pip's set, and names what fails with that of uv."""
    answer = home.json("check", "ext-refuted")
    assert answer["outcome"] == "works"
    assert {"aa": "1.0", "zz": "6.0"}.items() <= answer["lock"].items()
    assert answer["refuted_by_pip"]["lock_of_uv"]["aa"] == "2.0"
    assert "cannot import name 'old'" in answer["refuted_by_pip"]["symptom"]
    text = home("check", "ext-refuted").stdout
    assert "with those of uv (aa 2.0, zz 4.0) it fails" in text


@pytest.mark.slow
def test_check_of_a_file_believes_pip(home: Home) -> None:
    """A requirements file is judged in the same way."""
    (home.folder / "requirements.txt").write_text("ext-refuted\n", "utf-8")
    answer = home.json("check", "-r", "requirements.txt")
    assert answer["outcome"] == "works"
    assert answer["lock"]["zz"] == "6.0"


@pytest.mark.slow
def test_check_stays_broken_where_pip_fails_too(home: Home) -> None:
    """What fails with both sets is broken, and its cause is looked for."""
    answer = home.json("check", "ext-both-fail")
    assert answer["outcome"] == "broken"
    assert answer["refuted_by_pip"] is None
    assert answer["culprit"]["name"] == "werkzeug"


def test_cure_works_with_pip(home: Home) -> None:
    """What works with an older Werkzeug in uv's set alone is not said to be cured by it."""
    answer = home.json("check", "ext-uv-cures")
    assert answer["outcome"] == "broken"
    assert answer["culprit"]["name"] == "werkzeug"
    assert answer["cure"] is None


def test_cure_has_the_fewest_bounds_that_pip_needs(home: Home) -> None:
    """Where uv's set needs fewer bounds than pip's, those are added that pip's needs, no others."""
    answer = home.json("check", "ext-more-bounds")
    assert answer["culprit"]["name"] == "werkzeug"
    names = [pin.partition("<")[0] for pin in answer["cure"]["pins"]]
    assert sorted(names) == ["werkzeug", "xx"]


@pytest.mark.slow
def test_past_is_not_asked_of_pip(home: Home) -> None:
    """A run as of a day after which more was uploaded stays as uv sees it: pip sees only today."""
    home("run", "--only", "ext-refuted", "--as-of", day(32.5).isoformat())
    cell = home.last_run()["cells"][f"ext-refuted/today/py{PYTHON}"]
    assert cell["state"] == "broken"


def test_pages_say_what_fails_with_uv(home: Home) -> None:
    """The page of the package and the front page say which versions of uv fail."""
    home("run", "--only", "ext-refuted")
    subject = (home.folder / "reports" / "subjects" / "ext-refuted.html").read_text("utf-8")
    front = (home.folder / "reports" / "index.html").read_text("utf-8")
    assert "Ext-Refuted 1.0 works on a fresh install today" in subject
    assert "with those of uv (aa 2.0, zz 4.0) it fails" in subject
    assert "Works with pip, fails with uv" in front
    assert "some of their tests could not be run" not in front
