"""Discriminators, assembled from streams, and the frame samplers between them."""

from stgan.discriminators.image import ImageDiscriminator
from stgan.discriminators.samplers import AllFrames, FrameSampler, RandomFrames, SubClip
from stgan.discriminators.two_stream import TwoStreamDiscriminator
from stgan.discriminators.video import VideoDiscriminator

__all__ = [
    "AllFrames",
    "FrameSampler",
    "ImageDiscriminator",
    "RandomFrames",
    "SubClip",
    "TwoStreamDiscriminator",
    "VideoDiscriminator",
]
