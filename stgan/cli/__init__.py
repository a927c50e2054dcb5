"""The command ``stgan``: find, explain, plan and measure parts without writing a program."""

import os
import sys
from collections.abc import Sequence

from stgan.errors import PluginError, UnknownNameError

__all__ = ["main"]


def main(args: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    A mistake of the user is answered with one sentence and the status 2. Where nobody reads on, as
    behind ``| head``, the command ends without a word and with 141, as a shell reports it.

    Args:
        args: What stands behind ``stgan`` on the command line; by default that of the process.

    Raises:
        SystemExit: Where the options themselves are wrong (2), or help was asked for (0).

    Example:
        >>> main(["plan", "4", "8", "8", "--start", "2", "4", "4"])
        stage  stride  kernel  padding  size after
        ──────────────────────────────────────────
        start                           2 4 4
        1      2 2 2   4 4 4   1 1 1    4 8 8
        0
    """
    try:
        import rich  # noqa: F401
        import tyro  # noqa: F401
    except ModuleNotFoundError as error:
        print(
            f"error: the command line needs {error.name}; pip install 'stgan[cli]'",
            file=sys.stderr,
        )
        return 2
    from stgan.cli._commands import run
    from stgan.cli._screen import complain

    try:
        try:
            return run(args)
        finally:
            # What waits in the buffer would else meet the closed pipe when Python has left.
            sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (OSError, PluginError, UnknownNameError, ValueError) as error:
        complain(str(error))
        return 2
