"""Start of the program: notices the name clash, turns every trouble into a sentence and a code."""

from __future__ import annotations

import gc
import signal
import sys
from types import FrameType

from watchdog.errors import WatchdogError

_GARBAGE = 200_000
"""Values between two searches for cycles; a run makes millions of small ones and no cycles."""

_NO_THREAD = "can't start new thread"


def main() -> None:
    """Run the command line and exit with one of the documented codes."""
    from watchdog import __file__ as own  # noqa: PLC0415

    gc.set_threshold(_GARBAGE)

    try:
        from watchdog.errors import ExitCode, WatchdogError  # noqa: PLC0415
    except ImportError:
        sys.stderr.write(
            f"The package `watchdog` in {own} is not the Flask compatibility watchdog but the "
            "file-events package of the same import name. Run this tool in an environment of its "
            "own: with nox in its repository, uvx flask-watchdog, or pipx run flask-watchdog.\n"
        )
        raise SystemExit(2) from None
    import click  # noqa: PLC0415

    from watchdog.cli.main import cli  # noqa: PLC0415

    signal.signal(signal.SIGTERM, _terminated)
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as e:
        e.show()
        raise SystemExit(ExitCode.USAGE) from None
    except (KeyboardInterrupt, click.Abort):
        for number in (signal.SIGINT, signal.SIGTERM):  # the next one ends us at once
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        sys.stderr.write("interrupted; the same command goes on from here\n")
        raise SystemExit(ExitCode.INTERRUPTED) from None
    except (WatchdogError, OSError, MemoryError, RuntimeError, ExceptionGroup) as e:
        trouble = _trouble(e)
        if trouble is None:
            raise
        sys.stderr.write(f"{trouble}\n")
        raise SystemExit(trouble.exit_code) from None
    raise SystemExit(int(code or 0))


def _trouble(error: Exception) -> WatchdogError | None:
    """What to tell a person of an error; None where it is a mistake of this program."""
    from watchdog.errors import InfrastructureError, WatchdogError  # noqa: PLC0415

    if isinstance(error, ExceptionGroup):
        found = [_trouble(each) for each in error.exceptions]
        return found[0] if all(found) else None
    if isinstance(error, OSError):
        where = f" ({error.filename})" if error.filename else ""
        return InfrastructureError(
            f"this machine gave out: {error.strerror or error}{where}. Look at the disk and the "
            "folder; what was found until then is in the ledger, and the same command goes on."
        )
    if isinstance(error, MemoryError) or str(error) == _NO_THREAD:
        return InfrastructureError(
            "this machine gave out: no memory is left. What was found until then is in the ledger, "
            "and the same command goes on; --jobs 1 needs the least."
        )
    return error if isinstance(error, WatchdogError) else None


def _terminated(_number: int, _frame: FrameType | None) -> None:
    """End as Ctrl-C does, so that every cell ends too; a shell's background job hears only this."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
