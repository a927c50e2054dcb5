"""What a person looks at to judge a generator; needs the extra ``recipes``."""

from stgan.report.samples import FixedSamples

__all__ = ["FixedSamples"]
