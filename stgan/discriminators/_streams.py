"""The streams of a discriminator: their networks, weights and frame samplers, by name."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from stgan._checks import check_layout
from stgan.discriminators._outputs import check_detailed
from stgan.discriminators.samplers import FrameSampler
from stgan.discriminators.stream_spec import StreamSpec

__all__ = ["Streams"]


class Streams(nn.Module):
    """Networks by name, each with what its :class:`StreamSpec` says of it."""

    # That of an image network without a spec, which can be exchanged later.
    sampler: FrameSampler
    _samples_frames: bool

    def __init__(self) -> None:
        super().__init__()
        self._specs: dict[str, StreamSpec] = {}
        self.weights: dict[str, float] = {}

    def _add(self, streams: Mapping[str, nn.Module | StreamSpec]) -> None:
        for name, stream in streams.items():
            # Two of these would be read as something else in a configuration.
            taken = name in ("sampler", "kind", "factory") or hasattr(self, name)
            if taken or not name.isidentifier():
                raise ValueError(
                    f"a stream cannot be named {name!r}, which is taken or no Python name; choose "
                    f"another"
                )
            spec = stream if isinstance(stream, StreamSpec) else StreamSpec(stream)
            self._specs[name] = spec
            self.weights[name] = spec.weight
            self.add_module(name, spec.network)

    def _samplers(self) -> dict[str, FrameSampler]:
        """Return the samplers of the streams that have one."""
        samplers = {name: spec.sampler for name, spec in self._specs.items()}
        if self._samples_frames:
            samplers["image"] = self.sampler
        return {name: sampler for name, sampler in samplers.items() if sampler is not None}

    def sample(
        self, video: Tensor, *, generator: torch.Generator | None = None
    ) -> Tensor | dict[str, Tensor]:
        """Draw frame indices ``(N, k)`` for a batch of clips, to be used again with another.

        Args:
            video: ``(N, C, T, H, W)``; only its shape and device matter.
            generator: Source of randomness; ``None`` for torch's own.

        Returns:
            The indices of the only stream that samples, such as ``image``; otherwise those of all
            that do, by name. ``forward`` takes either.
        """
        check_layout(video, "N C T H W", name="video", kind="any")
        drawn = self._draw(video, generator)
        return next(iter(drawn.values())) if len(drawn) == 1 else drawn

    def _draw(self, video: Tensor, generator: torch.Generator | None) -> dict[str, Tensor]:
        n, t, device = video.shape[0], video.shape[2], video.device
        samplers = self._samplers()
        return {name: draw(n, t, generator=generator, device=device)
                for name, draw in samplers.items()}  # fmt: skip

    def _by_name(self, indices: Any) -> dict[str, Any]:
        """Return indices, or their shapes, by the name of the stream that samples."""
        names = list(self._samplers())
        if not isinstance(indices, Mapping):
            if len(names) != 1:
                raise ValueError(
                    f"{len(names)} streams sample frames; pass indices as a mapping with "
                    f"{', '.join(names) or 'no name'}"
                )
            return {names[0]: indices}
        if set(indices) != set(names):
            raise ValueError(
                f"indices must be those of {', '.join(names) or 'no stream'}, got "
                f"{', '.join(indices) or 'none'}"
            )
        return dict(indices)

    @property
    def with_image(self) -> bool:
        """Whether a stream sees the image from which the clips should go on."""
        return any(bool(spec.with_image) for spec in self._specs.values())

    @property
    def whole_batch(self) -> bool:
        """Whether a layer looks at the samples beside each, as batch normalization does."""
        return any(
            isinstance(module, _BatchNorm) or getattr(module, "whole_batch", False)
            for network in self.children()
            for module in network.modules()
        )

    def check_detailed(self) -> None:
        """Refuse streams that tell nothing but logits, for losses of features or predictions.

        Raises:
            ValueError: If one cannot be called with ``detailed=True``; names it.
        """
        for name in self._specs:
            check_detailed(getattr(self, name), f"the {name} stream")

    def weighted(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Add up the losses of all streams by their weights.

        Args:
            losses: Loss of every stream, by the names that ``forward`` returns.

        Raises:
            ValueError: If a stream has no loss, or a loss no stream.
        """
        owners = {name: name.partition(".")[0] for name in losses}
        if set(owners.values()) != set(self.weights):
            raise ValueError(
                f"losses must be those of {', '.join(self.weights)}, got "
                f"{', '.join(losses) or 'none'}"
            )
        terms = [self.weights[owners[name]] * loss for name, loss in losses.items()]
        return torch.stack(terms).sum(dim=0)
