"""Pictures of clips and of runs; needs the extra ``recipes`` (Pillow and matplotlib)."""

from stgan.visual.curves import plot_curves
from stgan.visual.grid import clip_grid, film_strip_grid, write_picture

__all__ = ["clip_grid", "film_strip_grid", "plot_curves", "write_picture"]
