"""Digests of everything that can change an outcome, so that equal work is done once. Pure."""

from __future__ import annotations

import hashlib
import json

from watchdog.model.lock import Lock
from watchdog.model.release import Interpreter


def digest(*parts: object) -> str:
    """Return a stable digest of values that JSON can write: 20 hexadecimal digits."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def content_digest(data: bytes) -> str:
    """Return the digest of a file's content: 20 hexadecimal digits."""
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
    left_out: frozenset[str] = frozenset(),
    once: bool = False,
) -> str:
    """Return the fingerprint of a trial: a digest of everything that can change its outcome.

    Args:
        lock: the packages that are installed.
        interpreter: the Python that they run on.
        smoke: digest of the smoke's content.
        probe: digest of the probe's content.
        distributions: what the automatic smoke tries; empty for a subject's own smoke.
        services: those that the smoke needs and this machine has, so that a result without
            Redis is not taken for one with Redis.
        limits: seconds and megabytes that the trial may use.
        files: digests of the files that are installed. They say which builds of the releases
            these are: a wheel for a new Python may be published long after the release.
        left_out: the tests that the automatic smoke skips.
        once: a failure is not repeated.
    """
    more = [sorted(left_out)] if left_out else []
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
        *more,
        *(["once"] if once else []),
    )
