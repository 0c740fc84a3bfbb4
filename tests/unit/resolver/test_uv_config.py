from __future__ import annotations

from pathlib import Path

import pytest

from watchdog.resolver.uv_config import answer_settings, uv_config, uv_environment


def test_uv_gets_what_it_and_compilers_need_and_no_token_of_ours() -> None:
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
def test_an_overlay_is_asked_before_any_other_index(before: dict[str, str], after: str) -> None:
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
def test_settings_that_can_change_an_answer_are_returned(
    variable: str, counts: bool, tmp_path: Path
) -> None:
    nothing = answer_settings({"XDG_CONFIG_HOME": str(tmp_path)}, tmp_path)
    assert (
        answer_settings({variable: "x", "XDG_CONFIG_HOME": str(tmp_path)}, tmp_path) != nothing
    ) is counts


@pytest.mark.parametrize("place", ["uv.toml", "config/uv/uv.toml"])
def test_the_text_of_a_settings_file_is_returned(place: str, tmp_path: Path) -> None:
    env = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    nothing = answer_settings(env, tmp_path)
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text("offline = true\n")
    assert answer_settings(env, tmp_path) != nothing


def test_uv_is_started_where_the_nearest_settings_lie(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "a"):
        (folder / "pyproject.toml").write_text("")
    found = uv_config({}, inner, ())
    assert found.folder == tmp_path / "a"
    assert {tmp_path / "a" / "pyproject.toml", tmp_path / "pyproject.toml"} < set(found.files)


def test_whatever_file_a_setting_or_an_index_names_can_be_read(tmp_path: Path) -> None:
    env = {"SSL_CERT_FILE": "/certs/ca.pem", "UV_FIND_LINKS": "/one /two", "UV_CACHE_DIR": "/no"}
    found = set(uv_config(env, tmp_path, ("file:///wheels", "i")).files)
    assert {Path(p) for p in ("/certs/ca.pem", "/one", "/two", "/wheels")} < found
    assert Path("/no") not in found


def test_a_folder_of_settings_that_is_not_there_is_looked_for_where_none_can_be(
    tmp_path: Path,
) -> None:
    (tmp_path / "here" / "uv").mkdir(parents=True)
    env = {"XDG_CONFIG_HOME": str(tmp_path / "here"), "XDG_DATA_HOME": str(tmp_path / "gone")}
    variables = uv_config(env, tmp_path, ()).variables
    assert variables["XDG_CONFIG_HOME"] == str(tmp_path / "here")
    assert not variables["XDG_DATA_HOME"].startswith(str(tmp_path))
