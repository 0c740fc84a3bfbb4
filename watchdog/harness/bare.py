"""Runs the tests of a smoke one after another, without the probe, for the second opinion.

    python watchdog/harness/bare.py FOLDER smoke_flask_login RESULT

Standard library only, and it runs on Python 3.8. It shares nothing with the probe, because the
probe is one of the things that a second opinion checks. It is not pytest, because the packages that
pytest needs would hide what the subject fails to declare. So it does as little as possible: import,
call, and write the outcome as the last line of RESULT. It does not detect forged results; the probe
does.
"""

import importlib
import os
import sys
import traceback
import unittest


def run(name: str) -> str:
    """Run every test of a smoke; return `works`, `skipped REASON` or `broken SYMPTOM`."""
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
        # The line people search for: of a syntax error the last one, of any other the first.
        line = lines[-1] if isinstance(error, SyntaxError) else lines[0]
        return "broken " + line.strip().splitlines()[0]
    return "works" if passed else "skipped " + " ".join(skipped.split())


if __name__ == "__main__":
    folder, name, result = sys.argv[1:]
    sys.path.insert(0, folder)
    outcome = run(name)
    with open(result, "a", encoding="utf-8", errors="backslashreplace") as out:
        out.write(outcome + "\n")
    sys.stdout.flush()
    sys.stderr.flush()
    # os._exit, because servers and pools that a smoke left behind would keep the process alive.
    os._exit(outcome.startswith("broken"))
