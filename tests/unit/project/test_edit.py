# ruff: noqa: E501 (a case a line)
from __future__ import annotations

from pathlib import Path

import pytest
from project_folder import put, read

from watchdog.project.edit import apply_changes, diff
from watchdog.project.project import Project, typed_dependency


@pytest.mark.parametrize(
    ("name", "old", "requirement", "new"),
    [
        ("r.txt", "a\nFlask==2.2.2  # web\nb\n", "flask==3.1", "a\nFlask==3.1  # web\nb\n"),
        ("r.txt", "flask [async] == 2 ; python_version > '3'\n", "flask>=3,<4", "flask [async]>=3,<4 ; python_version > '3'\n"),
        ("r.txt", "flask[async]==2; os_name == 'nt'", "flask[dotenv]==3; os_name == 'posix'", 'flask[dotenv]==3; os_name == "posix"'),
        ("r.txt", "flask\r\nblinker  \r\n", "blinker<2", "flask\r\nblinker<2  \r\n"),
        ("r.txt", "flask==2 \\\n    --hash=sha256:a \\\n    --hash=sha256:b\nx\n", "flask==3", "flask==3\nx\n"),
        ("r.txt", "flask==2 --hash=sha256:a  # c\n", "flask==3", "flask==3  # c\n"),
        ("r.txt", "flask \\\n  ==2 \\\n  --no-binary x --hash sha256:a\n", "flask==3", "flask==3 \\\n  --no-binary x\n"),
        ("r.txt", "  flask==2\n", "flask", "  flask\n"),
        ("r.txt", "flask", "werkzeug<3", "flask\nwerkzeug<3\n"),
        ("r.txt", "flask\r\n# end\r\n", "werkzeug<3", "flask\r\n# end\r\nwerkzeug<3\r\n"),
        ("r.txt", "numpy==1; python_version<'3.8'\nnumpy==2; python_version>='3.8'\n", "numpy==3", "numpy==3; python_version<'3.8'\nnumpy==3; python_version>='3.8'\n"),
        ("pyproject.toml", "[project]\ndependencies = [\n  'flask>=2',  # web\n  \"x\",\n]\n", "flask==3; os_name == 'nt'", "[project]\ndependencies = [\n  'flask==3; os_name == \"nt\"',  # web\n  \"x\",\n]\n"),
        ("pyproject.toml", "[project]\ndependencies = [\n  'flask',  # web\n]\n", "werkzeug<3", "[project]\ndependencies = [\n  'flask',  # web\n  'werkzeug<3',\n]\n"),
        ("pyproject.toml", "[project]\ndependencies = [\n  'flask'  # web\n]\n", "werkzeug<3", "[project]\ndependencies = [\n  'flask',  # web\n  'werkzeug<3'\n]\n"),
        ("pyproject.toml", '[project]\ndependencies = ["flask", "b",]\n', "werkzeug<3", '[project]\ndependencies = ["flask", "b", "werkzeug<3",]\n'),
        ("pyproject.toml", '[tool.poetry.dependencies]\nflask = "^2"  # web\n', "flask>=3,<4", '[tool.poetry.dependencies]\nflask = ">=3,<4"  # web\n'),
        ("pyproject.toml", "[tool.poetry.dependencies]\nflask = {version = '^2', extras = ['async']}\n", "flask==3", "[tool.poetry.dependencies]\nflask = {version = '==3', extras = ['async']}\n"),
        ("pyproject.toml", '[tool.poetry.dependencies]\nflask = "^2"\n\n[tool.poetry.extras]\n', "werkzeug[watchdog]<3", '[tool.poetry.dependencies]\nflask = "^2"\nwerkzeug = {version = "<3", extras = ["watchdog"]}\n\n[tool.poetry.extras]\n'),
        ("Pipfile", '[packages]\nflask = "*"\n[requires]\n', "flask<3", '[packages]\nflask = "<3"\n[requires]\n'),
        ("Pipfile", '[packages]\nflask = "*"\n[requires]\n', "zope.interface", '[packages]\nflask = "*"\nzope-interface = "*"\n[requires]\n'),
        ("setup.cfg", "[options]\ninstall_requires =\n    flask>=2  # web\n    x\n", "flask<3", "[options]\ninstall_requires =\n    flask<3  # web\n    x\n"),
        ("setup.cfg", "[options]\ninstall_requires =\n    flask\npackages = find:\n", "x<3", "[options]\ninstall_requires =\n    flask\n    x<3\npackages = find:\n"),
        ("setup.py", "from setuptools import setup\nsetup(install_requires=['flask'\n  '>=2'])\n", "flask<3", "from setuptools import setup\nsetup(install_requires=['flask<3'])\n"),
        ("setup.py", "from setuptools import setup\nsetup(install_requires=['ü', 'flask'])\n", "flask<3", "from setuptools import setup\nsetup(install_requires=['ü', 'flask<3'])\n"),
        ("environment.yml", "dependencies:\n  - pip:\n    - flask==2  # web\n    - 'x'\n", "flask<3", "dependencies:\n  - pip:\n    - flask<3  # web\n    - 'x'\n"),
        ("environment.yml", "dependencies:\n  - pip:\n    - flask==2  # web\n", "x<3", "dependencies:\n  - pip:\n    - flask==2  # web\n    - x<3\n"),
    ],
)  # fmt: skip
def test_edits(tmp_path: Path, name: str, old: str, requirement: str, new: str) -> None:
    """Only what is changed or added is written, in the form that the file has."""
    project = read(tmp_path, name, old)
    change = typed_dependency(requirement)
    edit = apply_changes(project, {change.name: requirement})
    assert [f.text for f in edit.files] == [new]
    assert diff(edit).count("\n+") >= 2


def test_notes(tmp_path: Path) -> None:
    """What is lost, and what has to be done by hand, is said with its position."""

    def notes(name: str, text: str, requirement: str) -> list[str]:
        edit = apply_changes(
            read(tmp_path, name, text), {typed_dependency(requirement).name: requirement}
        )
        return [n.removeprefix(f"{tmp_path}/") for n in edit.notes]

    assert notes("r.txt", "x\nflask==2 --hash=sha256:a\n", "flask==3") == [
        "r.txt:2: its hashes were those of another version, and are dropped"
    ]
    generated = "#\n# This file is autogenerated by pip-compile\n#\nflask==2\n"
    assert notes("r.txt", generated, "flask==3") == [
        "r.txt: is generated; change what it is made from too"
    ]
    poetry = '[tool.poetry.dependencies]\nflask = "^2"\nx = {extras = ["y"]}\n'
    assert notes("pyproject.toml", poetry, "flask[async]==3") == [
        "pyproject.toml:2: set the extras and markers of flask[async]==3 yourself"
    ]
    assert notes("pyproject.toml", poetry, "x==3") == [
        "pyproject.toml:3: write x==3 there yourself"
    ]
    alone = '[tool.poetry.dependencies]\nx = {extras = ["y"]}\n'
    assert notes("pyproject.toml", alone, "flask") == ["pyproject.toml: add flask yourself"]


def test_files_that_are_included(tmp_path: Path) -> None:
    """A change is made in the file that has the line; constraints change with it."""
    put(tmp_path, "base.txt", "flask==2\n")
    put(tmp_path, "limits.txt", "werkzeug<2\nflask<3\n")
    project = read(tmp_path, "r.txt", "-r base.txt\n-c limits.txt\nx\n")
    edit = apply_changes(project, {"flask": "flask==3", "werkzeug": "werkzeug==3", "y": "y"})
    assert {Path(f.source.file).name: f.text for f in edit.files} == {
        "r.txt": "-r base.txt\n-c limits.txt\nx\ny\n",
        "base.txt": "flask==3\n",
        "limits.txt": "werkzeug==3\nflask==3\n",
    }


def test_encoding_is_kept(tmp_path: Path) -> None:
    """The new text is encoded as the old one was."""
    data = "\ufeffflask==2\r\nx\r\n".encode("utf-16-le")
    (file,) = apply_changes(read(tmp_path, "r.txt", data), {"flask": "flask==3"}).files
    assert file.source.encode(file.text) == "\ufeffflask==3\r\nx\r\n".encode("utf-16-le")


@pytest.mark.parametrize(
    ("lock", "text", "command"),
    [
        ("Pipfile.lock", '{"default": {"flask": {"version": "==2"}}}', "pipenv lock"),
        ("poetry.lock", '[[package]]\nname = "flask"\nversion = "2"\n', "poetry lock"),
        (
            "uv.lock",
            '[[package]]\nname = "a"\nsource = {virtual = "."}\ndependencies = [{name = "flask"}]\n'
            '[[package]]\nname = "flask"\nversion = "2"\nsource = {registry = "x"}\n',
            "uv lock",
        ),
    ],
)
def test_lock_files(tmp_path: Path, lock: str, text: str, command: str) -> None:
    """A lock file is not edited, but what it was made from, and it has to be made again."""
    alone = apply_changes(read(tmp_path, lock, text), {"flask": "flask==3"})
    assert alone.files == ()
    assert command in alone.notes[0]
    put(tmp_path, "Pipfile", '[packages]\nflask = "*"\n')
    put(tmp_path, "pyproject.toml", '[project]\ndependencies = [\n"flask>=2",\n]\n')
    edit = apply_changes(
        read(tmp_path, lock, text), {"flask": "flask==3", "werkzeug": "werkzeug<3"}
    )
    (file,) = edit.files
    assert "werkzeug" in file.text
    (note,) = edit.notes
    assert ("Pipfile:2" in note or "pyproject.toml:3" in note, command in note) == (True, True)


def test_typed_requirements_have_no_file() -> None:
    """Requirements that were typed stand in no file, so that nothing is edited."""
    project = Project(dependencies=(typed_dependency("flask"),))
    assert apply_changes(project, {"flask": "flask==3"}).files == ()


def test_diff(tmp_path: Path) -> None:
    """A diff is one that `patch` understands, also where the last line has no end."""
    edit = apply_changes(read(tmp_path, "r.txt", "x\nflask==2"), {"flask": "flask==3"})
    name = str(tmp_path / "r.txt").lstrip("/")
    assert diff(edit) == (
        f"--- a/{name}\n+++ b/{name}\n@@ -1,2 +1,2 @@\n x\n-flask==2\n\\ No newline at end of file\n"
        "+flask==3\n\\ No newline at end of file\n"
    )
