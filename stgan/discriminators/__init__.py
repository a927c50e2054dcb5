"""Discriminators, assembled from streams, and the frame samplers between them."""

from stgan.discriminators._base import Discriminator
from stgan.discriminators._head import Head, HeadOutput
from stgan.discriminators._outputs import StreamOutput
from stgan.discriminators.build_stream import build_stream
from stgan.discriminators.conditioned import (
    FirstFrameImageDiscriminator,
    FirstFrameVideoDiscriminator,
)
from stgan.discriminators.factorized import VideoDiscriminator2Plus1d
from stgan.discriminators.frame_merge import FrameMergeDiscriminator
from stgan.discriminators.heads import LinearHead, PatchHead
from stgan.discriminators.heads_predicting import AuxiliaryClassifierHead, InfoGANHead
from stgan.discriminators.heads_projection import ProjectionHead
from stgan.discriminators.image import ImageDiscriminator
from stgan.discriminators.multi_scale import VideoMultiScalePatchDiscriminator
from stgan.discriminators.pair import PairDiscriminator
from stgan.discriminators.patch import ImagePatchDiscriminator, VideoPatchDiscriminator
from stgan.discriminators.pooled import PooledVideoDiscriminator
from stgan.discriminators.residual import ImageResidualDiscriminator, VideoResidualDiscriminator
from stgan.discriminators.samplers import AllFrames, FrameSampler, RandomFrames, SubClip
from stgan.discriminators.samplers_sparse import BetaPair, SparseSpan
from stgan.discriminators.samplers_spread import (
    FirstAndRandomFrames,
    StratifiedFrames,
    StridedFrames,
)
from stgan.discriminators.stream_spec import StreamSpec
from stgan.discriminators.temporal_pyramid import TemporalPyramidDiscriminator
from stgan.discriminators.two_stream import TwoStreamDiscriminator
from stgan.discriminators.video import VideoDiscriminator

__all__ = [
    "AllFrames",
    "AuxiliaryClassifierHead",
    "BetaPair",
    "Discriminator",
    "FirstAndRandomFrames",
    "FirstFrameImageDiscriminator",
    "FirstFrameVideoDiscriminator",
    "FrameMergeDiscriminator",
    "FrameSampler",
    "Head",
    "HeadOutput",
    "ImageDiscriminator",
    "ImagePatchDiscriminator",
    "ImageResidualDiscriminator",
    "InfoGANHead",
    "LinearHead",
    "PairDiscriminator",
    "PatchHead",
    "PooledVideoDiscriminator",
    "ProjectionHead",
    "RandomFrames",
    "SparseSpan",
    "StratifiedFrames",
    "StreamOutput",
    "StreamSpec",
    "StridedFrames",
    "SubClip",
    "TemporalPyramidDiscriminator",
    "TwoStreamDiscriminator",
    "VideoDiscriminator",
    "VideoDiscriminator2Plus1d",
    "VideoMultiScalePatchDiscriminator",
    "VideoPatchDiscriminator",
    "VideoResidualDiscriminator",
    "build_stream",
]
