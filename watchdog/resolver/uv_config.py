"""What uv gets of our environment, and where its settings lie."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from watchdog.sandbox.build import OWN_HOME

BUILD_SECONDS = 900
"""So long a call of uv may take that may build something."""

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
"""Settings under which two runs share their kept answers; nox sets some of them."""

_NEEDED = re.compile(
    # The index, how to reach it, and where uv keeps things; UV_PYTHON names the Python of whoever
    # started us (nox sets it), cells name their own.
    r"UV_(?!PYTHON$).*|(?i:https?_proxy|all_proxy|no_proxy)|SSL_CERT_(FILE|DIR)|NETRC"
    r"|HOME|XDG_.*|TMPDIR|TEMP|TMP|USERPROFILE|APPDATA|LOCALAPPDATA|PROGRAMDATA"
    # What compilers and the system want.
    r"|PATH|LANG|LC_.*|CC|CXX|AR|LD|[A-Z]+FLAGS|PKG_CONFIG_.*|LD_LIBRARY_PATH|SDKROOT|NIX_.*"
    r"|CARGO_HOME|RUSTUP_.*|PYENV_ROOT|SYSTEMROOT|SYSTEMDRIVE|COMSPEC|PATHEXT|WINDIR|PROGRAMFILES.*"
    r"|INCLUDE|LIB|LIBPATH|PROCESSOR_ARCHITECTURE"
)
"""What uv gets of our environment. It hands it on to what builds a source distribution, which
strangers wrote: no token of ours must be in it."""

_NAMES_FILES = re.compile(r"SSL_CERT_|UV_(?!CACHE_DIR|PROJECT_|TOOL_|PYTHON_|INSTALL_)")
"""Settings whose files uv must be able to read: certificates, constraints, folders of wheels."""


@dataclass(frozen=True)
class UvConfig:
    """Where uv finds its settings.

    Attributes:
        folder: where to start it; None: anywhere.
        files: what it must be able to read. They may hold credentials.
        variables: of its environment, which say where.
    """

    folder: Path | None
    files: tuple[Path, ...]
    variables: Mapping[str, str]


def uv_environment(ours: Mapping[str, str], overlay: str | None = None) -> dict[str, str]:
    """What uv gets of our environment; an overlay is an index that it asks first."""
    env = {k: v for k, v in ours.items() if _NEEDED.fullmatch(k)}
    env |= {
        "NO_COLOR": "1",
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        # A linked file is one with uv's cache: whoever writes to one writes to every other.
        "UV_LINK_MODE": "copy",
        # Another call may be building what this one wants, for as long as it may take.
        "UV_LOCK_TIMEOUT": env.get("UV_LOCK_TIMEOUT", str(BUILD_SECONDS)),
    }
    if overlay:
        env["UV_INDEX"] = f"{overlay} {env.get('UV_INDEX', '')}".strip()
    return env


def told(env: Mapping[str, str], here: Path) -> tuple[dict[str, str], list[str]]:
    """The settings that can change an answer: variables of uv's environment, texts of its files."""
    variables = {k: v for k, v in env.items() if k.startswith("UV_")}
    for name in _CHANGE_NO_ANSWER:
        variables.pop(name, None)
    home = Path(env.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    files = [here / "uv.toml", home / "uv" / "uv.toml", Path("/etc/uv/uv.toml")]
    return variables, [path.read_text("utf-8", "replace") for path in files if path.is_file()]


def uv_config(env: Mapping[str, str], here: Path, urls: Sequence[str]) -> UvConfig:
    """Where uv finds its settings, started in this folder with these indexes."""
    near = [d / n for d in (here, *here.parents) for n in ("uv.toml", "pyproject.toml")]
    near = [path for path in near if path.is_file()]
    home = Path.home()
    config = Path(env.get("XDG_CONFIG_HOME") or home / ".config")
    data = Path(env.get("XDG_DATA_HOME") or home / ".local" / "share")
    netrc = Path(env.get("NETRC") or home / ".netrc")
    found = {"XDG_CONFIG_HOME": config / "uv", "XDG_DATA_HOME": data / "uv" / "credentials"}
    places = {"XDG_CONFIG_HOME": config, "XDG_DATA_HOME": data, "NETRC": netrc}
    # What is not there is looked for in a HOME of its own, where it is not there either.
    variables = {
        name: str(place) if found.get(name, place).exists() else f"{OWN_HOME}/.{name.lower()}"
        for name, place in places.items()
    }
    values = [v for k, v in env.items() if _NAMES_FILES.match(k)]
    named = [Path(word) for v in values for word in (v, *v.split())]
    named += [Path(url.removeprefix("file://")) for url in urls]
    files = [
        *near,
        *found.values(),
        netrc,
        Path("/etc/uv"),
        # Certificates, constraints, folders of files: whatever a variable of uv names.
        *(path for path in named if path.is_absolute()),
    ]
    folder = near[0].parent if near else None
    return UvConfig(folder, tuple(dict.fromkeys(files)), variables)
