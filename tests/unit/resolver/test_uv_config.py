from __future__ import annotations

from pathlib import Path

import pytest

from watchdog.resolver.uv_config import answer_settings, uv_config, uv_environment


def test_uv_environment_is_allow_list() -> None:
    """Only variables for uv and for compilers are passed to uv, and no tokens."""
    ours = {
        "UV_DEFAULT_INDEX": "i",
        "HTTPS_PROXY": "p",
        "https_proxy": "p",
        "CFLAGS": "-O1",
        "GITHUB_TOKEN": "t",
        "AWS_SECRET_ACCESS_KEY": "t",
        "UV_PYTHON": "x",
        "PYTHONPATH": "y",
    }
    added = {"NO_COLOR", "UV_NO_PROGRESS", "UV_PYTHON_DOWNLOADS", "UV_LINK_MODE", "UV_LOCK_TIMEOUT"}
    given = {"UV_DEFAULT_INDEX", "HTTPS_PROXY", "https_proxy", "CFLAGS"}
    assert uv_environment(ours).keys() == added | given


@pytest.mark.parametrize(("before", "after"), [({}, "mine"), ({"UV_INDEX": "a b"}, "mine a b")])
def test_uv_environment_overlay_first(before: dict[str, str], after: str) -> None:
    """An overlay index comes before every other index."""
    assert uv_environment(before, "mine")["UV_INDEX"] == after


@pytest.mark.parametrize(
    ("variable", "counts"),
    [
        ("UV_DEFAULT_INDEX", True),
        ("UV_CONSTRAINT", True),
        ("UV_PRERELEASE", True),
        ("UV_CACHE_DIR", False),
        ("UV_HTTP_TIMEOUT", False),
        ("LANG", False),
    ],
)
def test_config_relevant_settings(variable: str, counts: bool, tmp_path: Path) -> None:
    """Settings that can change an answer are returned."""
    nothing = answer_settings({"XDG_CONFIG_HOME": str(tmp_path)}, tmp_path)
    assert (
        answer_settings({variable: "x", "XDG_CONFIG_HOME": str(tmp_path)}, tmp_path) != nothing
    ) is counts


@pytest.mark.parametrize("place", ["uv.toml", "config/uv/uv.toml"])
def test_config_file_text(place: str, tmp_path: Path) -> None:
    """The text of a settings file is returned."""
    env = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    nothing = answer_settings(env, tmp_path)
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text("offline = true\n")
    assert answer_settings(env, tmp_path) != nothing


def test_uv_config_nearest_folder(tmp_path: Path) -> None:
    """The folder for uv is the nearest one that has settings."""
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "a"):
        (folder / "pyproject.toml").write_text("")
    found = uv_config({}, inner, ())
    assert found.folder == tmp_path / "a"
    assert {tmp_path / "a" / "pyproject.toml", tmp_path / "pyproject.toml"} < set(found.files)


def test_uv_config_readable_files(tmp_path: Path) -> None:
    """Files that a setting or an index names are readable for uv."""
    env = {"SSL_CERT_FILE": "/certs/ca.pem", "UV_FIND_LINKS": "/one /two", "UV_CACHE_DIR": "/no"}
    found = set(uv_config(env, tmp_path, ("file:///wheels", "i")).files)
    assert {Path(p) for p in ("/certs/ca.pem", "/one", "/two", "/wheels")} < found
    assert Path("/no") not in found


def test_uv_config_missing_folders(
    tmp_path: Path,
) -> None:
    """A settings folder that does not exist is replaced by a path outside the user's folders."""
    (tmp_path / "here" / "uv").mkdir(parents=True)
    env = {"XDG_CONFIG_HOME": str(tmp_path / "here"), "XDG_DATA_HOME": str(tmp_path / "gone")}
    variables = uv_config(env, tmp_path, ()).variables
    assert variables["XDG_CONFIG_HOME"] == str(tmp_path / "here")
    assert not variables["XDG_DATA_HOME"].startswith(str(tmp_path))
