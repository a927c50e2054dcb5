"""Small streams and clips for them."""

from typing import Any

import torch
from torch import Tensor

from stgan.discriminators import (
    ImageDiscriminator,
    RandomFrames,
    StratifiedFrames,
    StreamSpec,
    SubClip,
    TwoStreamDiscriminator,
    VideoDiscriminator,
)

__all__ = ["LABEL", "SIZE", "TINY", "clips", "image_network", "three_streams", "video_network"]

SIZE = (4, 8, 8)
TINY: dict[str, Any] = {"base_channels": 2, "max_channels": 4}


def video_network(frames: int = 4, **options: Any) -> VideoDiscriminator:
    return VideoDiscriminator((frames, 8, 8), **TINY, **options)


def image_network(**options: Any) -> ImageDiscriminator:
    return ImageDiscriminator(8, **TINY, **options)


def three_streams() -> TwoStreamDiscriminator:
    torch.manual_seed(0)
    return TwoStreamDiscriminator(
        video=video_network(num_classes=3),
        image=image_network(),
        sampler=RandomFrames(2),
        streams={
            "short": StreamSpec(
                video_network(2), sampler=SubClip(2), weight=0.5, labeled=False
            ),
            "still": StreamSpec(
                image_network(num_classes=3), takes="frames", sampler=StratifiedFrames(2), weight=2
            ),
        },
    ).eval()  # fmt: skip


def clips(seed: int = 0, n: int = 3) -> Tensor:
    return torch.randn(n, 3, *SIZE, generator=torch.Generator().manual_seed(seed))


LABEL = torch.tensor([0, 2, 1])
