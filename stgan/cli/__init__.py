"""The command ``stgan``: find, explain, plan and measure parts without writing a program.

Programs of one's own end as it does where their user is mistaken, with what is here beside it.
"""

import os
import sys
from collections.abc import Sequence

from stgan._files import writing
from stgan.cli.errors import (
    USER_ERRORS,
    check_choice,
    complain,
    interruptible,
    user_errors,
)

__all__ = ["check_choice", "interruptible", "main", "user_errors", "writing"]


def main(args: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    A mistake of the user is answered with one sentence and the status 2. Where nobody reads on, as
    behind ``| head``, the command ends without a word and with 141, as a shell reports it.

    Args:
        args: What stands behind ``stgan`` on the command line; by default that of the process.

    Raises:
        SystemExit: Where the options themselves are wrong (2), help was asked for (0), or on
            Ctrl-C (130).

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
        complain(f"the command line needs {error.name}; pip install 'stgan[cli]'")
        return 2
    from stgan.cli._commands import run

    try:
        try:
            with interruptible():
                return run(args)
        finally:
            # What waits in the buffer would else meet the closed pipe when Python has left.
            sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except USER_ERRORS as error:
        complain(error)
        return 2
