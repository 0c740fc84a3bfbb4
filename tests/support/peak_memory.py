"""Runs the command line and writes how much memory its process had at most.

Usage: python peak_memory.py FILE ARGUMENT…

FILE gets the peak of the process itself, without its children, in MB.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

if __name__ == "__main__":
    from watchdog.__main__ import main

    out = Path(sys.argv.pop(1)).resolve()
    try:
        main()
    finally:
        status = Path("/proc/self/status").read_text("utf-8")
        match = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        out.write_text(str(int(match[1]) // 1000 if match else 0), "utf-8")
