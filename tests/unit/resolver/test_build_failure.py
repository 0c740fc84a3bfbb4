"""Why something does not build or load here."""

from __future__ import annotations

import pytest

from watchdog.resolver.build_failure import explain_build_failure, missing_of_machine


@pytest.mark.parametrize(
    ("log", "reason", "debian"),
    [
        ("Error: pg_config executable not found.", "the program pg_config", "libpq-dev"),
        (
            "/bin/sh: 1: mysql_config: not found",
            "the program mysql_config",
            "default-libmysqlclient-dev",
        ),
        ("/bin/sh: 1: krb5-config: not found", "the program krb5-config", "libkrb5-dev"),
        (
            "FileNotFoundError: [Errno 2] No such file or directory: 'krb5-config'",
            "the program krb5-config",
            "libkrb5-dev",
        ),
        (
            "c/_cffi_backend.c:15:10: fatal error: ffi.h: No such file or directory",
            "the header ffi.h",
            "libffi-dev",
        ),
        (
            "error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory",
            "the program gcc",
            "build-essential",
        ),
        ("error: can't find Rust compiler", "the program rustc", "rustc"),
        (
            "ImportError: libodbc.so.2: cannot open shared object file: No such file",
            "the system library libodbc.so.2",
            "unixodbc",
        ),
        (
            "ImportError: libGL.so.1: cannot open shared object file: No such file or directory",
            "the system library libGL.so.1",
            "libgl1",
        ),
        ("/usr/bin/ld: cannot find -lpython3.9d", "the system library python3.9d", None),
        ("x.c:1:10: fatal error: strange.h: No such file", "the header strange.h", None),
    ],
)
def test_what_the_machine_lacks(log: str, reason: str, debian: str | None) -> None:
    """What another machine may have is named, with its Debian package, and is no verdict."""
    failure = explain_build_failure(log)
    assert failure.machine
    assert failure.reason == f"this machine lacks {reason}"
    assert failure.debian == debian


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (
            "error in jsmin setup command: use_2to3 is invalid.",
            "its setup.py uses `use_2to3`, which setuptools 58 removed",
        ),
        (
            "ImportError: cannot import name 'Feature' from 'setuptools' (…/__init__.py)",
            "its setup.py uses `setuptools.Feature`, which setuptools 46 removed",
        ),
        (
            "ModuleNotFoundError: No module named 'imp'",
            "its setup.py imports `imp`, which Python 3.12 removed",
        ),
        (
            "ModuleNotFoundError: No module named 'Cython'",
            "its setup.py imports `Cython`, which it lacks",
        ),
        (
            "src/greenlet/TPythonState.cpp:156:42: error: no member named 'trash'",
            "its C code does not compile for this Python",
        ),
        (
            "src/x.c:3:10: fatal error: internal/pycore_frame.h: No such file or directory",
            "its C code does not compile for this Python",
        ),
        (
            "aiohttp/_websocket.c:198:12: fatal error: longintrepr.h: No such file or directory",
            "its C code does not compile for this Python",
        ),
        ("something else", "its build fails"),
    ],
)
def test_fault_of_the_package(log: str, reason: str) -> None:
    """What fails on every such machine is said in words, with what removed it."""
    failure = explain_build_failure(log)
    assert (failure.machine, failure.reason) == (False, reason)


def test_other_errors_lack_nothing() -> None:
    """An ordinary exception says nothing about the machine."""
    assert missing_of_machine("ImportError: cannot import name 'url_quote'") is None
    assert missing_of_machine("ModuleNotFoundError: No module named 'redis'") is None
