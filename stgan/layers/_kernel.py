"""The convolutions that carry a kernel: torch's modules, which convolve as this library does."""

from collections.abc import Callable
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn.utils import parametrize

from stgan.functional.conv import conv_3d, conv_transpose_3d
from stgan.functional.conv_static import temporal_conv_fused, temporal_conv_transpose_fused
from stgan.functional.fusion import FusedFeatures

__all__ = ["Conv3d", "ConvTranspose3d", "check_weights", "convolved", "leaves_out_bias"]


class _Convolving(nn.Module):
    """Computes in the fastest formulation, of features that are fused lazily too.

    It is called as any module is, so that hooks run, and what is built on them: pruning and the
    older norms of ``torch.nn.utils``.
    """

    _dense: ClassVar[Callable[..., Tensor]]
    _temporal: ClassVar[Callable[..., Tensor]]
    #: Whether a frame may only depend on those at or before its time.
    causal = False

    def forward(self, video: Tensor | FusedFeatures, *, add_bias: bool = True) -> Tensor:
        """Convolve, or leave out a bias that a norm would take out again."""
        own: Any = self
        bias = own.bias if add_bias else None
        one = (1, 1)
        over_time = own.kernel_size[1:] == own.stride[1:] == one and own.padding[1:] == (0, 0)
        if isinstance(video, FusedFeatures) and over_time:
            return self._temporal(
                video,
                own.weight,
                bias,
                stride=own.stride[0],
                padding=own.padding[0],
                causal=self.causal,
            )
        return self._dense(
            video,
            own.weight,
            bias,
            stride=own.stride,
            padding=own.padding,
            groups=own.groups,
            causal=self.causal,
        )


class Conv3d(_Convolving, nn.Conv3d):
    """``torch.nn.Conv3d``."""

    _dense = staticmethod(conv_3d)
    _temporal = staticmethod(temporal_conv_fused)


class ConvTranspose3d(_Convolving, nn.ConvTranspose3d):  # type: ignore[misc]  # no output_size
    """``torch.nn.ConvTranspose3d``."""

    _dense = staticmethod(conv_transpose_3d)
    _temporal = staticmethod(temporal_conv_transpose_fused)


def leaves_out_bias(conv: nn.Module | None) -> bool:
    """Whether a convolution can leave out its bias: one that a user put in its place may not."""
    return isinstance(conv, _Convolving)


def convolved(conv: nn.Module, video: Tensor | FusedFeatures, *, add_bias: bool = True) -> Tensor:
    """Call a convolution, or whatever a user put in its place."""
    out: Tensor
    if isinstance(conv, _Convolving):
        out = conv(video, add_bias=add_bias)
    else:
        out = conv(video.materialize() if isinstance(video, FusedFeatures) else video)
    return out


def check_weights(layer: nn.Module, *names: str) -> None:
    """Refuse a weight that only a hook on a convolution would compute, where none is called."""
    for name in names:
        conv = layer.get_submodule(name)
        known = "weight" in conv._parameters or parametrize.is_parametrized(conv, "weight")
        # A replica of DataParallel holds tensors in place of parameters.
        if not known and not hasattr(conv, "_is_replica"):
            raise RuntimeError(
                f"{type(layer).__name__} reads the weight of {name} without calling it, so that "
                f"the hook which computes this weight does not run; use a parametrization, such as "
                f"stgan.layers.spectral_norm or those of torch.nn.utils.parametrizations"
            )
