"""Compositors: the last step of generators that make a clip of several streams."""

from torch import Tensor, nn

from stgan.errors import ShapeError
from stgan.example import Example
from stgan.functional.compositing import composite_flow, composite_mask
from stgan.registry import BLOCKS

__all__ = ["FlowCompositor", "MaskCompositor"]

Shape = tuple[int, ...]


def _check(given: Shape | None, wanted: Shape, name: str, beside: str, shape: Shape) -> None:
    if given is not None and tuple(given) != wanted:
        raise ShapeError(f"{name} must be {wanted} beside {beside} {shape}, got {tuple(given)}")


def _check_axes(shape: Shape, layout: str, name: str) -> None:
    if len(shape) != len(layout.split()):
        raise ShapeError(f"{name} must be laid out as ({layout}), got {shape}")


@BLOCKS.register(
    "composite_mask",
    source="Vondrick et al., VGAN, NIPS 2016, equation 2",
    shape="(N, C, T, H, W), (N, 1, T, H, W), (N, C, H, W) -> (N, C, T, H, W)",
    example=Example(
        inputs={"foreground": "N 3 T H W", "mask": "N 1 T H W", "background": "N 3 H W"}
    ),
)
class MaskCompositor(nn.Module):
    """Show a moving foreground over a still background where a mask says so.

    See :func:`stgan.functional.composite_mask`. Nothing is learned here: the streams end in their
    own activations, tanh for the two pictures and a sigmoid for the mask in the source.

    Shape:
        - ``foreground``: ``(N, C, T, H, W)``
        - ``mask``: ``(N, 1, T, H, W)`` in [0, 1]; 1 shows the foreground
        - ``background``: ``(N, C, H, W)``
        - Output: ``(N, C, T, H, W)``

    Raises:
        ShapeError: In ``forward``, if the mask or the background does not fit the foreground.

    Example:
        >>> foreground, background = torch.ones(2, 3, 4, 8, 8), torch.zeros(2, 3, 8, 8)
        >>> MaskCompositor()(foreground, torch.ones(2, 1, 4, 8, 8), background).mean()
        tensor(1.)

    References:
        Vondrick et al., Generating Videos with Scene Dynamics, NIPS 2016.
    """

    def __init__(self) -> None:  # no settings, where nn.Module takes any
        super().__init__()

    def forward(self, foreground: Tensor, mask: Tensor, background: Tensor) -> Tensor:
        """Put the streams together."""
        return composite_mask(foreground, mask, background)

    def output_shape(
        self, input_shape: Shape, mask: Shape | None = None, background: Shape | None = None
    ) -> Shape:
        """Shape of the clip: that of the foreground."""
        shape = tuple(input_shape)
        _check_axes(shape, "N C T H W", "foreground")
        _check(mask, (shape[0], 1, *shape[2:]), "mask", "foreground", shape)
        _check(background, (*shape[:2], *shape[3:]), "background", "foreground", shape)
        return shape


@BLOCKS.register(
    "composite_flow",
    source="Wang et al., LIA, ICLR 2022, section 3",
    shape="(N, C, H, W), (N, 2, T, H, W), (N, 1, T, H, W), (N, C, T, H, W) -> (N, C, T, H, W)",
    example=Example(
        inputs={
            "image": "N 3 H W",
            "flow": "N 2 T H W",
            "mask": "N 1 T H W",
            "video": "N 3 T H W",
        }
    ),
)
class FlowCompositor(nn.Module):
    """Warp an image by a flow for every frame, and show a video where it cannot be warped.

    See :func:`stgan.functional.composite_flow` and :func:`stgan.functional.warp_image`. Images may
    be features as well. Nothing is learned here.

    Shape:
        - ``image``: ``(N, C, H, W)``
        - ``flow``: ``(N, 2, T, H, W)`` in pixels, along the width, then along the height
        - ``mask``: ``(N, 1, T, H, W)`` in [0, 1]; 1 shows the warped image
        - ``video``: ``(N, C, T, H, W)``
        - Output: ``(N, C, T, H, W)``

    Raises:
        ShapeError: In ``forward``, if two of the inputs do not fit each other.

    Example:
        >>> image, video = torch.ones(2, 3, 8, 8), torch.zeros(2, 3, 4, 8, 8)
        >>> flow, mask = torch.zeros(2, 2, 4, 8, 8), torch.ones(2, 1, 4, 8, 8)
        >>> FlowCompositor()(image, flow, mask, video).mean()
        tensor(1.)

    Differs from the source:
        Flow is in pixels and unbounded, and the mask is one already; LIA predicts both from
        features, with tanh and sigmoid, in units of half the image.

    References:
        Wang et al., Latent Image Animator: Learning to Animate Images via Latent Space Navigation,
        ICLR 2022.
    """

    def __init__(self) -> None:  # no settings, where nn.Module takes any
        super().__init__()

    def forward(self, image: Tensor, flow: Tensor, mask: Tensor, video: Tensor) -> Tensor:
        """Warp and put together."""
        return composite_flow(image, flow, mask, video)

    def output_shape(
        self,
        input_shape: Shape,
        flow: Shape,
        mask: Shape | None = None,
        video: Shape | None = None,
    ) -> Shape:
        """Shape of the clip: an image for every frame of the flow."""
        shape = tuple(input_shape)
        _check_axes(shape, "N C H W", "image")
        _check_axes(tuple(flow), "N C T H W", "flow")
        n, c, *size = shape
        frames = flow[2]
        _check(flow, (n, 2, frames, *size), "flow", "image", shape)
        _check(mask, (n, 1, frames, *size), "mask", "image", shape)
        _check(video, (n, c, frames, *size), "video", "image", shape)
        return (n, c, frames, *size)
