"""Which means of confining what strangers wrote this system has."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from ecosystem import PYTHON

from watchdog.environments.interpreters import find_interpreters
from watchdog.errors import ConfigurationError
from watchdog.model.evidence import Isolation
from watchdog.sandbox.process import Processes
from watchdog.sandbox.sandbox import Sandbox


def usable_means() -> list[Any]:
    """Each means, skipped with the reason where this system does not have it."""
    interpreters = find_interpreters([PYTHON], Processes()).values()
    found = []
    chosen = os.environ.get("FLASK_WATCHDOG_SANDBOX", "auto")
    for means in Isolation if chosen == "auto" else [Isolation(chosen)]:
        processes, scratch = Processes(), Path(tempfile.mkdtemp(prefix="fw-")).resolve()
        sandbox = Sandbox(processes, scratch, scratch / "store", interpreters, wanted=means)
        try:
            sandbox.choose()
            found.append(pytest.param(means))
        except ConfigurationError as e:
            found.append(pytest.param(means, marks=pytest.mark.skip(reason=str(e))))
        finally:
            processes.stop_all()
            sandbox.close()
            shutil.rmtree(scratch, ignore_errors=True)
    return found
