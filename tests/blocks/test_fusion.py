"""What holds for every fusion, and for concatenation with and without delay."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from torch import Tensor, nn

import stgan
from stgan.blocks import Fusion, SpatioTemporalFusion
from stgan.decoders import VideoDecoder, decoder_stages
from stgan.errors import ShapeError
from stgan.functional import FusedFeatures, concat_streams, one_hot_label
from stgan.registry import FUSIONS
from stgan.shapes import plan
from tests.blocks.streams import Streams, shaken, streams

NAMES = stgan.list("fusions")
ALL = pytest.mark.parametrize("name", NAMES)
# A map of any size is read from.
SAME_SIZE = pytest.mark.parametrize("name", [n for n in NAMES if n != "cross_attention"])


def _build(name: str, drawn: Streams) -> nn.Module:
    return shaken(stgan.create("fusions", name, *drawn.settings))


@ALL
@given(drawn=streams(statics=((True, True), (True, False), (False, True), (False, False))))
def test_the_shape_is_as_promised(name: str, drawn: Streams) -> None:
    fuse = _build(name, drawn)
    out = fuse(*drawn.inputs)
    assert tuple(out.shape) == fuse.output_shape(tuple(drawn.video.shape))
    assert tuple(out.shape) == fuse.output_shape(*drawn.shapes)
    assert out.shape[1] == fuse.out_channels
    assert out.dtype == drawn.video.dtype


@ALL
@given(drawn=streams(max_frames=5))
def test_permuted_frames_give_permuted_frames(name: str, drawn: Streams) -> None:
    fuse = _build(name, drawn)
    order = torch.randperm(drawn.video.shape[2])
    permuted = fuse(drawn.video[:, :, order], drawn.appearance, drawn.label)
    torch.testing.assert_close(permuted, fuse(*drawn.inputs)[:, :, order])


@ALL
@given(drawn=streams(statics=((True, True), (False, True))))
def test_a_class_index_and_its_one_hot_row_are_the_same(name: str, drawn: Streams) -> None:
    assert drawn.label is not None
    fuse = _build(name, drawn)
    rows = one_hot_label(drawn.label, drawn.num_classes, dtype=torch.float64)
    assert torch.equal(fuse(*drawn.inputs), fuse(drawn.video, drawn.appearance, rows))


@ALL
@given(drawn=streams(statics=((False, False),)))
def test_without_static_streams_the_video_stays_as_it_is(name: str, drawn: Streams) -> None:
    fuse = _build(name, drawn)
    assert torch.equal(fuse(drawn.video), drawn.video)
    assert fuse.out_channels == drawn.video.shape[1]
    assert list(fuse.parameters()) == []


@ALL
@given(drawn=streams(min_batch=2))
def test_samples_of_a_batch_do_not_see_each_other(name: str, drawn: Streams) -> None:
    fuse = _build(name, drawn)
    last = [None if stream is None else stream[-1:] for stream in drawn.inputs]
    torch.testing.assert_close(fuse(*last), fuse(*drawn.inputs)[-1:])


@ALL
def test_every_stream_and_parameter_matters(name: str) -> None:
    fuse = shaken(stgan.create("fusions", name, 4, 3, 2))
    video = torch.randn(2, 4, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    appearance = torch.randn(2, 3, 3, 3, dtype=torch.float64, requires_grad=True)
    rows = torch.rand(2, 2, dtype=torch.float64, requires_grad=True)
    out = fuse(video, appearance, rows)
    (out * torch.randn_like(out)).sum().backward()
    for tensor in (video, appearance, rows, *fuse.parameters()):
        assert tensor.grad is not None
        assert tensor.grad.abs().sum() > 0


def _decoder(fusion: Callable[..., nn.Module], appearance: bool, classes: int) -> VideoDecoder:
    todo = plan((4, 8, 8))
    widths = [2] * len(todo.stages) if appearance else []
    stages = decoder_stages(todo, base_channels=2, max_channels=4, appearance_channels=widths)
    return VideoDecoder(5, stages, num_classes=classes, fusion=fusion)


@ALL
def test_decoders_can_be_built_from_it(name: str) -> None:
    decode = _decoder(FUSIONS[name], appearance=True, classes=3)
    shape, maps = (2, 5, 1, 1, 1), []
    for stage, fuse in zip(decode.stages[:-1], decode.fusions, strict=True):
        shape = stage.output_shape(shape)
        maps.append(torch.randn(2, 2, *shape[3:]))
        shape = fuse.output_shape(shape)
    clip = decode(torch.randn(2, 5), maps, torch.tensor([0, 2]))
    assert clip.shape == (2, 3, 4, 8, 8)
    clip.sum().backward()
    assert all(parameter.grad is not None for parameter in decode.parameters())


@ALL
def test_decoders_without_appearance_and_label_decode_as_one(name: str) -> None:
    decode, latent = _decoder(FUSIONS[name], appearance=False, classes=0), torch.randn(2, 5)
    twin = _decoder(SpatioTemporalFusion, appearance=False, classes=0)
    twin.load_state_dict(decode.state_dict())
    assert torch.equal(decode.eval()(latent), twin.eval()(latent))


VIDEO, MAP, LABEL = torch.zeros(2, 4, 2, 3, 3), torch.zeros(2, 5, 3, 3), torch.tensor([0, 1])
REFUSED = {
    "video axes": ((VIDEO[:, :, 0], MAP, LABEL), r"video must be laid out as \(N, C=4, T, H, W\)"),
    "video channels": ((VIDEO[:, :3], MAP, LABEL), r"\(N, C=4, T, H, W\), got \(2, 3, 2, 3, 3\)"),
    "map axes": ((VIDEO, MAP[..., 0], LABEL), r"appearance must be laid out as \(N, C=5, H, W\)"),
    "map channels": ((VIDEO, MAP[:, :2], LABEL), r"\(N, C=5, H, W\), got \(2, 2, 3, 3\)"),
    "map batch": ((VIDEO, MAP[:1], LABEL), r"appearance must be \(N=2, C=5, .*got \(1, 5, 3, 3\)"),
    "label batch": ((VIDEO, MAP, LABEL[:1]), r"label must be \(N=2,\) integers or .*got \(1,\)"),
    "label rows": ((VIDEO, MAP, torch.zeros(2, 3)), r"\(N=2, K=2\) rows .*got \(2, 3\)"),
    "label axes": ((VIDEO, MAP, torch.tensor(1)), r"label must be .* got \(\)"),
}


@ALL
@pytest.mark.parametrize(("inputs", "message"), REFUSED.values(), ids=REFUSED)
def test_streams_of_another_layout_are_refused(
    name: str, inputs: tuple[Tensor, ...], message: str
) -> None:
    fuse = stgan.create("fusions", name, 4, 5, 2)
    with pytest.raises(ShapeError, match=message):
        fuse(*inputs)
    with pytest.raises(ShapeError, match=message):
        fuse.output_shape(*(tuple(stream.shape) for stream in inputs))


@SAME_SIZE
def test_maps_of_another_size_than_the_frames_are_refused(name: str) -> None:
    fuse = stgan.create("fusions", name, 4, 5, 2)
    message = r"appearance must be \(N=2, C=5, H=3, W=3\) beside a video of .*got \(2, 5, 2, 3\)"
    with pytest.raises(ShapeError, match=message):
        fuse(VIDEO, MAP[:, :, :2], LABEL)
    with pytest.raises(ShapeError, match=message):
        fuse.output_shape(VIDEO.shape, (2, 5, 2, 3))


@ALL
def test_streams_are_needed_exactly_if_they_have_channels(name: str) -> None:
    fuse = stgan.create("fusions", name, 4, 5, 2)
    with pytest.raises(ValueError, match="built for 5 channels of appearance; pass it"):
        fuse(VIDEO, None, LABEL)
    with pytest.raises(ValueError, match="built for 2 channels of label; pass it"):
        fuse(VIDEO, MAP)
    bare = stgan.create("fusions", name, 4)
    with pytest.raises(ValueError, match="built without appearance; do not pass one"):
        bare(VIDEO, MAP)
    with pytest.raises(ValueError, match="built without label; do not pass one"):
        bare(VIDEO, label=LABEL)
    with pytest.raises(ValueError, match="built without label; do not pass one"):
        bare.output_shape(VIDEO.shape, None, (2,))


@ALL
def test_counts_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="video_channels must be at least 1, got 0"):
        stgan.create("fusions", name, 0)
    with pytest.raises(ValueError, match="appearance_channels must be at least 0, got -1"):
        stgan.create("fusions", name, 4, -1)
    with pytest.raises(ValueError, match="num_classes must be at least 0, got -1"):
        stgan.create("fusions", name, 4, 0, -1)


@ALL
def test_labels_out_of_range_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="label 2 is out of range for 2 classes"):
        stgan.create("fusions", name, 4, 0, 2)(VIDEO, label=torch.tensor([0, 2]))


@given(streams(statics=((True, True), (True, False), (False, True), (False, False))))
def test_concatenation_equals_its_function_and_keeps_the_video_in_front(drawn: Streams) -> None:
    video, appearance, label = drawn.inputs
    out = SpatioTemporalFusion(*drawn.settings)(*drawn.inputs)
    rows = None if label is None else one_hot_label(label, drawn.num_classes, dtype=video.dtype)
    statics = [static for static in (appearance, rows) if static is not None]
    assert torch.equal(out, concat_streams(video, statics))
    assert torch.equal(out[:, : video.shape[1]], video)
    assert torch.equal(out[:, video.shape[1] :, :1].expand_as(out[:, video.shape[1] :]),
                       out[:, video.shape[1] :])  # fmt: skip


@given(streams(statics=((True, True), (True, False), (False, True), (False, False))))
def test_delayed_concatenation_is_concatenation(drawn: Streams) -> None:
    lazy = SpatioTemporalFusion(*drawn.settings, lazy=True)
    features = lazy(*drawn.inputs)
    assert isinstance(features, FusedFeatures)
    now = SpatioTemporalFusion(*drawn.settings)(*drawn.inputs)
    assert torch.equal(features.materialize(), now)
    assert features.shape == now.shape == lazy.output_shape(tuple(drawn.video.shape))
    # Until then nothing is copied.
    assert features.video is drawn.video
    if drawn.appearance is not None:
        assert features.statics[0] is drawn.appearance


def test_a_delay_refuses_what_concatenation_refuses() -> None:
    with pytest.raises(ShapeError, match="appearance must be"):
        SpatioTemporalFusion(4, 5, lazy=True)(VIDEO, MAP[:, :, :2])


def test_a_fusion_shows_its_settings() -> None:
    shown = "4, appearance_channels=5, num_classes=2"
    assert repr(SpatioTemporalFusion(4, 5, 2)) == f"SpatioTemporalFusion({shown})"
    lazy = SpatioTemporalFusion(4, 5, 2, lazy=True)
    assert repr(lazy) == f"SpatioTemporalFusion({shown}, lazy=True)"


def test_a_fusion_of_ones_own_needs_only_its_forward() -> None:
    class Brighten(Fusion):
        def forward(
            self, video: Tensor, appearance: Tensor | None = None, label: Tensor | None = None
        ) -> Tensor:
            rows = self.check_streams(video, appearance, label)
            return video if rows is None else video + rows.amax()

    assert torch.equal(Brighten(4, num_classes=2)(VIDEO, label=LABEL), VIDEO + 1)
    decode = _decoder(Brighten, appearance=False, classes=3)
    assert decode(torch.randn(2, 5), label=LABEL).shape == (2, 3, 4, 8, 8)
