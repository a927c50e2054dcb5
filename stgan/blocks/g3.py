"""The block of G3AN: a spatial, a temporal and a video stream that grow side by side."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from stgan._checks import check_layout, check_positive, check_stride, triple
from stgan._factories import make, make_act, make_norm
from stgan.errors import ShapeError
from stgan.example import Example
from stgan.functional.fusion import expand_over_time
from stgan.layers.conv import ConvTranspose1Plus2d
from stgan.layers.init import init_normal_, prepare
from stgan.registry import BLOCKS
from stgan.shapes import conv_transpose_size
from stgan.typing import Act, MidChannels, Norm, Size3

__all__ = ["G3Block", "G3Features"]

Shape = tuple[int, ...]


class G3Features(NamedTuple):
    """What goes from one :class:`G3Block` to the next.

    Attributes:
        spatial: ``(N, C_s, H, W)``: appearance.
        temporal: ``(N, C_t, T)``: motion.
        video: ``(N, C_v, T, H, W)``: both.
    """

    spatial: Tensor
    temporal: Tensor
    video: Tensor


@BLOCKS.register(
    "g3",
    source="Wang et al., G3AN, CVPR 2020, section 3.1; released code, model/networks.py",
    shape="(N, C_s, H, W), (N, C_t, T), (N, C_v, T, H, W) -> (N, C, H', W'), (N, C, T'), "
    "(N, 2 C, T', H', W')",
    example=Example(
        settings={
            "spatial_channels": 3,
            "temporal_channels": 2,
            "video_channels": 4,
            "out_channels": 2,
            "kernel_size": [2, 3, 3],
            "stride": [2, 1, 1],
            "padding": [0, 1, 1],
        },
        inputs={"spatial": "N 3 H W", "temporal": "N 2 T", "video": "N 4 T H W"},
        claims={"pickle": "torch pickles no parametrized weights; spectral_norm=False has none"},
    ),
)
class G3Block(nn.Module):
    r"""Upsample appearance, motion and video, and let the first two join the third.

    With :math:`U` a transposed convolution, a norm and an activation,

    .. math::

       h_s' &= U_s(h_s), \qquad h_t' = U_t(h_t), \\
       h_v' &= [h_s', \; U_v(h_v) + h_t'],

    where :math:`h_s'` is repeated over time and concatenated, :math:`h_t'` repeated over space and
    added. The spatial stream has the height and width of the geometry, the temporal stream its
    time, the video stream all of it. A generator begins with the codes of appearance and motion,
    and both side by side as video; longer motion codes make longer clips.

    Args:
        spatial_channels: Channels of the spatial stream.
        temporal_channels: Channels of the temporal stream.
        video_channels: Channels of the video stream.
        out_channels: Channels of the spatial and the temporal stream that come out; those of the
            video are twice as many.
        kernel_size: ``int`` or ``(t, h, w)``.
        stride: ``int`` or ``(t, h, w)``; must not exceed ``kernel_size`` in any axis.
        padding: ``int`` or ``(t, h, w)``; trims each end of the output.
        mid_channels: See :class:`stgan.layers.ConvTranspose1Plus2d`.
        norm: Called with a number of channels, for ``(N, C, T, H, W)``; ``None`` for none.
        act: Called without arguments; ``None`` for none.
        conv: The convolution of the video stream, which settles its order: a class with the
            signature of :class:`stgan.layers.ConvTranspose1Plus2d`.
        spectral_norm: Whether all convolutions are spectrally normalized.
        init_std: Standard deviation of the initial weights, set before spectral norm wraps them;
            ``None`` for torch's default.

    Attributes:
        out_channels: As given, of the spatial and the temporal stream.

    Shape:
        - ``spatial``: ``(N, spatial_channels, H, W)``
        - ``temporal``: ``(N, temporal_channels, T)``
        - ``video``: ``(N, video_channels, T, H, W)``
        - Output: :class:`G3Features` of ``(N, out_channels, H', W')``, ``(N, out_channels, T')``
          and ``(N, 2 * out_channels, T', H', W')``, each side by
          :func:`stgan.shapes.conv_transpose_size`

    Raises:
        ValueError: If a size is not positive or the stride exceeds the kernel.
        ShapeError: In ``forward``, if a stream has another layout than stated, or is too small.

    Example:
        >>> block = G3Block(128, 10, 138, out_channels=16, kernel_size=4)
        >>> appearance, motion = torch.zeros(2, 128, 1, 1), torch.zeros(2, 10, 2)
        >>> both = torch.cat([appearance[:, :, None].expand(-1, -1, 2, -1, -1),
        ...                   motion[..., None, None]], dim=1)
        >>> [tuple(stream.shape) for stream in block(appearance, motion, both)]
        [(2, 16, 4, 4), (2, 16, 5), (2, 32, 5, 4, 4)]

    Differs from the source:
        Convolutions before a norm have no bias.

    References:
        Wang et al., G3AN: Disentangling Appearance and Motion for Video Generation, CVPR 2020.
    """

    def __init__(
        self,
        spatial_channels: int,
        temporal_channels: int,
        video_channels: int,
        out_channels: int,
        kernel_size: Size3,
        stride: Size3 = 1,
        padding: Size3 = 0,
        *,
        mid_channels: MidChannels = "out",
        norm: Norm = nn.BatchNorm3d,
        act: Act = nn.ReLU,
        conv: Callable[..., nn.Module] = ConvTranspose1Plus2d,
        spectral_norm: bool = True,
        init_std: float | None = None,
    ) -> None:
        super().__init__()
        self.spatial_channels = check_positive(spatial_channels, "spatial_channels")
        self.temporal_channels = check_positive(temporal_channels, "temporal_channels")
        self.video_channels = check_positive(video_channels, "video_channels")
        self.out_channels = check_positive(out_channels, "out_channels")
        self.kernel_size = k = triple(kernel_size, "kernel_size")
        self.stride = s = triple(stride, "stride")
        self.padding = p = triple(padding, "padding", minimum=0)
        check_stride(k, s)

        def finish(upsample: nn.Module, *, prepared: bool = False) -> nn.Sequential:
            stage = nn.Sequential(upsample)
            if norm is not None:
                stage.append(make_norm(norm, out_channels, axes=3))
            if not prepared:
                prepare(stage, init_std=init_std, spectral_norm=spectral_norm, wrapped=upsample)
            elif init_std is not None:
                init_normal_(stage, init_std, convs=False)
            if act is not None:
                stage.append(make_act(act))
            return stage

        bias = norm is None
        # One layout for the kernels of all streams, so that one norm serves them all.
        self.spatial = finish(
            nn.ConvTranspose3d(
                spatial_channels, out_channels, (1, *k[1:]), (1, *s[1:]), (0, *p[1:]), bias=bias
            ),
        )
        self.temporal = finish(
            nn.ConvTranspose3d(
                temporal_channels, out_channels, (k[0], 1, 1), (s[0], 1, 1), (p[0], 0, 0), bias=bias
            ),
        )
        # The convolution of the video stream prepares its own steps.
        self.video = finish(
            make(
                conv,
                "conv",
                video_channels,
                out_channels,
                k,
                s,
                p,
                mid_channels=mid_channels,
                norm=norm,
                act=act,
                bias=bias,
                spectral_norm=spectral_norm,
                init_std=init_std,
            ),
            prepared=True,
        )

    def forward(self, spatial: Tensor, temporal: Tensor, video: Tensor) -> G3Features:
        """Upsample the three streams; the input may be ``*features`` of the block before."""
        check_layout(video, "N C T H W", name="video", C=self.video_channels)
        n, _, t, h, w = video.shape
        check_layout(spatial, "N C H W", name="spatial", N=n, C=self.spatial_channels, H=h, W=w)
        check_layout(temporal, "N C T", name="temporal", N=n, C=self.temporal_channels, T=t)
        self._sizes((t, h, w))
        appearance = self.spatial(spatial.unsqueeze(2)).squeeze(2)
        motion = self.temporal(temporal[..., None, None])
        moving = self.video(video) + motion
        still = expand_over_time(appearance, moving.shape[2])
        return G3Features(appearance, motion.flatten(2), torch.cat([still, moving], dim=1))

    def output_shape(
        self, input_shape: Shape, temporal: Shape, video: Shape | None = None
    ) -> tuple[Shape, Shape, Shape]:
        """Shapes of the three streams for those that go in."""
        for name, shape, axes in (("spatial", input_shape, 4), ("temporal", temporal, 3)):
            if len(shape) != axes:
                raise ShapeError(f"{name} must have {axes} axes, got {tuple(shape)}")
        n, size = input_shape[0], (temporal[2], *input_shape[2:])
        for name, given, wanted in (
            ("spatial", input_shape, (n, self.spatial_channels, *size[1:])),
            ("temporal", temporal, (n, self.temporal_channels, size[0])),
            ("video", video, (n, self.video_channels, *size)),
        ):
            if given is not None and tuple(given) != wanted:
                raise ShapeError(f"{name} must be {wanted} beside its siblings, got {tuple(given)}")
        t, h, w = self._sizes(size)
        c = self.out_channels
        return (n, c, h, w), (n, c, t), (n, 2 * c, t, h, w)

    def _sizes(self, size: tuple[int, ...]) -> tuple[int, ...]:
        return conv_transpose_size(
            size, kernel_size=self.kernel_size, stride=self.stride, padding=self.padding
        )

    def extra_repr(self) -> str:
        """Channels and geometry."""
        return (
            f"{self.spatial_channels}, {self.temporal_channels}, {self.video_channels}, "
            f"{self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"padding={self.padding}"
        )
