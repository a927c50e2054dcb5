"""``python -m stgan``: the same as the command ``stgan``."""

import sys

from stgan.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
