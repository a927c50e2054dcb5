"""Cross-attention against a loop over positions and heads."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from stgan.blocks import CrossAttentionFusion
from stgan.errors import ShapeError
from stgan.functional import attend_to_tokens
from tests.blocks.streams import Streams, shaken, streams

HEADS = st.integers(1, 3)


def _attend(query: Tensor, keys: Tensor, values: Tensor, heads: int) -> Tensor:
    """One position ``(D,)`` reads from tokens ``(S, D)``."""
    read = []
    for q, k, v in zip(*(x.chunk(heads, dim=-1) for x in (query, keys, values)), strict=True):
        scores = torch.stack([(q * one).sum() for one in k]) / len(q) ** 0.5
        weights = (scores - scores.max()).exp()
        read.append(sum(w * one for w, one in zip(weights / weights.sum(), v, strict=True)))
    return torch.cat(read)


@given(streams(), HEADS, st.one_of(st.none(), st.integers(1, 3)), st.booleans(), st.booleans())
def test_it_equals_a_loop(
    drawn: Streams, heads: int, head_channels: int | None, resized: bool, fused: bool
) -> None:
    video, appearance, label = drawn.inputs
    if appearance is not None and resized:
        appearance = torch.randn(*appearance.shape[:2], 1, 4, dtype=video.dtype)
    fuse = shaken(
        CrossAttentionFusion(
            *drawn.settings, num_heads=heads, head_channels=head_channels, fused=fused
        )
    )
    width = heads * (head_channels or -(-video.shape[1] // heads))
    out = fuse(video, appearance, label)
    assert tuple(out.shape) == fuse.output_shape(
        video.shape, None if appearance is None else appearance.shape
    )
    for n, _, t, h, w in torch.ones_like(video[:, :1]).nonzero().tolist():
        tokens = []
        if appearance is not None:
            weight = fuse.appearance_map.weight[:, :, 0, 0]
            tokens += [weight @ pixel for pixel in appearance[n].flatten(1).T]
        if label is not None:
            tokens.append(fuse.label_map.weight[:, label[n]])
        both = torch.stack(tokens)
        x = video[n, :, t, h, w]
        query = fuse.query.weight[:, :, 0, 0, 0] @ x
        read = _attend(query, both[:, :width], both[:, width:], heads)
        read = fuse.out.weight[:, :, 0, 0, 0] @ read + fuse.out.bias
        torch.testing.assert_close(out[n, :, t, h, w], x + fuse.gate * read)


@given(streams())
def test_it_starts_as_the_identity(drawn: Streams) -> None:
    fuse = CrossAttentionFusion(*drawn.settings).double()
    assert torch.equal(fuse(*drawn.inputs), drawn.video)


@given(streams(statics=((True, True), (True, False))))
def test_where_the_pixels_of_the_appearance_are_does_not_matter(drawn: Streams) -> None:
    assert drawn.appearance is not None
    fuse = shaken(CrossAttentionFusion(*drawn.settings))
    order = torch.randperm(drawn.appearance[0, 0].numel())
    shuffled = drawn.appearance.flatten(2)[:, :, order].view_as(drawn.appearance)
    out = fuse(drawn.video, shuffled, drawn.label)
    torch.testing.assert_close(out, fuse(*drawn.inputs))


def test_written_out_it_can_be_differentiated_twice() -> None:
    fuse = shaken(CrossAttentionFusion(2, 3, num_heads=2, head_channels=2, fused=False))
    video = torch.randn(1, 2, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    appearance = torch.randn(1, 3, 1, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(fuse, (video, appearance))
    # Why there is a choice at all.
    fuse.fused = True
    with pytest.raises(RuntimeError, match=r"derivative for .* is not implemented"):
        torch.autograd.gradgradcheck(fuse, (video, appearance))


def test_heads_have_a_share_of_the_channels_rounded_up() -> None:
    assert CrossAttentionFusion(7, 2, num_heads=2).head_channels == 4
    assert CrossAttentionFusion(7, 2, num_heads=2, head_channels=3).query.out_channels == 6
    shown = repr(CrossAttentionFusion(7, num_heads=2))
    assert shown.endswith("appearance_channels=0, num_classes=0, num_heads=2, head_channels=4)")


def test_a_map_of_another_batch_is_refused_and_of_another_size_is_not() -> None:
    fuse = CrossAttentionFusion(4, 5)
    video = torch.zeros(2, 4, 2, 3, 3)
    assert fuse(video, torch.zeros(2, 5, 1, 7)).shape == video.shape
    message = r"appearance must be \(N=2, C=5, H, W\) beside a video of .*got \(1, 5, 3, 3\)"
    with pytest.raises(ShapeError, match=message):
        fuse(video, torch.zeros(1, 5, 3, 3))


@pytest.mark.parametrize("settings", [{"num_heads": 0}, {"head_channels": 0}], ids=str)
def test_heads_of_nothing_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be at least 1, got 0"):
        CrossAttentionFusion(4, 5, **settings)


def test_tokens_that_do_not_fit_are_refused() -> None:
    query, tokens = torch.zeros(2, 6, 1, 2, 2), torch.zeros(2, 5, 6)
    with pytest.raises(ShapeError, match=r"key must be laid out as \(N=2, S, D=6\), got"):
        attend_to_tokens(query, tokens[:1], tokens, num_heads=2)
    with pytest.raises(ShapeError, match=r"value must be laid out as \(N=2, S=5, D=6\), got"):
        attend_to_tokens(query, tokens, tokens[:, 1:], num_heads=2)
    with pytest.raises(ValueError, match="num_heads 4 does not divide the 6 channels"):
        attend_to_tokens(query, tokens, tokens, num_heads=4)
