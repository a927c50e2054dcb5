"""Layers: thin modules over :mod:`stgan.functional`."""

from stgan.layers.act import leaky_relu
from stgan.layers.attention import SpatialAttention, TemporalAttention
from stgan.layers.attention_factorized import AxialAttention, FactorizedAttention
from stgan.layers.conv import (
    Conv1Plus2d,
    Conv2Plus1d,
    ConvTranspose1Plus2d,
    ConvTranspose2Plus1d,
)
from stgan.layers.conv_dense import DenseConv3d, DenseConvTranspose3d
from stgan.layers.conv_resize import ResizeConv3d
from stgan.layers.conv_separable import SeparableConv3d, SeparableConvTranspose3d
from stgan.layers.downsampling import BlurPool, DownsampleKaiser
from stgan.layers.fold import HasNorms, fold_batch_norms
from stgan.layers.init import init_normal_
from stgan.layers.minibatch_stddev import MinibatchStddev
from stgan.layers.projectors import (
    EmbeddingProjector,
    LearnedSpatialProjector,
    LinearProjector,
    OneHotMapProjector,
)
from stgan.layers.recompute import recompute_activations
from stgan.layers.recurrent import ConvGRU, ConvLSTM
from stgan.layers.shift import TemporalShift
from stgan.layers.shuffle import PixelShuffle3d, PixelUnshuffle3d
from stgan.layers.spectral_norm import SpectralNorm, spectral_norm
from stgan.layers.upsampling import (
    UpsampleKaiser,
    UpsampleLinear,
    UpsampleNearest,
)

__all__ = [
    "AxialAttention",
    "BlurPool",
    "Conv1Plus2d",
    "Conv2Plus1d",
    "ConvGRU",
    "ConvLSTM",
    "ConvTranspose1Plus2d",
    "ConvTranspose2Plus1d",
    "DenseConv3d",
    "DenseConvTranspose3d",
    "DownsampleKaiser",
    "EmbeddingProjector",
    "FactorizedAttention",
    "HasNorms",
    "LearnedSpatialProjector",
    "LinearProjector",
    "MinibatchStddev",
    "OneHotMapProjector",
    "PixelShuffle3d",
    "PixelUnshuffle3d",
    "ResizeConv3d",
    "SeparableConv3d",
    "SeparableConvTranspose3d",
    "SpatialAttention",
    "SpectralNorm",
    "TemporalAttention",
    "TemporalShift",
    "UpsampleKaiser",
    "UpsampleLinear",
    "UpsampleNearest",
    "fold_batch_norms",
    "init_normal_",
    "leaky_relu",
    "recompute_activations",
    "spectral_norm",
]
