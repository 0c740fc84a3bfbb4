"""Keeps the cells of a run: a program that confines them by the namespaces of Linux.

Started once a run, by `cages.py`, with two sockets. It makes a user, network, mount and process
namespace for the run, brings up loopback, and splits into two: one starts the services of the run
in the ordinary view of files, the other starts cells in a view that shows only what a cell needs.
A cell costs a few milliseconds, because nothing has to be started for it but itself.

Standard library only; it imports nothing of watchdog, so it starts fast. Processes, outside in:

    keeper                    waits; the watchdog can kill it, and with it everything below
    └ first of the run        starts services; process 1 of the run: ends when the watchdog ends
      └ nursery               has the view of a cell
        └ supervisor          one a cell: mounts, watches memory and processes, tells the end
          └ first of the cell process 1 of the cell, or bubblewrap: when it ends, all of it is gone
            └ the cell
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
from pathlib import Path
from typing import Any

_NEWNS, _NEWUTS, _NEWIPC = 0x00020000, 0x04000000, 0x08000000
_NEWUSER, _NEWPID, _NEWNET = 0x10000000, 0x20000000, 0x40000000
_RDONLY, _NOSUID, _NODEV, _REMOUNT = 1, 2, 4, 32
_BIND, _REC, _PRIVATE, _DETACH = 4096, 16384, 1 << 18, 2
_KEPT_FLAGS = 2 | 4 | 8 | 1024 | 2048  # nosuid, nodev, noexec, noatime, nodiratime
_RELATIME = 1 << 21
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_SET_CHILD_SUBREAPER = 1, 4, 38, 36
_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "loongarch64": 41,
                   "i686": 217, "armv7l": 218, "ppc64le": 203, "s390x": 217}  # fmt: skip
_SYS_MOUNT_SETATTR = 442  # the same everywhere; since Linux 5.12
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_USER = 1000
"""What a cell takes itself for; outside it is somebody who owns nothing."""

_TICK = 0.2
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_FROM_ETC = (
    "alternatives", "ca-certificates", "ca-certificates.conf", "crypto-policies", "fonts",
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "locale.alias", "localtime", "magic",
    "mime.types", "os-release", "pki", "protocols", "services", "ssl", "terminfo", "timezone",
)  # fmt: skip
_ETC = {
    "group": f"root:x:0:\nuser:x:{_USER}:\nnogroup:x:65534:\n",
    "hostname": "cell\n",
    "hosts": "127.0.0.1 localhost cell\n::1 localhost cell\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\nservices: files\n",
    "passwd": (
        f"root:x:0:0:root:/root:/bin/sh\nuser:x:{_USER}:{_USER}:user:/tmp:/bin/sh\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
    ),
    "resolv.conf": "",
}

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def _unshare(flags: int) -> None:
    _checked(_libc.unshare(flags), "unshare")


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    done = _libc.mount(
        source.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), data.encode()
    )
    _checked(done, f"mount {kind or 'of ' + source} on {target}")


def _bind(source: str, target: str, *, read_only: bool = True) -> None:
    _mount(source, target, "", _BIND | _REC)
    if read_only:
        _read_only(target)


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "users")]


def _read_only(target: str) -> None:
    """Forbid writing to a mount and to what is mounted in it."""
    given = _MountAttributes(set=_RDONLY | _NOSUID)
    size = ctypes.c_size_t(ctypes.sizeof(given))
    call, here, recursive = (ctypes.c_long(n) for n in (_SYS_MOUNT_SETATTR, -100, 0x8000))
    if _libc.syscall(call, here, os.fsencode(target), recursive, ctypes.byref(given), size) == 0:
        return
    kept = os.statvfs(target).f_flag & _KEPT_FLAGS
    _mount("none", target, "", _BIND | _REMOUNT | _RDONLY | _NOSUID | _RELATIME | kept)


def _unmount(target: str) -> None:
    _checked(_libc.umount2(os.fsencode(target), _DETACH), f"unmount {target}")


def _pivot(root: str) -> None:
    """Make a mount the root of everything, and let go of what was the root."""
    os.chdir(root)
    number = _SYS_PIVOT_ROOT.get(os.uname().machine)
    if number is None:
        raise OSError(errno.ENOSYS, "pivot_root")
    _checked(_libc.syscall(ctypes.c_long(number), b".", b"."), "pivot_root")
    _unmount(".")
    os.chdir("/")


def _prctl(option: int, value: int) -> None:
    _checked(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), "prctl")


def _loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        told = fcntl.ioctl(s, _SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
        (flags,) = struct.unpack("16xh14x", told)
        fcntl.ioctl(s, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def _enter() -> None:
    """Go into namespaces of the run's own. As root every user is known there, else only we."""
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
    _unshare(_NEWUSER | _NEWNS | _NEWPID | _NEWNET | _NEWIPC | _NEWUTS)
    os.close(go)
    _, status = os.waitpid(outside, 0)
    if status:
        raise OSError(errno.EPERM, "users cannot be named in a namespace")


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
    _bind(path, root + path)


def _link(links: list[tuple[str, str]], root: str = "") -> None:
    for path, target in links:
        if not os.path.lexists(root + path):
            os.makedirs(os.path.dirname(root + path), exist_ok=True)
            os.symlink(target, root + path)


def _build_view(config: dict[str, Any], root: str) -> None:
    """Build what every cell sees at `root`: programs, libraries, Pythons, packages."""
    _mount("watchdog", root, "tmpfs", _NOSUID, "mode=755,size=4m")
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        if os.path.islink(f"/{name}"):
            os.symlink(os.readlink(f"/{name}"), f"{root}/{name}")
        else:
            _show(f"/{name}", root)
    for path in ("/usr", "/nix/store", "/gnu/store"):
        _show(path, root)
    with contextlib.suppress(OSError):
        _show("/sys/devices/system/cpu", root)
    for name in _FROM_ETC:
        _show(f"/etc/{name}", root)
    os.makedirs(f"{root}/etc", exist_ok=True)
    for name, text in _ETC.items():
        Path(root, "etc", name).write_text(text, encoding="utf-8")
    for name in ("tmp", "run", "var", "proc", "dev", ".scratch", ".upper"):
        os.makedirs(f"{root}/{name}", exist_ok=True)
    os.symlink("/tmp", f"{root}/var/tmp")  # noqa: S108  the cell's own
    os.makedirs(root + config["scratch"], exist_ok=True)
    for path in config["shown"]:
        _show(path, root)
    _link(config["links"], root)
    for name in _DEVICES:
        _touch(f"{root}/dev/{name}")
        _mount(f"/dev/{name}", f"{root}/dev/{name}", "", _BIND)
    os.makedirs(f"{root}/dev/shm")  # noqa: S108
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        os.symlink(f"/proc/self/fd{target}", f"{root}/dev/{name}")
    _bind(config["scratch"], f"{root}/.scratch", read_only=False)
    _read_only(root)
    _mount("proc", f"{root}/proc", "proc", _NOSUID | _NODEV | 8)


def _furnish(config: dict[str, Any], job: dict[str, Any]) -> int | None:
    """Give a cell its own folder, its own /tmp and a copy of the store that only it sees.

    Returns a descriptor of the folder that holds what it wrote to the store.
    """
    uid, size = config["uid"], job["disk_mb"]
    own = f"size={size}m,nr_inodes=100k"
    name, folder = job["name"], f"{config['scratch']}/{job['name']}"
    # What a /tmp of the cell's own would cover is carried over: it may hold the Python itself.
    covered = [p for p in config["shown"] if p.startswith("/tmp/")]  # noqa: S108
    held = {path: os.open(path, os.O_PATH) for path in covered if os.path.exists(path)}
    _mount("tmp", "/tmp", "tmpfs", _NOSUID | _NODEV, f"{own},mode=1777")  # noqa: S108
    _mount("shm", "/dev/shm", "tmpfs", _NOSUID | _NODEV, "size=64m,mode=1777")  # noqa: S108
    for path, handle in held.items():
        if not os.path.exists(path):
            if os.path.isdir(f"/proc/self/fd/{handle}/."):
                os.makedirs(path)
            else:
                _touch(path)
            _bind(f"/proc/self/fd/{handle}", path)
        os.close(handle)
    _link(config["links"])
    os.makedirs(config["scratch"], exist_ok=True)
    _mount("cell", config["scratch"], "tmpfs", _NOSUID | _NODEV, f"{own},mode=755")
    for part in ("", *job["folders"]):
        os.mkdir(f"{folder}/{part}", 0o755)
        os.chown(f"{folder}/{part}", uid, config["gid"])
    for part in job["shown"]:  # made by the watchdog for this cell: environment, smoke, channel
        source, target = f"/.scratch/{name}/{part}", f"{folder}/{part}"
        if os.path.isdir(source):
            os.mkdir(target)
        else:
            _touch(target)
        _bind(source, target)
    for path in job["shared"]:
        inside = os.path.relpath(path, config["scratch"])
        os.makedirs(path, exist_ok=True)
        _bind(f"/.scratch/{inside}", path)
    written = _overlay(config["store"]) if job["bytecode"] else None
    _unmount("/.scratch")
    return written


def _overlay(store: str) -> int | None:
    """Let the cell write to the package store, and keep it from the store itself."""
    if not os.path.isdir(store) or set(store) & set(":,\\"):
        return None
    _mount("upper", "/.upper", "tmpfs", _NOSUID | _NODEV, "size=96m,mode=755")
    for part in ("u", "w"):
        os.mkdir(f"/.upper/{part}")
    try:
        data = f"lowerdir={store},upperdir=/.upper/u,workdir=/.upper/w"
        _mount("store", store, "overlay", _NOSUID | _NODEV, data + ",userxattr")
    except OSError:  # a kernel before 5.11: no bytecode is kept
        _unmount("/.upper")
        return None
    handle = os.open("/.upper/u", os.O_RDONLY | os.O_DIRECTORY)
    _unmount("/.upper")
    return handle


def _bytecode(handle: int) -> list[str]:
    """Where in the store a cell put bytecode, which it may not be believed, only copied."""
    found = []
    for folder, _, files, _ in os.fwalk(".", dir_fd=handle):
        if folder.endswith("/__pycache__"):
            found += [f"{folder[2:]}/{name}" for name in files if name.endswith(".pyc")]
    return found[:5000]


def _limits(job: dict[str, Any]) -> list[tuple[int, tuple[int, int]]]:
    given = job["limits"]
    return [(getattr(resource, name), (soft, hard)) for name, (soft, hard) in given.items()]


def _become(config: dict[str, Any], job: dict[str, Any]) -> None:
    """Be somebody who owns nothing, with no rights here either, for good."""
    uid, gid = config["uid"], config["gid"]
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    _prctl(_PR_SET_DUMPABLE, 1)  # else our own /proc/self is not ours
    _unshare(_NEWUSER)  # one a cell: processes are counted by it
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{_USER} {uid} 1\n")
    Path("/proc/self/gid_map").write_text(f"{_USER} {gid} 1\n")
    with contextlib.suppress(OSError):  # no namespaces inside of this one
        Path("/proc/sys/user/max_user_namespaces").write_text("0")
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    for which, limit in _limits(job):
        resource.setrlimit(which, limit)


def _set_up(handles: tuple[int, int]) -> None:
    """Standard input and output, signals and masks as a program expects them.

    Every other descriptor of ours closes by itself when the program begins.
    """
    os.dup2(handles[0], 0)
    os.dup2(handles[1], 1)
    os.dup2(handles[1], 2)
    for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.umask(0o022)


def _first(config: dict[str, Any], job: dict[str, Any], handles: tuple[int, int]) -> int:
    """Fork the first process of a cell, which starts it, collects the dead and tells its end."""
    read, write = os.pipe()
    _unshare(_NEWPID | _NEWIPC)
    pid = os.fork()
    if pid:
        os.close(write)
        job["told"] = read
        return pid
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _mount("proc", "/proc", "proc", _NOSUID | _NODEV | 8)
    cell = os.fork()
    if cell == 0:
        try:
            os.setsid()
            os.chdir(job["cwd"])
            _become(config, job)
            _set_up(handles)
            os.execvpe(job["argv"][0], job["argv"], job["env"])  # noqa: S606
        except OSError as e:
            os.write(write, json.dumps({"trouble": str(e)}).encode())
            os._exit(127)
    signal.set_wakeup_fd(-1)
    while True:
        done, status = os.waitpid(-1, 0)
        if done == cell:
            os.write(write, b"\n%d" % os.waitstatus_to_exitcode(status))
            os._exit(0)


def _bubblewrap(config: dict[str, Any], job: dict[str, Any], handles: tuple[int, int]) -> int:
    """Let bubblewrap start the cell in the view that is furnished for it."""
    info, info_w = os.pipe()
    block, go = os.pipe()
    argv = [
        "bwrap", "--bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--unshare-user",
        "--unshare-pid", "--unshare-ipc", "--uid", str(_USER), "--gid", str(_USER),
        *config["bwrap_flags"], "--die-with-parent", "--new-session", "--chdir", job["cwd"],
        "--info-fd", str(info_w), "--block-fd", str(block), "--", *job["argv"],
    ]  # fmt: skip
    pid = os.fork()
    if pid == 0:
        try:
            os.close(go)
            for handle in (info_w, block):
                os.set_inheritable(handle, True)  # noqa: FBT003
            uid, gid = config["uid"], config["gid"]
            if os.geteuid() == 0:
                os.setgroups([])
                os.setresgid(gid, gid, gid)
                os.setresuid(uid, uid, uid)
            _prctl(_PR_SET_DUMPABLE, 1)
            _set_up(handles)
            # By its descriptor: it may lie where a cell sees nothing.
            os.execve(config["bwrap_handle"], argv, job["env"])  # noqa: S606
        except OSError as e:
            os.write(2, f"bubblewrap cannot start: {e}\n".encode())
            os._exit(127)
    os.close(info_w)
    os.close(block)
    told = b""
    while chunk := os.read(info, 4096):
        told += chunk
    os.close(info)
    if told:
        child = int(json.loads(told)["child-pid"])
        with contextlib.suppress(ProcessLookupError):
            for which, limit in _limits(job):
                resource.prlimit(child, which, limit)
        job["inside"] = child
        os.write(go, b"x")
    os.close(go)
    return pid


class _Watch:
    """Counts the processes of a cell and their memory, seen from outside of it."""

    def __init__(self, proc: int, first: int) -> None:
        self._proc = proc
        self._space = self._of(first)

    def _of(self, pid: int | str) -> str | None:
        try:
            return os.readlink(f"{pid}/ns/pid", dir_fd=self._proc)
        except OSError:
            return None

    def over(self, memory_mb: int, processes: int) -> str:
        """What it has too much of; empty when nothing."""
        count, pages = 0, 0
        for name in os.listdir(self._proc):
            if name.isdigit() and self._space and self._of(name) == self._space:
                count += 1
                with contextlib.suppress(OSError, ValueError):
                    handle = os.open(f"{name}/statm", os.O_RDONLY, dir_fd=self._proc)
                    try:
                        _, resident, shared = os.read(handle, 200).split()[:3]
                    finally:
                        os.close(handle)
                    pages += int(resident) - int(shared)
        if count > processes + 2:
            return f"more than {processes} processes at once"
        if pages * resource.getpagesize() > memory_mb * 1024 * 1024:
            return f"more than {memory_mb} MB of memory, all its processes together"
        return ""


def _supervise(config: dict[str, Any], job: dict[str, Any], handles: list[int]) -> None:
    """Run one cell to its end and tell it on the first handle; when that is closed, end it."""
    told, stdin, stdout = handles
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    os.setsid()
    answer: dict[str, Any] = {}
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
        _unshare(_NEWNS)
        written = _furnish(config, job)
        for handle in (stdin, stdout):
            os.fchown(handle, config["uid"], config["gid"])
        start = _bubblewrap if config["bwrap"] else _first
        pid = start(config, job, (stdin, stdout))
        os.close(stdin)
        os.close(stdout)
        watch = _Watch(proc, job.get("inside", pid))
        answer |= _await(pid, told, wake, watch, job)
        if "told" in job:
            trouble, _, code = os.read(job["told"], 65536).decode().partition("\n")
            answer |= json.loads(trouble or "{}") | ({"code": int(code)} if code else {})
        if written is not None and "trouble" not in answer:
            answer["bytecode"] = _bytecode(written)
    except OSError as e:
        answer["trouble"] = str(e)
    data = json.dumps(answer).encode()
    with contextlib.suppress(OSError):  # the watchdog may be gone
        while data:
            data = data[os.write(told, data) :]


def _await(pid: int, told: int, wake: int, watch: _Watch, job: dict[str, Any]) -> dict[str, Any]:
    """Wait for the end of a cell, and bring it about where it must be; then nothing is left."""
    poll = select.poll()
    poll.register(told, select.POLLIN | select.POLLHUP)
    poll.register(wake, select.POLLIN)
    answer: dict[str, Any] = {}
    while (status := _collect(pid)) is None:
        ready = dict(poll.poll(_TICK * 1000))
        if wake in ready:
            os.read(wake, 512)
        if told in ready:
            os.kill(pid, signal.SIGKILL)
            poll.unregister(told)
        elif not ready and (note := watch.over(job["memory_all_mb"], job["processes"])):
            os.kill(pid, signal.SIGKILL)
            answer["note"] = note
    signal.set_wakeup_fd(-1)
    with contextlib.suppress(ChildProcessError):
        while True:  # whoever is still there was killed with process 1 and is dying
            os.waitpid(-1, 0)
    code = os.waitstatus_to_exitcode(status)
    answer["code"] = 128 - code if code > 128 else code  # noqa: PLR2004  as bubblewrap says it
    return answer


def _collect(pid: int) -> int | None:
    """Collect the dead; the status of the one that counts, if it is among them."""
    status = None
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            status = found[1] if found[0] == pid else status
    return status


def _serve(control: socket.socket, config: dict[str, Any]) -> None:
    """The nursery: a supervisor for each cell that is asked for."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        data, handles, _, _ = socket.recv_fds(control, 1 << 20, 8)
        if not data:
            return
        for handle in handles:
            os.set_inheritable(handle, False)  # noqa: FBT003
        if os.fork() == 0:
            control.close()
            _supervise(config, json.loads(data), handles)
            os._exit(0)
        for handle in handles:
            os.close(handle)


def _host(control: socket.socket) -> None:
    """Start services, say whether a port answers, hand out ports to listen on."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while data := control.recv(1 << 20):
        asked = json.loads(data)
        if "port" in asked:
            with socket.socket() as s:
                s.settimeout(1)
                control.send(json.dumps(s.connect_ex(("127.0.0.1", asked["port"])) == 0).encode())
            continue
        if "listen" in asked:
            with socket.create_server(("127.0.0.1", asked["listen"])) as listener:
                socket.send_fds(control, [b"here"], [listener.fileno()])
            continue
        pid = os.fork()
        if pid == 0:
            nothing = os.open(os.devnull, os.O_RDWR)
            for handle in (0, 1, 2):
                os.dup2(nothing, handle)
            os.setsid()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.closerange(3, 1024)
            try:
                os.chdir(asked["cwd"])
                os.execvpe(asked["argv"][0], asked["argv"], asked["env"])  # noqa: S606
            except OSError:
                os._exit(127)


def _begin(cells: socket.socket, services: socket.socket) -> None:
    """Be the first process of the run; ends when the watchdog does."""
    config = json.loads(cells.recv(1 << 20))
    _mount("none", "/", "", _REC | _PRIVATE)
    _mount("proc", "/proc", "proc", _NOSUID | _NODEV | 8)
    _loopback()
    socket.sethostname("cell")
    if os.fork() == 0:
        services.close()
        if config["bwrap"]:
            config["bwrap_handle"] = os.open(config["bwrap"], os.O_RDONLY)
        try:
            _unshare(_NEWNS)
            root = config["scratch"] + "/root"
            os.makedirs(root, exist_ok=True)
            _build_view(config, root)
            _pivot(root)
        except OSError as e:
            cells.send(json.dumps({"trouble": str(e)}).encode())
            os._exit(1)
        cells.send(json.dumps({"ready": True}).encode())
        _serve(cells, config)
        os._exit(0)
    cells.close()
    _host(services)


def main() -> int:
    cells, services = (socket.socket(fileno=int(number)) for number in sys.argv[1:3])
    try:
        _enter()
    except OSError as e:
        cells.send(json.dumps({"trouble": str(e)}).encode())
        return 1
    first = os.fork()
    if first == 0:
        try:
            _begin(cells, services)
        except OSError as e:
            with contextlib.suppress(OSError):
                cells.send(json.dumps({"trouble": str(e)}).encode())
        os._exit(0)
    cells.close()
    services.close()
    os.waitpid(first, 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
