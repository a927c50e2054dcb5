"""Layers: thin modules over :mod:`stgan.functional`."""

from stgan.layers.act import leaky_relu
from stgan.layers.conv import ConvTranspose1Plus2d
from stgan.layers.init import init_normal_
from stgan.layers.projectors import OneHotMapProjector
from stgan.layers.spectral_norm import SpectralNorm, spectral_norm

__all__ = [
    "ConvTranspose1Plus2d",
    "OneHotMapProjector",
    "SpectralNorm",
    "init_normal_",
    "leaky_relu",
    "spectral_norm",
]
