"""Tells whether a test itself uses what is not there any more, and not its package."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from watchdog.analysis.suite.outcomes import OUT_OF_DATE, module_of, test_name
from watchdog.analysis.suite.tests import read_text
from watchdog.model.evidence import Failure

_GONE = re.compile(
    r"cannot import name '\w+' from '(?P<source>[\w.]+)'|No module named '(?P<missing>[\w.]+)'"
    r"|module '(?P<module>[\w.]+)' has no attribute|type object '(?P<type>\w+)' has no attribute"
    r"|(?P<callable>\w+)(?:\.\w+)?\(\) (?:got an unexpected keyword|takes |missing )"
    r"|'(?P<object>\w+)' object has no attribute"
)
"""What the message of an exception says whose reason is code that uses what is not there."""

_ALL_FRAMES = 6
"""As many frames of a traceback are kept; one with so many may have had others."""

_OF_HARNESS = "suite-"
"""How the file of the smoke that runs a suite begins, which raises its failures again."""

_DEFINITION = re.compile(r"^\s*(?:async )?(?:class|def)\s+(\w+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class PackageNames:
    """The names of a package, by which its code is told from that of its tests and of others.

    Attributes:
        modules: that it installs.
        defined: classes and functions that it defines.
    """

    modules: frozenset[str]
    defined: frozenset[str]

    def is_own_code(self, test: str, failure: Failure) -> bool:
        """Return whether a test itself uses what is not there any more, and not the package.

        Neither the package's code nor its names may be in the failure.

        Args:
            test: name of the use.
            failure: of the test.
        """
        frames = [frame for frame in failure.frames if not frame.file.startswith(_OF_HARNESS)]
        said = _GONE.search(failure.message)
        if failure.type not in OUT_OF_DATE or len(frames) >= _ALL_FRAMES or said is None:
            return False
        named = next(name for name in said.groups() if name is not None)
        if said["object"] and (named == "NoneType" or hasattr(builtins, named)):
            return False
        if named in self.defined or named.split(".")[0] in self.modules:
            return False
        # Some suites import the package from their own folder; of its files only the name is known.
        own_files = {test_name(test).split("::")[0].rpartition("/")[2], "conftest.py"}
        local = {frame.file for frame in frames if "/" not in frame.file}
        return local <= own_files and not any(module_of(frame) in self.modules for frame in frames)


def defined_names(folder: Path, tests: Iterable[Path]) -> frozenset[str]:
    """Return the classes and functions that a source distribution defines outside of its tests."""
    left_out = set(tests)
    files = [path for path in folder.rglob("*.py") if path not in left_out]
    return frozenset(name for path in files for name in _DEFINITION.findall(read_text(path)))
