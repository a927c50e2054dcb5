"""Temporal latents by recurrence over noise: a GRU, and an LSTM that walks."""

import torch
from torch import Tensor, nn

from stgan._checks import check_layout, check_positive
from stgan.blocks.latents import TemporalLatent
from stgan.example import Example
from stgan.functional.latents import latent_walk, recurrent_latents
from stgan.registry import BLOCKS

__all__ = ["LatentGRU", "LatentLSTMWalk"]


@BLOCKS.register(
    "latent_gru",
    source="Tulyakov et al., MoCoGAN, CVPR 2018, section 3 (motion codes)",
    shape="(N, D), T -> (N, D, T), noise (N, E, T)",
    example=Example(
        settings={"z_dim": 4, "noise_dim": 3},
        inputs={"z": "N 4", "num_frames": "= T", "noise": "N 3 T"},
    ),
)
class LatentGRU(TemporalLatent):
    """Motion codes: a GRU cell over noise, one step a frame.

    See :func:`stgan.functional.recurrent_latents`; ``z`` is the state before the first frame. The
    first frames do not depend on how many follow.

    Args:
        z_dim: Size of the code and of the state.
        noise_dim: Channels of the noise.

    Attributes:
        out_channels: ``z_dim``, for the next layer to ask.

    Shape:
        - ``z``: ``(N, z_dim)``, for MoCoGAN drawn from a normal distribution
        - ``noise``: ``(N, noise_dim, T)``, or longer
        - Output: ``(N, z_dim, T)``

    Raises:
        ValueError: If a size or ``num_frames`` is not positive.
        ShapeError: In ``forward``, if ``z`` or the noise has another layout.

    Example:
        >>> motion = LatentGRU(10, noise_dim=10)
        >>> motion(torch.randn(2, 10), num_frames=16).shape
        torch.Size([2, 10, 16])

    References:
        Tulyakov et al., MoCoGAN: Decomposing Motion and Content for Video Generation, CVPR 2018.
    """

    def __init__(self, z_dim: int, noise_dim: int) -> None:
        check_positive(noise_dim, "noise_dim")
        super().__init__(check_positive(z_dim, "z_dim"), noise_dim, z_dim)
        self.cell = nn.GRUCell(noise_dim, z_dim)

    def noise_shape(self, batch: int, num_frames: int) -> tuple[int, int, int]:
        """One step a frame: ``(N, noise_dim, T)``."""
        return (batch, self.noise_dim, num_frames)

    def codes(self, z: Tensor, noise: Tensor, num_frames: int) -> Tensor:
        """See :func:`stgan.functional.recurrent_latents`."""
        return recurrent_latents(z, noise, self.cell)


@BLOCKS.register(
    "latent_lstm_walk",
    source="Tian et al., MoCoGAN-HD, ICLR 2021, section 3.1; released code, models/rnn.py",
    shape="(N, D), T -> (N, D, T), noise (N, E, T - 1)",
    example=Example(
        settings={"z_dim": 4, "noise_dim": 3, "hidden_dim": 3, "num_directions": 2},
        inputs={"z": "N 4", "num_frames": "= T", "noise": "N 3 T"},
    ),
)
class LatentLSTMWalk(TemporalLatent):
    r"""Walk through the latent space of an image generator, led by an LSTM over noise.

    The first frame has the code ``z`` itself. An LSTM cell that starts from ``z`` and reads one
    step of noise a frame gives states :math:`h_t`, and the steps of
    :func:`stgan.functional.latent_walk` are :math:`a_t = W h_t + b`. The first frames do not
    depend on how many follow.

    Args:
        z_dim: Size of the code.
        noise_dim: Channels of the noise.
        hidden_dim: Size of the state of the LSTM; ``None`` for ``z_dim``.
        num_directions: Number of directions of the walk; ``None`` for ``z_dim``.
        step_size: Longest step along a direction, in units of its scale.

    Attributes:
        out_channels: ``z_dim``, for the next layer to ask.
        basis: ``(num_directions, z_dim)``, each direction times its scale; a buffer, at first the
            axes themselves. See :meth:`set_basis`.

    Shape:
        - ``z``: ``(N, z_dim)``
        - ``noise``: ``(N, noise_dim, T - 1)``, or longer
        - Output: ``(N, z_dim, T)``

    Raises:
        ValueError: If a size or ``num_frames`` is not positive, or there are more directions than
            axes.
        ShapeError: In ``forward``, if ``z`` or the noise has another layout.

    Example:
        >>> walk = LatentLSTMWalk(512, noise_dim=64, num_directions=384)
        >>> samples = torch.randn(1000, 512)  # from the latent space of the image generator
        >>> _, spread, axes = torch.linalg.svd(samples - samples.mean(dim=0), full_matrices=False)
        >>> walk.set_basis(axes[:384], spread[:384] / len(samples) ** 0.5)
        >>> walk(samples[:2], num_frames=16).shape
        torch.Size([2, 512, 16])

    Differs from the source:
        The LSTM cell that encodes ``z`` starts from zeros, so its recurrent weights and its forget
        gate do nothing; they are left out here. Weights begin as torch's own, where the published
        code has orthogonal ones and N(0, 0.02) for the steps.

    References:
        Tian et al., A Good Image Generator Is What You Need for High-Resolution Video Synthesis,
        ICLR 2021.
    """

    basis: Tensor

    def __init__(
        self,
        z_dim: int,
        noise_dim: int,
        *,
        hidden_dim: int | None = None,
        num_directions: int | None = None,
        step_size: float = 0.2,
    ) -> None:
        check_positive(noise_dim, "noise_dim")
        super().__init__(check_positive(z_dim, "z_dim"), noise_dim, z_dim)
        hidden_dim = z_dim if hidden_dim is None else check_positive(hidden_dim, "hidden_dim")
        count = z_dim if num_directions is None else num_directions
        if check_positive(count, "num_directions") > z_dim:
            raise ValueError(f"num_directions must be at most z_dim={z_dim}, got {count}")
        self.step_size = step_size
        self.encode = nn.Linear(z_dim, 3 * hidden_dim)
        self.cell = nn.LSTMCell(noise_dim, hidden_dim)
        self.to_step = nn.Linear(hidden_dim, count)
        self.register_buffer("basis", torch.eye(count, z_dim))

    @torch.no_grad()
    def set_basis(self, directions: Tensor, scales: Tensor) -> None:
        """Walk along other directions, such as the principal ones of the latent space.

        Args:
            directions: ``(num_directions, z_dim)``, rows of length one.
            scales: ``(num_directions,)``, such as the standard deviations along them.

        Raises:
            ShapeError: If one of them has another shape.
        """
        count, size = self.basis.shape
        check_layout(directions, "K C", name="directions", K=count, C=size)
        check_layout(scales, "K", name="scales", K=count)
        self.basis.copy_(directions * scales.unsqueeze(1))

    def noise_shape(self, batch: int, num_frames: int) -> tuple[int, int, int]:
        """One step a frame but the first: ``(N, noise_dim, T - 1)``."""
        return (batch, self.noise_dim, num_frames - 1)

    def codes(self, z: Tensor, noise: Tensor, num_frames: int) -> Tensor:
        """See :func:`stgan.functional.latent_walk`."""
        gate, new, out = self.encode(z).chunk(3, dim=1)
        cell = gate.sigmoid() * new.tanh()
        hidden = out.sigmoid() * cell.tanh()
        steps = []
        for step in noise.unbind(2):
            hidden, cell = self.cell(step, (hidden, cell))
            steps.append(self.to_step(hidden))
        return latent_walk(z, steps, self.basis, step_size=self.step_size)

    def extra_repr(self) -> str:
        """Sizes of the codes, and of a step."""
        return f"{super().extra_repr()}, step_size={self.step_size}"
