from __future__ import annotations

from pathlib import Path

import pytest
from project_folder import FILES, positions, read, reasons

from watchdog.errors import ConfigurationError
from watchdog.project.reader import read_project

PIPFILE = """\
[[source]]
url = "https://index.invalid/simple"
name = "index"
[packages]
flask = "==2.2.2"
"zope.interface" = "*"
celery = {version = ">=5", extras = ["redis"], markers = "os_name == 'posix'"}
pywin32 = {version = "*", sys_platform = "== 'win32'"}
x = {git = "https://index.invalid/x.git", ref = "main"}
app = {path = ".", editable = true}
jinja2 = "3.1"
[dev-packages]
pytest = "*"
[docs]
sphinx = "*"
[requires]
python_version = "3.9"
"""


def test_pipfile(tmp_path: Path) -> None:
    """Each kind of entry is read with the line of its version."""
    project = read(tmp_path, "Pipfile", PIPFILE)
    assert positions(project, tmp_path) == {
        "flask==2.2.2": "Pipfile:5",
        "zope.interface": "Pipfile:6",
        'celery[redis]>=5; os_name == "posix"': "Pipfile:7",
        'pywin32; sys_platform == "win32"': "Pipfile:8",
    }
    assert list(reasons(project, tmp_path)) == ["Pipfile:9", "Pipfile:10", "Pipfile:11"]
    assert [o.partition(" of ")[0] for o in project.optional] == ["[dev-packages]", "[docs]"]
    (python,) = project.pythons
    assert (python.specifier, python.position, python.exact) == (
        "==3.9.*",
        f"{tmp_path}/Pipfile:17",
        True,
    )
    assert "sphinx" in read(tmp_path, "Pipfile", PIPFILE, "docs").requirements


def test_real_files() -> None:
    """A public application's Pipfile, and its lock with what that needs."""
    pipfile, lock = read_project(FILES / "Pipfile"), read_project(FILES / "Pipfile.lock")
    assert (len(pipfile.requirements), len(lock.requirements)) == (22, 26)
    assert (pipfile.locked, lock.locked) == (False, True)
    assert set(pipfile.requirements) <= set(lock.requirements)
    assert [o.partition(" of ")[0] for o in lock.optional] == ["`develop`"]
    assert lock.manifest == pipfile


def test_lock(tmp_path: Path) -> None:
    """The lock's own Python, extras, markers and lines are read."""
    text = (
        '{"_meta": {"requires": {"python_version": "3.9", "python_full_version": "3.9.1"}},\n'
        '"default": {\n"celery": {"version": "==5.3", "extras": ["redis"],'
        ' "markers": "python_version >= \'3.8\'"},\n"x": {"git": "https://index.invalid/x"}},\n'
        '"develop": {"pytest": {"version": "==8"}}}'
    )
    project = read(tmp_path, "Pipfile.lock", text)
    assert positions(project, tmp_path) == {
        'celery[redis]==5.3; python_version >= "3.8"': "Pipfile.lock:3"
    }
    assert reasons(project, tmp_path) == {"Pipfile.lock:4": "not a release on an index"}
    assert [(p.specifier, p.exact) for p in project.pythons] == [("==3.9.*", True)] * 2
    assert "pytest==8" in read(tmp_path, "Pipfile.lock", text, "dev-packages").requirements


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"default": {}}', "Pipfile.lock: contains no requirement"),
        ('{\n"default": {,', "Pipfile.lock:2:13: no valid JSON"),
        ("[]", "Pipfile.lock: not a Pipfile.lock"),
        ('{"default": 3}', "Pipfile.lock: not a Pipfile.lock"),
        ('{"default": {}, "x": 3}', "Pipfile.lock: `x` is not an object"),
        ('{"default": ' + "[" * 100_000, "Pipfile.lock: nested too deeply"),
        ('{"default": ' + "1" * 5_000, "Pipfile.lock: no valid JSON"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, message: str) -> None:
    """A file that is no lock is an error that says where."""
    with pytest.raises(ConfigurationError) as error:
        read(tmp_path, "Pipfile.lock", text)
    assert error.value.problems[0].removeprefix(f"{tmp_path}/").startswith(message)
