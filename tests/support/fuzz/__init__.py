"""What is read from outside, and the one property that reading it must have, whatever it holds.

Each module has `check(data)`, which raises AssertionError where the property does not hold, and
lets through every exception that is not the project's own; `SEEDS`, real inputs to begin with; and
`WORDS`, what such inputs are made of. Two drivers: `tests/machine/test_fuzz.py` damages seeds by
Hypothesis, a bounded number of times; `nox -s fuzz` lets atheris look for inputs that reach new
code, for as long as one likes.
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
