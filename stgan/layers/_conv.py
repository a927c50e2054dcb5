"""What all convolutions of videos share: one signature, sizes, initialization, wrapping."""

from abc import ABC, abstractmethod
from contextlib import ExitStack
from typing import Any, ClassVar

from torch import Tensor, nn

from stgan._checks import check_axes, check_positive, check_stride, triple
from stgan._factories import check_factories, make_act, make_norm
from stgan.functional._conv_geometry import Kind, check_causal, output_sizes
from stgan.functional.fusion import FusedFeatures
from stgan.layers._absorbed_bias import absorbs, bias_left_out
from stgan.layers._kernel import Conv3d, ConvTranspose3d, convolved, leaves_out_bias
from stgan.layers.act import leaky_relu
from stgan.layers.init import prepare
from stgan.layers.recompute import can_recompute, recomputed
from stgan.typing import Act, MidChannels, Norm, Size3

__all__ = ["TwoStepConv", "VideoConv"]


class VideoConv(nn.Module, ABC):
    """A convolution with the signature of all.

    A subclass says how sizes go and makes its modules in ``_build``.
    """

    _kind: ClassVar[Kind] = "forward"

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size3,
        stride: Size3 = 1,
        padding: Size3 = 0,
        *,
        mid_channels: MidChannels = "out",
        norm: Norm = nn.BatchNorm3d,
        act: Act = leaky_relu,
        bias: bool = True,
        bias_before_norm: bool = False,
        spectral_norm: bool = False,
        init_std: float | None = None,
        causal: bool = False,
    ) -> None:
        super().__init__()
        self.in_channels = check_positive(in_channels, "in_channels")
        self.out_channels = check_positive(out_channels, "out_channels")
        self.kernel_size = triple(kernel_size, "kernel_size")
        self.stride = triple(stride, "stride")
        self.padding = triple(padding, "padding", minimum=0)
        self.causal = causal
        if self._kind == "transposed":
            check_stride(self.kernel_size, self.stride)
        if causal:
            check_causal(
                self._kind,
                kernel_size=self.kernel_size,
                stride=self.stride,
                padding=self.padding,
            )
        if init_std is not None and init_std < 0:
            raise ValueError(f"init_std must be at least 0, got {init_std}")
        check_factories(norm=norm, act=act)
        self._build(mid_channels, norm, act, bias, norm is None or bias_before_norm)
        for step in self.children():
            if isinstance(step, nn.Conv3d | nn.ConvTranspose3d):
                prepare(step, init_std=init_std, spectral_norm=spectral_norm)

    @abstractmethod
    def _build(
        self, mid_channels: MidChannels, norm: Norm, act: Act, bias: bool, first_bias: bool
    ) -> None:
        """Make the modules; ``first_bias`` is that of a step which a norm may follow."""

    @property
    def _conv(self) -> type[Conv3d] | type[ConvTranspose3d]:
        """The class that carries the kernel."""
        return ConvTranspose3d if self._kind == "transposed" else Conv3d

    @property
    @abstractmethod
    def last_step(self) -> nn.Module:
        """The module whose weight and bias make the output."""

    def output_shape(self, input_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the output for an input of ``(N, in_channels, T, H, W)``."""
        check_axes(input_shape, "N C T H W", name="video", C=self.in_channels)
        sizes = output_sizes(
            input_shape[2:],
            self._kind,
            kernel_size=self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            causal=self.causal,
        )
        return (input_shape[0], self.out_channels, *sizes)

    def extra_repr(self) -> str:
        """Geometry, which the steps show only in parts."""
        causal = ", causal=True" if self.causal else ""
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}, padding={self.padding}{causal}"
        )


class TwoStepConv(VideoConv):
    """Two convolutions with a norm and an activation in between."""

    #: Attributes of the two steps, in their order.
    _steps: ClassVar[tuple[str, str]]

    norm: nn.Module
    act: nn.Module
    # See recompute_activations.
    _recompute = False

    def _build(
        self, mid_channels: MidChannels, norm: Norm, act: Act, bias: bool, first_bias: bool
    ) -> None:
        self.mid_channels = self._width(mid_channels)
        first, second = self._steps
        self.add_module(first, self._step(first, bias=first_bias))
        self.norm = make_norm(norm, self.mid_channels, axes=3)
        self.act = make_act(act)
        self.add_module(second, self._step(second, bias=bias))

    @abstractmethod
    def _width(self, mid_channels: MidChannels) -> int:
        """Resolve the channels between the two steps."""

    @abstractmethod
    def _step(self, name: str, *, bias: bool) -> nn.Module:
        """Make the step of a name."""

    def forward(self, video: Tensor | FusedFeatures, *, add_bias: bool = True) -> Tensor:
        """Convolve ``(N, in_channels, T, H, W)``; ``add_bias`` is about the bias of the output."""
        first, second = map(self.get_submodule, self._steps)
        bias: Any = getattr(first, "bias", None)
        absorbed = leaves_out_bias(first) and absorbs(self.norm, bias)
        hidden = convolved(first, video, add_bias=not absorbed)
        with ExitStack() as stack:
            if absorbed:
                hidden = stack.enter_context(bias_left_out(self.norm, hidden, bias))
            if self._recompute and can_recompute(self.norm, self.act):
                hidden = stack.enter_context(recomputed(self.norm, self.act, hidden))
            else:
                hidden = self.act(self.norm(hidden))
            return convolved(second, hidden, add_bias=add_bias)

    @property
    def last_step(self) -> nn.Module:
        """The second step."""
        return self.get_submodule(self._steps[1])

    def normalized_convs(self) -> tuple[tuple[nn.Module, str], ...]:
        """Name the first step, which the norm follows."""
        return ((self.get_submodule(self._steps[0]), "norm"),)

    def extra_repr(self) -> str:
        """Geometry, which the two steps show only in parts."""
        return f"{super().extra_repr()}, mid_channels={self.mid_channels}"
