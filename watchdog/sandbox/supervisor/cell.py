"""Runs one cell: prepares its view, starts it, enforces its limits, reports how it ended.

`monitor` is the process around a cell. Cell init, or bubblewrap, is its child, and PID 1 for the
cell: when it ends, the kernel kills everything in the cell.

It runs on Python 3.8: a preloaded interpreter runs it as well, see `interpreter`.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from watchdog.sandbox.supervisor import namespaces, view

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchdog.sandbox.supervisor.protocol import CellReply, CellRequest, Configuration

_TICK = 0.2
"""Seconds between two looks at the memory and the processes of a cell."""

_OWN_PROCESSES = 2
"""How many processes in the namespace of a cell are not counted: those of the sandbox itself."""

_SYSTEM_FILES = ("bus", "irq", "sys", "sysrq-trigger")
"""What of /proc belongs to the whole system."""


class _Started(NamedTuple):
    """A cell that was started.

    Attributes:
        pid: cell init or bubblewrap, a child of ours; when it ends the cell has ended.
        inside: a process in the process namespace of the cell.
        report: where cell init writes an error and the exit code; None with bubblewrap, which
            exits with the code of the cell.
    """

    pid: int
    inside: int
    report: int | None = None


def execute(request: CellRequest) -> NoReturn:
    """Become the program that was requested.

    Raises:
        OSError: it cannot be started.
    """
    os.execvpe(request["argv"][0], request["argv"], request["env"])  # noqa: S606


def monitor(
    config: Configuration,
    request: CellRequest,
    handles: list[int],
    become: Callable[[CellRequest], NoReturn] = execute,
) -> None:
    """Run one cell to its end and send the reply; kill it when the client closes its side.

    Args:
        config: what all cells have in common.
        request: the cell to run.
        handles: the socket for the reply, then standard input, output and perhaps error output.
        become: turns a confined process into the cell.
    """
    client, *pipes = handles
    wake = _become_monitor(config)
    reply: CellReply = {}
    try:
        reply = _run_cell(config, request, pipes, client, wake, become)
    except OSError as e:
        reply["error"] = str(e)
    reply["preloaded"] = become is not execute
    data = json.dumps(reply).encode()
    with contextlib.suppress(OSError):  # the watchdog may be gone
        while data:
            data = data[os.write(client, data) :]


def _become_monitor(config: Configuration) -> int:
    """Adopt orphans of the cell; return a descriptor that can be read when a child ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    namespaces.prctl(namespaces.PR_SET_CHILD_SUBREAPER, 1)
    _leave_group(config)
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return wake


def _leave_group(config: Configuration) -> None:
    """Begin a session; in the build sandbox only a process group.

    There the session has a low priority, and a new one would have the usual one.
    """
    if config["build_sandbox"]:
        os.setpgid(0, 0)
    else:
        os.setsid()


def _run_cell(
    config: Configuration,
    request: CellRequest,
    pipes: list[int],
    client: int,
    wake: int,
    become: Callable[[CellRequest], NoReturn],
) -> CellReply:
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)  # that of the run, before it is covered
    namespaces.unshare(namespaces.NEWNS)
    written = view.customize(config, request)
    for handle in pipes:
        os.fchown(handle, config["uid"], config["gid"])
    if config["bwrap"]:
        started = _start_with_bubblewrap(config, request, pipes)
    else:
        started = _start_with_namespaces(config, request, pipes, become)
    for handle in pipes:
        os.close(handle)
    reply = _wait(started.pid, client, wake, _Usage(proc, started.inside), request)
    if started.report is not None:
        error, _, code = os.read(started.report, 65536).decode().partition("\n")
        if error:
            reply["error"] = json.loads(error)
        if code:
            reply["code"] = int(code)
    if written is not None and "error" not in reply:
        reply["bytecode"] = view.list_bytecode(written)
    return reply


def _start_with_namespaces(
    config: Configuration,
    request: CellRequest,
    pipes: list[int],
    become: Callable[[CellRequest], NoReturn],
) -> _Started:
    """Fork cell init, which starts the cell, collects dead processes and reports its exit code."""
    read, write = os.pipe()
    namespaces.unshare(namespaces.NEWPID | namespaces.NEWIPC)
    pid = os.fork()
    if pid == 0:
        _run_cell_init(config, request, pipes, write, become)
    os.close(write)
    return _Started(pid, pid, read)


def _run_cell_init(
    config: Configuration,
    request: CellRequest,
    pipes: list[int],
    report: int,
    become: Callable[[CellRequest], NoReturn],
) -> NoReturn:
    """Start the cell; when it ends write its exit code to `report`, after an error, and exit."""
    namespaces.prctl(namespaces.PR_SET_PDEATHSIG, signal.SIGKILL)
    namespaces.mount_proc("/proc")
    cell = os.fork()
    if cell == 0:
        signal.set_wakeup_fd(-1)
        try:
            _leave_group(config)
            os.chdir(request["cwd"])
            _give_up_rights(config, request)
            _connect(config, pipes)
            become(request)
        except OSError as e:
            os.write(report, json.dumps(str(e)).encode())
            os._exit(127)
    signal.set_wakeup_fd(-1)
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == cell:
            os.write(report, b"\n%d" % _exit_code(status))
            os._exit(0)


def _give_up_rights(config: Configuration, request: CellRequest) -> None:
    """Become a user without rights, in a user namespace of the cell's own, within its limits."""
    system = _close_system_files()
    _become_user(config)
    namespaces.unshare(namespaces.NEWUSER)  # one a cell: processes are counted by it
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{view.USER} {config['uid']} 1\n")
    Path("/proc/self/gid_map").write_text(f"{view.USER} {config['gid']} 1\n")
    with contextlib.suppress(OSError):  # no namespaces inside of this one
        maximum = os.open("user/max_user_namespaces", os.O_WRONLY, dir_fd=system)
        os.write(maximum, b"0")
    namespaces.prctl(namespaces.PR_SET_NO_NEW_PRIVS, 1)
    for number, limit in _limits(request):
        resource.setrlimit(number, limit)


def _close_system_files() -> int:
    """Make what belongs to the whole system read-only: root may write it without any capability.

    Returns a descriptor of /proc/sys in which it can still be written.
    """
    handle = os.open("/proc/sys", os.O_PATH | os.O_DIRECTORY)
    for name in _SYSTEM_FILES:
        with contextlib.suppress(FileNotFoundError):
            namespaces.bind(f"/proc/{name}", f"/proc/{name}")
    return handle


def _become_user(config: Configuration) -> None:
    """Change to the user of the cell, where we are root; it owns no files, nor may it change back.

    In any case this process owns its /proc/self afterwards, which a change of users takes away.
    """
    uid, gid = config["uid"], config["gid"]
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    namespaces.prctl(namespaces.PR_SET_DUMPABLE, 1)


def _connect(config: Configuration, pipes: list[int]) -> None:
    """Set standard input and output, signals and the umask as a program expects them.

    Every other descriptor of ours closes by itself when the program begins. In the build sandbox a
    file that grows too large is an error, not the end of the tool, so that it removes what it has
    written.
    """
    os.dup2(pipes[0], 0)
    os.dup2(pipes[1], 1)
    os.dup2(pipes[-1], 2)  # a third one, or the second again
    for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    tool = config["build_sandbox"]
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN if tool else signal.SIG_DFL)
    os.umask(0o022)


def _limits(request: CellRequest) -> list[tuple[int, tuple[int, int]]]:
    """Return the requested limits, at most those of this process, which cannot be raised."""
    limits = []
    for name, (soft, hard) in request["limits"].items():
        number = getattr(resource, name)
        own = resource.getrlimit(number)[1]
        if own != resource.RLIM_INFINITY:
            soft, hard = min(soft, own), min(hard, own)  # noqa: PLW2901
        limits.append((number, (soft, hard)))
    return limits


def _start_with_bubblewrap(
    config: Configuration, request: CellRequest, pipes: list[int]
) -> _Started:
    """Let bubblewrap start the cell in the view that is prepared for it.

    bubblewrap waits until `block` is written to, so that limits are set before the cell begins.
    """
    info, info_w = os.pipe()
    block, go = os.pipe()
    argv = _bubblewrap_argv(config, request, info_w, block)
    pid = os.fork()
    if pid == 0:
        os.close(go)
        for handle in (info_w, block):
            os.set_inheritable(handle, True)  # noqa: FBT003
        _exec_bubblewrap(config, request, pipes, argv)
    os.close(info_w)
    os.close(block)
    inside = _read_child_pid(info)
    os.close(info)
    if inside is not None:
        with contextlib.suppress(ProcessLookupError):
            for number, limit in _limits(request):
                resource.prlimit(inside, number, limit)
        os.write(go, b"x")
    os.close(go)
    return _Started(pid, pid if inside is None else inside)


def _bubblewrap_argv(
    config: Configuration, request: CellRequest, info: int, block: int
) -> list[str]:
    # Each mount costs. A cell owns nothing, so it may not write the system's files in /proc, and
    # the view has its devices. A build tool of root owns all of that.
    files = ["--dev-bind", "/", "/", "--proc", "/proc"]
    session = ["--new-session"]
    if config["build_sandbox"]:
        session = []  # see _leave_group
        files = ["--bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
        for name in _SYSTEM_FILES:
            if os.path.exists(f"/proc/{name}"):
                files += ["--ro-bind", f"/proc/{name}", f"/proc/{name}"]
    return [
        "bwrap",
        *files,
        "--unshare-user",
        "--unshare-pid",
        "--unshare-ipc",
        *("--uid", str(view.USER), "--gid", str(view.USER)),
        *config["bwrap_flags"],
        "--die-with-parent",
        *session,
        *("--chdir", request["cwd"]),
        *("--info-fd", str(info), "--block-fd", str(block)),
        "--",
        *request["argv"],
    ]


def _exec_bubblewrap(
    config: Configuration, request: CellRequest, pipes: list[int], argv: list[str]
) -> NoReturn:
    try:
        _leave_group(config)
        _become_user(config)
        _connect(config, pipes)
        # By its descriptor: its path may not be in the view of a cell.
        os.execve(config["bwrap_handle"], argv, request["env"])  # noqa: S606
    except OSError as e:
        os.write(2, f"bubblewrap cannot start: {e}\n".encode())
        os._exit(127)


def _read_child_pid(info: int) -> int | None:
    """Return the PID of the cell that bubblewrap reports; None if it ended before."""
    data = b""
    while chunk := os.read(info, 4096):
        data += chunk
    return int(json.loads(data)["child-pid"]) if data else None


class _Usage:
    """Measures the processes of a cell and their memory, from outside of it."""

    def __init__(self, proc: int, inside: int) -> None:
        self._proc = proc
        self._namespace = self._namespace_of(inside)

    def _namespace_of(self, pid: int | str) -> str | None:
        try:
            return os.readlink(f"{pid}/ns/pid", dir_fd=self._proc)
        except OSError:
            return None

    def excess(self, memory_mb: int, processes: int) -> str:
        """Return which limit the cell exceeds, as a sentence; empty if none."""
        count, pages = 0, 0
        if self._namespace is not None:
            for name in os.listdir(self._proc):
                if name.isdigit() and self._namespace_of(name) == self._namespace:
                    count += 1
                    pages += self._private_pages(name)
        if count > processes + _OWN_PROCESSES:
            return f"more than {processes} processes at once"
        if pages * resource.getpagesize() > memory_mb * 1024 * 1024:
            return f"more than {memory_mb} MB of memory, all its processes together"
        return ""

    def _private_pages(self, pid: str) -> int:
        """Return how many resident pages a process has for itself; 0 if it has ended."""
        with contextlib.suppress(OSError, ValueError):
            handle = os.open(f"{pid}/statm", os.O_RDONLY, dir_fd=self._proc)
            try:
                _, resident, shared = os.read(handle, 200).split()[:3]
            finally:
                os.close(handle)
            return int(resident) - int(shared)
        return 0


def _wait(pid: int, client: int, wake: int, usage: _Usage, request: CellRequest) -> CellReply:
    """Wait until a cell and all its processes have ended; kill it at its limits.

    It is killed as well when the client closes its side of the socket.
    """
    poll = select.poll()
    poll.register(client, select.POLLIN | select.POLLHUP)
    poll.register(wake, select.POLLIN)
    reply: CellReply = {}
    while (status := _collect(pid)) is None:
        ready = dict(poll.poll(_TICK * 1000))
        if wake in ready:
            os.read(wake, 512)
        if client in ready:
            os.kill(pid, signal.SIGKILL)
            poll.unregister(client)
        elif not ready and (note := usage.excess(request["total_memory_mb"], request["processes"])):
            os.kill(pid, signal.SIGKILL)
            reply["note"] = note
    signal.set_wakeup_fd(-1)
    with contextlib.suppress(ChildProcessError):
        while True:  # the others were killed with PID 1 of the cell and are about to end
            os.waitpid(-1, 0)
    code = _exit_code(status)
    # bubblewrap exits with 128 + the number of the signal that its child was killed by.
    reply["code"] = 128 - code if code > 128 else code  # noqa: PLR2004
    return reply


def _collect(pid: int) -> int | None:
    """Collect all dead children; return the status of `pid` if it is one of them."""
    status = None
    with contextlib.suppress(ChildProcessError):
        while True:
            dead, dead_status = os.waitpid(-1, os.WNOHANG)
            if dead == 0:
                break
            if dead == pid:
                status = dead_status
    return status


def _exit_code(status: int) -> int:
    """Return an exit code, negative for a signal; Python 3.8 has no `waitstatus_to_exitcode`."""
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
