"""Lists which functions of some distributions run while a smoke is tested.

    python watchdog/harness/coverage.py SMOKE RESULT DISTRIBUTION…

Standard library only; it needs `sys.monitoring`, so Python 3.12 or newer. RESULT gets a JSON list
of `file:qualified_name`, files relative to site-packages. Failing tests do not stop it. If the
smoke cannot be loaded, nothing can be measured: RESULT is not written, and the exit code is 1.
"""

import importlib.metadata
import importlib.util
import json
import os
import sys
import traceback
from typing import Any, List, Set


def watch(distributions: List[str]) -> Set[str]:
    """Return a set that gains each function of these distributions when it first runs."""
    own = {}
    for name in distributions:
        try:
            files = importlib.metadata.files(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        own.update({str(f.locate()): str(f) for f in files if f.suffix == ".py"})
    executed: Set[str] = set()
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]  # from 3.12 on

    def started(code: Any, _offset: int) -> Any:
        if code.co_filename in own:
            executed.add(own[code.co_filename] + ":" + code.co_qualname)
        return monitoring.DISABLE  # one call is enough, and costs nothing afterwards

    tool = monitoring.PROFILER_ID
    monitoring.use_tool_id(tool, "watchdog")
    monitoring.register_callback(tool, monitoring.events.PY_START, started)
    monitoring.set_events(tool, monitoring.events.PY_START)
    return executed


def run(smoke: str) -> None:
    """Load a smoke and call its tests in order."""
    spec = importlib.util.spec_from_file_location("smoke", smoke)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["smoke"] = module
    spec.loader.exec_module(module)
    for name, function in list(vars(module).items()):
        if name.startswith("test_") and callable(function):
            try:
                function()
            except BaseException:
                traceback.print_exc()


if __name__ == "__main__":
    executed = watch(sys.argv[3:])
    try:
        run(sys.argv[1])
    except BaseException:  # also SystemExit and SkipTest: the smoke has not been loaded
        traceback.print_exc()
        os._exit(1)
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        json.dump(sorted(executed), out)
    # os._exit, because servers and pools that a smoke left behind would keep the process alive.
    os._exit(0)
