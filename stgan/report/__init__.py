"""The report of a run: scores of a generator, films and figures, curves, on one page.

Needs the extra ``recipes``. Nothing here knows a certain network: a generator is a function
``generate(image, z, label) -> video``, a log is what :class:`stgan.training.MetricsLog` writes.
"""

from stgan.report.clips import clip_figures, generator_figures
from stgan.report.figures import Figure, film, picture
from stgan.report.page import Report
from stgan.report.samples import FixedSamples
from stgan.report.scoring import GeneratorScores, score_generator
from stgan.report.table import score_table

__all__ = [
    "Figure",
    "FixedSamples",
    "GeneratorScores",
    "Report",
    "clip_figures",
    "film",
    "generator_figures",
    "picture",
    "score_generator",
    "score_table",
]
