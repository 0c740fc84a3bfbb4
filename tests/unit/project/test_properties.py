from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from dependency_formats import FORMATS
from hypothesis import example, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from watchdog.errors import ConfigurationError
from watchdog.project.edit import apply_changes
from watchdog.project.project import Project
from watchdog.project.reader import read_project

FOLDER = tempfile.TemporaryDirectory()

NAMES = ("flask", "Flask-Login", "zope.interface", "werkzeug", "blinker", "Jinja2", "click_plugins")
VERSIONS = st.sampled_from(["1", "2.2.2", "3.0.0", "0.6.1.post1", "24.1rc1"])
EXTRAS = st.sampled_from(["", "[async]", "[a,b]"])
MARKERS = st.sampled_from(["", '; python_version >= "3.8"', '; sys_platform == "win32"'])
PINS = st.lists(st.sampled_from(NAMES), min_size=1, unique_by=canonicalize_name).flatmap(
    lambda names: st.tuples(
        *(st.builds("{}{}=={}{}".format, st.just(n), EXTRAS, VERSIONS, MARKERS) for n in names)
    )
)


EDITED = sorted(set(FORMATS) - {"Pipfile.lock"})


def read(name: str, content: str | bytes) -> Project:
    path = Path(FOLDER.name, name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_project(path, environment={})


@settings(deadline=None)
@given(PINS)
def test_formats_agree(requirements: Sequence[str]) -> None:
    """One set of requirements has one meaning in all formats, and each has its line."""
    wanted = tuple(str(Requirement(r)) for r in requirements)
    for name, write in FORMATS.items():
        project = read(name, write(requirements))
        assert (name, project.requirements) == (name, wanted)
        assert all(d.line for d in project.dependencies)
        assert (project.skipped, project.constraints) == ((), ())


@settings(deadline=None)
@given(PINS, st.data())
def test_edits_change_what_is_named(requirements: Sequence[str], data: st.DataObject) -> None:
    """A changed file has the new requirements; every other requirement and line is as before."""
    name = data.draw(st.sampled_from(EDITED))
    before = read(name, FORMATS[name](requirements))
    chosen = data.draw(st.lists(st.sampled_from(before.dependencies), unique=True, min_size=1))
    new = {d.name: f"{d.name}>={data.draw(VERSIONS)},<99" for d in chosen}
    (edited,) = apply_changes(before, new).files
    after = read(name, edited.source.encode(edited.text))
    assert len(after.dependencies) == len(before.dependencies)
    for was, now in zip(before.dependencies, after.dependencies, strict=True):
        if was.name not in new:
            assert now.requirement == was.requirement
            continue
        old, changed = Requirement(was.requirement), Requirement(now.requirement)
        assert changed.specifier == Requirement(new[was.name]).specifier
        assert (changed.name, changed.extras, changed.marker) == (old.name, old.extras, old.marker)
    lines = {d.line for d in chosen}
    pairs = zip(edited.source.text.splitlines(), edited.text.splitlines(), strict=True)
    assert {n for n, (was, now) in enumerate(pairs, 1) if was != now} <= lines


@settings(deadline=None)
@given(PINS, st.sampled_from(EDITED))
def test_added_requirement(requirements: Sequence[str], name: str) -> None:
    """A package that is not in the file is added, and nothing else changes."""
    before = read(name, FORMATS[name](requirements))
    edit = apply_changes(before, {"added": 'added[x]>=1,<2; os_name == "nt"'})
    after = read(name, edit.files[0].source.encode(edit.files[0].text))
    assert edit.notes == ()
    assert after.requirements == (*before.requirements, 'added[x]<2,>=1; os_name == "nt"')


PIECES = st.sampled_from(
    [
        *(b"flask==2\n", b"[project]\n", b"dependencies = [", b'"x>=1"', b"]\n", b"{", b"}", b","),
        *(b"[tool.poetry.dependencies]\n", b"a = ", b"^1", b"[packages]\n", b"[[package]]\n"),
        *(
            b'name = "x"\n',
            b'version = "1"\n',
            b"dependencies:\n",
            b"- pip:\n",
            b"  - x\n",
            b"&a *a",
        ),
        *(b"setup(install_requires=", b"['x']", b")", b"R = R + R\n", b"R", b"[options]\n"),
        *(
            b"install_requires =\n x\n",
            b'{"default": ',
            b'{"x": {"version": "==1"}}',
            b"\\\n",
            b"\0",
        ),
        *(
            b"-r deps.txt\n",
            b"-e .\n",
            b"-c ",
            b"\xff\xfe",
            b"\xef\xbb\xbf",
            b"\xe9",
            b"# coding: x\n",
        ),
        *(b"'''", b'"""', b'\\"', b"${X}", b"; ", b"extra == 'a'", b"[dependency-groups]\n", b"\r"),
        *(
            b"[project.optional-dependencies]\n",
            b"a.b = {c = 1}\n",
            b"\xe2\x80\xa8",
            b"---\n",
            b"!!x ",
        ),
        *(
            b"[metadata]\n",
            b'source = {registry = "x"}\n',
            b'source = {virtual = "."}\n',
            b"@ file:///",
        ),
    ]
)
ANYTHING = st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=12).map(b"".join))
FILES = (
    *("requirements.txt", "deps.txt", "pyproject.toml", "Pipfile", "Pipfile.lock", "poetry.lock"),
    *("uv.lock", "pylock.toml", "environment.yml", "setup.py", "setup.cfg", "unknown"),
)


@settings(deadline=None)
@pytest.mark.parametrize("name", FILES)
@given(ANYTHING)
@example(b"x = " + b"[" * 5_000)
@example(b"x = " + b"(" * 5_000)
@example(b"{" * 50_000)
@example(b"-r requirements.txt\n-r deps.txt\n-c deps.txt\n-e .\n")
@example(b"R = R\nsetup(install_requires=R)\n")
@example(b"x == " + b"9" * 5_000)
@example(b"/")
def test_any_bytes(name: str, data: bytes) -> None:
    """Whatever a file holds gives a project or an error that names what is wrong."""
    path = Path(FOLDER.name, "any", name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    try:
        project = read_project(path, environment={})
    except ConfigurationError as e:
        assert e.problems
        assert all(p.startswith(FOLDER.name) or "left out by choice" in p for p in e.problems)
        return
    finally:
        path.unlink()
    assert project.requirements
    for requirement in project.requirements:
        assert str(Requirement(requirement)) == requirement
        assert Requirement(requirement).url is None
    assert all(s.position and s.reason and len(s.text) <= 100 for s in project.skipped)
    apply_changes(project, {d.name: f"{d.name}==7" for d in project.dependencies})
