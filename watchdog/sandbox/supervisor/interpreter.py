"""A preloaded interpreter: a Python that has loaded its standard library and forks into cells.

    python -I -X faulthandler interpreter.py SOCKET FOLDER

The supervisor starts one for a Python that many cells use, in a virtual environment that is empty,
with the folder of this code. It confines cells as the supervisor itself does (`cell`), but a cell
is a fork of it that becomes the probe, where the supervisor starts a fresh Python. No code of a
cell runs in the interpreter itself, so no cell finds anything of another one.

Standard library only, and it runs on Python 3.8.
"""

import sys

FRESH = set(sys.modules)
"""Names of the modules of a fresh interpreter; nothing else may be imported before."""
FRESH_PATH = list(sys.path)
FRESH_MAIN = {name: value for name, value in globals().items() if name.startswith("__")}
"""What a program that Python runs by its path has from the beginning."""

sys.path.insert(0, sys.argv[2])

from watchdog.sandbox.supervisor import preload

NAMES = """
    argparse array ast asyncio atexit base64 bdb bisect bz2 calendar cmd code collections.abc
    concurrent.futures concurrent.futures.thread configparser contextlib contextvars copy csv
    ctypes dataclasses datetime decimal difflib dis email.generator email.headerregistry
    email.message email.mime.base email.mime.multipart email.mime.text email.parser email.policy
    email.utils encodings.idna encodings.latin_1 enum errno fcntl fnmatch fractions functools
    getpass gettext glob grp gzip hashlib heapq hmac html html.parser http http.client
    http.cookiejar http.cookies http.server importlib.abc importlib.machinery importlib.metadata
    importlib.resources importlib.util inspect io ipaddress itertools json keyword linecache locale
    logging logging.config logging.handlers lzma math mimetypes numbers operator optparse os
    pathlib pickle pkgutil platform pprint pwd queue quopri random re reprlib resource secrets
    select selectors shlex shutil signal smtplib socket socketserver sqlite3 ssl stat string
    stringprep struct subprocess tempfile textwrap threading time timeit token tokenize traceback
    types typing unicodedata unittest unittest.mock urllib.error urllib.parse urllib.request
    urllib.response uuid warnings weakref wsgiref.simple_server xml.etree.ElementTree zipfile zlib
""".split()  # noqa: SIM905  a list would take a line each
"""Modules of the standard library that Flask, its packages and the smokes import.

Not among them is what changes more than the interpreter: `readline` handles a signal, so `pdb`,
which imports it, does too; and `_zoneinfo` brings `datetime` only the first time.
"""

_DESCRIPTORS = 1024
"""How many file descriptors a cell may have; see the limits of a `Job`."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from types import ModuleType
    from typing import Any, NoReturn

    from watchdog.sandbox.supervisor.protocol import CellRequest


class Become(BaseException):
    """Ends all that the interpreter does in a fork that becomes a cell."""

    def __init__(self, request: "CellRequest") -> None:
        super().__init__()
        self.request = request


def serve(control: "socket.socket") -> None:
    """Confine a fork for each request, until the supervisor closes the socket.

    Raises:
        Become: in the fork, when it is confined.
    """
    import gc
    import json
    import os
    import signal

    from watchdog.sandbox.supervisor import cell

    config = json.loads(control.recv(1 << 20))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    control.send(b"ready")
    while True:
        data, handles = _receive(control)
        if not data:
            os._exit(0)
        if os.fork() == 0:
            control.close()
            cell.monitor(config, json.loads(data), handles, _become)
            os._exit(0)
        for handle in handles:
            os.close(handle)


def _receive(control: "socket.socket") -> "tuple[bytes, list[int]]":
    """Return a message and the descriptors that came with it; Python 3.8 has no `recv_fds`."""
    import array
    import os
    import socket

    handles = array.array("i")
    size = socket.CMSG_LEN(8 * handles.itemsize)
    data, ancillary, _, _ = control.recvmsg(1 << 20, size)
    for _level, _type, content in ancillary:
        handles.frombytes(content[: len(content) - len(content) % handles.itemsize])
    for handle in handles:
        os.set_inheritable(handle, False)
    return data, list(handles)


def _become(request: "CellRequest") -> "NoReturn":
    raise Become(request)


def prepare(request: "CellRequest", preloaded: "preload.Preloaded") -> "tuple[Any, ModuleType]":
    """Make this process what a fresh Python is when it begins to run a program.

    Returns:
        The code of the program, and its module.
    """
    import marshal
    import os
    import signal
    import site
    from _frozen_importlib_external import SourceFileLoader, SourcelessFileLoader

    from watchdog.sandbox.supervisor import namespaces

    namespaces.drop_capabilities()
    os.closerange(3, _DESCRIPTORS)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    os.environ.clear()
    os.environ.update(request["env"])
    argv, arguments = request["argv"], request["preloaded"]["arguments"]
    sys.argv = list(arguments)
    if hasattr(sys, "orig_argv"):
        sys.orig_argv[:] = argv
    sys.executable = argv[0]
    old, new = sys.prefix, os.path.dirname(os.path.dirname(argv[0]))
    sys.prefix = sys.exec_prefix = new
    sys.path[:] = [path for path in FRESH_PATH if not path.startswith(old + os.sep)]
    for path in [path for path in sys.path_importer_cache if path not in sys.path]:
        del sys.path_importer_cache[path]
    preload.Provider(preloaded).hide(FRESH)
    module = sys.modules["__main__"] = type(sys)("__main__")
    vars(module).update(FRESH_MAIN, __doc__=None, __file__=arguments[0])
    site.PREFIXES[:] = [new if prefix == old else prefix for prefix in site.PREFIXES]
    site.USER_BASE = site.USER_SITE = None
    site.getusersitepackages()
    site.addsitepackages(set(sys.path), [new])
    site.execsitecustomize()
    with open(arguments[0], "rb") as file:
        data = file.read()
    loader = SourcelessFileLoader if arguments[0].endswith(".pyc") else SourceFileLoader
    module.__loader__ = loader("__main__", arguments[0])
    if loader is SourcelessFileLoader:
        return marshal.loads(data[16:]), module  # noqa: S302  the watchdog has compiled it
    return compile(data, arguments[0], "exec"), module


def main() -> "tuple[CellRequest, preload.Preloaded]":
    """Load the standard library and serve; in a fork, return what it has to become."""
    preloaded = preload.load(NAMES, FRESH)
    import socket

    try:
        serve(socket.socket(fileno=int(sys.argv[1])))
    except Become as become:
        return become.request, preloaded
    raise SystemExit


if __name__ == "__main__":
    # At the top level, and outside of any handler: below it a cell finds only this one frame.
    CODE, MODULE = prepare(*main())
    exec(CODE, vars(MODULE))  # noqa: S102  the probe
