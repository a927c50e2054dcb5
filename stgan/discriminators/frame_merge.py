"""Discriminator of a few frames of a clip that are merged at a low resolution."""

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from einops import rearrange
from torch import Tensor, nn

from stgan._checks import check_count, check_layout, check_positive, doubled_widths
from stgan._factories import make_act
from stgan.discriminators._base import PICKLE, TINY, BaseDiscriminator, exactly_one
from stgan.discriminators._stages import down_stages, size_after, stages_of
from stgan.discriminators.samplers_sparse import SparseSpan
from stgan.example import Example
from stgan.functional.frames import fold_time
from stgan.layers.act import leaky_relu
from stgan.layers.init import prepare
from stgan.registry import DISCRIMINATORS
from stgan.shapes import Stage
from stgan.typing import Act, Norm, Size2

__all__ = ["FrameMergeDiscriminator"]


@DISCRIMINATORS.register(
    "frame_merge",
    source="Skorokhodov et al., StyleGAN-V, CVPR 2022, section 3.2; released code, networks.py",
    shape="(N, C, k, H, W), (N,), (N, k) -> (N,)",
    example=Example(
        settings={
            "input_size": (12, 16),
            "num_frames": 3,
            "merge_after": 1,
            "max_difference": 4,
            "feature_dim": 3,
            "embed_dim": 2,
            **TINY,
        },
        inputs={"video": "N 3 3 12 16", "label": "N < 3", "indices": "N 3 < 5"},
        claims=PICKLE,
    ),
)
class FrameMergeDiscriminator(BaseDiscriminator):
    r"""Judge k frames by one network of images that merges them on the way: one logit per clip.

    The first stages see every frame alone, with the same weights; then the frames of a clip are
    concatenated on channels and the other stages see them together. The times between frames
    :math:`d_j = t_{j + 1} - t_j`, in frames, enter as

    .. math::

       e_j = [E_{\mathrm{round}(d_j)}, \sin(\omega_i d_j), \cos(\omega_i d_j)], \qquad
       \omega_i = \pi 2^i / 2^{m}, \quad i = 0, \ldots, m - 1,

    with :math:`m = \lceil \log_2 d_{\max} \rceil`, at least 1, and a table :math:`E`. A network of
    two layers makes :math:`c` of them and of the row of the label, and with the features
    :math:`\phi` of the frames the logit is :math:`\langle \phi, c \rangle / \sqrt{D}`.

    Args:
        input_size: ``int`` or ``(H, W)`` of the frames, for features that cover what the stages
            leave; ``None`` for any size, averaged before.
        num_frames: k, at least two.
        stages: Geometry of the stages, coarse to fine, as :func:`stgan.shapes.plan` returns it;
            ``None`` for the plan of ``input_size``, or of 64 x 64 where that is ``None``. Only
            its spatial half is used.
        merge_after: Number of stages that see every frame alone; the last of them has half its
            width, as k frames follow.
        max_difference: Largest time between two frames, :math:`d_{\max}`; what lies beyond, or
            below 0, has the row of the end of the table.
        feature_dim: Size of :math:`\phi`, D.
        embed_dim: Size of a row of the table.
        in_channels: Channels of a frame.
        num_classes: K; the label joins the times; 0 for no label.
        base_channels: Width of the first stage; each further stage doubles it.
        max_channels: Width that no stage exceeds.
        norm: Called with the channels of every stage but the first; ``None`` for none.
        act: The activation of every stage and between linear maps.
        spectral_norm: Whether every convolution and linear map is spectrally normalized.
        init_std: Standard deviation of the initial weights; ``None`` for torch's default.

    Shape:
        - ``video``: ``(N, in_channels, num_frames, H, W)``, in [-1, 1]; see
          :func:`stgan.functional.take_frames`
        - ``label``: ``(N,)`` integers in [0, K), or ``(N, K)`` rows
        - ``indices``: ``(N, num_frames)``, rising along each row
        - ``differences``: ``(N, num_frames - 1)``, in frames
        - Output: ``(N,)`` logits

    Raises:
        ValueError: If a number is not possible; in ``forward``, if neither or both of ``indices``
            and ``differences`` are given, or a label is missing or not expected.
        ShapeError: If no plan reaches ``input_size``; in ``forward``, if an input has another
            layout or is too small.

    Example:
        >>> discriminator = FrameMergeDiscriminator(32, num_frames=3, base_channels=4)
        >>> frames, indices = torch.zeros(2, 3, 3, 32, 32), torch.tensor([[0, 4, 9], [3, 4, 5]])
        >>> discriminator(frames, indices=indices).shape
        torch.Size([2])

    Differs from the source:
        Plain strided convolutions instead of StyleGAN2's residual ones, no statistics over the
        batch, and two layers between times and :math:`c` instead of a mapping network.

    References:
        Skorokhodov et al., StyleGAN-V: A Continuous Video Generator with the Price, Image Quality
        and Perks of StyleGAN2, CVPR 2022, section 3.2.
    """

    timed: ClassVar[bool] = True
    usual_sampler: ClassVar[Callable[..., Any] | None] = SparseSpan
    _sized: ClassVar[str] = "HW"

    frequencies: Tensor

    def __init__(
        self,
        input_size: Size2 | None = 64,
        *,
        num_frames: int = 3,
        stages: Sequence[Stage] | None = None,
        merge_after: int = 2,
        max_difference: int = 32,
        feature_dim: int = 256,
        embed_dim: int = 256,
        in_channels: int = 3,
        num_classes: int = 0,
        base_channels: int = 64,
        max_channels: int = 512,
        norm: Norm = None,
        act: Act = leaky_relu,
        spectral_norm: bool = True,
        init_std: float | None = 0.02,
    ) -> None:
        num_frames = check_count(num_frames, "num_frames", minimum=2)
        sizes = {"T": num_frames}
        super().__init__(input_size, in_channels=in_channels, num_classes=num_classes, sizes=sizes)
        geometry = stages_of(self.input_size, stages, (64, 64))
        merge_after = check_count(merge_after, "merge_after")
        if not 1 <= merge_after < len(geometry):
            raise ValueError(
                f"merge_after must be from 1 to {len(geometry) - 1}, so that stages come before "
                f"and after it, got {merge_after}"
            )
        self.num_frames, self.merge_after = num_frames, merge_after
        self.max_difference = check_positive(max_difference, "max_difference")
        self.feature_dim = check_positive(feature_dim, "feature_dim")
        check_positive(embed_dim, "embed_dim")
        prepared: dict[str, Any] = {"spectral_norm": spectral_norm, "init_std": init_std}
        widths = doubled_widths(base_channels, max_channels, len(geometry))
        widths[merge_after - 1] = max(1, widths[merge_after - 1] // 2)
        channels = [in_channels, *widths[:-1]]
        channels[merge_after] *= num_frames
        self.stages = down_stages(channels, widths, geometry, norm=norm, act=act, **prepared)
        self._geometry = geometry
        left: Any = (1, 1) if self.input_size is None else size_after(self.input_size, geometry)

        def linear(c_in: int, c_out: int) -> nn.Module:
            return prepare(nn.Linear(c_in, c_out), **prepared)

        self.cover = prepare(nn.Conv2d(widths[-1], widths[-1], left), **prepared)
        self.features = nn.Sequential(make_act(act), linear(widths[-1], feature_dim))
        waves = max(1, math.ceil(math.log2(max_difference)))
        # Not in the state dict: it follows from the settings.
        frequencies = math.pi * 2 ** torch.arange(waves, dtype=torch.get_default_dtype())
        self.register_buffer("frequencies", frequencies / 2**waves, persistent=False)
        self.table = nn.Embedding(max_difference + 1, embed_dim)
        self.mapping = nn.Sequential(
            linear((num_frames - 1) * (embed_dim + 2 * waves) + num_classes, feature_dim),
            make_act(act),
            linear(feature_dim, feature_dim),
        )

    @classmethod
    def _clip_settings(cls, size: tuple[int, int, int], frames: int) -> dict[str, Any]:
        return {"input_size": size[1:], "num_frames": frames, "max_difference": size[0]}

    def _condition(self, differences: Tensor, rows: Tensor | None, video: Tensor) -> Tensor:
        check_layout(
            differences,
            "N k",
            name="differences",
            kind="real",
            N=video.shape[0],
            k=self.num_frames - 1,
        )
        nearest = differences.round() if differences.is_floating_point() else differences
        found = self.table(nearest.long().clamp(0, self.max_difference))
        angles = differences.to(video.dtype).unsqueeze(2) * self.frequencies
        code = torch.cat([found, angles.sin(), angles.cos()], dim=2).flatten(1)
        if rows is not None:
            code = torch.cat([code, rows], dim=1)
        out: Tensor = self.mapping(code)
        return out

    def forward(
        self,
        video: Tensor,
        label: Tensor | None = None,
        *,
        indices: Tensor | None = None,
        differences: Tensor | None = None,
    ) -> Tensor:
        """Return one logit per clip.

        Args:
            video: ``(N, C, k, H, W)``, the frames.
            label: Joins the times.
            indices: ``(N, k)``, where the frames stand in their clips.
            differences: ``(N, k - 1)``, times between frames, in place of indices.
        """
        self._check(video)
        size_after(video.shape[3:], self._geometry)  # refuses frames that are too small
        exactly_one(indices=indices, differences=differences)
        rows = self._rows(label, video)
        if indices is not None:
            sizes = {"N": video.shape[0], "k": self.num_frames}
            check_layout(indices, "N k", name="indices", kind="integer", **sizes)
            differences = indices.diff(dim=1)
        assert differences is not None
        condition = self._condition(differences, rows, video)
        x = fold_time(video)
        for index, stage in enumerate(self.stages):
            if index == self.merge_after:
                x = rearrange(x, "(n k) c h w -> n (k c) h w", k=self.num_frames)
            x = stage(x)
        if self.input_size is None:
            x = x.mean(dim=(2, 3), keepdim=True)
        features = self.features(self.cover(x).flatten(1))
        logits: Tensor = (features * condition).sum(1) / math.sqrt(self.feature_dim)
        return logits

    def output_shape(
        self,
        input_shape: Sequence[int],
        label: Sequence[int] | None = None,
        indices: Sequence[int] | None = None,
        differences: Sequence[int] | None = None,
    ) -> tuple[int, ...]:
        """Shape of the logits: one per clip, whatever the size; only that of the frames matters.

        Raises:
            ShapeError: If ``forward`` would refuse the shape of the frames.
        """
        shape = self._check_shape(input_shape)
        size_after(shape[3:], self._geometry)
        return (shape[0],)

    def extra_repr(self) -> str:
        """Where frames are merged, and how far apart they may be."""
        return (
            f"num_frames={self.num_frames}, merge_after={self.merge_after}, "
            f"max_difference={self.max_difference}"
        )
