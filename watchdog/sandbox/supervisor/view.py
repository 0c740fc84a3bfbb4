"""What is seen from inside: programs, libraries, Pythons, packages, and one's own folder."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import Any

from watchdog.sandbox.supervisor.namespaces import (
    BIND,
    NODEV,
    NOSUID,
    RDONLY,
    REMOUNT,
    bind,
    forbid_writing,
    mount,
    unmount,
)

_OWN = NOSUID | NODEV

USER = 1000
"""What a cell takes itself for; outside it is somebody who owns nothing."""

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
"""Where a view reaches out of itself, until it is furnished for one cell."""

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


def _touch(path: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))


def _show(path: str, root: str) -> None:
    """Let a file or folder of the machine be seen at the same place under a root, not written."""
    if not os.path.exists(path) or os.path.exists(root + path):
        return
    if os.path.isdir(path):
        os.makedirs(root + path, exist_ok=True)
    else:
        _touch(root + path)
    bind(path, root + path)


def _copy(source: str, target: str) -> None:
    """Copy what everybody may read: once a run, where a mount would cost every cell its share."""
    about = os.stat(source)
    if stat.S_ISDIR(about.st_mode) and about.st_mode & _FOR_ALL == _FOR_ALL:
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


_FOR_ALL = stat.S_IROTH | stat.S_IXOTH


def _link(links: list[tuple[str, str]], root: str = "") -> None:
    for path, target in links:
        if not os.path.lexists(root + path):
            os.makedirs(os.path.dirname(root + path), exist_ok=True)
            os.symlink(target, root + path)


def _write_etc(config: dict[str, Any], root: str) -> None:
    """What of /etc is seen: what programs need of the machine's, the rest about nobody."""
    os.makedirs(f"{root}/etc", exist_ok=True)
    for name in _FROM_ETC:
        if os.path.exists(f"/etc/{name}"):
            _copy(f"/etc/{name}", f"{root}/etc/{name}")
    for name in _OF_THE_NETWORK if config["network"] else ():
        _show(os.path.realpath(f"/etc/{name}"), root)
        _show(f"/etc/{name}", root)
    for name, text in _ETC.items():
        if not os.path.exists(f"{root}/etc/{name}"):
            Path(root, "etc", name).write_text(text, encoding="utf-8")
    with open(f"{root}/etc/hosts", "a", encoding="utf-8") as hosts:
        hosts.writelines(f"{address} {name}\n" for name, address in config["hosts"].items())


def build(config: dict[str, Any], root: str) -> None:
    """Build what every cell sees at `root`: programs, libraries, Pythons, packages."""
    mount("watchdog", root, "tmpfs", NOSUID, "mode=755,size=64m")
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        if os.path.islink(f"/{name}"):
            os.symlink(os.readlink(f"/{name}"), f"{root}/{name}")
        else:
            _show(f"/{name}", root)
    for path in ("/usr", "/nix/store", "/gnu/store"):
        _show(path, root)
    with contextlib.suppress(OSError):
        _show("/sys/devices/system/cpu", root)
    _write_etc(config, root)
    for name in ("tmp", "run", "var", "proc", "dev", _SCRATCH, _UPPER, _OUTSIDE):
        os.makedirs(f"{root}/{name}", exist_ok=True)
    os.symlink("/tmp", f"{root}/var/tmp")  # noqa: S108  the cell's own
    os.makedirs(root + config["scratch"], exist_ok=True)
    for path in config["shown"]:
        _show(path, root)
    _link(config["links"], root)
    for name in _DEVICES:
        _touch(f"{root}/dev/{name}")
        mount(f"/dev/{name}", f"{root}/dev/{name}", "", BIND)
    os.makedirs(f"{root}/dev/shm")  # noqa: S108
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        os.symlink(f"/proc/self/fd{target}", f"{root}/dev/{name}")
    forbid_writing(root)
    if config["workshop"]:
        bind("/", root + _OUTSIDE, read_only=False)
    else:
        bind(config["scratch"], root + _SCRATCH)
    mount("proc", f"{root}/proc", "proc", _OWN | 8)


def furnish(config: dict[str, Any], job: dict[str, Any]) -> int | None:
    """Make the view that of one cell; a descriptor of the folder that holds what it stored."""
    size = f"size={job['disk_mb']}m,nr_inodes=100k"
    # What a /tmp of the cell's own would cover is carried over: it may hold the Python itself.
    covered = [p for p in config["shown"] if p.startswith("/tmp/")]  # noqa: S108
    held = {path: os.open(path, os.O_PATH) for path in covered if os.path.exists(path)}
    mount("tmp", "/tmp", "tmpfs", _OWN, f"{size},mode=1777")  # noqa: S108
    mount("shm", "/dev/shm", "tmpfs", _OWN, "size=64m,mode=1777")  # noqa: S108
    for path, handle in held.items():
        if not os.path.exists(path):
            _bring(f"/proc/self/fd/{handle}", path)
        os.close(handle)
    _link(config["links"])
    if config["workshop"]:
        _open_workshop(job)
        return None
    return _open_cell(config, job, size)


def _bring(source: str, target: str, *, read_only: bool = True) -> None:
    """Let something be seen at a place that is made for it."""
    if os.path.isdir(f"{source}/."):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        _touch(target)
    bind(source, target, read_only=read_only)


def _open_cell(config: dict[str, Any], job: dict[str, Any], size: str) -> int | None:
    """Give a cell its own folder, and a copy of the store that only it sees."""
    name, folder = job["name"], f"{config['scratch']}/{job['name']}"
    os.makedirs(config["scratch"], exist_ok=True)
    mount("cell", config["scratch"], "tmpfs", _OWN, f"{size},mode=755")
    for part in ("", *job["folders"]):
        os.mkdir(f"{folder}/{part}", 0o755)
        os.chown(f"{folder}/{part}", config["uid"], config["gid"])
    for part in job["shown"]:  # made by the watchdog for this cell: environment, smoke, channel
        _bring(f"{_SCRATCH}/{name}/{part}", f"{folder}/{part}")
    for path in job["shared"]:
        _bring(f"{_SCRATCH}/{os.path.relpath(path, config['scratch'])}", path)
    written = _overlay(config["store"]) if job["bytecode"] else None
    unmount(_SCRATCH)
    return written


def _open_workshop(job: dict[str, Any]) -> None:
    """Let a tool see and write what this one call of it is about."""
    os.mkdir("/tmp/home")  # noqa: S108  the call's own
    os.chmod("/tmp/home", 0o777)  # noqa: S108, S103
    mount("none", "/", "", BIND | REMOUNT | NOSUID)  # here only: to make places in it
    for path, real in job["readable"]:
        _bring(_OUTSIDE + real, path)
    for path, real in job["writable"]:
        _bring(_OUTSIDE + real, path, read_only=False)
    mount("none", "/", "", BIND | REMOUNT | NOSUID | RDONLY)
    unmount(_OUTSIDE)


def _overlay(store: str) -> int | None:
    """Let the cell write to the package store, and keep it from the store itself."""
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


def bytecode(handle: int) -> list[str]:
    """Where in the store a cell put bytecode, which it may not be believed, only copied."""
    found = []
    for folder, _, files, _ in os.fwalk(".", dir_fd=handle):
        if folder.endswith("/__pycache__"):
            found += [f"{folder[2:]}/{name}" for name in files if name.endswith(".pyc")]
    return found[:5000]
