"""Stages and fusion: promised shapes, every option, refusals."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import parametrize

from stgan.blocks import DownStage2d, DownStage3d, SpatioTemporalFusion, UpStage
from stgan.errors import ShapeError
from stgan.functional import concat_streams, one_hot_label
from tests.strategies import Geometry, conv_geometries, label_batches, videos


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


@given(st.data(), videos(dtype=torch.float32), st.integers(0, 3), st.integers(0, 3))
def test_fusion_equals_its_function(
    data: st.DataObject, video: Tensor, appearance: int, classes: int
) -> None:
    n, c, _, h, w = video.shape
    fuse = SpatioTemporalFusion(c, appearance, classes)
    maps = torch.randn(n, appearance, h, w) if appearance else None
    label = data.draw(label_batches(batch=n, num_classes=classes)) if classes else None
    out = fuse(video, maps, label)
    others = [maps] if maps is not None else []
    if label is not None:
        others.append(one_hot_label(label, classes))
        assert torch.equal(out, fuse(video, maps, one_hot_label(label, classes)))
    assert torch.equal(out, concat_streams(video, others))
    assert tuple(out.shape) == fuse.output_shape(tuple(video.shape))
    assert out.shape[1] == fuse.out_channels


VIDEO, MAP, LABEL = torch.zeros(2, 4, 2, 3, 3), torch.zeros(2, 5, 3, 3), torch.tensor([0, 1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((VIDEO, None, LABEL), "built for 5 channels of appearance; pass it"),
        ((VIDEO, MAP, None), "built for 2 channels of label; pass it"),
        ((VIDEO[:, :3], MAP, LABEL), r"video must be laid out as \(N, C=4, T, H, W\)"),
        ((VIDEO, MAP[:, :2], LABEL), r"appearance must be laid out as \(N, C=5, H, W\)"),
        ((VIDEO, MAP[:, :, :2], LABEL), r"must be \(N=2, C, H=3, W=3\)"),
    ],
)
def test_fusion_names_the_stream_that_is_wrong(arguments: tuple[Tensor, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SpatioTemporalFusion(4, 5, 2)(*arguments)


def test_fusion_refuses_a_stream_it_was_not_built_for() -> None:
    with pytest.raises(ValueError, match="built without appearance; do not pass one"):
        SpatioTemporalFusion(4)(VIDEO, MAP)
    with pytest.raises(ValueError, match="num_classes must be at least 0, got -1"):
        SpatioTemporalFusion(4, 0, -1)
    with pytest.raises(ShapeError, match="video must have 4 channels, got 3"):
        SpatioTemporalFusion(4).output_shape((2, 3, 1, 1, 1))


def test_stages_refuse_another_layout() -> None:
    with pytest.raises(ShapeError, match=r"image must be laid out as \(N, C=3, H, W\)"):
        DownStage2d(3, 4)(torch.zeros(2, 3, 4, 8, 8))
    with pytest.raises(ShapeError, match=r"video must be laid out as \(N, C=3, T, H, W\)"):
        DownStage3d(3, 4)(torch.zeros(2, 4, 4, 8, 8))
