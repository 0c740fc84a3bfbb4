"""Publishes packages that are installed here on a loopback index: the real pytest, for suites."""

from __future__ import annotations

from datetime import datetime
from importlib import metadata

from loopback_index import LoopbackIndex
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def publish_installed(index: LoopbackIndex, name: str, uploaded: datetime) -> None:
    """Publish an installed pure package, and what it requires on this Python."""
    if canonicalize_name(name) in index.files:
        return
    distribution = metadata.distribution(name)
    requires = [
        requirement.name
        for requirement in map(Requirement, distribution.requires or ())
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    ]
    files = {
        str(path): path.read_text("utf-8")
        for path in distribution.files or ()
        if path.suffix in (".py", ".typed") and ".." not in path.parts
    }
    index.add(
        canonicalize_name(name), distribution.version, uploaded, files=files, requires=requires
    )
    for required in requires:
        publish_installed(index, required, uploaded)
