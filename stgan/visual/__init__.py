"""Pictures of clips and of runs; needs the extra ``recipes`` (Pillow and matplotlib)."""

from stgan.visual.confusion import plot_confusion
from stgan.visual.curves import plot_curves
from stgan.visual.energy import plot_motion_energy
from stgan.visual.grid import clip_grid, film_strip_grid, write_picture
from stgan.visual.slices import plot_slices

__all__ = [
    "clip_grid",
    "film_strip_grid",
    "plot_confusion",
    "plot_curves",
    "plot_motion_energy",
    "plot_slices",
    "write_picture",
]
