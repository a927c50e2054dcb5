"""What the discriminators said of clips, taken apart."""

import torch
from torch import Tensor

from examples.imaginator.objective import Opinions
from stgan.discriminators import StreamOutput

__all__ = ["cut_off", "halves", "slope_at"]


def _tensors(said: Opinions) -> list[Tensor]:
    return [
        tensor
        for opinion in said.values()
        for tensor in (opinion.logits, *opinion.predictions.values(), *opinion.features)
    ]


def halves(said: Opinions) -> tuple[Opinions, Opinions]:
    """Cut what was said of clips side by side into what was said of either."""

    def half(number: int) -> Opinions:
        def cut(tensor: Tensor) -> Tensor:
            return tensor.chunk(2)[number]

        return {
            name: StreamOutput(
                cut(opinion.logits),
                {key: cut(value) for key, value in opinion.predictions.items()},
                tuple(map(cut, opinion.features)),
            )
            for name, opinion in said.items()
        }

    return half(0), half(1)


def cut_off(said: Opinions) -> Opinions:
    """Copy what was said, as leaves of a graph of their own."""

    def leaf(tensor: Tensor) -> Tensor:
        return tensor.detach().requires_grad_()

    return {
        name: StreamOutput(
            leaf(opinion.logits),
            {key: leaf(value) for key, value in opinion.predictions.items()},
            tuple(leaf(feature) for feature in opinion.features),
        )
        for name, opinion in said.items()
    }


def slope_at(loss: Tensor, heard: Opinions, said: Opinions, clips: Tensor) -> Tensor:
    """Return the gradient of a loss on clips, through what the discriminators said of them."""
    slopes = torch.autograd.grad(loss, _tensors(heard), retain_graph=True, allow_unused=True)
    used = [(out, slope) for out, slope in zip(_tensors(said), slopes, strict=True)
            if slope is not None]  # fmt: skip
    outs, slopes = zip(*used, strict=True)
    (slope,) = torch.autograd.grad(outs, clips, slopes, retain_graph=True)
    return slope
