"""Blocks: several layers with one purpose."""

from stgan.blocks.compositing import FlowCompositor, MaskCompositor
from stgan.blocks.down import DownStage2d, DownStage3d
from stgan.blocks.fusion import Fusion, SpatioTemporalFusion
from stgan.blocks.fusion_add import AddFusion, AddTemporalConcatSpatialFusion
from stgan.blocks.fusion_attention import CrossAttentionFusion
from stgan.blocks.fusion_modulated import FilmFusion, GatedFusion, SpadeFusion
from stgan.blocks.g3 import G3Block, G3Features
from stgan.blocks.latents import LatentRepeat, TemporalLatent
from stgan.blocks.latents_acyclic import LatentAcyclic
from stgan.blocks.latents_conv import LatentBlurredNoise, LatentDeconv
from stgan.blocks.latents_recurrent import LatentGRU, LatentLSTMWalk
from stgan.blocks.up import UpStage

__all__ = [
    "AddFusion",
    "AddTemporalConcatSpatialFusion",
    "CrossAttentionFusion",
    "DownStage2d",
    "DownStage3d",
    "FilmFusion",
    "FlowCompositor",
    "Fusion",
    "G3Block",
    "G3Features",
    "GatedFusion",
    "LatentAcyclic",
    "LatentBlurredNoise",
    "LatentDeconv",
    "LatentGRU",
    "LatentLSTMWalk",
    "LatentRepeat",
    "MaskCompositor",
    "SpadeFusion",
    "SpatioTemporalFusion",
    "TemporalLatent",
    "UpStage",
]
