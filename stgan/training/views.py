"""What the discriminators see of clips, and how they are asked about it."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from stgan.discriminators import StreamOutput

__all__ = ["StreamOutputs", "View", "cut_tree", "discriminate", "discriminate_pair"]

#: What every stream returns for a batch, by its name.
StreamOutputs: TypeAlias = dict[str, StreamOutput]


class View(NamedTuple):
    """A batch of clips as discriminators see it, real or generated.

    Attributes:
        video: ``(N, C, T, H, W)``, augmented where an objective augments.
        label: ``(N,)`` or ``(N, K)``; ``None`` for none.
        image: ``(N, C, H, W)``, what the clips should go on from; ``None`` where no stream sees it.
        indices: Frames for the streams that sample, ``(N, k)``, or by name for several; ``None``
            to draw them.
    """

    video: Tensor
    label: Tensor | None = None
    image: Tensor | None = None
    indices: Tensor | Mapping[str, Tensor] | None = None

    def detach(self) -> "View":
        """Return the same clips without a way back to the generator."""
        return self._replace(video=self.video.detach())

    def condition(self) -> dict[str, Any]:
        """Return all but the video by the names that a discriminator has for them."""
        others = {"label": self.label, "image": self.image, "indices": self.indices}
        return {name: value for name, value in others.items() if value is not None}


def discriminate(discriminator: nn.Module, view: View, *, detailed: bool = False) -> StreamOutputs:
    """Ask every stream about clips.

    Args:
        discriminator: A :class:`stgan.discriminators.TwoStreamDiscriminator`, wrapped or not.
        view: The clips.
        detailed: Whether streams must tell predictions and features too; otherwise both are empty.

    Example:
        >>> from stgan.discriminators import TwoStreamDiscriminator, VideoDiscriminator
        >>> video = VideoDiscriminator((4, 16, 16), base_channels=4)
        >>> discriminator = TwoStreamDiscriminator(video=video)
        >>> outputs = discriminate(discriminator, View(torch.zeros(2, 3, 4, 16, 16)))
        >>> outputs["video"].logits.shape
        torch.Size([2])
    """
    found = discriminator(view.video, **view.condition(), detailed=detailed)
    return {
        name: StreamOutput(output, {}, ()) if isinstance(output, Tensor) else output
        for name, output in found.items()
    }


def discriminate_pair(
    discriminator: nn.Module,
    real: View,
    fake: View,
    *,
    detailed: bool = False,
    one_call: bool = True,
) -> tuple[StreamOutputs, StreamOutputs]:
    """Ask every stream about real and generated clips.

    Args:
        discriminator: The streams.
        real: Real clips.
        fake: As many generated ones.
        detailed: As in :func:`discriminate`.
        one_call: Whether both are shown side by side in one call, which is faster and normalizes
            weights once. What is said of a clip must not depend on those beside it: pass
            ``not discriminator.whole_batch``.

    Returns:
        What is said of the real clips, and of the generated ones.

    Example:
        >>> from stgan.discriminators import TwoStreamDiscriminator, VideoDiscriminator
        >>> video = VideoDiscriminator((4, 16, 16), base_channels=4)
        >>> real, fake = View(torch.ones(2, 3, 4, 16, 16)), View(torch.zeros(2, 3, 4, 16, 16))
        >>> said = discriminate_pair(TwoStreamDiscriminator(video=video), real, fake)
        >>> [outputs["video"].logits.shape for outputs in said]
        [torch.Size([2]), torch.Size([2])]
    """
    if not one_call:
        return (
            discriminate(discriminator, real, detailed=detailed),
            discriminate(discriminator, fake, detailed=detailed),
        )
    both = tree_map(lambda a, b: None if a is None else torch.cat([a, b]), real, fake)
    outputs = discriminate(discriminator, both, detailed=detailed)
    # Half of each, not the first N: a stream of single frames has features of N k frames.
    first, second = (tree_map(lambda x, i=i: x.chunk(2)[i], outputs) for i in (0, 1))
    return first, second


def cut_tree(tree: Any, samples: slice) -> Any:
    """Cut the first axis of every tensor in nested mappings and tuples; ``None`` stays.

    Args:
        tree: The tensors.
        samples: The part of the first axis that is kept.

    Example:
        >>> cut_tree({"z": torch.arange(4), "frames": (None,)}, slice(1, 3))
        {'z': tensor([1, 2]), 'frames': (None,)}
    """
    return tree_map(lambda value: None if value is None else value[samples], tree)


def leaves(tree: Any) -> Any:
    """Copy every tensor as a leaf of a graph of its own."""
    return tree_map(lambda value: value.detach().requires_grad_(), tree)


def join_logits(outputs: Iterable[StreamOutputs]) -> dict[str, Tensor]:
    """Return the logits of several parts of a batch as those of the batch, detached."""
    parts = list(outputs)
    return {name: torch.cat([part[name].logits.detach() for part in parts]) for name in parts[0]}
