"""Runs the tests of a smoke, one after another, as a person would try them. Python 3.8.

    python watchdog/plain.py FOLDER smoke_flask_login RESULT

For second opinions. It shares nothing with the probe, which is one of the things that are doubted;
and it is not pytest, whose own dependencies would stand beside the subject and hide what it fails
to declare. So it does the least there is: import, call, and write how that ended as the last line
of RESULT. It defends itself against nobody; a package that forges results is the probe's business.
"""

import importlib
import os
import sys
import traceback
import unittest


def run(name: str) -> str:
    passed, skipped = 0, "the smoke ran no test"
    try:
        smoke = importlib.import_module(name)
        for test, function in list(vars(smoke).items()):
            if test.startswith("test_") and callable(function):
                try:
                    function()
                except unittest.SkipTest as why:
                    skipped = str(why)
                else:
                    passed += 1
    except unittest.SkipTest as why:
        skipped = str(why)
    except BaseException as error:
        traceback.print_exc()
        lines = traceback.format_exception_only(type(error), error)
        # What people search for; of a syntax error it is the last, of others the first.
        line = lines[-1] if isinstance(error, SyntaxError) else lines[0]
        return "broken " + line.strip().splitlines()[0]
    return "works" if passed else "skipped " + " ".join(skipped.split())


if __name__ == "__main__":
    folder, name, result = sys.argv[1:]
    sys.path.insert(0, folder)
    told = run(name)
    with open(result, "a", encoding="utf-8", errors="backslashreplace") as out:
        out.write(told + "\n")
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: servers and pools that a smoke left behind would keep the process alive.
    os._exit(told.startswith("broken"))
