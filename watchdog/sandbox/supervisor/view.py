"""The view of files that a cell has: programs, libraries, Pythons, packages, its own folder.

`build` makes what all cells share, once a run. `customize` makes it the view of one cell, in a
mount namespace of that cell.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from watchdog.sandbox.supervisor.namespaces import (
    BIND,
    NODEV,
    NOSUID,
    RDONLY,
    REMOUNT,
    bind,
    forbid_writing,
    mount,
    mount_proc,
    unmount,
)

if TYPE_CHECKING:
    from watchdog.sandbox.supervisor.protocol import CellRequest, Configuration

USER = 1000
"""UID and GID of a cell inside; outside it is a user that owns no files."""

_OWN = NOSUID | NODEV
"""Flags of the file systems that a cell may write to."""

_WORLD_READABLE_FOLDER = stat.S_IROTH | stat.S_IXOTH
_MOST_BYTECODE = 5000
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_FROM_ETC = (
    "alternatives",
    "ca-certificates",
    "ca-certificates.conf",
    "crypto-policies",
    "fonts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "locale.alias",
    "localtime",
    "magic",
    "mime.types",
    "os-release",
    "pki",
    "protocols",
    "services",
    "ssl",
    "terminfo",
    "timezone",
)
_OF_THE_NETWORK = ("hosts", "nsswitch.conf", "resolv.conf")
_SCRATCH, _UPPER, _OUTSIDE = "/.scratch", "/.upper", "/.outside"
"""Paths in the shared view that lead out of it; `customize` closes them."""

_ETC = {
    "group": f"root:x:0:\nuser:x:{USER}:\nnogroup:x:65534:\n",
    "hostname": "cell\n",
    "hosts": "127.0.0.1 localhost cell\n::1 localhost cell\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\nservices: files\n",
    "passwd": (
        f"root:x:0:0:root:/root:/bin/sh\nuser:x:{USER}:{USER}:user:/tmp:/bin/sh\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
    ),
    "resolv.conf": "",
}
"""Files of a cell's /etc that say nothing about the machine."""


def build(config: Configuration, root: str) -> None:
    """Build at `root` what all cells see: programs, libraries, Pythons, packages; read-only."""
    mount("watchdog", root, "tmpfs", NOSUID, "mode=755,size=64m")
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        if os.path.islink(f"/{name}"):
            os.symlink(os.readlink(f"/{name}"), f"{root}/{name}")
        else:
            _bind_below(root, f"/{name}")
    for path in ("/usr", "/nix/store", "/gnu/store"):
        _bind_below(root, path)
    with contextlib.suppress(OSError):
        _bind_below(root, "/sys/devices/system/cpu")
    _write_etc(config, root)
    for name in ("tmp", "run", "var", "proc", "dev", _SCRATCH, _UPPER, _OUTSIDE):
        os.makedirs(f"{root}/{name}", exist_ok=True)
    os.symlink("/tmp", f"{root}/var/tmp")  # noqa: S108  the cell's own
    os.makedirs(root + config["scratch"], exist_ok=True)
    for path in config["visible"]:
        _bind_below(root, path)
    _make_links(config["links"], root)
    _make_devices(root)
    forbid_writing(root)
    if config["build_sandbox"]:
        bind("/", root + _OUTSIDE, read_only=False)
    else:
        bind(config["scratch"], root + _SCRATCH)
    mount_proc(f"{root}/proc")


def customize(config: Configuration, request: CellRequest) -> int | None:
    """Make the shared view that of one cell.

    Returns:
        A descriptor of the folder that will hold what the cell writes to the package store; None
        if it has no copy of the store.
    """
    size = f"size={request['disk_mb']}m,nr_inodes=100k"
    # Paths in /tmp, such as a Python, are opened before the cell's own /tmp covers them.
    covered = [p for p in config["visible"] if p.startswith("/tmp/")]  # noqa: S108
    handles = {path: os.open(path, os.O_PATH) for path in covered if os.path.exists(path)}
    mount("tmp", "/tmp", "tmpfs", _OWN, f"{size},mode=1777")  # noqa: S108
    mount("shm", "/dev/shm", "tmpfs", _OWN, "size=64m,mode=1777")  # noqa: S108
    for path, handle in handles.items():
        if not os.path.exists(path):
            _bind_at(f"/proc/self/fd/{handle}", path)
        os.close(handle)
    _make_links(config["links"])
    if config["build_sandbox"]:
        _add_paths_of_build(request)
        return None
    return _add_folder_of_cell(config, request, size)


def in_scratch(config: Configuration, path: str) -> str:
    """Return where the shared view has a path of the scratch folder; no cell sees it there."""
    return f"{_SCRATCH}/{os.path.relpath(path, config['scratch'])}"


def list_bytecode(handle: int) -> list[str]:
    """Return where in the store a cell wrote bytecode; the files themselves are not trusted."""
    paths = []
    for folder, _, files, _ in os.fwalk(".", dir_fd=handle):
        if folder.endswith("/__pycache__"):
            paths += [f"{folder[2:]}/{name}" for name in files if name.endswith(".pyc")]
    return paths[:_MOST_BYTECODE]


def _add_folder_of_cell(config: Configuration, request: CellRequest, size: str) -> int | None:
    """Give a cell its own folder and, if requested, its own copy of the package store."""
    name, folder = request["name"], f"{config['scratch']}/{request['name']}"
    os.makedirs(config["scratch"], exist_ok=True)
    mount("cell", config["scratch"], "tmpfs", _OWN, f"{size},mode=755")
    for part in ("", *request["folders"]):
        os.mkdir(f"{folder}/{part}", 0o755)
        os.chown(f"{folder}/{part}", config["uid"], config["gid"])
    for part in request["visible"]:  # made by the watchdog: environment, smoke, channel
        _bind_at(f"{_SCRATCH}/{name}/{part}", f"{folder}/{part}")
    for path in request["shared"]:
        _bind_at(in_scratch(config, path), path)
    written = _overlay(config["store"]) if request["report_bytecode"] else None
    unmount(_SCRATCH)
    return written


def _overlay(store: str) -> int | None:
    """Let a cell write to a copy of the package store, which ends with it.

    Returns a descriptor of the folder that holds what it writes; None if there can be no copy.
    """
    if not os.path.isdir(store) or set(store) & set(":,\\"):
        return None
    mount("upper", _UPPER, "tmpfs", _OWN, "size=96m,mode=755")
    for part in ("u", "w"):
        os.mkdir(f"{_UPPER}/{part}")
    try:
        data = f"lowerdir={store},upperdir={_UPPER}/u,workdir={_UPPER}/w"
        mount("store", store, "overlay", _OWN, data + ",userxattr")
    except OSError:  # a kernel before 5.11: no bytecode is kept
        unmount(_UPPER)
        return None
    handle = os.open(f"{_UPPER}/u", os.O_RDONLY | os.O_DIRECTORY)
    unmount(_UPPER)
    return handle


def _add_paths_of_build(request: CellRequest) -> None:
    """Let a build tool read and write the paths of this one call."""
    os.mkdir("/tmp/home")  # noqa: S108  the call's own
    os.chmod("/tmp/home", 0o777)  # noqa: S108, S103
    mount("none", "/", "", BIND | REMOUNT | NOSUID)  # writable, to make the paths to mount on
    for path, real in request["readable"]:
        _bind_at(_OUTSIDE + real, path)
    for path, real in request["writable"]:
        _bind_at(_OUTSIDE + real, path, read_only=False)
    mount("none", "/", "", BIND | REMOUNT | NOSUID | RDONLY)
    unmount(_OUTSIDE)


def _write_etc(config: Configuration, root: str) -> None:
    """Fill /etc: what programs need of the machine's, the rest without facts about it."""
    os.makedirs(f"{root}/etc", exist_ok=True)
    for name in _FROM_ETC:
        if os.path.exists(f"/etc/{name}"):
            _copy(f"/etc/{name}", f"{root}/etc/{name}")
    if config["network"]:
        for name in _OF_THE_NETWORK:
            _bind_below(root, os.path.realpath(f"/etc/{name}"))
            _bind_below(root, f"/etc/{name}")
    for name, text in _ETC.items():
        if not os.path.exists(f"{root}/etc/{name}"):
            Path(root, "etc", name).write_text(text, encoding="utf-8")
    with open(f"{root}/etc/hosts", "a", encoding="utf-8") as hosts:
        hosts.writelines(f"{address} {name}\n" for name, address in config["hosts"].items())


def _make_devices(root: str) -> None:
    for name in _DEVICES:
        _touch(f"{root}/dev/{name}")
        mount(f"/dev/{name}", f"{root}/dev/{name}", "", BIND)
    os.makedirs(f"{root}/dev/shm")  # noqa: S108
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        os.symlink(f"/proc/self/fd{target}", f"{root}/dev/{name}")


def _make_links(links: list[tuple[str, str]], root: str = "") -> None:
    for path, target in links:
        if not os.path.lexists(root + path):
            os.makedirs(os.path.dirname(root + path), exist_ok=True)
            os.symlink(target, root + path)


def _copy(source: str, target: str) -> None:
    """Copy what everybody may read: once a run, where a mount would cost time in every cell."""
    about = os.stat(source)
    readable = about.st_mode & _WORLD_READABLE_FOLDER == _WORLD_READABLE_FOLDER
    if stat.S_ISDIR(about.st_mode) and readable:
        os.makedirs(target, exist_ok=True)
        for name in os.listdir(source):
            inner = f"{source}/{name}"
            if os.path.islink(inner):
                os.symlink(os.readlink(inner), f"{target}/{name}")
            else:
                _copy(inner, f"{target}/{name}")
    elif stat.S_ISREG(about.st_mode) and about.st_mode & stat.S_IROTH:
        with contextlib.suppress(FileNotFoundError, PermissionError):  # gone, or kept by a policy
            Path(target).write_bytes(Path(source).read_bytes())


def _bind_below(root: str, path: str) -> None:
    """Show a file or folder of the machine at the same path below a root, read-only."""
    if not os.path.exists(path) or os.path.exists(root + path):
        return
    if os.path.isdir(path):
        os.makedirs(root + path, exist_ok=True)
    else:
        _touch(root + path)
    bind(path, root + path)


def _bind_at(source: str, target: str, *, read_only: bool = True) -> None:
    """Show a file or folder at a path, which is made if it is not there."""
    if os.path.isdir(f"{source}/."):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        _touch(target)
    bind(source, target, read_only=read_only)


def _touch(path: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))
