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
_NOEXEC, _NOATIME, _NODIRATIME, _RELATIME = 8, 1024, 2048, 1 << 21
# A remount that leaves one of these out of an unprivileged mount namespace is refused.
_LOCKED_FLAGS = NOSUID | NODEV | _NOEXEC | _NOATIME | _NODIRATIME
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
_SYS_MOUNT_SETATTR = 442  # the same number on every machine; since Linux 5.12
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_CAPABILITY_VERSION = 0x20080522
_PR_CAP_AMBIENT, _AMBIENT_RAISE = 47, 2
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, call: str) -> None:
    """Raise the error of a system call that failed.

    Raises:
        OSError: with the name of the call, and what it was about, in its message.
    """
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{call}: {os.strerror(code)}")


def unshare(flags: int) -> None:
    """Move this process, or for NEWPID its next children, to new namespaces."""
    _check(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """Mount a file system, or change a mount; the flags are those of the system call."""
    result = _libc.mount(
        source.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), data.encode()
    )
    _check(result, f"mount {kind or 'of ' + source} on {target}")


def mount_proc(target: str) -> None:
    """Mount the /proc of the process namespace that this process is in."""
    mount("proc", target, "proc", NOSUID | NODEV | _NOEXEC)


def bind(source: str, target: str, *, read_only: bool = True) -> None:
    """Make a file or folder, with what is mounted in it, appear at a second path."""
    mount(source, target, "", BIND | REC)
    if read_only:
        forbid_writing(target)


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "users")]


def forbid_writing(target: str) -> None:
    """Forbid writing to a mount and to what is mounted in it.

    Before Linux 5.12 only to the mount itself.
    """
    attributes = _MountAttributes(set=RDONLY | NOSUID)
    result = _libc.syscall(
        ctypes.c_long(_SYS_MOUNT_SETATTR),
        ctypes.c_long(_AT_FDCWD),
        os.fsencode(target),
        ctypes.c_long(_AT_RECURSIVE),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )
    if result != 0:
        flags = os.statvfs(target).f_flag & _LOCKED_FLAGS
        mount("none", target, "", BIND | REMOUNT | RDONLY | NOSUID | _RELATIME | flags)


def unmount(target: str) -> None:
    """Remove a mount at once; what still uses it goes on until it is closed."""
    _check(_libc.umount2(os.fsencode(target), _DETACH), f"unmount {target}")


def pivot(root: str) -> None:
    """Make a mount the root of everything, and remove the mount that was the root."""
    os.chdir(root)
    number = _SYS_PIVOT_ROOT.get(os.uname().machine)
    if number is None:
        raise OSError(errno.ENOSYS, "pivot_root")
    _check(_libc.syscall(ctypes.c_long(number), b".", b"."), "pivot_root")
    unmount(".")
    os.chdir("/")


def prctl(option: int, value: int) -> None:
    """Set a property of this process, `PR_…`."""
    _check(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), "prctl")


class _CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Capabilities(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]


def drop_capabilities() -> None:
    """Give up every capability of this process, which starting a program would take as well."""
    _set_capabilities((_Capabilities * 2)())
    prctl(PR_SET_DUMPABLE, 1)  # what changes in rights takes away


def keep_capabilities() -> None:
    """Let the next program that this process starts have its capabilities, without being root.

    By the ambient set: https://man7.org/linux/man-pages/man7/capabilities.7.html
    """
    held = (_Capabilities * 2)()
    header = _CapabilityHeader(_CAPABILITY_VERSION, 0)
    _check(_libc.capget(ctypes.byref(header), held), "capget")
    for part in held:
        part.inheritable = part.permitted
    _set_capabilities(held)
    for number in range(64):
        if held[number // 32].permitted >> number % 32 & 1:
            _check(_libc.prctl(_PR_CAP_AMBIENT, _AMBIENT_RAISE, number, 0, 0), "prctl")


def _set_capabilities(wanted: ctypes.Array[_Capabilities]) -> None:
    header = _CapabilityHeader(_CAPABILITY_VERSION, 0)
    _check(_libc.capset(ctypes.byref(header), wanted), "capset")


def bring_up_loopback() -> None:
    """Switch on the loopback interface of this network namespace."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        reply = fcntl.ioctl(s, _SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
        (flags,) = struct.unpack("16xh14x", reply)
        fcntl.ioctl(s, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def enter(*, network: bool) -> None:
    """Enter namespaces of the run's own, except for the network if that of the machine is used.

    As root every user is mapped into them, else only our own.

    Raises:
        OSError: this system does not allow it.
    """
    ready, go = os.pipe()
    mapper = os.fork()
    if mapper == 0:
        # From outside, because from inside nobody may map more than one user.
        os.close(go)
        os.read(ready, 1)
        _write_user_maps(os.getppid())
        os._exit(0)
    os.close(ready)
    unshare(NEWUSER | NEWNS | NEWPID | NEWIPC | NEWUTS | (0 if network else NEWNET))
    os.close(go)
    _, status = os.waitpid(mapper, 0)
    if status:
        raise OSError(errno.EPERM, "no user can be mapped into a user namespace")


def _write_user_maps(pid: int) -> None:
    process = Path("/proc", str(pid))
    if os.geteuid() == 0:
        for name in ("uid_map", "gid_map"):
            rows = [line.split() for line in Path("/proc/self", name).read_text().splitlines()]
            identity = "".join(f"{inside} {inside} {count}\n" for inside, _, count in rows)
            (process / name).write_text(identity)
    else:
        (process / "setgroups").write_text("deny")
        (process / "uid_map").write_text(f"{os.geteuid()} {os.geteuid()} 1\n")
        (process / "gid_map").write_text(f"{os.getegid()} {os.getegid()} 1\n")
