"""The automatic smoke: for a package that nobody wrote a smoke for.

It knows nothing about the package. It reads the files that the distribution ships and makes one
test of each thing that can be tried: a module is imported, an extension is attached to an
application that then answers, a form is filled in, a command says how it is used, a function is
called, an example of its description runs. Many of these are guesses. So a failure counts only if
the same test passes with the packages of the version's own time; see `watchdog.runner.controls`.

Standard library only, and it runs on Python 3.8. WATCHDOG_DISTRIBUTIONS names what is tried,
WATCHDOG_LEFT_OUT the tests that are skipped, both separated by spaces.
"""

import os
import unittest

from .endless import skipped_if_endless
from .examples import tests_of_description
from .guesses import MOST
from .modules import DISTRIBUTIONS, FILES, import_main, is_optional
from .shapes import tests_of_entry_points, tests_of_module

LEFT_OUT = set(os.environ.get("WATCHDOG_LEFT_OUT", "").split())

for DISTRIBUTION in DISTRIBUTIONS:
    import_main(DISTRIBUTION, FILES[DISTRIBUTION])

_TITLES = {
    "import": "%s can be imported",
    "attach": "%s works in an application",
    "form": "%s can be filled in",
    "command": "%s says how it is used",
    "call": "%s can be called",
    "example": "Example %s of its description runs",
}


def all_tests():
    """Yield the kind, the words of the name, and the function of each test."""
    for distribution in DISTRIBUTIONS:
        late = []
        yield from ((kind, w, t, "") for kind, w, t in tests_of_description(distribution))
        for module, path in FILES[distribution].items():
            for kind, words, test in tests_of_module(module, path):
                if kind == "attach":
                    yield kind, words, test, module
                else:
                    late.append((kind, words, test, module))
        late += [(kind, w, t, "") for kind, w, t in tests_of_entry_points(distribution)]
        yield from sorted(late, key=lambda item: ("command", "form", "import").count(item[0]) == 0)


def left_out():
    raise unittest.SkipTest("it fails with the packages of its own time as well")


def make_tests():
    """Put each test into this module, at most MOST of a kind."""
    counted = {}
    for kind, words, test, module in all_tests():
        counted[kind] = counted.get(kind, 0) + 1
        if counted[kind] > MOST:
            continue
        name = "_".join(["test", kind, *filter(None, [module.replace(".", "_")]), *words])
        if name in globals():
            continue
        function = left_out if name in LEFT_OUT else test

        def named(function=function):
            try:
                with skipped_if_endless():
                    function()
            except ModuleNotFoundError as error:
                if is_optional(error.name):
                    raise unittest.SkipTest("%s is not required, and not here" % error.name)
                raise

        named.__doc__ = _TITLES[kind] % ".".join(filter(None, [module, *words]))
        globals()[name] = named


make_tests()


def test_import():
    """It can be imported"""
