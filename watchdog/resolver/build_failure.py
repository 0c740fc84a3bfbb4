"""Explains why a package does not build or load here: its own fault, or what the machine lacks.

Pure: the log of a build, or the message of a failed import, in; an explanation out. What the
machine lacks says nothing about the package, so it must not become a verdict.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class BuildFailure:
    """Why a release does not build, or does not load.

    Attributes:
        reason: a phrase that follows `X does not build: `.
        machine: whether this machine lacks something that another one may have.
        debian: the Debian package that brings what is missing, if it is known.
    """

    reason: str
    machine: bool = False
    debian: str | None = None


_DEBIAN_OF_PROGRAM: Mapping[str, str] = {
    "pg_config": "libpq-dev",
    "mysql_config": "default-libmysqlclient-dev",
    "mariadb_config": "libmariadb-dev",
    "krb5-config": "libkrb5-dev",
    "xml2-config": "libxml2-dev",
    "xslt-config": "libxslt1-dev",
    "curl-config": "libcurl4-openssl-dev",
    "gdal-config": "libgdal-dev",
    "cmake": "cmake",
    "pkg-config": "pkg-config",
    "swig": "swig",
    "gcc": "build-essential",
    "cc": "build-essential",
    "g++": "build-essential",
    "c++": "build-essential",
    "make": "build-essential",
    "rustc": "rustc",
    "cargo": "cargo",
    "gfortran": "gfortran",
}
"""Programs that builds call, and the package of Debian 12 that has them (packages.debian.org)."""

_DEBIAN_OF_FILE: Mapping[str, str] = {
    "Python.h": "python3-dev",
    "ffi.h": "libffi-dev",
    "libpq-fe.h": "libpq-dev",
    "mysql.h": "default-libmysqlclient-dev",
    "ldap.h": "libldap2-dev",
    "lber.h": "libldap2-dev",
    "sasl/sasl.h": "libsasl2-dev",
    "gssapi.h": "libkrb5-dev",
    "gssapi/gssapi.h": "libkrb5-dev",
    "krb5.h": "libkrb5-dev",
    "openssl/opensslv.h": "libssl-dev",
    "openssl/ssl.h": "libssl-dev",
    "libxml/xmlversion.h": "libxml2-dev",
    "libxml/xpath.h": "libxml2-dev",
    "sql.h": "unixodbc-dev",
    "sqlext.h": "unixodbc-dev",
    "sybdb.h": "freetds-dev",
    "snappy-c.h": "libsnappy-dev",
    "zlib.h": "zlib1g-dev",
    "bzlib.h": "libbz2-dev",
    "jpeglib.h": "libjpeg-dev",
    "magic.h": "libmagic-dev",
    "portaudio.h": "portaudio19-dev",
    "cairo.h": "libcairo2-dev",
    "libmemcached/memcached.h": "libmemcached-dev",
    "db.h": "libdb-dev",
    "event.h": "libevent-dev",
    "xmlsec/xmlsec.h": "libxmlsec1-dev",
}
"""Headers of system libraries, and the package of Debian 12 that has them."""

_DEBIAN_OF_LIBRARY: Mapping[str, str] = {
    "libGL.so.1": "libgl1",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libodbc.so.2": "unixodbc",
    "libpq.so.5": "libpq5",
    "libmysqlclient.so.21": "libmysqlclient21",
    "libmariadb.so.3": "libmariadb3",
    "libmagic.so.1": "libmagic1",
    "libcairo.so.2": "libcairo2",
    "libxmlsec1.so.1": "libxmlsec1",
    "libgssapi_krb5.so.2": "libgssapi-krb5-2",
    "libldap-2.4.so.2": "libldap-2.4-2",
    "libgomp.so.1": "libgomp1",
    "libpango-1.0-0": "libpango-1.0-0",
    "libgobject-2.0-0": "libglib2.0-0",
}
"""Shared libraries, and the package of Debian 12 that has them."""

_MISSING_PROGRAM = re.compile(
    # The shell, Python's subprocess, and what setup scripts print.
    r"(?P<a>[\w+.-]+): (?:command )?not found\b"
    r"|No such file or directory: '(?P<b>[\w+.-]+)'"
    r"|command '(?P<c>[\w+./-]+)' failed: No such file or directory"
    r"|(?P<d>[\w.-]+_config) executable (?:is )?not found"
    r"|(?P<e>cmake|CMake|rustc|cargo|swig|pkg-config)(?:\W.{0,40})? "
    r"(?:is not (?:installed|found)|not found|must be installed)"
    r"|can't find (?P<f>Rust) compiler"
)
_MISSING_HEADER = re.compile(
    r"fatal error: '?(?P<file>[\w/.+-]+\.(?:h|hpp|hh))'?(?:: No such file| file not)"
)
_PKG_CONFIG = re.compile(
    r"Package '?(?P<name>[\w.+-]+)'?,? (?:was not found in the pkg-config|required by|not found)"
    r"|[Cc]an not find valid pkg-config name"
)
_MISSING_LIBRARY = re.compile(
    r"(?P<library>lib[\w.+-]+\.so[\w.]*): cannot open shared object file"
    r"|cannot load library '?(?P<b>lib[\w.+-]+)"
    r"|/ld: cannot find -l(?P<c>[\w.+-]+)"
    r"|(?P<d>lib[\w+-]+) (?:headers|library) (?:is |are )?(?:missing|not found|required)"
)
_REMOVED: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"use_2to3 is invalid"),
        "its setup.py uses `use_2to3`, which setuptools 58 removed",
    ),
    (
        re.compile(r"cannot import name '?Feature'? from '?setuptools"),
        "its setup.py uses `setuptools.Feature`, which setuptools 46 removed",
    ),
    (
        re.compile(r"No module named '?(?P<name>imp|distutils|asynchat|asyncore|smtpd)\b"),
        "its setup.py imports `{name}`, which Python 3.12 removed",
    ),
    (
        re.compile(r"No module named '?pkg_resources\b"),
        "its setup.py imports `pkg_resources`, which setuptools 82 removed",
    ),
    (
        re.compile(r"No module named '?(?P<name>pipes|cgi|crypt|telnetlib|imghdr)\b"),
        "its setup.py imports `{name}`, which Python 3.13 removed",
    ),
    (
        re.compile(r"module 'configparser' has no attribute 'SafeConfigParser'"),
        "its setup.py uses `configparser.SafeConfigParser`, which Python 3.12 removed",
    ),
    (
        re.compile(r"module 'inspect' has no attribute 'getargspec'"),
        "its setup.py uses `inspect.getargspec`, which Python 3.11 removed",
    ),
    (
        re.compile(r"Missing parentheses in call to 'print'"),
        "its setup.py is written for Python 2",
    ),
)
"""What old setup scripts use that is gone. Sources: the changelogs of setuptools (46.0, 58.0, 82.0)
and "What's New In Python" 3.11 to 3.13. The first column is searched in the last lines of a log."""

_MODULE = re.compile(r"^\s*(?:\w+\.)*ModuleNotFoundError: No module named '(?P<name>[\w.]+)'")
_COMPILER = re.compile(r"^\s*\S+\.(?:c|cc|cpp|cxx|h|hpp|pyx):\d+:(?:\d+:)? (?:fatal )?error: ")
_LAST_LINES = 60


def explain_build_failure(log: str) -> BuildFailure:
    """Return why a build failed, from its log."""
    lines = [line.strip(" │╰─▶×\t") for line in log.splitlines()]
    tail = "\n".join(lines[-_LAST_LINES:])
    if missing := missing_of_machine(log):
        return missing
    for pattern, words in _REMOVED:
        if match := pattern.search(tail):
            return BuildFailure(reason=words.format(**match.groupdict()))
    if any(_COMPILER.match(line) for line in lines):
        return BuildFailure(reason="its C code does not compile for this Python")
    for line in reversed(lines):
        if match := _MODULE.match(line):
            return BuildFailure(reason=f"its setup.py imports `{match['name']}`, which it lacks")
    return BuildFailure(reason="its build fails")


def missing_of_machine(text: str) -> BuildFailure | None:
    """Return what a build or an import wants of the machine that it lacks; None if nothing."""
    if match := _MISSING_LIBRARY.search(text):
        library = next(group for group in match.groups() if group)
        debian = _first_known((library, f"lib{library}"), _DEBIAN_OF_LIBRARY)
        return _missing(f"the system library {library}", debian)
    if match := _MISSING_HEADER.search(text):
        return _missing_header(match["file"])
    if match := _MISSING_PROGRAM.search(text):
        program = next(group for group in match.groups() if group).rsplit("/", 1)[-1]
        # `x86_64-linux-gnu-gcc` is called like the compiler that a Python was built with.
        short = re.sub(r"^\w+-linux-gnu-|-\d+$", "", program.lower()).replace("rust", "rustc")
        short = "rustc" if short.startswith("rustc") else short
        if debian := _DEBIAN_OF_PROGRAM.get(short):
            return _missing(f"the program {short}", debian)
        if program.endswith("-config"):
            return _missing(f"the program {program}", None)
    if match := _PKG_CONFIG.search(text):
        name = match["name"] or "it needs"
        return _missing(f"the system library {name}", None)
    return None


_HEADERS_OF_PYTHON = re.compile(
    r"^(?:internal/|cpython/)|\bpycore_"
    r"|^(?:longintrepr|code|node|graminit|parsetok|symtable|pyatomic)\.h$"
)
"""Headers that a later Python removed or moved: the C code is too old for it."""


def _missing_header(path: str) -> BuildFailure | None:
    """Return a header that is missing; None for one that a later Python removed."""
    if _HEADERS_OF_PYTHON.search(path):
        return None
    debian = _first_known((path, path.rsplit("/", 1)[-1]), _DEBIAN_OF_FILE)
    return _missing(f"the header {path}", debian)


def _first_known(names: Iterable[str], table: Mapping[str, str]) -> str | None:
    return next((table[name] for name in names if name in table), None)


def _missing(what: str, debian: str | None) -> BuildFailure:
    return BuildFailure(reason=f"this machine lacks {what}", machine=True, debian=debian)
