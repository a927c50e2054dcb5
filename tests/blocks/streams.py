"""Streams to fuse: a video, with or without an appearance map and labels beside it."""

from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.strategies import SEEDS, label_batches, videos


@dataclass(frozen=True)
class Streams:
    """What is fused, and the settings of a fusion that takes it."""

    video: Tensor
    appearance: Tensor | None
    label: Tensor | None
    num_classes: int

    @property
    def settings(self) -> tuple[int, int, int]:
        appearance = 0 if self.appearance is None else self.appearance.shape[1]
        return self.video.shape[1], appearance, self.num_classes

    @property
    def inputs(self) -> tuple[Tensor, Tensor | None, Tensor | None]:
        return self.video, self.appearance, self.label

    @property
    def shapes(self) -> list[tuple[int, ...] | None]:
        return [None if stream is None else tuple(stream.shape) for stream in self.inputs]


@st.composite
def streams(
    draw: st.DrawFn,
    *,
    statics: tuple[tuple[bool, bool], ...] = ((True, True), (True, False), (False, True)),
    min_batch: int = 1,
    max_frames: int = 3,
    max_side: int = 3,
) -> Streams:
    """Streams; ``statics`` says which pairs of (appearance, label) may be given."""
    video = draw(videos(min_batch=min_batch, max_frames=max_frames, min_side=2, max_side=max_side))
    torch.manual_seed(draw(SEEDS))
    n, _, _, h, w = video.shape
    has_appearance, has_label = draw(st.sampled_from(statics))
    appearance = label = None
    classes = 0
    if has_appearance:
        appearance = torch.randn(n, draw(st.integers(1, 3)), h, w, dtype=video.dtype)
    if has_label:
        classes = draw(st.integers(1, 3))
        label = draw(label_batches(batch=n, num_classes=classes))
    return Streams(video, appearance, label, classes)


def shaken(module: nn.Module) -> nn.Module:
    """In float64 and eval, with weights that are nowhere zero, whatever they started as."""
    module.double().eval()
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    return module
