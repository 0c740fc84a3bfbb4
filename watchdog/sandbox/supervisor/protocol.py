"""The messages between `SupervisorClient` and the supervisor, as JSON.

Their two sockets keep the borders between messages (SOCK_SEQPACKET). On the socket of cells the
client sends one `Configuration`, which is answered with `{"ready": true}` or `{"error": "…"}`, and
then a `CellRequest` for each cell. File descriptors travel with a request: the socket for its
`CellReply`, then standard input, output and, if it is separate, error output. The requests on the
socket of services are described in `__main__`.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict


class Configuration(TypedDict):
    """The settings that all cells of a supervisor share.

    Attributes:
        uid, gid: who a cell is outside of its own user namespace.
        scratch: the folder that holds the folders of the cells.
        visible: paths that every cell may read.
        links: symbolic links to make on the way to them, as path and target.
        store: the package store; a cell that reports bytecode writes to a copy of it.
        bwrap: path of bubblewrap if it starts the cells, else None.
        bwrap_flags: options that this version of bubblewrap has beyond the usual ones.
        build_sandbox: cells are build tools: they run as the user of the watchdog and write only
            to what their request names.
        network: cells use the network of the machine, not one with loopback only.
        hosts: names for /etc/hosts, with their addresses.
        bwrap_handle: descriptor of bubblewrap, opened by the zygote.
    """

    uid: int
    gid: int
    scratch: str
    visible: list[str]
    links: list[tuple[str, str]]
    store: str
    bwrap: str | None
    bwrap_flags: list[str]
    build_sandbox: bool
    network: bool
    hosts: dict[str, str]
    bwrap_handle: NotRequired[int]


class Preloaded(TypedDict):
    """A preloaded interpreter that may start a cell; see `interpreter`.

    Attributes:
        python: of an empty environment in the scratch folder.
        code: folder in the scratch folder that holds this package.
        options: of the Python, the same as in the cell's `argv`.
        arguments: what of the cell's `argv` comes after them.
    """

    python: str
    code: str
    options: list[str]
    arguments: list[str]


class CellRequest(TypedDict):
    """One cell to run. The last five fields: first those of a cell, then of a build tool.

    Attributes:
        name: of its folder in the scratch folder.
        limits: `RLIMIT_…` of each of its processes, soft and hard.
        processes: how many it may have at once.
        total_memory_mb: resident memory of all its processes together, in MiB.
        disk_mb: size of each file system that it can write to, in MiB.
        preloaded: what may start it in place of a fresh Python.
        report_bytecode: reply with the bytecode files that it wrote to the package store.
        folders: empty folders to make in its folder.
        visible: names in its folder that it may read.
        shared: paths in the scratch folder, outside of its own, that it may read.
        readable, writable: paths of the machine, as seen inside and where they really are.
    """

    name: str
    argv: list[str]
    env: dict[str, str]
    cwd: str
    limits: dict[str, tuple[int, int]]
    processes: int
    total_memory_mb: int
    disk_mb: int
    report_bytecode: bool
    preloaded: NotRequired[Preloaded]
    folders: NotRequired[list[str]]
    visible: NotRequired[list[str]]
    shared: NotRequired[list[str]]
    readable: NotRequired[list[tuple[str, str]]]
    writable: NotRequired[list[tuple[str, str]]]


class CellReply(TypedDict, total=False):
    """The end of a cell.

    Attributes:
        code: its exit code; negative for a signal.
        note: which limit it was killed for.
        bytecode: the bytecode files that it wrote, as paths in the package store.
        preloaded: whether a preloaded interpreter started it.
        error: why it could not be confined; then it did not run.
    """

    code: int
    note: str
    bytecode: list[str]
    preloaded: bool
    error: str
