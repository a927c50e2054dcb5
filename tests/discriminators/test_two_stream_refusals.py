"""What streams cannot do is told in a sentence."""

from typing import Any

import pytest
import torch
from torch import nn

from stgan.discriminators import (
    FirstAndRandomFrames,
    FrameMergeDiscriminator,
    ProjectionHead,
    RandomFrames,
    StreamSpec,
    TwoStreamDiscriminator,
)
from stgan.errors import UnknownNameError
from stgan.shapes import plan
from tests.discriminators.small_networks import (
    LABEL,
    SIZE,
    TINY,
    clips,
    image_network,
    three_streams,
    video_network,
)

MERGED = FrameMergeDiscriminator(
    8, num_frames=4, merge_after=1, stages=plan((1, 16, 16)).stages[:2], **TINY
)
SPEC = StreamSpec(image_network(), takes="frames", sampler=FirstAndRandomFrames(1))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: TwoStreamDiscriminator(), "there must be a stream at least; pass video, image"),
        (lambda: TwoStreamDiscriminator(image=SPEC, sampler=RandomFrames()),
         "sampler is that of an image network; there is none, so put it into the StreamSpec"),
        (lambda: TwoStreamDiscriminator(video=nn.Identity(), streams={"video": SPEC}),
         "a stream cannot be named 'video', which is taken"),
        (lambda: TwoStreamDiscriminator(streams={"train": SPEC}), "cannot be named 'train'"),
        (lambda: TwoStreamDiscriminator(streams={"sampler": SPEC}), "cannot be named 'sampler'"),
        (lambda: TwoStreamDiscriminator(streams={"kind": SPEC}), "cannot be named 'kind'"),
        (lambda: TwoStreamDiscriminator(streams={"a.b": SPEC}), r"cannot be named 'a\.b'"),
        (lambda: StreamSpec(nn.Identity(), takes="frame"), "'clip' or 'frames', got 'frame'"),
        (lambda: StreamSpec(nn.Identity(), weight=-1), "at least 0, got -1"),
        (lambda: StreamSpec(nn.Identity(), weight=float("nan")), "a finite number .* got nan"),
        (lambda: StreamSpec(nn.Identity(), takes="frames", timed=True), "drop timed=True"),
        (lambda: StreamSpec(nn.Identity(), takes="frames", with_image=True),
         "cannot tell which image belongs to which; let it take the clip"),
        (lambda: three_streams()(clips(), LABEL, condition=torch.zeros(3, 2)),
         "no stream takes a condition; build a network with condition_dim, or do not pass"),
        (lambda: three_streams()(clips(), LABEL, image=torch.zeros(3, 3, 8, 8)),
         "no stream takes an image; give a StreamSpec with_image=True, or do not pass image"),
        (lambda: TwoStreamDiscriminator(video=video_network(head=ProjectionHead, condition_dim=2))(
            clips()), "built for conditions of 2 numbers; pass condition"),
        (lambda: TwoStreamDiscriminator(video=video_network(head=ProjectionHead, condition_dim=2))(
            clips(), condition=torch.zeros(2, 2)), r"\(N=3, D=2\), got \(2, 2\)"),
        (lambda: TwoStreamDiscriminator(image=image_network())(
            clips(), indices=torch.tensor([[0], [4], [1]])),
         "index 4 is out of range for clips of 4 frames; use 0 to 3"),
        (lambda: TwoStreamDiscriminator(streams={"one": nn.Identity()})(clips(), detailed=True),
         "the one stream, a Identity, tells nothing but logits; drop detailed=True, or let its"),
        (lambda: TwoStreamDiscriminator(streams={"merged": StreamSpec(MERGED, timed=True)})(
            clips(), detailed=True),
         "the merged stream, a FrameMergeDiscriminator, tells nothing but logits; drop detailed"),
        (lambda: three_streams()(clips(), LABEL, indices=torch.zeros(3, 1).long()),
         "3 streams sample frames; pass indices as a mapping with image, short, still"),
        (lambda: three_streams()(clips(), LABEL, indices={"image": torch.zeros(3, 1).long()}),
         "indices must be those of image, short, still, got image"),
        (lambda: TwoStreamDiscriminator(video=video_network())(
            clips(), indices=torch.zeros(3, 1).long()),
         "0 streams sample frames; pass indices as a mapping with no name"),
        (lambda: three_streams().weighted({"video": torch.zeros(())}),
         "losses must be those of video, image, short, still, got video"),
        (lambda: three_streams().weighted(dict.fromkeys(
            ["video", "image", "short", "still", "other"], torch.zeros(()))),
         "losses must be those of video, image, short, still, got .*other"),
        (lambda: TwoStreamDiscriminator(
            streams={"map": StreamSpec(nn.Identity(), patch=True)}).output_shape((3, 3, *SIZE)),
         "the map stream returns maps and promises no shape; give its network a method"),
        (lambda: TwoStreamDiscriminator(video=video_network(), image=image_network(),
                                        sampler=RandomFrames(5)).output_shape((3, 3, *SIZE)),
         "needs clips of at least 5 frames, got 4"),
    ],
)  # fmt: skip
def test_refusals_teach(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_a_stream_that_there_is_not_cannot_be_asked() -> None:
    with pytest.raises(UnknownNameError, match="no stream named 'vidoe'; did you mean 'video'"):
        three_streams()(clips(), LABEL, only=["vidoe"])
