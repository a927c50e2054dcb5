"""I3D: the Inception network of images, inflated to clips, whose logits FVD compares."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from stgan._checks import check_axes, check_positive, triple
from stgan.errors import ShapeError
from stgan.typing import Size3

__all__ = ["I3D"]

# Widths of the branches of every Inception block: 1 x 1; 3 x 3 after a reduction, twice; 1 x 1
# after a pool. Szegedy et al., table 1, of which Carreira and Zisserman keep all.
_MIXED: dict[str, tuple[int, int, int, int, int, int]] = {
    "3b": (64, 96, 128, 16, 32, 32),
    "3c": (128, 128, 192, 32, 96, 64),
    "4b": (192, 96, 208, 16, 48, 64),
    "4c": (160, 112, 224, 24, 64, 64),
    "4d": (128, 128, 256, 24, 64, 64),
    "4e": (112, 144, 288, 32, 64, 64),
    "4f": (256, 160, 320, 32, 128, 128),
    "5b": (256, 160, 320, 32, 128, 128),
    "5c": (384, 192, 384, 48, 128, 128),
}
_SMALLEST_FRAMES = 9


def _same(video: Tensor, kernel: tuple[int, ...], stride: tuple[int, ...]) -> Tensor:
    """Pad so that ceil(size / stride) outputs remain, the odd one at the end.

    The padding of the original framework depends on the size of the input; a fixed one on both
    sides would shift every second layer by half a step.
    """
    pads: list[int] = []
    for size, k, s in reversed(list(zip(video.shape[2:], kernel, stride, strict=True))):
        total = max((-(-size // s) - 1) * s + k - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(video, pads) if any(pads) else video


class _Unit(nn.Module):
    """Convolution, batch norm and rectification."""

    def __init__(self, inside: int, outside: int, kernel: Size3 = 1, stride: Size3 = 1) -> None:
        super().__init__()
        self.kernel, self.stride = triple(kernel, "kernel"), triple(stride, "stride")
        self.conv3d = nn.Conv3d(inside, outside, self.kernel, self.stride, bias=False)
        self.bn = nn.BatchNorm3d(outside, eps=1e-3, momentum=0.01)

    def forward(self, video: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv3d(_same(video, self.kernel, self.stride))))


class _Pool(nn.Module):
    """Maximum pool; zeros at the border do not matter, as nothing is below zero."""

    def __init__(self, kernel: Size3, stride: Size3) -> None:
        super().__init__()
        self.kernel, self.stride = triple(kernel, "kernel"), triple(stride, "stride")

    def forward(self, video: Tensor) -> Tensor:
        return F.max_pool3d(_same(video, self.kernel, self.stride), self.kernel, self.stride)


class _Mixed(nn.Module):
    """Four branches side by side."""

    def __init__(self, inside: int, widths: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        self.b0 = _Unit(inside, widths[0])
        self.b1a = _Unit(inside, widths[1])
        self.b1b = _Unit(widths[1], widths[2], 3)
        self.b2a = _Unit(inside, widths[3])
        self.b2b = _Unit(widths[3], widths[4], 3)
        self.b3a = _Pool(3, 1)
        self.b3b = _Unit(inside, widths[5])
        self.out_channels = widths[0] + widths[2] + widths[4] + widths[5]

    def forward(self, video: Tensor) -> Tensor:
        branches = (
            self.b0(video),
            self.b1b(self.b1a(video)),
            self.b2b(self.b2a(video)),
            self.b3b(self.b3a(video)),
        )
        return torch.cat(branches, dim=1)


class _Logits(nn.Module):
    """The classifier, under the name that published state dicts give it."""

    def __init__(self, inside: int, num_classes: int) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(inside, num_classes, 1)

    def forward(self, video: Tensor) -> Tensor:
        return self.conv3d(video)


class I3D(nn.Module):
    """Two-stream inflated network of Carreira and Zisserman, its RGB stream, up to the logits.

    Weights are random until a state dict is loaded. Names are those of the PyTorch ports in which
    the weights of FVD are published: ``Conv3d_1a_7x7.conv3d.weight``, ``Conv3d_1a_7x7.bn.*``,
    ``Conv3d_2b_1x1.*``, ``Conv3d_2c_3x3.*``, ``Mixed_3b.b0.*``, ``Mixed_3b.b1a.*`` ...
    ``Mixed_5c.b3b.*``, ``logits.conv3d.weight``, ``logits.conv3d.bias``.

    Args:
        num_classes: Logits; 400 for Kinetics-400.
        in_channels: Channels of the video.

    Shape:
        - Input: ``(N, in_channels, T, H, W)``, in [-1, 1], T at least 9; 224 x 224 in training.
        - Output: ``(N, num_classes)`` logits.

    Raises:
        ShapeError: If the video has another layout or fewer than 9 frames, of which the last pool
            would see one.

    Example:
        >>> i3d = I3D().eval()
        >>> i3d(torch.zeros(1, 3, 9, 32, 32)).shape
        torch.Size([1, 400])
        >>> sum(p.numel() for p in i3d.parameters())
        12697264

    Differs from the source:
        The last pool covers the whole frame, which at 224 x 224 are the 7 x 7 of the source.

    References:
        Carreira and Zisserman, Quo vadis, action recognition?, CVPR 2017, figure 3; Szegedy et
        al., Going deeper with convolutions, CVPR 2015, table 1, for the widths; padding and norm
        as in the published TensorFlow model.
    """

    def __init__(self, num_classes: int = 400, in_channels: int = 3) -> None:
        super().__init__()
        self.num_classes = check_positive(num_classes, "num_classes")
        self.in_channels = check_positive(in_channels, "in_channels")
        stages: dict[str, nn.Module] = {
            "Conv3d_1a_7x7": _Unit(in_channels, 64, 7, 2),
            "MaxPool3d_2a_3x3": _Pool((1, 3, 3), (1, 2, 2)),
            "Conv3d_2b_1x1": _Unit(64, 64),
            "Conv3d_2c_3x3": _Unit(64, 192, 3),
            "MaxPool3d_3a_3x3": _Pool((1, 3, 3), (1, 2, 2)),
        }
        channels = 192
        for name, widths in _MIXED.items():
            if name == "4b":
                stages["MaxPool3d_4a_3x3"] = _Pool(3, 2)
            if name == "5b":
                stages["MaxPool3d_5a_2x2"] = _Pool(2, 2)
            mixed = _Mixed(channels, widths)
            stages[f"Mixed_{name}"], channels = mixed, mixed.out_channels
        for name, stage in stages.items():
            self.add_module(name, stage)
        self._stages = tuple(stages)
        self.logits = _Logits(channels, num_classes)

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, int]:
        """Return ``(N, num_classes)`` for the shape of a video.

        Raises:
            ShapeError: If ``forward`` would refuse it.
        """
        check_axes(input_shape, "N C T H W", name="video", C=self.in_channels)
        if input_shape[2] < _SMALLEST_FRAMES:
            raise ShapeError(
                f"video must have at least {_SMALLEST_FRAMES} frames for I3D, got {input_shape[2]}"
            )
        return input_shape[0], self.num_classes

    def forward(self, video: Tensor) -> Tensor:
        """Logits of each class, averaged over time; see the class for shapes."""
        self.output_shape(tuple(video.shape))
        for name in self._stages:
            video = getattr(self, name)(video)
        # (2, 7, 7) at the size of the source.
        pooled = F.avg_pool3d(video, (2, *video.shape[3:]), stride=1)
        return self.logits(pooled).mean(dim=(2, 3, 4))
