"""Stages: promised shapes, every option, refusals."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import parametrize

from stgan.blocks import DownStage2d, DownStage3d, UpStage
from stgan.errors import ShapeError
from tests.strategies import Geometry, conv_geometries, videos


@given(videos(dtype=torch.float32), conv_geometries(), st.sampled_from([None, nn.BatchNorm3d]))
def test_up_stages_promise_their_shape(video: Tensor, geometry: Geometry, norm: object) -> None:
    stage = UpStage(video.shape[1], 3, **vars(geometry), norm=norm, act=nn.Tanh).eval()  # type: ignore[arg-type]
    out = stage(video)
    assert tuple(out.shape) == stage.output_shape(tuple(video.shape))
    assert out.abs().max() <= 1


@given(videos(min_frames=4, min_side=4, dtype=torch.float32), conv_geometries(), st.booleans())
def test_down_stages_promise_their_shape(video: Tensor, geometry: Geometry, sn: bool) -> None:
    stage = DownStage3d(video.shape[1], 3, **vars(geometry), spectral_norm=sn).eval()
    assert tuple(stage(video).shape) == stage.output_shape(tuple(video.shape))
    flat = DownStage2d(
        video.shape[1], 3, *(axes[1:] for axes in vars(geometry).values()), spectral_norm=sn
    ).eval()
    image = video[:, :, 0]
    assert tuple(flat(image).shape) == flat.output_shape(tuple(image.shape))


def test_up_stages_drop_the_biases_that_norms_take_out() -> None:
    bare, kept = UpStage(3, 4, 4), UpStage(3, 4, 4, bias_before_norm=True)
    assert (bare.conv.temporal.bias, bare.conv.spatial.bias) == (None, None)
    assert kept.conv.temporal.bias is not None
    assert kept.conv.spatial.bias is not None
    assert UpStage(3, 4, 4, norm=None).conv.spatial.bias is not None


def test_down_stages_are_initialized_before_they_are_wrapped() -> None:
    stage = DownStage3d(32, 64, spectral_norm=True, init_std=0.02, norm=None)
    assert parametrize.is_parametrized(stage.conv, "weight")
    raw = stage.conv.parametrizations.weight.original  # type: ignore[union-attr, index]
    assert raw.std().item() == pytest.approx(0.02, rel=0.05)  # type: ignore[operator, union-attr]


def test_stages_refuse_another_layout() -> None:
    with pytest.raises(ShapeError, match=r"image must be laid out as \(N, C=3, H, W\)"):
        DownStage2d(3, 4)(torch.zeros(2, 3, 4, 8, 8))
    with pytest.raises(ShapeError, match=r"video must be laid out as \(N, C=3, T, H, W\)"):
        DownStage3d(3, 4)(torch.zeros(2, 4, 4, 8, 8))
