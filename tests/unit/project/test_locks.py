from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement
from project_folder import put, read

from watchdog.errors import ConfigurationError
from watchdog.project.project import Project
from watchdog.project.reachable import ALWAYS, find_reachable, join_ways

UV_LOCK = """\
version = 1
requires-python = ">=3.9"
[[package]]
name = "app"
version = "1"
source = { virtual = "." }
dependencies = [
    { name = "celery", extra = ["redis"], marker = "sys_platform != 'win32'" },
    { name = "numpy", version = "2.0.2", marker = "python_full_version < '3.10'" },
    { name = "numpy", version = "2.2.6", marker = "python_full_version >= '3.10'" },
    { name = "x" },
]
[package.optional-dependencies]
mail = [{ name = "flask-mail" }]
[package.dev-dependencies]
dev = [{ name = "pytest" }]
[[package]]
name = "celery"
version = "5.3"
source = { registry = "https://index.invalid/simple" }
dependencies = [{ name = "vine" }, { name = "tzdata", marker = "sys_platform == 'win32'" }]
[package.optional-dependencies]
redis = [{ name = "redis" }]
[[package]]
name = "flask-mail"
version = "0.9"
source = { registry = "https://index.invalid/simple" }
[[package]]
name = "numpy"
version = "2.0.2"
source = { registry = "https://index.invalid/simple" }
[[package]]
name = "numpy"
version = "2.2.6"
source = { registry = "https://index.invalid/simple" }
[[package]]
name = "pytest"
version = "8"
source = { registry = "https://index.invalid/simple" }
dependencies = [{ name = "vine" }]
[[package]]
name = "redis"
version = "5"
source = { registry = "https://index.invalid/simple" }
[[package]]
name = "tzdata"
version = "2024.1"
source = { registry = "https://index.invalid/simple" }
[[package]]
name = "vine"
version = "5.1"
source = { registry = "https://index.invalid/simple" }
[[package]]
name = "x"
version = "1"
source = { git = "https://index.invalid/x.git" }
"""


def test_uv_lock(tmp_path: Path) -> None:
    """What the root needs is required under the markers on the way to it."""
    project = read(tmp_path, "uv.lock", UV_LOCK)
    assert project.requirements == (
        'celery==5.3; sys_platform != "win32"',
        'numpy==2.0.2; python_full_version < "3.10"',
        'numpy==2.2.6; python_full_version >= "3.10"',
        'redis==5; sys_platform != "win32"',
        'vine==5.1; sys_platform != "win32"',
    )
    assert project.dependencies[0].line == 17
    assert [s.text for s in project.skipped] == ["x"]
    assert [o.partition(" of ")[0] for o in project.optional] == ["extra `mail`", "group `dev`"]
    assert project.locked
    assert [p.specifier for p in project.pythons] == [">=3.9"]


def test_uv_lock_with_groups(tmp_path: Path) -> None:
    """What a wanted group needs without a marker is always required."""
    project = read(tmp_path, "uv.lock", UV_LOCK, "dev", "mail")
    assert {"pytest==8", "vine==5.1", "flask-mail==0.9"} <= set(project.requirements)


def test_uv_lock_without_root(tmp_path: Path) -> None:
    """A lock without a root is an error."""
    with pytest.raises(ConfigurationError, match=r"uv\.lock: has no root package"):
        read(tmp_path, "uv.lock", "version = 1\n")


PYLOCK = """\
lock-version = "1.0"
created-by = "tool"
requires-python = ">=3.9"
extras = ["mail"]
dependency-groups = ["dev"]
default-groups = []
[[packages]]
name = "flask"
version = "3.0"
marker = "python_version >= '3.8'"
[[packages.wheels]]
name = "flask-3.0-py3-none-any.whl"
url = "https://index.invalid/flask-3.0-py3-none-any.whl"
hashes = {sha256 = "00"}
[[packages]]
name = "pytest"
version = "8"
marker = "'dev' in dependency_groups"
[packages.sdist]
name = "pytest-8.tar.gz"
url = "https://index.invalid/pytest-8.tar.gz"
hashes = {sha256 = "00"}
[[packages]]
name = "x"
vcs = {type = "git", url = "https://index.invalid/x.git", commit-id = "00"}
"""


def test_pylock(tmp_path: Path) -> None:
    """The lock file of PEP 751 is read, without extras and groups that are not wanted."""
    project = read(tmp_path, "pylock.toml", PYLOCK)
    assert project.requirements == ('flask==3.0; python_version >= "3.8"',)
    assert project.dependencies[0].line == 7
    assert [s.text for s in project.skipped] == ["x"]
    assert [o.partition(" of /")[0] for o in project.optional] == ["packages of extras and groups"]
    assert "pytest==8" in read(tmp_path, "pylock.app.toml", PYLOCK, "dev").requirements


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pylock.toml", "x = 1"),
        ("pylock.toml", 'lock-version = "9.0"\ncreated-by = "x"\npackages = []'),
        ("poetry.lock", "package = 3"),
        ("poetry.lock", "[[package]]\nversion = '1'"),
        ("uv.lock", "package = [3]"),
    ],
)
def test_mistakes(tmp_path: Path, name: str, text: str) -> None:
    """What is no lock file is an error that names it."""
    with pytest.raises(ConfigurationError, match=name):
        read(tmp_path, name, text)


def test_manifest_of_lock(tmp_path: Path) -> None:
    """The file that a lock was made from is read too, if it can be."""
    assert read(tmp_path, "uv.lock", UV_LOCK).manifest is None
    put(tmp_path, "pyproject.toml", '[project]\ndependencies = ["celery[redis]"]\n')
    manifest = read(tmp_path, "uv.lock", UV_LOCK).manifest
    assert isinstance(manifest, Project)
    assert manifest.requirements == ("celery[redis]",)


def test_reachable_ways() -> None:
    """Opposite ways are one, and more than can be told apart count as always."""
    edges: dict[str, list[tuple[str, str | None]]] = {
        "a": [("d", "os_name == 'nt'")],
        "b": [("d", "os_name != 'nt'"), ("never", "os_name == 'x'")],
        "c": [("d", "os_name == 'y'")],
        "d": [("a", None)],
        "never": [],
    }
    roots = [("a", None), ("b", "os_name != 'x'")]
    found = find_reachable(roots, edges.__getitem__)
    assert "never" not in found
    assert found["a"] == ALWAYS
    assert join_ways(found["d"]) == "os_name != 'nt' and os_name != 'x' or os_name == 'nt'"
    many = find_reachable([("never", f"os_name == '{n}'") for n in range(20)], edges.__getitem__)
    assert many["never"] == ALWAYS


def test_joined_ways_are_markers() -> None:
    """Alternatives with alternatives in them keep their meaning."""
    marker = join_ways(frozenset({frozenset({"os_name == 'a' or os_name == 'b'", "extra == 'x'"})}))
    assert str(Requirement(f"x; {marker}").marker) == (
        '(os_name == "a" or os_name == "b") and extra == "x"'
    )
