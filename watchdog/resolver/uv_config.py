"""Selects the environment variables that uv gets, and finds its configuration files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from watchdog.sandbox.build import OWN_HOME

BUILD_SECONDS = 900
"""Time limit of a call of uv that may build something."""

CHECK_INDEX = (
    "Check uv's configuration (UV_DEFAULT_INDEX, uv.toml), the network and any proxy, "
    "then run the same command again."
)
"""What to do about an index that cannot be read."""

_CHANGE_NO_ANSWER = (
    "UV_CACHE_DIR",
    "UV_HTTP_RETRIES",
    "UV_HTTP_TIMEOUT",
    "UV_LINK_MODE",
    "UV_LOCK_TIMEOUT",
    "UV_NO_PROGRESS",
    "UV_OFFLINE",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON_DOWNLOADS",
)
"""Settings in which two runs may differ and still share stored answers; nox sets some of them."""

_NEEDED = re.compile(
    # The index, how to reach it, and where uv stores things. UV_PYTHON names the Python that the
    # watchdog was started with (nox sets it); cells name their own.
    r"UV_(?!PYTHON$).*|(?i:https?_proxy|all_proxy|no_proxy)|SSL_CERT_(FILE|DIR)|NETRC"
    r"|HOME|XDG_.*|TMPDIR|TEMP|TMP|USERPROFILE|APPDATA|LOCALAPPDATA|PROGRAMDATA"
    # What compilers and the system need.
    r"|PATH|LANG|LC_.*|CC|CXX|AR|LD|[A-Z]+FLAGS|PKG_CONFIG_.*|LD_LIBRARY_PATH|SDKROOT|NIX_.*"
    r"|CARGO_HOME|RUSTUP_.*|PYENV_ROOT|SYSTEMROOT|SYSTEMDRIVE|COMSPEC|PATHEXT|WINDIR|PROGRAMFILES.*"
    r"|INCLUDE|LIB|LIBPATH|PROCESSOR_ARCHITECTURE"
)
"""The variables that uv gets. It passes them to builds of source distributions, which are untrusted
code, so there must be no token among them."""

_NAMES_FILES = re.compile(r"SSL_CERT_|UV_(?!CACHE_DIR|PROJECT_|TOOL_|PYTHON_|INSTALL_)")
"""Settings whose files uv must be able to read: certificates, constraints, folders of wheels."""


@dataclass(frozen=True)
class UvConfig:
    """Where uv finds its settings.

    Attributes:
        folder: the folder to start it in; None if any will do.
        files: what it must be able to read. They may hold credentials.
        variables: environment variables that lead it to them.
    """

    folder: Path | None
    files: tuple[Path, ...]
    variables: Mapping[str, str]


def uv_environment(ours: Mapping[str, str], overlay: str | None = None) -> dict[str, str]:
    """Return the environment for uv.

    Args:
        ours: the environment of the watchdog.
        overlay: URL of an index that uv searches first.
    """
    env = {k: v for k, v in ours.items() if _NEEDED.fullmatch(k)}
    env |= {
        "NO_COLOR": "1",
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        # A hard link shares its file with uv's cache: a write to one would change every other.
        "UV_LINK_MODE": "copy",
        # Another call may be building the same thing, for as long as a build may take.
        "UV_LOCK_TIMEOUT": env.get("UV_LOCK_TIMEOUT", str(BUILD_SECONDS)),
    }
    if overlay:
        env["UV_INDEX"] = f"{overlay} {env.get('UV_INDEX', '')}".strip()
    return env


def answer_settings(env: Mapping[str, str], cwd: Path) -> tuple[dict[str, str], list[str]]:
    """Return the settings that can change an answer: variables, and texts of configuration files.

    Args:
        env: the environment of uv.
        cwd: the folder in which it is started.
    """
    variables = {
        name: value
        for name, value in env.items()
        if name.startswith("UV_") and name not in _CHANGE_NO_ANSWER
    }
    home = Path(env.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    files = [cwd / "uv.toml", home / "uv" / "uv.toml", Path("/etc/uv/uv.toml")]
    return variables, [path.read_text("utf-8", "replace") for path in files if path.is_file()]


def uv_config(env: Mapping[str, str], cwd: Path, urls: Sequence[str]) -> UvConfig:
    """Find the settings of a uv that is started in `cwd` and uses the indexes `urls`."""
    project_files = [
        path
        for folder in (cwd, *cwd.parents)
        for name in ("uv.toml", "pyproject.toml")
        if (path := folder / name).is_file()
    ]
    home = Path.home()
    config = Path(env.get("XDG_CONFIG_HOME") or home / ".config")
    data = Path(env.get("XDG_DATA_HOME") or home / ".local" / "share")
    netrc = Path(env.get("NETRC") or home / ".netrc")
    user_files = [config / "uv", data / "uv" / "credentials", netrc]
    variables = {
        "XDG_CONFIG_HOME": _variable("XDG_CONFIG_HOME", config, needed=config / "uv"),
        "XDG_DATA_HOME": _variable("XDG_DATA_HOME", data, needed=data / "uv" / "credentials"),
        "NETRC": _variable("NETRC", netrc, needed=netrc),
    }
    files = [*project_files, *user_files, Path("/etc/uv"), *_named_files(env, urls)]
    folder = project_files[0].parent if project_files else None
    return UvConfig(folder, tuple(dict.fromkeys(files)), variables)


def _variable(name: str, path: Path, *, needed: Path) -> str:
    """Return the value of a variable: a path, or one that does not exist if `needed` does not.

    The latter is in the home that the build sandbox makes, which is empty.
    """
    return str(path) if needed.exists() else f"{OWN_HOME}/.{name.lower()}"


def _named_files(env: Mapping[str, str], urls: Sequence[str]) -> list[Path]:
    """Return the absolute paths that variables and index URLs name.

    A variable may hold several paths, separated by spaces, or one with spaces in it.
    """
    values = [value for name, value in env.items() if _NAMES_FILES.match(name)]
    paths = [Path(word) for value in values for word in (value, *value.split())]
    paths += [Path(url.removeprefix("file://")) for url in urls]
    return [path for path in paths if path.is_absolute()]
