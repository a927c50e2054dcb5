"""Recurrent layers keep their state in the open: clips may be run whole, in pieces or stepwise."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from stgan.errors import ShapeError
from stgan.functional import conv_gru, conv_lstm
from stgan.layers import ConvGRU, ConvLSTM
from tests.strategies import SEEDS, videos

CLASSES = st.sampled_from([ConvGRU, ConvLSTM])
CLIPS = videos(min_frames=2)


def _flat(state: Any) -> list[Tensor]:
    return [state] if isinstance(state, Tensor) else list(state)


def _layer(kind: type[nn.Module], channels: int, seed: int, **settings: Any) -> Any:
    torch.manual_seed(seed)
    return kind(channels, 3, **settings).double()


@given(CLIPS, st.data(), CLASSES, SEEDS)
def test_two_pieces_with_the_state_carried_are_the_whole(
    video: Tensor, data: st.DataObject, kind: type[nn.Module], seed: int
) -> None:
    layer = _layer(kind, video.shape[1], seed)
    cut = data.draw(st.integers(1, video.shape[2] - 1))
    whole, end = layer(video)
    first, state = layer(video[:, :, :cut])
    second, state = layer(video[:, :, cut:], state)
    torch.testing.assert_close(torch.cat([first, second], dim=2), whole)
    for a, b in zip(_flat(state), _flat(end), strict=True):
        torch.testing.assert_close(a, b)


@given(videos(), CLASSES, SEEDS)
def test_steps_are_the_whole(video: Tensor, kind: type[nn.Module], seed: int) -> None:
    layer = _layer(kind, video.shape[1], seed)
    state, frames = None, []
    for frame in video.unbind(2):
        out, state = layer.step(frame, state)
        frames.append(out)
    whole, end = layer(video)
    torch.testing.assert_close(torch.stack(frames, dim=2), whole)
    for a, b in zip(_flat(state), _flat(end), strict=True):
        torch.testing.assert_close(a, b)


@given(CLIPS, st.data(), CLASSES, SEEDS)
def test_no_frame_looks_ahead_and_every_frame_is_looked_at(
    video: Tensor, data: st.DataObject, kind: type[nn.Module], seed: int
) -> None:
    layer = _layer(kind, video.shape[1], seed)
    changed = data.draw(st.integers(1, video.shape[2] - 1))
    other = video.clone()
    other[:, :, changed:] += 1
    a, b = layer(video)[0], layer(other)[0]
    torch.testing.assert_close(a[:, :, :changed], b[:, :, :changed])
    assert not torch.allclose(a[:, :, changed], b[:, :, changed])


@given(CLIPS, CLASSES, SEEDS)
def test_nothing_is_remembered_between_calls(
    video: Tensor, kind: type[nn.Module], seed: int
) -> None:
    layer = _layer(kind, video.shape[1], seed)
    first = layer(video)[0]
    layer(-video)
    assert torch.equal(layer(video)[0], first)


@given(videos(), st.sampled_from([1, 3, (3, 1), (1, 5)]), st.booleans(),
       st.sampled_from([nn.Tanh, nn.ReLU, None]), SEEDS)  # fmt: skip
def test_they_equal_their_functions_and_promise_their_shapes(
    video: Tensor, kernel: Any, bias: bool, act: Any, seed: int
) -> None:
    gru = _layer(ConvGRU, video.shape[1], seed, kernel_size=kernel, bias=bias, act=act)
    frames, state = gru(video)
    expected, _ = conv_gru(
        video, None, gru.input.weight, gru.gates.weight, gru.candidate.weight, gru.input.bias,
        act={nn.Tanh: torch.tanh, nn.ReLU: torch.relu, None: torch.positive}[act],
    )  # fmt: skip
    assert torch.equal(frames, expected)
    assert gru.output_shape(tuple(video.shape)) == (tuple(frames.shape), tuple(state.shape))
    lstm = _layer(ConvLSTM, video.shape[1], seed, kernel_size=kernel, bias=bias)
    frames, (state, cell) = lstm(video)
    expected, _ = conv_lstm(video, None, lstm.input.weight, lstm.hidden.weight, lstm.input.bias)
    assert torch.equal(frames, expected)
    assert lstm.output_shape(tuple(video.shape)) == (
        tuple(frames.shape), (tuple(state.shape), tuple(cell.shape))
    )  # fmt: skip
    assert (gru.input.bias is not None) == (lstm.input.bias is not None) == bias
    assert gru.out_channels == lstm.out_channels == 3


@pytest.mark.parametrize("kind", [ConvGRU, ConvLSTM])
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0, 3), ValueError, "in_channels must be at least 1, got 0"),
        ((3, 2.5), TypeError, "hidden_channels must be a positive integer, got 2.5"),
        ((3, 3, 4), ValueError, "kernel_size must have odd sides, .* got 4"),
        ((3, 3, (3, 2)), ValueError, r"kernel_size must have odd sides, .* got \(3, 2\)"),
        ((3, 3, (3, 3, 3)), TypeError, r"kernel_size must be an integer or \(H, W\)"),
    ],
    ids=["channels", "float", "even", "even side", "triple"],
)
def test_wrong_settings_fail_in_the_constructor(
    kind: type[nn.Module], arguments: tuple[Any, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        kind(*arguments)


@pytest.mark.parametrize("kind", [ConvGRU, ConvLSTM])
@pytest.mark.parametrize("shape", [(2, 4, 4, 6, 5), (2, 3, 6, 5), (2, 3, 0, 6, 5)])
def test_other_videos_are_refused_by_layer_and_promise(
    kind: type[nn.Module], shape: tuple[int, ...]
) -> None:
    layer = _layer(kind, 3, 0)
    message = rf"video must be laid out as \(N, C=3, T, H, W\).* got \({str(shape)[1:-1]}\)"
    for call in (lambda: layer(torch.zeros(shape).double()), lambda: layer.output_shape(shape)):
        with pytest.raises(ShapeError, match=message):
            call()
    with pytest.raises(ShapeError, match=r"frame must be laid out as \(N, C=3, H, W\), got"):
        layer.step(torch.zeros(2, 4, 6, 5).double())


def test_other_states_are_refused_by_layer_and_promise() -> None:
    video, bad = torch.zeros(2, 3, 4, 6, 5), torch.zeros(1, 3, 6, 5)
    good = torch.zeros(2, 3, 6, 5)
    gru, lstm = ConvGRU(3, 3), ConvLSTM(3, 3)
    message = r"state of video \(2, 3, 4, 6, 5\) must be \(2, 3, 6, 5\), got \(1, 3, 6, 5\)"
    shape, wrong = tuple(video.shape), tuple(bad.shape)
    for call in (
        lambda: gru(video, bad),
        lambda: gru.output_shape(shape, wrong),
        lambda: lstm(video, (good, bad)),
        lambda: lstm.output_shape(shape, (tuple(good.shape), wrong)),
    ):
        with pytest.raises(ShapeError, match=message):
            call()
