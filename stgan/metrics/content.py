"""Whether a clip keeps what its first frame shows."""

from collections.abc import Callable
from itertools import combinations

import torch
from torch import Tensor

from stgan._checks import check_layout
from stgan.errors import ShapeError
from stgan.functional import fold_time
from stgan.metrics._inputs import check_clips, check_finite

__all__ = ["average_content_distance", "first_frame_fidelity"]


def _mean_color(images: Tensor) -> Tensor:
    return images.mean(dim=(2, 3))


def average_content_distance(
    video: Tensor,
    image: Tensor | None = None,
    *,
    features: Callable[[Tensor], Tensor] = _mean_color,
) -> Tensor:
    r"""Mean distance of the content of frames from each other, or from a given image.

    .. math::
        \mathrm{ACD} = \frac{2}{T(T-1)} \sum_{i<j} |f(x_i) - f(x_j)|_2, \qquad
        \mathrm{ACD\text{-}I} = \frac{1}{T} \sum_t |f(x_t) - f(\mathrm{image})|_2

    **A frozen clip is perfect**: report it beside :func:`stgan.metrics.motion_energy`.

    Args:
        video: In [-1, 1].
        image: What the content is compared with, in [-1, 1]; ``None`` for the frames themselves.
        features: From images ``(N, C, H, W)`` in [-1, 1] to what tells the content, ``(N, D)``:
            an embedding of faces, say. By default the mean color, which tells drawn shapes apart.

    Shape:
        - Input: ``(N, C, T, H, W)``, and ``(N, C, H, W)`` for the image.
        - Output: ``(N,)``

    Raises:
        ShapeError: If the layouts do not belong together, there is a single frame and no image, or
            the features are of another layout.
        TypeError: If the video is not of a float type.

    Example:
        >>> clip = torch.tensor([0.0, 0.0, 0.3]).view(1, 1, 3, 1, 1).expand(1, 1, 3, 4, 4)
        >>> average_content_distance(clip)
        tensor([0.2000])
        >>> average_content_distance(clip, clip[:, :, 0])
        tensor([0.1000])

    References:
        Tulyakov et al., MoCoGAN, CVPR 2018, section 4.1; ACD-I: Zhao et al., Learning to forecast
        and refine residual motion for image-to-video generation, ECCV 2018, section 4.
    """
    check_clips(video, "video")
    n, c, t, h, w = video.shape
    found = features(fold_time(video))
    check_layout(found, "N D", name="features of frames", N=n * t)
    frames = found.view(n, t, -1)
    check_finite(frames, "features of frames")
    if image is not None:
        check_layout(image, "N C H W", name="image", N=n, C=c, H=h, W=w)
        check_clips(image, "image", "N C H W")
        wanted = features(image)
        check_layout(wanted, "N D", name="features of the image", N=n, D=frames.shape[2])
        check_finite(wanted, "features of the image")
        return (frames - wanted.unsqueeze(1)).norm(dim=2).mean(dim=1)
    if t < 2:
        raise ShapeError("video must have at least 2 frames to compare, got 1; give an image")
    distances = [(frames[:, i] - frames[:, j]).norm(dim=1) for i, j in combinations(range(t), 2)]
    return torch.stack(distances).mean(dim=0)


def first_frame_fidelity(video: Tensor, image: Tensor) -> Tensor:
    """Mean absolute difference of the first frame from the image that was given.

    Args:
        video: Generated from the image, in [-1, 1].
        image: In [-1, 1].

    Shape:
        - Input: ``(N, C, T, H, W)`` and ``(N, C, H, W)``
        - Output: ``(N,)``, in [-1, 1] units, from 0 to 2; 0 is best.

    Raises:
        ShapeError: If the layouts do not belong together.
        TypeError: If the video is not of a float type.

    Example:
        >>> first_frame_fidelity(torch.zeros(1, 3, 4, 8, 8), torch.full((1, 3, 8, 8), 0.25))
        tensor([0.2500])

    References:
        None; a definition of this library.
    """
    check_clips(video, "video")
    n, c, _, h, w = video.shape
    check_layout(image, "N C H W", name="image", N=n, C=c, H=h, W=w)
    check_clips(image, "image", "N C H W")
    return (video[:, :, 0] - image).abs().mean(dim=(1, 2, 3))
