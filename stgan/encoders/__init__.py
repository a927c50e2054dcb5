"""Encoders of appearance."""

from stgan.encoders.image import ImageEncoder, ImageFeatures
from stgan.encoders.timm_backbone import TimmEncoder

__all__ = ["ImageEncoder", "ImageFeatures", "TimmEncoder"]
