"""A batch in parts: what was drawn and generated for it, and what the discriminators see."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from stgan.discriminators import TwoStreamDiscriminator
from stgan.training.accumulation import split_batch
from stgan.training.objective import Objective
from stgan.training.views import View, cut_tree

__all__ = ["Draws", "Generate", "Part", "draw_step", "make_parts"]

#: All that is random in a step, as nested mappings of tensors with one row for each clip.
Draws: TypeAlias = Mapping[str, Any]
#: Makes clips ``(N, C, T, H, W)`` for a batch, from noise.
Generate: TypeAlias = Callable[[Mapping[str, Tensor], Tensor], Tensor]


def draw_step(
    discriminator: TwoStreamDiscriminator,
    objective: Objective,
    *,
    num_clips: int,
    num_frames: int,
    z_dim: int,
    generator: torch.Generator,
    same_frames: bool = True,
    device: torch.device | str | None = None,
) -> dict[str, Any]:
    """Draw everything that a step needs before it: done again with it, the step does the same.

    Args:
        discriminator: Whose streams sample frames.
        objective: Which augments, and may compare two noises.
        num_clips: N.
        num_frames: T.
        z_dim: D, the length of the noise.
        generator: Of the numbers, on the CPU.
        same_frames: Whether streams see the same moments of real and generated clips.
        device: Where the numbers go; ``None`` for the CPU.

    Returns:
        ``"z"``, ``(N, D)``; ``"real"`` and ``"fake"``, each with the ``"indices"`` of frames and
        the draws to ``"augment"`` by, or ``None``; ``"other_z"``, ``(N, D)`` or ``None``.

    Example:
        >>> from stgan.discriminators import TwoStreamDiscriminator, VideoDiscriminator
        >>> from stgan.losses import HingeLoss
        >>> from stgan.training import Objective
        >>> discriminator = TwoStreamDiscriminator(
        ...     video=VideoDiscriminator((4, 16, 16), base_channels=4)
        ... )
        >>> objective = Objective(discriminator, HingeLoss())
        >>> numbers = torch.Generator().manual_seed(0)
        >>> draws = draw_step(
        ...     discriminator, objective, num_clips=4, num_frames=4, z_dim=5, generator=numbers
        ... )
        >>> draws["z"].shape, draws["real"]["augment"]
        (torch.Size([4, 5]), None)
    """
    like = torch.empty(num_clips, 1, num_frames, 1, 1)
    z = torch.randn(num_clips, z_dim, generator=generator)
    real = discriminator.sample(like, generator=generator)
    fake = real if same_frames else discriminator.sample(like, generator=generator)
    draws: dict[str, Any] = {"z": z}
    for side, indices in (("real", real), ("fake", fake)):
        draws[side] = {"indices": indices, "augment": objective.draw(num_clips, generator)}
    other = torch.randn(num_clips, z_dim, generator=generator) if objective.needs_other else None
    moved: dict[str, Any] = tree_map(
        lambda value: None if value is None else value.to(device, non_blocking=True),
        draws | {"other_z": other},
    )
    return moved


@dataclass(frozen=True)
class Part:
    """Some clips of a batch, what was generated for them, and what discriminators see of both.

    Attributes:
        batch: ``"video"``, and ``"image"`` and ``"label"`` where there are any.
        draws: As of :func:`draw_step`.
        clips: The generated clips, not augmented.
        real: Real clips as the discriminators see them.
        fake: Generated ones.
    """

    batch: Mapping[str, Tensor]
    draws: Draws
    clips: Tensor
    real: View
    fake: View

    @property
    def z(self) -> Tensor:
        """Noise of the clips."""
        z: Tensor = self.draws["z"]
        return z


def make_part(
    generate: Generate, objective: Objective, batch: Mapping[str, Tensor], draws: Draws
) -> Part:
    """Generate clips, and augment them and the real ones."""
    clips = generate(batch, draws["z"])
    label = batch.get("label")
    image = batch.get("image") if objective.with_image else None
    real, fake = (
        objective.view(View(video, label, image, draws[side]["indices"]), draws[side]["augment"])
        for side, video in (("real", batch["video"]), ("fake", clips))
    )
    return Part(batch, draws, clips, real, fake)


def make_parts(
    generate: Generate,
    objective: Objective,
    batch: Mapping[str, Tensor],
    draws: Draws,
    count: int = 1,
) -> list[Part]:
    """Generate the clips of a step, in parts.

    In several parts clips are made without a graph; the generator's step then makes each part
    again, so that it holds the activations of one part only.

    Args:
        generate: ``generate(batch, z) -> clips``.
        objective: Which augments.
        batch: ``"video"``, and ``"image"`` and ``"label"`` where there are any.
        draws: As of :func:`draw_step`.
        count: Number of parts.

    Raises:
        ValueError: If the batch cannot be cut evenly.

    Example:
        >>> from stgan.discriminators import TwoStreamDiscriminator, VideoDiscriminator
        >>> from stgan.losses import HingeLoss
        >>> from stgan.training import Objective
        >>> discriminator = TwoStreamDiscriminator(
        ...     video=VideoDiscriminator((4, 16, 16), base_channels=4)
        ... )
        >>> objective = Objective(discriminator, HingeLoss())
        >>> numbers = torch.Generator().manual_seed(0)
        >>> draws = draw_step(
        ...     discriminator, objective, num_clips=4, num_frames=4, z_dim=5, generator=numbers
        ... )
        >>> def generate(batch, z):
        ...     return torch.zeros(len(z), 3, 4, 16, 16)
        >>> batch = {"video": torch.ones(4, 3, 4, 16, 16)}
        >>> parts = make_parts(generate, objective, batch, draws, count=2)
        >>> [part.fake.video.shape[0] for part in parts]
        [2, 2]
    """
    size = len(batch["video"]) // count
    with torch.set_grad_enabled(count == 1):
        return [
            make_part(generate, objective, part, cut_tree(draws, slice(i * size, (i + 1) * size)))
            for i, part in enumerate(split_batch(batch, count))
        ]
