"""Knows the lines that a machine wrote for itself, which no index can install.

`pip freeze` lists every distribution that it finds, also those of the operating system or of conda.
"""

from __future__ import annotations

import re

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_PYTHONS = frozenset({"python", "python-abi", "pypy"})
"""conda manages the interpreter as a package."""

_CONDA = frozenset(
    {
        *("bzip2", "ca-certificates", "libexpat", "libffi", "libgcc", "libgcc-ng", "libgomp"),
        *("ld-impl-linux-64", "libnsl", "libsqlite", "libstdcxx", "libstdcxx-ng", "libuuid"),
        *("libxcrypt", "libzlib", "ncurses", "openssl", "readline", "sqlite", "tk", "ucrt"),
        *("vc", "vs2015-runtime", "xz", "zlib", "expat"),
    }
)
"""What conda's package `python` needs on Linux, macOS and Windows (its `depends`, in the recipes of
the default channel and of conda-forge), but for names that applications install from an index:
tzdata, pip, setuptools, wheel."""

_DEBIAN = frozenset(
    {
        *("command-not-found", "language-selector", "python-apt", "ubuntu-advantage-tools"),
        *("ubuntu-drivers-common", "ubuntu-pro-client", "ufw", "unattended-upgrades", "xkit"),
    }
)
"""Parts of Ubuntu that lie in the folder of its Python; no index has the versions that Ubuntu ships
(names of its packages with files in `/usr/lib/python3/dist-packages`)."""

_PIN = re.compile(r"^([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*==")
_DEBIAN_VERSION = re.compile(r"ubuntu|\+deb\d", re.IGNORECASE)


def find_artefact(requirement: Requirement) -> str | None:
    """Return why a requirement belongs to the machine that wrote it; None if it does not."""
    name = canonicalize_name(requirement.name)
    is_pinned = str(requirement.specifier).startswith("==")
    if name == "pkg-resources":
        # Debian and Ubuntu split setuptools, and a bug of their pip lists the one part as a package
        # (Ubuntu bug 1635463, "python virtualenv: pip freeze lists pkg-resources==0.0.0").
        return "a part of setuptools that pip of Debian and Ubuntu lists by mistake"
    if name in _PYTHONS:
        return "the interpreter itself, as conda lists it"
    if name in _CONDA and is_pinned:
        return "a library of the system, as conda lists it"
    if name in _DEBIAN or _DEBIAN_VERSION.search(str(requirement.specifier)):
        return "a part of Debian or Ubuntu, which no index has"
    return None


def find_artefact_by_name(line: str) -> str | None:
    """Return the same of a pin whose version is none to an index, such as OpenSSL's `1.1.1l`."""
    match = _PIN.match(line)
    return find_artefact(Requirement(f"{match[1]}==0")) if match else None
