"""What uv prints, understood: texts in, values out."""

from __future__ import annotations

import re

from packaging.utils import canonicalize_name

from watchdog.model.lock import Conflict, Lock, NoAnswer, Resolution, Unbuildable
from watchdog.sandbox.process import ProcessResult
from watchdog.sandbox.redaction import hide_urls

_NEEDS_NETWORK = re.compile(
    r"needs to be downloaded from a registry|network (connectivity )?(is|was) disabled"
    r"|not found in the cache|downloads were disabled",
    re.IGNORECASE,
)
_NOT_KEPT = re.compile(r"`([A-Za-z0-9._-]+)==([^`\s]+)` needs to be downloaded from a registry")
_BUILD_FAILED = re.compile(
    r"Failed to build|build backend|Failed to download and build", re.IGNORECASE
)
_NETWORK_FAILED = re.compile(
    r"error sending request|Failed to fetch|Connection refused|timed out|dns error"
    r"|HTTP status (server|client) error|client error \(Connect\)|Request failed|reset by peer"
    r"|No space left on device|Hash mismatch|waiting for lock",
    re.IGNORECASE,
)
_UNPACKED = re.compile(r"/[^\s'\"]*/sdists-v\d+/[^\s'\"]*?/src/")
_BUILDS = re.compile(r"/[^\s'\":]*/builds-v\d+/[^\s'\"/:]+")
"""Where uv unpacks what it builds, and the tools it builds with: other places on every machine, and
each time."""

_TOOL_TOO_NEW = re.compile(r"`([A-Za-z0-9._-]+)` was filtered by `exclude-newer`")
_LOOKED_AT = re.compile(r"Searching for a compatible version of ([A-Za-z0-9._-]+)")
_READ = re.compile(
    r"Sending (?:fresh GET|revalidation) request for: \S*/([A-Za-z0-9._-]+)/?$", re.MULTILINE
)
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;]+)")


def needs_network(done: ProcessResult) -> bool:
    """Whether something was not in the cache and could not be fetched."""
    return bool(_NEEDS_NETWORK.search(done.errors))


def not_kept(done: ProcessResult) -> dict[str, str]:
    """The releases that were wanted first and whose metadata is not in the cache: name, version."""
    found: dict[str, str] = {}
    for name, version in _NOT_KEPT.findall(done.errors):
        found.setdefault(canonicalize_name(name), version)
    return found


def network_failed(done: ProcessResult) -> bool:
    """Whether the index, what leads to it or this machine is to blame."""
    return bool(_NETWORK_FAILED.search(done.errors))


def build_failed(done: ProcessResult) -> bool:
    """Whether a source distribution did not build."""
    return bool(_BUILD_FAILED.search(done.errors))


def no_wheel_fits(done: ProcessResult) -> bool:
    """Whether a release has wheels, but none for this Python and system."""
    return "has no wheels with a matching" in done.errors or "no usable wheels" in done.errors


def looked_at(log: str) -> frozenset[str]:
    """The packages whose releases the resolver looked at."""
    return _names(_LOOKED_AT, log)


def pages_read(log: str) -> frozenset[str]:
    """The packages whose page was read from the index just now."""
    return _names(_READ, log)


def tool_names(done: ProcessResult) -> frozenset[str]:
    """The build tools for want of which something did not build."""
    if done.returncode == 0 or not build_failed(done):
        return frozenset()
    return _names(_TOOL_TOO_NEW, done.errors)


def _names(pattern: re.Pattern[str], log: str) -> frozenset[str]:
    return frozenset(canonicalize_name(name) for name in pattern.findall(log))


def answer(done: ProcessResult) -> Resolution:
    """What a resolution said: a lock, a conflict, what does not build, or that nobody knows."""
    if done.returncode == 0:
        found = (m.groups() for m in map(_PIN.match, done.output.splitlines()) if m)
        return Lock.of({canonicalize_name(name): version for name, version in found})
    text = redacted(done.errors).strip()
    network = network_failed(done)
    if done.note or (build_failed(done) and not network):
        return Unbuildable(done.note or symptom(text), text)
    if network:
        return NoAnswer(index_trouble(done.errors))
    if "No solution found" in done.errors or "unsatisfiable" in done.errors:
        if "was not found in the package registry" in done.errors:
            return NoAnswer(_reason(text), infrastructure=False)
        return Conflict(_reason(text))
    return NoAnswer(f"uv could not answer: {text[-2000:]}")


def redacted(errors: str) -> str:
    """What uv said, without URLs and without the places of a source distribution and its tools."""
    return _BUILDS.sub("<build>", _UNPACKED.sub("", hide_urls(errors)))


def index_trouble(errors: str) -> str:
    """A sentence about an index that cannot be read."""
    lines = [line.strip() for line in hide_urls(errors).splitlines() if line.strip()]
    last = lines[-1].removeprefix("cause: ").removeprefix("Caused by: ") if lines else "no answer"
    return (
        f"the package index cannot be read ({last}). Look at uv's configuration "
        "(UV_DEFAULT_INDEX, uv.toml), the network and any proxy, then run the same command again."
    )


def _reason(text: str) -> str:
    """The resolver's explanation as one paragraph.

    Without its hints at the cutoff: they name the instant, and one reason must read the same at
    every moment at which it holds.
    """
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if not line.startswith(("warning:", "WARN"))]
    parts = re.split(r"\s*(?=\bhint:)", " ".join(lines))
    paragraph = " ".join(part for part in parts if "exclude-newer" not in part)
    paragraph = re.sub(
        r"^(error: |× )?No solution found when resolving dependencies:?\s*", "", paragraph
    )
    return re.sub(r"^(cause:|╰─▶)\s*", "", paragraph).strip()


def symptom(text: str) -> str:
    """The line of an installer's output that names the trouble: the last exception, if any."""
    lines = [line.strip(" │╰─▶×\t") for line in text.splitlines() if line.strip(" │╰─▶×\t")]
    lines = [line for line in lines if not line.startswith("hint:")]
    errors = [
        line for line in lines if re.match(r"^(\w+\.)*\w*(Error|Exception|Failure)\b\s*:?", line)
    ]
    compiler = [line for line in lines if re.search(r"^\S+:\d.*\berror: ", line)]
    failed = [line for line in lines if "Failed to build" in line]
    for group in (errors, compiler[::-1], failed, lines):
        if group:
            return group[-1][:300]
    return "the installer failed without saying why"
