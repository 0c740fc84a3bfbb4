"""The calls of Linux that Python does not have: namespaces, mounts, a loopback of one's own."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import struct
from pathlib import Path

NEWNS, NEWUTS, NEWIPC = 0x00020000, 0x04000000, 0x08000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
RDONLY, NOSUID, NODEV, REMOUNT = 1, 2, 4, 32
BIND, REC, PRIVATE, _DETACH = 4096, 16384, 1 << 18, 2
_KEPT_FLAGS = 2 | 4 | 8 | 1024 | 2048  # nosuid, nodev, noexec, noatime, nodiratime
_RELATIME = 1 << 21
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_SET_CHILD_SUBREAPER = 1, 4, 38, 36
_SYS_PIVOT_ROOT = {
    "x86_64": 155,
    "aarch64": 41,
    "riscv64": 41,
    "loongarch64": 41,
    "i686": 217,
    "armv7l": 218,
    "ppc64le": 203,
    "s390x": 217,
}
_SYS_MOUNT_SETATTR = 442  # the same everywhere; since Linux 5.12
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def unshare(flags: int) -> None:
    _checked(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    done = _libc.mount(
        source.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), data.encode()
    )
    _checked(done, f"mount {kind or 'of ' + source} on {target}")


def bind(source: str, target: str, *, read_only: bool = True) -> None:
    mount(source, target, "", BIND | REC)
    if read_only:
        forbid_writing(target)


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "users")]


def forbid_writing(target: str) -> None:
    """Forbid writing to a mount and to what is mounted in it."""
    given = _MountAttributes(set=RDONLY | NOSUID)
    size = ctypes.c_size_t(ctypes.sizeof(given))
    call, here, recursive = (ctypes.c_long(n) for n in (_SYS_MOUNT_SETATTR, -100, 0x8000))
    if _libc.syscall(call, here, os.fsencode(target), recursive, ctypes.byref(given), size) == 0:
        return
    kept = os.statvfs(target).f_flag & _KEPT_FLAGS
    mount("none", target, "", BIND | REMOUNT | RDONLY | NOSUID | _RELATIME | kept)


def unmount(target: str) -> None:
    _checked(_libc.umount2(os.fsencode(target), _DETACH), f"unmount {target}")


def pivot(root: str) -> None:
    """Make a mount the root of everything, and let go of what was the root."""
    os.chdir(root)
    number = _SYS_PIVOT_ROOT.get(os.uname().machine)
    if number is None:
        raise OSError(errno.ENOSYS, "pivot_root")
    _checked(_libc.syscall(ctypes.c_long(number), b".", b"."), "pivot_root")
    unmount(".")
    os.chdir("/")


def prctl(option: int, value: int) -> None:
    _checked(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), "prctl")


def loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        told = fcntl.ioctl(s, _SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
        (flags,) = struct.unpack("16xh14x", told)
        fcntl.ioctl(s, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def enter(*, network: bool) -> None:
    """Go into namespaces of the run's own; the network too, unless that of the machine is wanted.

    As root every user is known there, else only we.
    """
    ready, go = os.pipe()
    outside = os.fork()
    if outside == 0:  # a writer outside, because inside nobody may name more than one user
        os.close(go)
        os.read(ready, 1)
        place = f"/proc/{os.getppid()}"
        if os.geteuid() == 0:
            for name in ("uid_map", "gid_map"):
                rows = [line.split() for line in Path("/proc/self", name).read_text().splitlines()]
                Path(place, name).write_text("".join(f"{a} {a} {n}\n" for a, _, n in rows))
        else:
            Path(place, "setgroups").write_text("deny")
            Path(place, "uid_map").write_text(f"{os.geteuid()} {os.geteuid()} 1\n")
            Path(place, "gid_map").write_text(f"{os.getegid()} {os.getegid()} 1\n")
        os._exit(0)
    os.close(ready)
    unshare(NEWUSER | NEWNS | NEWPID | NEWIPC | NEWUTS | (0 if network else NEWNET))
    os.close(go)
    _, status = os.waitpid(outside, 0)
    if status:
        raise OSError(errno.EPERM, "users cannot be named in a namespace")
