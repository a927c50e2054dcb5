"""Two streams: one looks at whole clips, one at single frames."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from stgan._checks import check_layout
from stgan.discriminators.samplers import FrameSampler, RandomFrames
from stgan.errors import ShapeError
from stgan.example import Example
from stgan.functional.frames import fold_time, take_frames
from stgan.registry import DISCRIMINATORS

__all__ = ["TwoStreamDiscriminator"]


@DISCRIMINATORS.register(
    "two_stream",
    source="Wang et al., ImaGINator, WACV 2020; Tulyakov et al., MoCoGAN, CVPR 2018",
    shape="(N, C, T, H, W), (N,) -> {'video': (N,), 'image': (N,)}",
    example=Example(
        settings={
            "video": {
                "kind": "discriminators",
                "name": "video",
                "input_size": (4, 8, 12),
                "num_classes": 3,
                "base_channels": 2,
                "max_channels": 4,
            },
            "image": {
                "kind": "discriminators",
                "name": "image",
                "input_size": (8, 12),
                "base_channels": 2,
                "max_channels": 4,
            },
            "sampler": {"kind": "samplers", "name": "random_frames", "count": 2},
        },
        # Drawn frames would differ from call to call.
        inputs={"video": "N 3 4 8 12", "label": "N < 3", "indices": "N k < 4"},
        claims={"pickle": "torch pickles no parametrized weights; spectral_norm=False has none"},
    ),
)
class TwoStreamDiscriminator(nn.Module):
    """Judge motion on the clip and appearance on some of its frames, each by a network of its own.

    The streams here are video and image, not color and optical flow.

    Args:
        video: Called as ``video(clip, label)``, or ``video(clip)`` where no label is given;
            returns ``(N,)`` logits.
        image: Called with frames ``(N * k, C, H, W)``; returns ``(N * k,)`` logits.
        sampler: Which frames the image stream sees; by default one random frame of each clip.

    Shape:
        - ``video``: ``(N, C, T, H, W)``, in [-1, 1]
        - ``label``: ``(N,)`` integers or ``(N, K)`` rows; goes to the video stream
        - Output: ``{"video": (N,), "image": (N,)}``; with k frames, the image logit of a clip is
          the mean over them

    Raises:
        ShapeError: In ``forward``, if a stream returns other than one logit per sample.

    Example:
        >>> from stgan.discriminators import ImageDiscriminator, VideoDiscriminator
        >>> critic = TwoStreamDiscriminator(
        ...     video=VideoDiscriminator((8, 16, 16), num_classes=6, base_channels=8),
        ...     image=ImageDiscriminator(16, base_channels=8),
        ...     sampler=RandomFrames(2),
        ... )
        >>> logits = critic(torch.zeros(4, 3, 8, 16, 16), torch.tensor([0, 1, 2, 3]))
        >>> {name: tuple(value.shape) for name, value in logits.items()}
        {'video': (4,), 'image': (4,)}

    Differs from the source:
        Frames are drawn for each clip by itself; the published code draws one index for the whole
        batch. DVD-GAN (Clark et al. 2019) sums the logits of k frames; the mean keeps their scale
        independent of k.
    """

    def __init__(
        self, *, video: nn.Module, image: nn.Module, sampler: FrameSampler | None = None
    ) -> None:
        super().__init__()
        self.video = video
        self.image = image
        self.sampler = RandomFrames() if sampler is None else sampler

    def sample(self, video: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Draw frame indices ``(N, k)`` for a batch of clips, to be used again with another.

        Args:
            video: ``(N, C, T, H, W)``; only its shape and device matter.
            generator: Source of randomness; ``None`` for torch's own.
        """
        check_layout(video, "N C T H W", name="video")
        return self.sampler(
            video.shape[0], video.shape[2], generator=generator, device=video.device
        )

    def forward(
        self,
        video: Tensor,
        label: Tensor | None = None,
        *,
        indices: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> dict[str, Tensor]:
        """Return one logit per clip and stream.

        Args:
            video: ``(N, C, T, H, W)``.
            label: Passed to the video stream.
            indices: ``(N, k)`` frames for the image stream; drawn by the sampler if not given.
            generator: Source of randomness for the sampler.
        """
        check_layout(video, "N C T H W", name="video")
        if indices is None:
            indices = self.sample(video, generator=generator)
        frames = fold_time(take_frames(video, indices))
        n, k = indices.shape
        clip_logits = self.video(video) if label is None else self.video(video, label)
        frame_logits = self.image(frames)
        for name, logits, count in (("video", clip_logits, n), ("image", frame_logits, n * k)):
            if logits.shape != (count,):
                raise ShapeError(
                    f"the {name} stream must return one logit per sample, ({count},), got "
                    f"{tuple(logits.shape)}; average its map, or give it inputs of its own size"
                )
        return {"video": clip_logits, "image": frame_logits.reshape(n, k).mean(dim=1)}

    def output_shape(
        self,
        video: Sequence[int],
        label: Sequence[int] | None = None,
        indices: Sequence[int] | None = None,
    ) -> dict[str, tuple[int, ...]]:
        """Shapes of the logits for clips of ``(N, C, T, H, W)``: one per clip and stream.

        Raises:
            ShapeError: If a stream that promises a shape would refuse its part of the clips.
        """
        check_layout(torch.empty(tuple(video), device="meta"), "N C T H W", name="video")
        n, c, _, h, w = video
        frames = n * (1 if indices is None else indices[1])
        for stream, shape in ((self.video, tuple(video)), (self.image, (frames, c, h, w))):
            promise = getattr(stream, "output_shape", None)
            if promise is not None:
                promise(shape)
        return {"video": (n,), "image": (n,)}
