"""One cell: starts it where it sees only its own, watches it, ends it, tells how it ended."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
from pathlib import Path
from typing import Any

from watchdog.sandbox.supervisor import namespaces, view

_TICK = 0.2


def _limits(job: dict[str, Any]) -> list[tuple[int, tuple[int, int]]]:
    """What is asked for, or less where we have less ourselves: nobody may raise a hard limit."""
    found = []
    for name, (soft, hard) in job["limits"].items():
        which = getattr(resource, name)
        most = resource.getrlimit(which)[1]
        if most != resource.RLIM_INFINITY:
            soft, hard = min(soft, most), min(hard, most)  # noqa: PLW2901
        found.append((which, (soft, hard)))
    return found


_OF_THE_SYSTEM = ("bus", "irq", "sys", "sysrq-trigger")


def _close_system() -> int:
    """Forbid to set what belongs to the whole system, which root may without any right.

    Returns a descriptor of where it can still be done.
    """
    handle = os.open("/proc/sys", os.O_PATH | os.O_DIRECTORY)
    for name in _OF_THE_SYSTEM:
        with contextlib.suppress(FileNotFoundError):
            namespaces.bind(f"/proc/{name}", f"/proc/{name}")
    return handle


def _become(config: dict[str, Any], job: dict[str, Any]) -> None:
    """Be somebody with no rights here, for good; a cell owns nothing either."""
    system = _close_system()
    uid, gid = config["uid"], config["gid"]
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    namespaces.prctl(namespaces.PR_SET_DUMPABLE, 1)  # else our own /proc/self is not ours
    namespaces.unshare(namespaces.NEWUSER)  # one a cell: processes are counted by it
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{view.USER} {uid} 1\n")
    Path("/proc/self/gid_map").write_text(f"{view.USER} {gid} 1\n")
    with contextlib.suppress(OSError):  # no namespaces inside of this one
        place = os.open("user/max_user_namespaces", os.O_WRONLY, dir_fd=system)
        os.write(place, b"0")
    namespaces.prctl(namespaces.PR_SET_NO_NEW_PRIVS, 1)
    for which, limit in _limits(job):
        resource.setrlimit(which, limit)


def _set_up(handles: list[int]) -> None:
    """Standard input and output, signals and masks as a program expects them.

    Every other descriptor of ours closes by itself when the program begins.
    """
    os.dup2(handles[0], 0)
    os.dup2(handles[1], 1)
    os.dup2(handles[-1], 2)  # a third one, or the second again
    for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.umask(0o022)


def _first(config: dict[str, Any], job: dict[str, Any], handles: list[int]) -> int:
    """Fork the first process of a cell, which starts it, collects the dead and tells its end."""
    read, write = os.pipe()
    namespaces.unshare(namespaces.NEWPID | namespaces.NEWIPC)
    pid = os.fork()
    if pid:
        os.close(write)
        job["told"] = read
        return pid
    namespaces.prctl(namespaces.PR_SET_PDEATHSIG, signal.SIGKILL)
    namespaces.mount("proc", "/proc", "proc", namespaces.NOSUID | namespaces.NODEV | 8)
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


def _bubblewrap(config: dict[str, Any], job: dict[str, Any], handles: list[int]) -> int:
    """Let bubblewrap start the cell in the view that is furnished for it."""
    info, info_w = os.pipe()
    block, go = os.pipe()
    # Each mount costs. A cell owns nothing, so what of /proc is the system's is not its to set, and
    # the view has its devices; a tool of root's owns all of that.
    files = ["--dev-bind", "/", "/", "--proc", "/proc"]
    if config["workshop"]:
        closed = [f"/proc/{name}" for name in _OF_THE_SYSTEM if os.path.exists(f"/proc/{name}")]
        files = ["--bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
        files += [word for path in closed for word in ("--ro-bind", path, path)]
    argv = [
        "bwrap",
        *files,
        "--unshare-user",
        "--unshare-pid",
        "--unshare-ipc",
        "--uid",
        str(view.USER),
        "--gid",
        str(view.USER),
        *config["bwrap_flags"],
        "--die-with-parent",
        "--new-session",
        "--chdir",
        job["cwd"],
        "--info-fd",
        str(info_w),
        "--block-fd",
        str(block),
        "--",
        *job["argv"],
    ]
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
            namespaces.prctl(namespaces.PR_SET_DUMPABLE, 1)
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


def supervise(config: dict[str, Any], job: dict[str, Any], handles: list[int]) -> None:
    """Run one cell to its end and tell it on the first handle; when that is closed, end it."""
    told, *pipes = handles
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    namespaces.prctl(namespaces.PR_SET_CHILD_SUBREAPER, 1)
    os.setsid()
    answer: dict[str, Any] = {}
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
        namespaces.unshare(namespaces.NEWNS)
        written = view.furnish(config, job)
        for handle in pipes:
            os.fchown(handle, config["uid"], config["gid"])
        start = _bubblewrap if config["bwrap"] else _first
        pid = start(config, job, pipes)
        for handle in pipes:
            os.close(handle)
        watch = _Watch(proc, job.get("inside", pid))
        answer |= _await(pid, told, wake, watch, job)
        if "told" in job:
            trouble, _, code = os.read(job["told"], 65536).decode().partition("\n")
            answer |= json.loads(trouble or "{}") | ({"code": int(code)} if code else {})
        if written is not None and "trouble" not in answer:
            answer["bytecode"] = view.bytecode(written)
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
