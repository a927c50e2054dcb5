"""Blocks: several layers with one purpose."""

from stgan.blocks.down import DownStage2d, DownStage3d
from stgan.blocks.fusion import SpatioTemporalFusion
from stgan.blocks.up import UpStage

__all__ = ["DownStage2d", "DownStage3d", "SpatioTemporalFusion", "UpStage"]
