"""Finds the isolations of the sandbox that this system supports."""

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


def usable_isolations() -> list[Any]:
    """Return a pytest parameter for each isolation; those not supported here are skipped.

    FLASK_WATCHDOG_SANDBOX may name a single one.
    """
    interpreters = find_interpreters([PYTHON], Processes()).values()
    parameters = []
    selected = os.environ.get("FLASK_WATCHDOG_SANDBOX", "auto")
    for isolation in Isolation if selected == "auto" else [Isolation(selected)]:
        processes, scratch = Processes(), Path(tempfile.mkdtemp(prefix="fw-")).resolve()
        sandbox = Sandbox(processes, scratch, scratch / "store", interpreters, wanted=isolation)
        try:
            sandbox.choose()
            parameters.append(pytest.param(isolation))
        except ConfigurationError as e:
            parameters.append(pytest.param(isolation, marks=pytest.mark.skip(reason=str(e))))
        finally:
            processes.stop_all()
            sandbox.close()
            shutil.rmtree(scratch, ignore_errors=True)
    return parameters
