"""Interprets what uv prints. Pure: texts in, values out."""

from __future__ import annotations

import re
import signal

from packaging.utils import canonicalize_name

from watchdog.model.evidence import DAMAGED_BYTECODE
from watchdog.model.lock import Conflict, Lock, NoAnswer, Resolution, Unbuildable
from watchdog.model.package_limits import NAME_BYTES, UNPACKED_BYTES, size_text
from watchdog.resolver.cut_short import cut_short
from watchdog.resolver.uv_config import CHECK_INDEX
from watchdog.sandbox.process import ProcessResult
from watchdog.sandbox.redaction import hide_urls

_NEEDS_NETWORK = re.compile(
    r"needs to be downloaded from a registry|network (connectivity )?(is|was) disabled"
    r"|not found in the cache|downloads were disabled",
    re.IGNORECASE,
)
_MISSING_METADATA = re.compile(
    r"`([A-Za-z0-9._-]+)==([^`\s]+)` needs to be downloaded from a registry"
)
_BUILD_FAILED = re.compile(
    # The backend ran and failed, or what it made or was given is invalid.
    r"build backend returned an error|does not appear to be a Python project"
    r"|Failed to parse metadata"
    # The build requirements of the package cannot be had at the cutoff.
    r"|No solution found when resolving: ",
    re.IGNORECASE,
)
"""What proves that a source distribution does not build. Other messages (`Failed to download …`
for a build tool) do not: what is not known to be the package's fault counts as a failure of the
infrastructure."""

_BUILT_RELEASE = re.compile(
    r"Failed to (?:download and )?build `([A-Za-z0-9._-]+?)(?:==|@)([^`\s]+)`"
)
_NETWORK_FAILED = re.compile(
    r"error sending request|Failed to fetch|Connection refused|timed out|dns error"
    r"|HTTP status (server|client) error|client error \(Connect\)|Request failed|reset by peer"
    r"|No space left on device|Hash mismatch|waiting for lock",
    re.IGNORECASE,
)
_UNPACKED = re.compile(r"/[^\s'\"]*/sdists-v\d+/[^\s'\"]*?/src/")
_BUILDS = re.compile(r"/[^\s'\":]*/builds-v\d+/[^\s'\"/:]+")
"""Where uv unpacks what it builds, and the tools it builds with: other paths on every machine and
each time."""

_NAME_TOO_LONG = re.compile(r"File name too long \(os error 36\)")
_FILE_TOO_LARGE = re.compile(r"File too large \(os error 27\)")
_WRONG_SIZE = re.compile(
    r"Failed to extract archive: \S+\s+(?:cause: )?(Bad (?:un)?compressed size [^\n]+)"
)
"""How uv reports files that cannot be written, and archives that do not agree with their headers.

The headers may not tell the truth, or a part of the archive did not arrive.
"""


_REFUSED = re.compile(
    r"\b(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*?)(?:[<>=!~][^\s]*)? ha(?:s|ve) a non-PEP 625-compliant "
)
_TOOL_TOO_NEW = re.compile(r"`([A-Za-z0-9._-]+)` was filtered by `exclude-newer`")
_CONSULTED = re.compile(r"Searching for a compatible version of ([A-Za-z0-9._-]+)")
_PAGE_READ = re.compile(
    r"Sending (?:fresh GET|revalidation) request for: \S*/([A-Za-z0-9._-]+)/?$", re.MULTILINE
)
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;]+)")
_WARNING = re.compile(r"^(?:WARN|warning:) .*\n?", re.MULTILINE)
_EXCEPTION = re.compile(r"^(\w+\.)*\w*(Error|Exception|Failure)\b\s*:?")
_COMPILER_ERROR = re.compile(r"^\S+:\d.*\berror: ")
_SYMPTOM_LENGTH = 300
_LOG_LENGTH = 2000


def needs_network(result: ProcessResult) -> bool:
    """Return whether something was not in the cache and could not be fetched."""
    return bool(_NEEDS_NETWORK.search(result.errors))


def missing_metadata(result: ProcessResult) -> dict[str, str]:
    """Return the releases that uv preferred but whose metadata is not cached: name, version."""
    releases: dict[str, str] = {}
    for name, version in _MISSING_METADATA.findall(result.errors):
        releases.setdefault(canonicalize_name(name), version)
    return releases


def network_failed(result: ProcessResult) -> bool:
    """Return whether the index, the network or this machine is the cause of a failure."""
    return bool(_NETWORK_FAILED.search(result.errors))


def build_failed(result: ProcessResult) -> bool:
    """Return whether a source distribution did not build, by a fault of its own."""
    errors = result.errors
    its_own = _BUILD_FAILED.search(errors) and not DAMAGED_BYTECODE.search(errors)
    return bool(_BUILT_RELEASE.search(errors) and its_own)


def failed_release(log: str) -> tuple[str, str]:
    """Return name and version of the release that did not build; empty if the log names none."""
    match = _BUILT_RELEASE.search(log)
    return (canonicalize_name(match[1]), match[2]) if match else ("", "")


def no_wheel_fits(result: ProcessResult) -> bool:
    """Return whether a release has wheels, but none for this Python and system."""
    return "has no wheels with a matching" in result.errors or "no usable wheels" in result.errors


def unpacking_excess(result: ProcessResult) -> str | None:
    """Return which limit a wheel exceeded while uv unpacked it; None if it did not fail so."""
    if result.returncode == 0:
        return None
    if _NAME_TOO_LONG.search(result.errors):
        return f"it has a file name that is too long; the limit is {NAME_BYTES} characters"
    if result.returncode == -signal.SIGXFSZ or _FILE_TOO_LARGE.search(result.errors):
        return f"it would unpack to more than {size_text(UNPACKED_BYTES)}, which is the limit"
    return None


def unpacking_problem(result: ProcessResult) -> str | None:
    """Return why an archive does not unpack, with nothing said of whose fault it is.

    None if uv did not fail so.
    """
    match = _WRONG_SIZE.search(result.errors) if result.returncode else None
    return match and f"its wheel cannot be unpacked: {hide_urls(match[1])[:_SYMPTOM_LENGTH]}"


def refused_packages(answer: Resolution) -> tuple[str, ...]:
    """Return the packages whose archives uv refuses, as a conflict names them, in its order."""
    if not isinstance(answer, Conflict):
        return ()
    names = (canonicalize_name(match["name"]) for match in _REFUSED.finditer(answer.reason))
    return tuple(dict.fromkeys(names))


def consulted_packages(log: str) -> frozenset[str]:
    """Return the packages whose releases the resolver considered."""
    return _names(_CONSULTED, log)


def pages_read(log: str) -> frozenset[str]:
    """Return the packages whose page was read from the index during this call."""
    return _names(_PAGE_READ, log)


def missing_build_tools(result: ProcessResult) -> frozenset[str]:
    """Return the build tools whose absence at the cutoff made a build fail."""
    if result.returncode == 0 or not build_failed(result):
        return frozenset()
    return _names(_TOOL_TOO_NEW, result.errors)


def _names(pattern: re.Pattern[str], log: str) -> frozenset[str]:
    return frozenset(canonicalize_name(name) for name in pattern.findall(log))


def parse_resolution(result: ProcessResult) -> Resolution:
    """Return what `uv pip compile` found: a lock, a conflict, a failed build, or no answer."""
    if result.returncode == 0:
        pins = (match.groups() for match in map(_PIN.match, result.output.splitlines()) if match)
        return Lock.of({canonicalize_name(name): version for name, version in pins})
    if reason := cut_short(result):
        return NoAnswer(redact(reason))
    return _parse_failure(result)


def _parse_failure(result: ProcessResult) -> Conflict | Unbuildable | NoAnswer:
    log = redact(result.errors).strip()
    network = network_failed(result)
    if build_failed(result) and not network:
        return Unbuildable(find_symptom(log), log, *failed_release(log))
    if network:
        return NoAnswer(index_error(result.errors))
    if "No solution found" in result.errors or "unsatisfiable" in result.errors:
        if "was not found in the package registry" in result.errors:
            return NoAnswer(_conflict_reason(log), infrastructure=False)
        return Conflict(_conflict_reason(log))
    return NoAnswer(f"uv failed: {log[-_LOG_LENGTH:]}")


def redact(errors: str) -> str:
    """Remove URLs and the paths of unpacked source distributions and build tools."""
    return _BUILDS.sub("<build>", _UNPACKED.sub("", hide_urls(errors)))


def without_warnings(errors: str) -> str:
    """Return what uv wrote about a failure without its warnings; all of it if nothing else is."""
    return _WARNING.sub("", errors).strip() or errors.strip()


def index_error(errors: str) -> str:
    """Return a message about an index that uv cannot read."""
    lines = [line.strip() for line in hide_urls(errors).splitlines() if line.strip()]
    last = lines[-1].removeprefix("cause: ").removeprefix("Caused by: ") if lines else "no output"
    return f"the package index cannot be read ({last}). {CHECK_INDEX}"


def _conflict_reason(log: str) -> str:
    """Return the resolver's explanation as one paragraph.

    Its hints about the cutoff are left out: they name the instant, and the same reason must read
    the same at every cutoff.
    """
    lines = [line.strip() for line in log.splitlines()]
    lines = [line for line in lines if not line.startswith(("warning:", "WARN"))]
    parts = re.split(r"\s*(?=\bhint:)", " ".join(lines))
    paragraph = " ".join(part for part in parts if "exclude-newer" not in part)
    paragraph = re.sub(
        r"^(error: |× )?No solution found when resolving dependencies:?\s*", "", paragraph
    )
    return re.sub(r"^(cause:|╰─▶)\s*", "", paragraph).strip()


def find_symptom(log: str) -> str:
    """Return the line of an installer's output that names the failure.

    That is the last exception, else the first error of a compiler, else uv's own message, else the
    last line.
    """
    lines = [line.strip(" │╰─▶×\t") for line in log.splitlines()]
    lines = [line for line in lines if line and not line.startswith("hint:")]
    exceptions = [line for line in lines if _EXCEPTION.match(line)]
    compiler_errors = [line for line in lines if _COMPILER_ERROR.search(line)]
    failed_builds = [line for line in lines if "Failed to build" in line]
    for candidates in (exceptions, compiler_errors[:1], failed_builds, lines):
        if candidates:
            return candidates[-1][:_SYMPTOM_LENGTH]
    return "the installer failed without saying why"
