"""Start the command line, and turn every error into one sentence and a documented exit code.

Nothing heavy is imported here: `--version` and `--help` need click only, and in an environment with
the other package called `watchdog` nothing of this one can be imported at all.
"""

from __future__ import annotations

import gc
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:  # at run time `watchdog` may be the other package; see main()
    import click

    from watchdog.errors import WatchdogError

_GARBAGE_THRESHOLD = 200_000
"""New objects between two searches for reference cycles; a run makes millions and no cycles."""

_NO_THREAD = "can't start new thread"
"""What CPython's RuntimeError says when the system refuses another thread."""


def main() -> None:
    """Run the command line and exit with one of the documented codes."""
    gc.set_threshold(_GARBAGE_THRESHOLD)
    _exit_if_other_watchdog()
    from watchdog.cli.main import cli  # noqa: PLC0415

    run_command(cli)


def run_command(command: click.Command) -> NoReturn:
    """Run a command with the arguments of this process, and exit with one of the documented codes.

    Those of the command line, and those of the programs in `benchmarks/`.
    """
    import click  # noqa: PLC0415

    from watchdog.cli.workflow_log import guard_log  # noqa: PLC0415
    from watchdog.errors import ExitCode, WatchdogError  # noqa: PLC0415

    guard_log()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = command.main(standalone_mode=False)
    except click.ClickException as e:
        e.show()
        raise SystemExit(ExitCode.USAGE) from None
    except (KeyboardInterrupt, click.Abort):
        _end_at_next_signal()
        sys.stderr.write("interrupted; run the same command again to continue\n")
        raise SystemExit(ExitCode.INTERRUPTED) from None
    except (WatchdogError, OSError, MemoryError, RuntimeError, ExceptionGroup) as e:
        error = _as_watchdog_error(e)
        if error is None:
            raise
        sys.stderr.write(f"{error}\n")
        raise SystemExit(error.exit_code) from None
    raise SystemExit(int(code or 0))


def _exit_if_other_watchdog() -> None:
    """Exit with a sentence if the import name belongs to the file-events package."""
    from watchdog import __file__ as package  # noqa: PLC0415

    try:
        import watchdog.errors  # noqa: F401, PLC0415
    except ImportError:
        sys.stderr.write(
            f"The package `watchdog` in {package} is not the Flask compatibility watchdog but the "
            "file-events package with the same import name. Run this tool in an environment of its "
            "own: in a clone of its repository with nox, or as `uvx --from . flask-watchdog`.\n"
        )
        raise SystemExit(2) from None


def _as_watchdog_error(error: Exception) -> WatchdogError | None:
    """Return an error with a sentence for people; None for a bug, which deserves its traceback."""
    from watchdog.errors import InfrastructureError, WatchdogError  # noqa: PLC0415

    if isinstance(error, ExceptionGroup):
        errors = [_as_watchdog_error(member) for member in error.exceptions]
        return errors[0] if all(errors) else None
    if isinstance(error, OSError):
        path = f" ({error.filename})" if error.filename else ""
        return InfrastructureError(
            f"the system reported an error: {error.strerror or error}{path}. Check the disk and "
            "the permissions of the folder, then run the same command again to continue; finished "
            "results are kept."
        )
    if isinstance(error, MemoryError) or str(error) == _NO_THREAD:
        return InfrastructureError(
            "out of memory. Run the same command again to continue; finished results are kept. "
            "--jobs 1 needs the least memory."
        )
    return error if isinstance(error, WatchdogError) else None


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Act on SIGTERM as on Ctrl-C, so that every cell is stopped too.

    A background job of a shell receives SIGTERM only.
    """
    raise KeyboardInterrupt


def _end_at_next_signal() -> None:
    """Let the next SIGINT or SIGTERM end this process at once; ignored signals stay ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


if __name__ == "__main__":
    main()
