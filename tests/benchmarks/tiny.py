"""Widths at which every measurement takes a second, and how its tables are read."""

from benchmarks._pair import Sizes

TINY = Sizes(channels=2, z_dim=4, appearance_dim=6)
SIZES = ["--sizes.channels", "2", "--sizes.z-dim", "4", "--sizes.appearance-dim", "6"]
ONCE = ["--rounds", "1", "--warmup", "0", "--threads", "1", *SIZES]


def rows_of(page: str) -> list[list[str]]:
    """Cells of all lines of all tables of a page, without their rules."""
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if set(row[0]) != {"-"}]
