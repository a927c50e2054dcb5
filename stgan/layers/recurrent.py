"""Convolutional recurrent layers; the state goes in and comes out, nothing is remembered."""

from torch import Tensor, nn

from stgan._checks import check_layout, check_positive, pair
from stgan._factories import make_act
from stgan.errors import ShapeError
from stgan.example import Example
from stgan.functional.recurrent import conv_gru, conv_lstm
from stgan.layers._kernel import check_weights
from stgan.registry import LAYERS
from stgan.typing import Act, Size2

__all__ = ["ConvGRU", "ConvLSTM"]

Shape = tuple[int, ...]


def _odd_pair(kernel_size: Size2) -> tuple[int, int]:
    sides = pair(kernel_size, "kernel_size")
    if any(side % 2 == 0 for side in sides):
        raise ValueError(
            f"kernel_size must have odd sides, so that a state keeps its size, got {kernel_size!r}"
        )
    return sides


def _conv(
    in_channels: int, out_channels: int, kernel_size: tuple[int, int], bias: bool
) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, kernel_size, padding="same", bias=bias)


def _check_shapes(video: Shape, states: tuple[Shape, ...], in_channels: int, state: Shape) -> None:
    if len(video) != 5 or video[1] != in_channels or video[2] < 1:
        raise ShapeError(
            f"video must be laid out as (N, C={in_channels}, T, H, W) with a frame at least, "
            f"got {video}"
        )
    for given in states:
        if tuple(given) != state:
            raise ShapeError(f"a state of video {video} must be {state}, got {tuple(given)}")


@LAYERS.register(
    "conv_gru",
    source="Ballas et al., ICLR 2016, section 3.1; Clark et al., DVD-GAN, 2019 (ConvGRU)",
    shape="(N, C_in, T, H, W), (N, C, H, W) -> (N, C, T, H, W), (N, C, H, W)",
    aliases=("convgru",),
    example=Example(
        settings={"in_channels": 3, "hidden_channels": 2},
        inputs={"video": "N 3 T H W", "state": "N 2 H W"},
    ),
)
class ConvGRU(nn.Module):
    """Convolutional gated recurrent unit over the frames of a clip.

    See :func:`stgan.functional.conv_gru`. The state of a frame depends on that frame and those
    before it; a clip may be run in pieces, each with the state that the last one returned, so its
    length is not limited.

    Args:
        in_channels: Channels of a frame.
        hidden_channels: Channels of the state, which is also the output.
        kernel_size: ``int`` or ``(h, w)``, odd; all convolutions have it and keep the size.
        act: Of the candidate, called without arguments; ``None`` for none. DVD-GAN takes
            ``torch.nn.ReLU``.
        bias: Whether the gates and the candidate have a bias.

    Attributes:
        out_channels: ``hidden_channels``, for the next layer to ask.

    Shape:
        - ``video``: ``(N, in_channels, T, H, W)``
        - ``state``: ``(N, hidden_channels, H, W)``, or ``None`` for zeros
        - Output: ``(N, hidden_channels, T, H, W)`` and the last state

    Raises:
        ValueError: If a number of channels is not positive or a side of the kernel is even.
        ShapeError: In ``forward``, if the video or the state has another layout.

    Example:
        >>> layer = ConvGRU(3, hidden_channels=8)
        >>> start, end = torch.zeros(2, 3, 4, 16, 16), torch.zeros(2, 3, 5, 16, 16)
        >>> frames, state = layer(start)
        >>> frames, state = layer(end, state)
        >>> frames.shape, state.shape
        (torch.Size([2, 8, 5, 16, 16]), torch.Size([2, 8, 16, 16]))

    Differs from the source:
        Frame and state have weights of their own instead of one kernel over both concatenated: the
        same function, but initialized by the width of each.

    References:
        Ballas et al., Delving Deeper into Convolutional Networks for Learning Video
        Representations, ICLR 2016; Clark et al., DVD-GAN, 2019.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        kernel_size: Size2 = 3,
        *,
        act: Act = nn.Tanh,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.in_channels = check_positive(in_channels, "in_channels")
        self.hidden_channels = check_positive(hidden_channels, "hidden_channels")
        self.out_channels = self.hidden_channels
        kernel = _odd_pair(kernel_size)
        self.input = _conv(in_channels, 3 * hidden_channels, kernel, bias)
        self.gates = _conv(hidden_channels, 2 * hidden_channels, kernel, False)
        self.candidate = _conv(hidden_channels, hidden_channels, kernel, False)
        self.act = make_act(act)

    def forward(self, video: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the states of all frames and the last one."""
        given = () if state is None else (tuple(state.shape),)
        self._check(tuple(video.shape), given)
        check_weights(self, "input", "gates", "candidate")
        return conv_gru(
            video,
            state,
            self.input.weight,
            self.gates.weight,
            self.candidate.weight,
            self.input.bias,
            act=self.act,
        )

    def step(self, frame: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Run over one frame ``(N, in_channels, H, W)``; the output is the new state, twice."""
        check_layout(frame, "N C H W", name="frame", C=self.in_channels)
        _, state = self(frame.unsqueeze(2), state)
        return state, state

    def output_shape(self, input_shape: Shape, state: Shape | None = None) -> tuple[Shape, Shape]:
        """Shapes of the output and the state for a video of ``(N, in_channels, T, H, W)``."""
        self._check(tuple(input_shape), () if state is None else (state,))
        n, _, t, h, w = input_shape
        return (n, self.hidden_channels, t, h, w), (n, self.hidden_channels, h, w)

    def _check(self, video: Shape, states: tuple[Shape, ...]) -> None:
        state = (video[0], self.hidden_channels, *video[3:])
        _check_shapes(video, states, self.in_channels, state)


@LAYERS.register(
    "conv_lstm",
    source="Shi et al., ConvLSTM, NeurIPS 2015, equation 3; without peepholes as in the released "
    "code of Saito et al., TGANv2, IJCV 2020",
    shape="(N, C_in, T, H, W), 2 x (N, C, H, W) -> (N, C, T, H, W), 2 x (N, C, H, W)",
    aliases=("convlstm",),
    example=Example(
        settings={"in_channels": 3, "hidden_channels": 2},
        inputs={"video": "N 3 T H W", "state": ("N 2 H W", "N 2 H W")},
    ),
)
class ConvLSTM(nn.Module):
    """Convolutional LSTM, without peepholes, over the frames of a clip.

    See :func:`stgan.functional.conv_lstm`. The state of a frame depends on that frame and those
    before it; a clip may be run in pieces, each with the state that the last one returned, so its
    length is not limited. TGANv2 feeds its latent as the first frame and zeros as all others.

    Args:
        in_channels: Channels of a frame.
        hidden_channels: Channels of the state, which is also the output, and of the cell.
        kernel_size: ``int`` or ``(h, w)``, odd; both convolutions have it and keep the size.
        bias: Whether the gates have a bias.

    Attributes:
        out_channels: ``hidden_channels``, for the next layer to ask.

    Shape:
        - ``video``: ``(N, in_channels, T, H, W)``
        - ``state``: state and cell, each ``(N, hidden_channels, H, W)``, or ``None`` for zeros
        - Output: ``(N, hidden_channels, T, H, W)`` and the last state and cell

    Raises:
        ValueError: If a number of channels is not positive or a side of the kernel is even.
        ShapeError: In ``forward``, if the video, the state or the cell has another layout.

    Example:
        >>> layer = ConvLSTM(3, hidden_channels=8)
        >>> frames, (state, cell) = layer(torch.zeros(2, 3, 4, 16, 16))
        >>> frame, (state, cell) = layer.step(torch.zeros(2, 3, 16, 16), (state, cell))
        >>> frame.shape
        torch.Size([2, 8, 16, 16])

    Differs from the source:
        The peepholes of Shi et al. are left out, as TGANv2 does: their size would tie the layer to
        one height and width.

    References:
        Shi et al., Convolutional LSTM Network: A Machine Learning Approach for Precipitation
        Nowcasting, NeurIPS 2015; Saito et al., Train Sparsely, Generate Densely (TGANv2), IJCV
        2020.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        kernel_size: Size2 = 3,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.in_channels = check_positive(in_channels, "in_channels")
        self.hidden_channels = check_positive(hidden_channels, "hidden_channels")
        self.out_channels = self.hidden_channels
        kernel = _odd_pair(kernel_size)
        self.input = _conv(in_channels, 4 * hidden_channels, kernel, bias)
        self.hidden = _conv(hidden_channels, 4 * hidden_channels, kernel, False)

    def forward(
        self, video: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the states of all frames, and the last state and cell."""
        given = () if state is None else (tuple(state[0].shape), tuple(state[1].shape))
        self._check(tuple(video.shape), given)
        check_weights(self, "input", "hidden")
        return conv_lstm(video, state, self.input.weight, self.hidden.weight, self.input.bias)

    def step(
        self, frame: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run over one frame ``(N, in_channels, H, W)``; the output is the new state."""
        check_layout(frame, "N C H W", name="frame", C=self.in_channels)
        _, (hidden, cell) = self(frame.unsqueeze(2), state)
        return hidden, (hidden, cell)

    def output_shape(
        self, input_shape: Shape, state: tuple[Shape, Shape] | None = None
    ) -> tuple[Shape, tuple[Shape, Shape]]:
        """Shapes of the output, the state and the cell for ``(N, in_channels, T, H, W)``."""
        self._check(tuple(input_shape), state or ())
        n, _, t, h, w = input_shape
        kept = (n, self.hidden_channels, h, w)
        return (n, self.hidden_channels, t, h, w), (kept, kept)

    def _check(self, video: Shape, states: tuple[Shape, ...]) -> None:
        state = (video[0], self.hidden_channels, *video[3:])
        _check_shapes(video, states, self.in_channels, state)
