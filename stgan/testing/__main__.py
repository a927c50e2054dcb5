"""Check every registered entry and write the support matrix.

Run it from the folder of the project::

    python -m stgan.testing --out docs/support.json
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from stgan.errors import DataError
from stgan.testing._support import check_all, read_support, write_support

try:
    import tyro
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "python -m stgan.testing needs tyro; pip install 'stgan[cli,testing]'"
    ) from error

__all__ = ["main"]


@dataclass(frozen=True)
class Options:
    """Check every registered entry and write what each can do.

    Attributes:
        out: The JSON file to write, such as docs/support.json.
        only: Check only entries that match one of these patterns, such as 'layers/conv_*'; rows of
            the others stay as they are.
    """

    out: Path
    only: Annotated[tuple[str, ...], tyro.conf.arg(metavar="[PATTERN ...]")] = ()


def main(args: list[str] | None = None) -> int:
    """Check, and write if nothing is broken.

    Args:
        args: The command line; ``None`` for that of the program.

    Returns:
        0 if the file was written, 1 if an entry breaks its contract, 2 if there is nothing to do.
    """
    options = tyro.cli(Options, args=args, prog="python -m stgan.testing")
    rows, broken, begin = {}, 0, time.perf_counter()
    try:
        if options.only:
            read_support(options.out)  # before the work, rather than after it
        for entry, result in check_all(options.only):
            seconds, begin = time.perf_counter() - begin, time.perf_counter()
            if isinstance(result, AssertionError):
                broken += 1
                print(result)
            else:
                rows[entry] = result
                print(f"{entry}: {seconds:.1f} s")
        if not rows and not broken:
            raise DataError(f"no entry matches {', '.join(options.only)}; see stgan.list")
        if broken:
            print(f"{broken} entries break their contract, nothing was written", file=sys.stderr)
            return 1
        write_support(options.out, rows, keep=bool(options.only))
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"wrote {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
