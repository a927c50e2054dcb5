"""Fusion by modulation: appearance and label scale, shift or gate the features that move."""

import torch
from torch import Tensor, nn

from stgan._checks import check_positive
from stgan._factories import check_factories, make_norm
from stgan.blocks.fusion import Fusion
from stgan.errors import ShapeError
from stgan.example import Example
from stgan.functional.fusion import add_streams, gate_streams, modulate_video
from stgan.functional.one_hot import spread_rows
from stgan.registry import FUSIONS
from stgan.typing import Norm

__all__ = ["FilmFusion", "GatedFusion", "SpadeFusion"]

_SHAPE = "(N, C1, T, H, W), (N, C2, H, W), (N,) -> (N, C1, T, H, W)"
_INPUTS = {"video": "N 4 T H W", "appearance": "N 2 H W", "label": "N < 3"}
_WIDTHS = {"video_channels": 4, "appearance_channels": 2, "num_classes": 3}


@FUSIONS.register(
    "film",
    source="Perez et al., FiLM, AAAI 2018, section 2.1",
    shape=_SHAPE,
    example=Example(settings=_WIDTHS, inputs=_INPUTS),
)
class FilmFusion(Fusion):
    r"""Scale and shift every channel by what the pooled appearance and the label say.

    With :math:`\bar a` for the appearance map, averaged over its pixels, and :math:`l` for the row
    of the label,

    .. math:: (\gamma, \beta) = W [\bar a, l] + b , \qquad y = (1 + \gamma) \odot x + \beta ;

    see :func:`stgan.functional.modulate_video`. Where things are in the appearance is lost; see
    :class:`SpadeFusion` for a modulation that keeps it.

    Args:
        video_channels: C1.
        appearance_channels: C2; 0 for a fusion without appearance.
        num_classes: K; 0 for a fusion without label.
        zero_init: Whether the linear map starts at zero, so that the fusion starts as the identity.

    Attributes:
        out_channels: C1, for the next layer to ask.

    Shape:
        - ``video``: ``(N, C1, T, H, W)``
        - ``appearance``: ``(N, C2, H, W)``
        - ``label``: ``(N,)`` integers in [0, K), or ``(N, K)`` rows
        - Output: ``(N, C1, T, H, W)``

    Raises:
        ValueError: If a number of channels is negative, or a stream is missing or not expected.
        ShapeError: In ``forward``, if a stream has another layout than stated.

    Example:
        >>> fuse = FilmFusion(64, appearance_channels=32, num_classes=6)
        >>> video, appearance = torch.randn(2, 64, 4, 8, 8), torch.randn(2, 32, 8, 8)
        >>> fuse(video, appearance, torch.tensor([0, 5])).equal(video)  # not trained yet
        True

    Differs from the source:
        There, a recurrent network reads the condition, and the map has torch's usual start (here
        ``zero_init=False``).

    References:
        Perez et al., FiLM: Visual Reasoning with a General Conditioning Layer, AAAI 2018,
        section 2.1.
    """

    def __init__(
        self,
        video_channels: int,
        appearance_channels: int = 0,
        num_classes: int = 0,
        *,
        zero_init: bool = True,
    ) -> None:
        super().__init__(video_channels, appearance_channels, num_classes)
        self.scale_and_shift = None
        if self.static_channels:
            self.scale_and_shift = nn.Linear(self.static_channels, 2 * video_channels)
            if zero_init:
                nn.init.zeros_(self.scale_and_shift.weight)
                nn.init.zeros_(self.scale_and_shift.bias)

    def forward(
        self, video: Tensor, appearance: Tensor | None = None, label: Tensor | None = None
    ) -> Tensor:
        """Fuse; each stream is needed exactly if the constructor gave it channels."""
        rows = self.check_streams(video, appearance, label)
        if self.scale_and_shift is None:
            return video
        pooled = None if appearance is None else appearance.mean(dim=(2, 3))
        known = torch.cat([stream for stream in (pooled, rows) if stream is not None], dim=1)
        scale, shift = self.scale_and_shift(known).chunk(2, dim=1)
        return modulate_video(video, scale, shift)


@FUSIONS.register(
    "gated",
    source="Arevalo et al., Gated Multimodal Units, ICLR 2017 workshop, section 3.1",
    shape=_SHAPE,
    example=Example(settings=_WIDTHS, inputs=_INPUTS),
)
class GatedFusion(Fusion):
    r"""Choose by a learned gate, at every position, between the video and the static streams.

    With :math:`x` for the video and :math:`s` for appearance and label,

    .. math:: z = \sigma(W_z [x, s] + b_z) , \qquad
        y = z \odot \tanh(W_x x + b_x) + (1 - z) \odot \tanh(W_s s) ;

    see :func:`stgan.functional.gate_streams`. All maps are linear maps at one position. The static
    halves are computed once for the clip, not for every frame.

    Args:
        video_channels: C1.
        appearance_channels: C2; 0 for a fusion without appearance.
        num_classes: K; 0 for a fusion without label.

    Attributes:
        out_channels: C1, for the next layer to ask.

    Shape:
        - ``video``: ``(N, C1, T, H, W)``
        - ``appearance``: ``(N, C2, H, W)``
        - ``label``: ``(N,)`` integers in [0, K), or ``(N, K)`` rows
        - Output: ``(N, C1, T, H, W)``, in (-1, 1)

    Raises:
        ValueError: If a number of channels is negative, or a stream is missing or not expected.
        ShapeError: In ``forward``, if a stream has another layout than stated.

    Example:
        >>> fuse = GatedFusion(64, appearance_channels=32, num_classes=6)
        >>> video, appearance = torch.zeros(2, 64, 4, 8, 8), torch.zeros(2, 32, 8, 8)
        >>> fuse(video, appearance, torch.tensor([0, 5])).shape
        torch.Size([2, 64, 4, 8, 8])

    Differs from the source:
        The maps of the video have biases. Appearance and label are one modality, the video is the
        other. A fusion without static streams is the identity, without tanh.

    References:
        Arevalo et al., Gated Multimodal Units for Information Fusion, ICLR 2017 workshop,
        section 3.1.
    """

    def __init__(
        self, video_channels: int, appearance_channels: int = 0, num_classes: int = 0
    ) -> None:
        super().__init__(video_channels, appearance_channels, num_classes)
        # Each makes its part of the value and, in the second half, its part of the gate.
        self.video_map = self.static_map = None
        if self.static_channels:
            self.video_map = nn.Conv3d(video_channels, 2 * video_channels, 1)
            self.static_map = nn.Conv2d(self.static_channels, 2 * video_channels, 1, bias=False)

    def forward(
        self, video: Tensor, appearance: Tensor | None = None, label: Tensor | None = None
    ) -> Tensor:
        """Fuse; each stream is needed exactly if the constructor gave it channels."""
        rows = self.check_streams(video, appearance, label)
        if self.video_map is None or self.static_map is None:
            return video
        still, still_gate = self.static_map(_as_map(video, appearance, rows)).chunk(2, dim=1)
        moving, gate = self.video_map(video).chunk(2, dim=1)
        return gate_streams(moving, still, add_streams(gate, [still_gate]))


@FUSIONS.register(
    "spade",
    source="Park et al., SPADE, CVPR 2019, equation 1; released code for 1 + gamma",
    shape=_SHAPE,
    example=Example(settings={**_WIDTHS, "mid_channels": 3}, inputs=_INPUTS, smallest={"T": 2}),
)
class SpadeFusion(Fusion):
    r"""Normalize the video, then scale and shift every pixel by what appearance and label say.

    Two 3 x 3 convolutions with a ReLU between them turn the appearance map, and the label as a
    one-hot map, into :math:`\gamma` and :math:`\beta`, once for the clip; then

    .. math:: y_{c t h w} = (1 + \gamma_{c h w}) \frac{x_{c t h w} - \mu_c}{\sigma_c}
        + \beta_{c h w} ,

    with the mean and deviation of the normalization; see :func:`stgan.functional.modulate_video`.

    Args:
        video_channels: C1.
        appearance_channels: C2; 0 for a fusion without appearance.
        num_classes: K; 0 for a fusion without label.
        mid_channels: Channels between the two convolutions.
        norm: Called with C1; one without weights of its own, as scale and shift follow anyway. The
            default takes mean and deviation per sample and channel over (T, H, W). ``None`` for no
            normalization.

    Attributes:
        out_channels: C1, for the next layer to ask.

    Shape:
        - ``video``: ``(N, C1, T, H, W)``; of more than one position for the default norm
        - ``appearance``: ``(N, C2, H, W)``
        - ``label``: ``(N,)`` integers in [0, K), or ``(N, K)`` rows
        - Output: ``(N, C1, T, H, W)``

    Raises:
        ValueError: If a number of channels is negative, or a stream is missing or not expected.
        ShapeError: In ``forward``, if a stream has another layout than stated.

    Example:
        >>> fuse = SpadeFusion(64, appearance_channels=32, num_classes=6)
        >>> video, appearance = torch.zeros(2, 64, 4, 8, 8), torch.zeros(2, 32, 8, 8)
        >>> fuse(video, appearance, torch.tensor([0, 5])).shape
        torch.Size([2, 64, 4, 8, 8])

    Differs from the source:
        The statistics are those of a sample, not of a batch (there,
        ``norm=partial(nn.BatchNorm3d, affine=False)``), the condition is a feature map, not a
        segmentation, and the scale is :math:`1 + \gamma` as in the released code, where the
        equation has :math:`\gamma`.

    References:
        Park et al., Semantic Image Synthesis with Spatially-Adaptive Normalization, CVPR 2019,
        section 3, equation 1.
    """

    def __init__(
        self,
        video_channels: int,
        appearance_channels: int = 0,
        num_classes: int = 0,
        *,
        mid_channels: int = 128,
        norm: Norm = nn.InstanceNorm3d,
    ) -> None:
        super().__init__(video_channels, appearance_channels, num_classes)
        self.mid_channels = check_positive(mid_channels, "mid_channels")
        check_factories(norm=norm)
        self.norm: nn.Module = nn.Identity()
        self.scale_and_shift = None
        if self.static_channels:
            self.norm = make_norm(norm, video_channels, axes=3)
            self.scale_and_shift = nn.Sequential(
                nn.Conv2d(self.static_channels, mid_channels, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(mid_channels, 2 * video_channels, 3, padding=1),
            )

    def _check_shapes(
        self,
        video: tuple[int, ...],
        appearance: tuple[int, ...] | None,
        label: tuple[int, ...] | None,
    ) -> None:
        super()._check_shapes(video, appearance, label)
        if isinstance(self.norm, nn.InstanceNorm3d) and video[2:] == (1, 1, 1):
            raise ShapeError(
                f"a video of one position, {video}, has no deviation to divide by; "
                f"use another norm, such as nn.BatchNorm3d, or None"
            )

    def forward(
        self, video: Tensor, appearance: Tensor | None = None, label: Tensor | None = None
    ) -> Tensor:
        """Fuse; each stream is needed exactly if the constructor gave it channels."""
        rows = self.check_streams(video, appearance, label)
        if self.scale_and_shift is None:
            return video
        scale, shift = self.scale_and_shift(_as_map(video, appearance, rows)).chunk(2, dim=1)
        return modulate_video(self.norm(video), scale, shift)


def _as_map(video: Tensor, appearance: Tensor | None, rows: Tensor | None) -> Tensor:
    """Concatenate appearance and label at every pixel of a frame."""
    maps = [] if appearance is None else [appearance]
    if rows is not None:
        maps.append(spread_rows(rows, tuple(video.shape[3:])))
    return torch.cat(maps, dim=1)
