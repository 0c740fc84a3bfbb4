"""Names for what was run, so that equal work is done once. Pure."""

from __future__ import annotations

import hashlib
import json

from watchdog.model.lock import Lock
from watchdog.model.release import Interpreter


def digest(*parts: object) -> str:
    """A short, stable digest of anything JSON can write."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def content_digest(data: bytes) -> str:
    """A digest of a file's content."""
    return hashlib.sha256(data).hexdigest()[:20]


def fingerprint(
    lock: Lock,
    interpreter: Interpreter,
    *,
    smoke: str,
    probe: str,
    distributions: tuple[str, ...],
    services: tuple[str, ...],
    limits: tuple[int, int],
    files: tuple[str, ...],
) -> str:
    """The name of a trial: whatever can change its outcome is in it.

    `services` are those the smoke wants and this machine has, so that a result without Redis
    is not taken for one with it. `limits` are seconds and megabytes. `files` tell which builds of
    the releases are installed: a wheel for a new Python may come long after the release.
    """
    return digest(
        lock.pins,
        interpreter.version,
        interpreter.setuptools,
        interpreter.platform,
        smoke,
        probe,
        distributions,
        services,
        limits,
        files,
    )
