"""Fuzz targets: one module for each kind of external input.

Each module has `check(data)`, which raises AssertionError if a property does not hold and passes on
every exception that is not the project's own; `SEEDS`, real inputs to start from; and `WORDS`, the
tokens of such inputs. There are two drivers: `tests/machine/test_fuzz.py` damages seeds with
Hypothesis, a limited number of times; `nox -s fuzz` lets atheris search for inputs that reach new
code, for a given time.
"""

from __future__ import annotations

TARGETS = (
    "index_page",
    "ledger_lines",
    "matrix_yaml",
    "probe_report",
    "requirements_txt",
    "wheel_metadata",
)
