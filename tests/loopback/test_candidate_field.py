"""Only the candidate moves: a field of made-up packages, some of which require older versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ecosystem
import pytest
from ecosystem import PYTHON, SMOKE, day
from home import Home
from loopback_index import LoopbackIndex

from watchdog.runner.wheel_builder import build_wheel

AT = ("--as-of", day(20).isoformat())
CANDIDATE = {"werkzeug.py": "VERSION = 4\n"}
"""The files of Werkzeug 4.0.0; it requires markup>=2, and 3.0.0 requires markup<2."""

WORKS = "import flask\ndef use():\n    return 42\n"
OLD = (
    "import werkzeug\ndef use():\n    if werkzeug.VERSION > 3:\n"
    "        raise RuntimeError('a release of before the limit')\n    return 42\n"
)
"""A release without a limit, that breaks with the candidate."""

EXTENSIONS = {
    "ext-works": [],
    "ext-breaks": [],
    "ext-capped": [],
    "ext-cap-below": [],
    "ext-cap-beside": ["ext-capped"],
    "ext-cap-third": [],
    "ext-held": [],
    "ext-forward": [],
    "ext-apart": [],
}


def publish(index: LoopbackIndex) -> None:
    """Publish the field, then Werkzeug 4.0.0 on day 30."""
    ecosystem.add_setuptools(index)
    index.add("markup", "1.0", day(0))
    index.add("markup", "2.0", day(0))
    index.add(
        "werkzeug", "3.0.0", day(1), files={"werkzeug.py": "VERSION = 3\n"}, requires=["markup<2"]
    )
    index.add("flask", "3.0.0", day(1), files=ecosystem.flask(), requires=["werkzeug>=3"])
    extension(index, "ext-works", "1.0", WORKS)
    extension(index, "ext-breaks", "1.0", OLD)
    extension(index, "ext-capped", "1.0", OLD)
    extension(index, "ext-capped", "2.0", WORKS, "werkzeug<4")
    # A package that only the subject requires has the limit.
    index.add("below", "1.0", day(3), files={"below.py": OLD}, requires=["werkzeug"])
    index.add("below", "2.0", day(4), files={"below.py": OLD}, requires=["werkzeug<4,>=3"])
    extension(index, "ext-cap-below", "1.0", "from below import use\n", "below")
    extension(index, "ext-cap-beside", "1.0", "from ext_capped import use\n")
    extension(index, "ext-cap-third", "1.0", WORKS, "markup<2")
    # The newest release of `lib` needs the candidate and breaks its users.
    index.add("lib", "1.0", day(3), files={"lib.py": WORKS})
    index.add("lib", "2.0", day(4), files={"lib.py": "gone = 1\n"}, requires=["werkzeug>=4"])
    extension(index, "ext-held", "1.0", "from lib import use\n", "lib")
    # The release of `pair` that works now excludes the candidate, the next one requires it.
    index.add("pair", "1.0", day(3), files={"pair.py": WORKS}, requires=["werkzeug<4"])
    index.add("pair", "2.0", day(4), files={"pair.py": WORKS}, requires=["werkzeug>=4"])
    extension(index, "ext-forward", "1.0", "from pair import use\n", "pair", "lib")
    extension(index, "ext-apart", "1.0", "def use():\n    return 42\n", framework="markup")
    index.add("werkzeug", "4.0.0", day(30), files=CANDIDATE, requires=["markup>=2"])
    index.add("werkzeug", "5.0.0", day(31), files=CANDIDATE, requires=["unpublished"])


def extension(
    index: LoopbackIndex,
    name: str,
    version: str,
    code: str,
    *requires: str,
    framework: str = "flask",
) -> None:
    """Publish a release of an extension; each later release a day later."""
    files = {f"{name.replace('-', '_')}.py": code}
    at = day(3 + len(index.files.get(name, ())))
    index.add(name, version, at, files=files, requires=[framework, *requires])


@pytest.fixture
def field(empty_index: LoopbackIndex, shared_caches: Path, tmp_path: Path) -> Home:
    """Return a folder with the matrix and the smokes of this field."""
    publish(empty_index)
    (tmp_path / "smokes").mkdir()
    (tmp_path / "smokes" / "smoke_flask.py").write_text(ecosystem.CORE_SMOKE, "utf-8")
    lines = [
        f'python: ["{PYTHON}"]',
        "limits: {seconds: 4, memory_mb: 1024}",
        "tables: {today: {}}",
    ]
    lines += ["stack: [werkzeug, markup]", "extensions:"]
    for name, beside in EXTENSIONS.items():
        module = name.replace("-", "_")
        (tmp_path / "smokes" / f"smoke_{module}.py").write_text(
            SMOKE.format(name=name, module=module), "utf-8"
        )
        lines.append(f"  {name}: {{name: {name.title()}, requires: {json.dumps(beside)}}}")
    (tmp_path / "matrix.yaml").write_text("\n".join(lines) + "\n", "utf-8")
    return Home(tmp_path, empty_index.url, shared_caches)


@pytest.fixture
def wheel(tmp_path: Path) -> str:
    """Return the path of a wheel of Werkzeug 4.0.0."""
    path = tmp_path / "werkzeug-4.0.0-py3-none-any.whl"
    path.write_bytes(build_wheel("werkzeug", "4.0.0", CANDIDATE, requires=["markup>=2"]))
    return str(path)


def effects(home: Home, what: str) -> dict[str, dict[str, Any]]:
    done = home("candidate", what, *AT, "--format", "json")
    assert done.returncode == 1, done.stderr
    return {e["subject"]: e for e in json.loads(done.stdout)["effects"]}


CHANGES = {
    "flask": "still works",
    "ext-works": "still works",
    "ext-breaks": "regressed",
    "ext-capped": "capped",
    "ext-cap-below": "capped",
    "ext-cap-beside": "capped",
    "ext-cap-third": "capped",
    "ext-held": "still works",
    "ext-forward": "still works",
}


@pytest.mark.parametrize("source", ["wheel", "requirement"])
def test_candidate_moves_nothing_else(field: Home, wheel: str, source: str) -> None:
    """Versions of subjects are held, also where the candidate is younger than the cutoff."""
    results = effects(field, {"wheel": wheel, "requirement": "werkzeug==4.0.0"}[source])
    assert {subject: effect["change"] for subject, effect in results.items()} == CHANGES
    reasons = {s: e["reason"] for s, e in results.items() if e["change"] == "capped"}
    assert reasons == {
        "ext-capped": "ext-capped 2.0 requires werkzeug<4",
        "ext-cap-below": "below 2.0 requires werkzeug<4,>=3",
        "ext-cap-beside": "ext-capped 2.0 requires werkzeug<4",
        "ext-cap-third": "ext-cap-third 1.0 requires markup<2, werkzeug 4.0.0 requires markup>=2",
    }
    # What the candidate requires moves with it, and nothing else that need not.
    moved = {s: e["also_changed"] for s, e in results.items() if e["lock"]}
    assert moved.pop("ext-forward") == ["markup", "pair"]
    assert set(map(tuple, moved.values())) == {("markup",)}
    assert results["ext-held"]["lock"]["lib"] == "1.0"
    assert results["ext-forward"]["moves"] == ["markup 1.0 → 2.0", "pair 1.0 → 2.0"]
    assert all(e["lock"]["werkzeug"] == "4.0.0" for e in results.values() if e["lock"])


@pytest.mark.slow
def test_candidate_names_caps_in_text(field: Home, wheel: str) -> None:
    """Text and Markdown name the subjects that cap the candidate, with the reason."""
    only = ("--only", "ext-capped", "--only", "ext-works")
    done = field("candidate", wheel, *AT, *only)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"werkzeug==4.0.0 on Python {PYTHON}: 1 still works, 1 capped",
        "capped: ext-capped: ext-capped 2.0 requires werkzeug<4",
    ]
    done = field("candidate", wheel, *AT, *only, "--format", "markdown")
    assert "| capped | ext-capped | `ext-capped 2.0 requires werkzeug<4` |" in done.stdout
    done = field("candidate", wheel, *AT, "--only", "ext-breaks")
    assert "before the limit (moved with it: markup 1.0 → 2.0)" in done.stdout


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("werkzeug==9.9", "werkzeug==9.9: the package index has no such version"),
        ("werkzeug>9", "werkzeug>9: the package index has no such version"),
        ("wergzeug==1.0", "wergzeug==1.0: the package index has no package wergzeug"),
        ("werkzeug==5.0.0", "unpublished"),
    ],
)
@pytest.mark.parametrize("option", [(), ("--static",)], ids=["run", "static"])
def test_candidate_not_available(
    field: Home, what: str, problem: str, option: tuple[str, ...]
) -> None:
    """A candidate that cannot be had is one error, and nothing is run."""
    done = field("candidate", what, *AT, *option)
    if option and what.startswith("wergzeug"):
        problem = "wergzeug is not in `stack`"
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert problem in done.stderr
    assert len(done.stderr.splitlines()) <= 3, done.stderr
    assert not (field.folder / "reports").exists()


def test_candidate_static_ignores_cutoff(field: Home) -> None:
    """A static check also reads a candidate that is younger than the cutoff."""
    done = field("candidate", "--static", "werkzeug==4.0.0", *AT, "--format", "json")
    assert done.returncode == 0, done.stderr


def test_candidate_range_takes_one_release(field: Home) -> None:
    """A range is tried as the one release that an installer takes, of before the cutoff if any."""
    done = field("candidate", "werkzeug>=3", *AT, "--format", "json", "--only", "ext-works")
    result = json.loads(done.stdout)
    assert (done.returncode, result["candidate"]) == (0, "werkzeug==3.0.0"), done.stderr
    done = field("candidate", "werkzeug>3,<5", *AT, "--format", "json", "--only", "ext-works")
    result = json.loads(done.stdout)
    assert (done.returncode, result["candidate"]) == (0, "werkzeug==4.0.0"), done.stderr
