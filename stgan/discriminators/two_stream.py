"""Several streams in one: by default one looks at whole clips, one at single frames."""

import inspect
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from stgan._checks import check_axes, check_layout
from stgan._factories import check_module
from stgan.discriminators._asking import ask_stream, is_conditioned
from stgan.discriminators._base import PICKLE
from stgan.discriminators._head import Head
from stgan.discriminators._outputs import StreamOutput, parts
from stgan.discriminators._streams import Streams
from stgan.discriminators.samplers import FrameSampler, RandomFrames, check_sampler
from stgan.discriminators.stream_spec import StreamSpec
from stgan.errors import ShapeError
from stgan.example import Example
from stgan.functional.frames import take_frames
from stgan.registry import DISCRIMINATORS, unknown_name

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
        claims=PICKLE,
    ),
)
class TwoStreamDiscriminator(Streams):
    """Judge motion on the clip and appearance on some of its frames, each by a network of its own.

    The streams here are video and image, not color and optical flow. Further ones, or others in
    their place, are described by a :class:`StreamSpec` each.

    Args:
        video: Called as ``video(clip, label)``, or ``video(clip)`` where no label is given;
            returns ``(N,)`` logits. A :class:`StreamSpec` for more.
        image: Called with frames ``(N * k, C, H, W)``, and with the label of every frame if it
            takes a ``label`` and has a positive ``num_classes``; returns ``(N * k,)`` logits. A
            :class:`StreamSpec` for more.
        sampler: Which frames the image stream sees, unless its spec says so; by default one
            random frame of each clip.
        streams: Further streams by name; each network becomes an attribute of that name. Without
            a spec, a network takes the whole clip and the label, as ``video`` does.

    Attributes:
        weights: Weight of every stream, by name.

    Shape:
        - ``video``: ``(N, C, T, H, W)``, in [-1, 1]
        - ``label``: ``(N,)`` integers or ``(N, K)`` rows; goes to the streams that are labeled: to
          the video stream, and to an image network that was built for classes
        - ``condition``: ``(N, D)``; goes to the streams that are conditioned: to networks with a
          positive ``condition_dim``
        - ``image``: ``(N, C, H, W)``; goes to the streams whose spec says ``with_image``
        - Output: ``{"video": (N,), "image": (N,)}``, and further streams; with k frames, the
          logit of a clip is the mean over them. What a stream returns by names of its own comes
          under both, such as ``"motion.1"``

    Raises:
        ValueError: If there is no stream, or a name or sampler is given twice or means something
            else; in ``forward``, if ``indices`` are not those of the streams that sample, a label
            or condition is missing or not expected, or a network tells nothing but logits and
            ``detailed`` is asked for.
        UnknownNameError: In ``forward``, if ``only`` names a stream that there is not.
        ShapeError: In ``forward``, if a stream returns other than one logit per sample.

    Example:
        >>> from stgan.discriminators import ImageDiscriminator, StreamSpec, SubClip
        >>> from stgan.discriminators import VideoDiscriminator
        >>> discriminator = TwoStreamDiscriminator(
        ...     video=VideoDiscriminator((8, 16, 16), num_classes=6, base_channels=8),
        ...     image=ImageDiscriminator(16, base_channels=8),
        ...     sampler=RandomFrames(2),
        ... )
        >>> video, label = torch.zeros(4, 3, 8, 16, 16), torch.tensor([0, 1, 2, 3])
        >>> {name: tuple(logits.shape) for name, logits in discriminator(video, label).items()}
        {'video': (4,), 'image': (4,)}
        >>> short = VideoDiscriminator((4, 16, 16), base_channels=8)
        >>> discriminator = TwoStreamDiscriminator(
        ...     image=ImageDiscriminator(16, base_channels=8),
        ...     streams={"short": StreamSpec(short, sampler=SubClip(4), weight=0.5)},
        ... )
        >>> indices = discriminator.sample(video)
        >>> {name: tuple(drawn.shape) for name, drawn in indices.items()}
        {'image': (4, 1), 'short': (4, 4)}
        >>> logits = discriminator(video, indices=indices)
        >>> discriminator.weighted({name: value.mean() for name, value in logits.items()}).shape
        torch.Size([])

    Differs from the source:
        Frames are drawn for each clip by itself; the published code draws one index for the whole
        batch. DVD-GAN (Clark et al. 2019) sums the logits of k frames; the mean keeps their scale
        independent of k.

    References:
        Wang et al., ImaGINator: Conditional Spatio-Temporal GAN for Video Generation, WACV 2020;
        Tulyakov et al., MoCoGAN: Decomposing Motion and Content for Video Generation, CVPR 2018;
        Clark, Donahue and Simonyan, Adversarial Video Generation on Complex Datasets (DVD-GAN),
        2019, part on dual discriminators (k frames).
    """

    def __init__(
        self,
        *,
        video: nn.Module | StreamSpec | None = None,
        image: nn.Module | StreamSpec | None = None,
        sampler: FrameSampler | None = None,
        streams: Mapping[str, nn.Module | StreamSpec] | None = None,
    ) -> None:
        super().__init__()
        if sampler is not None:
            check_sampler(sampler)
        if not isinstance(streams, Mapping | None):
            raise TypeError(
                f"streams must be a mapping from names to networks, got {type(streams).__name__}"
            )
        for name, stream in {"video": video, "image": image, **(streams or {})}.items():
            if stream is not None and not isinstance(stream, StreamSpec):
                check_module(stream, name)
        self._samples_frames = isinstance(image, nn.Module)
        if sampler is not None and not self._samples_frames:
            raise ValueError(
                "sampler is that of an image network; there is none, so put it into the StreamSpec"
            )
        if self._samples_frames:
            self.sampler = RandomFrames() if sampler is None else sampler
        if isinstance(image, nn.Module):
            # A network of frames looks at no label unless it was built for one. Classifiers of
            # other libraries count classes too, but take no label.
            told = inspect.signature(image.forward).parameters
            labeled = "label" in told and bool(getattr(image, "num_classes", 0))
            image = StreamSpec(image, takes="frames", labeled=labeled)
        usual = {"video": video, "image": image}
        self._add({name: stream for name, stream in usual.items() if stream is not None})
        self._add(streams or {})
        if not self._specs:
            raise ValueError("there must be a stream at least; pass video, image or streams")

    def forward(
        self,
        video: Tensor,
        label: Tensor | None = None,
        *,
        image: Tensor | None = None,
        indices: Tensor | Mapping[str, Tensor] | None = None,
        condition: Tensor | None = None,
        generator: torch.Generator | None = None,
        detailed: bool = False,
        only: Collection[str] | None = None,
    ) -> dict[str, Tensor] | dict[str, StreamOutput]:
        """Return one logit per clip and stream.

        Args:
            video: ``(N, C, T, H, W)``.
            label: Passed to the streams that are labeled: to the video stream, and to an image
                network that was built for classes.
            image: ``(N, C, H, W)``, what the clips should go on from; passed to the streams that
                see it beside the clip.
            indices: What :meth:`sample` returned: ``(N, k)`` frames for the image stream, or by
                name for several streams; drawn by the samplers if not given.
            condition: ``(N, D)``, passed to the streams that are conditioned.
            generator: Source of randomness for the samplers.
            detailed: Whether to return a :class:`StreamOutput` for each stream, which its network
                must then return for ``detailed=True``. Predictions of frames are averaged as
                logits are; features stay those of the frames, ``(N * k, ...)``.
            only: Names of the streams to ask, as for a penalty on one of them; ``None`` for all.
        """
        check_layout(video, "N C T H W", name="video")
        for name in only or ():
            if name not in self._specs:
                raise unknown_name("the discriminator", name, self._specs, what="stream")
        if condition is not None and not any(map(is_conditioned, self._specs.values())):
            raise ValueError(
                "no stream takes a condition; build a network with condition_dim, or do not pass "
                "condition"
            )
        if image is not None and not self.with_image:
            raise ValueError(
                "no stream takes an image; give a StreamSpec with_image=True, or do not pass image"
            )
        drawn = self._draw(video, generator) if indices is None else self._by_name(indices)
        asked: dict[str, Any] = {"label": label, "image": image, "condition": condition}
        asked["detailed"] = detailed
        outputs: dict[str, Any] = {}
        for name, spec in self._specs.items():
            if only is not None and name not in only:
                continue
            seen = take_frames(video, drawn[name]) if name in drawn else video
            network, frames = getattr(self, name), drawn.get(name)
            outputs |= ask_stream(name, spec, network, seen, indices=frames, **asked)
        return outputs

    @property
    def predicts(self) -> bool:
        """Whether a head predicts something, which it then tells with ``detailed=True``."""
        return any(head.predicts for head in self._heads(self))

    def _heads(self, network: nn.Module) -> Iterator[Head]:
        return (module for module in network.modules() if isinstance(module, Head))

    def prediction_losses(
        self,
        outputs: Mapping[str, StreamOutput],
        *,
        label: Tensor | None = None,
        z: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """How wrong heads are about what clips were made from.

        Args:
            outputs: What the streams returned for ``detailed=True``.
            label: ``(N,)`` integers, the classes of the clips.
            z: ``(N, D)``, the noise of generated clips; ``None`` for real ones.

        Returns:
            A scalar for each prediction, by names such as ``"video_label"``.
        """
        losses: dict[str, Tensor] = {}
        for name, output in outputs.items():
            heads = self._heads(getattr(self, name.partition(".")[0]))
            head = next((head for head in heads if head.predicts), None)
            if head is not None:
                found = head.prediction_losses(output.predictions, label=label, z=z)
                losses |= {f"{name}_{what}": loss for what, loss in found.items()}
        return losses

    def output_shape(
        self,
        video: Sequence[int],
        label: Sequence[int] | None = None,
        indices: Sequence[int] | Mapping[str, Sequence[int]] | None = None,
        condition: Sequence[int] | None = None,
    ) -> dict[str, tuple[int, ...]]:
        """Shapes of the logits for clips of ``(N, C, T, H, W)``: one per clip and stream.

        The shapes of label and condition do not matter.

        Raises:
            ShapeError: If a stream that promises a shape would refuse its part of the clips.
        """
        check_axes(tuple(video), "N C T H W", name="video")
        n, c, t, h, w = video
        given = {} if indices is None else self._by_name(indices)
        samplers = self._samplers()
        shapes: dict[str, tuple[int, ...]] = {}
        for name, spec in self._specs.items():
            seen = t
            if name in given:
                drawn = tuple(given[name])
                check_axes(drawn, "N k", name="indices", N=n)
                seen = drawn[1]
            elif name in samplers:
                seen = samplers[name](n, t, device="meta").shape[1]
            frames = spec.takes == "frames"
            promise = getattr(getattr(self, name), "output_shape", None)
            if promise is not None:
                answer = promise((n * seen, c, h, w) if frames else (n, c, seen, h, w))
                shapes |= {part: (n, *shape[1:]) for part, shape in parts(name, answer).items()}
            elif spec.patch:
                raise ShapeError(
                    f"the {name} stream returns maps and promises no shape; give its network a "
                    f"method output_shape"
                )
            else:
                shapes[name] = (n,)
        return shapes
