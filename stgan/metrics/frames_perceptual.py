"""Multi-scale SSIM and LPIPS of generated frames against the true ones."""

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from stgan._deprecated import renamed
from stgan._torchvision import ensure_torchvision
from stgan.errors import ShapeError
from stgan.functional import fold_time
from stgan.metrics._inputs import check_finite, check_returned, check_same_shape
from stgan.metrics._precision import unrounded
from stgan.metrics.frames import check_frames_left
from stgan.metrics.weights import checked_sha256, load_state
from stgan.registry import unknown_name

__all__ = ["LpipsNetwork", "lpips", "multiscale_ssim"]

_WINDOW = 11
_SCALES = 5
_FRAMES_AT_ONCE = 64
_BACKBONES = {"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet1_1"}


def _frames(video: Tensor, first: int) -> Tensor:
    return fold_time(video[:, :, first:])


@renamed("0.2", generated="fake")
def multiscale_ssim(fake: Tensor, real: Tensor, *, skip_first: bool = True) -> Tensor:
    """SSIM over five scales of every frame, averaged over the frames of each clip.

    Gaussian, constants and colors as of ``ssim`` in :func:`stgan.metrics.frame_scores`; each scale
    halves the frame, so that frames of 176 x 176 are the smallest. Windows reach over the border at
    the last scale only.

    Args:
        fake: Generated video in [-1, 1].
        real: The true continuation of the same first frame, in [-1, 1].
        skip_first: Leave out the first frame, which the generator was given.

    Shape:
        - Input: ``(N, C, T, H, W)`` each, H and W at least 176.
        - Output: ``(N,)``, at most 1.

    Raises:
        ShapeError: If the layouts differ, frames are too small, or no frame is left.
        TypeError: If a video is not of a float type.
        ValueError: If a video is not finite or lies far outside of [-1, 1].

    Example:
        >>> real = torch.zeros(1, 3, 2, 176, 176)
        >>> multiscale_ssim(real + 0.2, real)
        tensor([0.9978])

    References:
        Wang, Simoncelli and Bovik, Multiscale structural similarity for image quality assessment,
        2003; ``torchmetrics.functional.image``, with negative values set to zero.
    """
    check_same_shape(fake, real)
    first = check_frames_left(real.shape[2], skip_first=skip_first)
    least = _WINDOW * 2 ** (_SCALES - 1)
    if min(real.shape[3:]) < least:
        raise ShapeError(
            f"frames must be at least {least} x {least} for {_SCALES} scales of SSIM, got "
            f"{real.shape[3]} x {real.shape[4]}; use ssim of frame_scores"
        )
    ensure_torchvision()
    from torchmetrics.functional.image import (
        multiscale_structural_similarity_index_measure as measure,
    )

    dtype = torch.float64 if real.dtype == torch.float64 else torch.float32
    with unrounded(real):
        scores = [
            measure(
                (ours.to(dtype) + 1) / 2,
                (true.to(dtype) + 1) / 2,
                sigma=1.5,
                kernel_size=_WINDOW,
                data_range=1.0,
                reduction="none",
                normalize="relu",
            )
            for ours, true in zip(
                torch.split(_frames(fake, first), _FRAMES_AT_ONCE),
                torch.split(_frames(real, first), _FRAMES_AT_ONCE),
                strict=True,
            )
        ]
    return torch.cat(scores).view(len(real), -1).mean(dim=1)


class LpipsNetwork(nn.Module):
    """The network of LPIPS, with the backbone from a file of yours.

    The linear weights on its features lie in torchmetrics; the backbone is torchvision's, trained
    on ImageNet. Nothing is downloaded: save its state dict where there is a network.

    Args:
        weights: File with torchvision's state dict of the backbone.
        backbone: ``"alex"`` (alexnet), ``"vgg"`` (vgg16) or ``"squeeze"`` (squeezenet1_1).
        sha256: SHA-256 of the file, in hexadecimal, to be checked.

    Attributes:
        name: The network, for results.
        sha256: SHA-256 of the file.

    Shape:
        - Input: two ``(N, 3, H, W)`` in [-1, 1], H and W at least 64.
        - Output: ``(N,)``

    Raises:
        CheckpointError: If the file is missing, has another hash, or is of another network.
        ModuleNotFoundError: If torchvision is not installed.
        ShapeError: If images are too small (in ``forward``).
        UnknownNameError: If the backbone is not known.

    Example:
        >>> import tempfile
        >>> import stgan.metrics, torchvision
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     random = torchvision.models.squeezenet1_1(weights=None)
        ...     torch.save(random.state_dict(), f"{folder}/squeeze.pth")
        ...     network = LpipsNetwork(f"{folder}/squeeze.pth", "squeeze")
        >>> image = torch.rand(1, 3, 64, 64) * 2 - 1
        >>> network(image, image)
        tensor([0.])

    References:
        Zhang et al., The unreasonable effectiveness of deep features as a perceptual metric, CVPR
        2018; version 0.1 of its weights.
    """

    def __init__(
        self,
        weights: str | Path,
        backbone: Literal["alex", "vgg", "squeeze"] = "alex",
        *,
        sha256: str | None = None,
    ) -> None:
        super().__init__()
        if backbone not in _BACKBONES:
            raise unknown_name("LPIPS", backbone, _BACKBONES, what="backbone")
        self.name = f"LPIPS 0.1 on {_BACKBONES[backbone]}"
        self.sha256 = checked_sha256(weights, sha256)
        if not ensure_torchvision():
            raise ModuleNotFoundError("LPIPS needs torchvision; pip install torchvision")
        from torchmetrics.functional.image.lpips import _LPIPS
        from torchvision import models

        whole = models.get_model(_BACKBONES[backbone], weights=None)
        load_state(whole, weights, f"torchvision's {_BACKBONES[backbone]}")
        # The one class of torchmetrics that can be built without a download.
        self.network = _LPIPS(net=backbone, pnet_rand=True)
        pairs = zip(_convolutions(self.network.net), _convolutions(whole.features), strict=True)
        for mine, published in pairs:
            mine.load_state_dict(published.state_dict())
        self.network.requires_grad_(False).eval()

    @renamed("0.2", generated="fake")
    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """Distance of each pair of images."""
        if min(real.shape[-2:]) < 64:
            raise ShapeError(
                f"images must be at least 64 x 64 for LPIPS, got {real.shape[-2]} x "
                f"{real.shape[-1]}; resize both"
            )
        return self.network(fake, real).flatten()


def _convolutions(module: nn.Module) -> list[nn.Conv2d]:
    return [part for part in module.modules() if isinstance(part, nn.Conv2d)]


@renamed("0.2", generated="fake")
@torch.no_grad()
def lpips(fake: Tensor, real: Tensor, network: nn.Module, *, skip_first: bool = True) -> Tensor:
    """LPIPS of every frame, averaged over the frames of each clip.

    Args:
        fake: Generated video in [-1, 1].
        real: The true continuation of the same first frame, in [-1, 1].
        network: From two batches of images in [-1, 1] to distances, one a pair, such as
            :class:`LpipsNetwork`. Used as it is.
        skip_first: Leave out the first frame, which the generator was given.

    Shape:
        - Input: ``(N, 3, T, H, W)`` each.
        - Output: ``(N,)``, 0 for equal clips.

    Raises:
        ShapeError: If the layouts differ, no frame is left, or the network returns other distances.
        TypeError: If a video is not of a float type, or the network does not return a tensor.
        ValueError: If a video or a distance is not finite, or a video lies far outside of [-1, 1].

    Example:
        >>> def mean_difference(a, b):
        ...     return (a - b).abs().mean(dim=(1, 2, 3))
        >>> lpips(torch.ones(2, 3, 4, 8, 8), torch.zeros(2, 3, 4, 8, 8), mean_difference)
        tensor([1., 1.])
    """
    check_same_shape(fake, real)
    first = check_frames_left(real.shape[2], skip_first=skip_first)
    name = getattr(network, "name", type(network).__name__)
    scores = []
    for ours, true in zip(
        torch.split(_frames(fake, first), _FRAMES_AT_ONCE),
        torch.split(_frames(real, first), _FRAMES_AT_ONCE),
        strict=True,
    ):
        distances = check_returned(network(ours, true), name, "distances")
        if distances.numel() != len(ours) or not distances.ndim:
            raise ShapeError(
                f"{name} must return one distance for each of {len(ours)} pairs, got "
                f"{tuple(distances.shape)}"
            )
        scores.append(distances.flatten())
    per_clip = torch.cat(scores).view(len(real), real.shape[2] - first)
    check_finite(per_clip, f"distances of {name}")
    return per_clip.mean(dim=1)
