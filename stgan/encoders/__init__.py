"""Encoders of appearance."""

from stgan.encoders.image import ImageEncoder, ImageFeatures

__all__ = ["ImageEncoder", "ImageFeatures"]
