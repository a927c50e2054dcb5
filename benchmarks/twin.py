"""ImaGINator as published, written the obvious way: what the library's speed is measured against.

Repeated and concatenated features, transposed 3-D convolutions, batch norms, spectral norm by
hooks, three Adam optimizers, discriminators that keep their gradients in the generator's step, and
five numbers fetched from the device in every iteration. State dicts have the published keys.
"""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import spectral_norm

__all__ = ["Twin", "TwinGenerator", "TwinImageDiscriminator", "TwinVideoDiscriminator"]

SLOPE = 0.2


def _normal(module: nn.Module, *kinds: type[nn.Module]) -> None:
    """Draw weights of the named kinds from N(0, 0.02), and of batch norms from N(1, 0.02)."""
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
            nn.init.zeros_(layer.bias)
        elif isinstance(layer, kinds):
            nn.init.normal_(layer.get_parameter("weight"), 0.0, 0.02)


class _Encoder(nn.Module):
    """Image ``(N, 3, 64, 64)`` to a vector and four maps, coarse to fine."""

    def __init__(self, channels: int, appearance_dim: int) -> None:
        super().__init__()
        widths = (3, channels, 2 * channels, 4 * channels, 8 * channels)
        for level, (before, after) in enumerate(itertools.pairwise(widths), 1):
            down = nn.Sequential(
                nn.Conv2d(before, after, 4, 2, 1),
                nn.BatchNorm2d(after),
                nn.LeakyReLU(SLOPE, inplace=True),
            )
            self.add_module(f"b{level}", down)
        self.b5 = nn.Sequential(nn.Conv2d(8 * channels, appearance_dim, 4, 1, 0))
        _normal(self, nn.Conv2d)

    def forward(self, image: Tensor) -> list[Tensor]:
        features = []
        for down in self.children():
            image = down(image)
            features.append(image)
        return features[::-1]


class _Block(nn.Module):
    """Time first, then space; in all but the last block a norm and a fusion follow."""

    def __init__(
        self, in_channels: int, out_channels: int, *, first: bool = False, last: bool = False
    ) -> None:
        super().__init__()
        k, s, p = ((2, 4), 1, 0) if first else ((4, 4), 2, 1)
        mid = out_channels * k[1] ** 2 * (k[0] - 1) // k[0]
        time = nn.ConvTranspose3d(in_channels, mid, (k[0], 1, 1), (s, 1, 1), (p, 0, 0))
        space = nn.ConvTranspose3d(mid, out_channels, (1, k[1], k[1]), (1, s, s), (0, p, p))
        end: list[nn.Module] = [nn.Tanh()]
        if not last:
            end = [nn.BatchNorm3d(out_channels), nn.LeakyReLU(SLOPE, inplace=True)]
        self.conv = nn.Sequential(
            time, nn.BatchNorm3d(mid), nn.LeakyReLU(SLOPE, inplace=True), space, *end
        )

    def forward(self, video: Tensor, appearance: Tensor | None, label: Tensor) -> Tensor:
        video = self.conv(video)
        if appearance is None:
            return video
        _, _, t, h, w = video.shape
        still = appearance[:, :, None].repeat(1, 1, t, 1, 1)
        label_map = label[:, :, None, None, None].repeat(1, 1, t, h, w)
        return torch.cat([video, still, label_map], dim=1)


class _Decoder(nn.Module):
    def __init__(self, in_channels: int, channels: int, num_classes: int) -> None:
        super().__init__()
        widths = (8 * channels, 4 * channels, 2 * channels, channels)
        fused = [2 * width + num_classes for width in widths]
        self.block1 = _Block(in_channels, widths[0], first=True)
        self.block2 = _Block(fused[0], widths[1])
        self.block3 = _Block(fused[1], widths[2])
        self.block4 = _Block(fused[2], widths[3])
        self.to_rgb = _Block(fused[3], 3, last=True)
        # The published initialization looks for Conv3d, and so leaves these convolutions alone.
        _normal(self)

    def forward(self, latent: Tensor, features: list[Tensor], label: Tensor) -> Tensor:
        video = latent[:, :, None, None, None]
        for block, appearance in zip(self.children(), [*features, None], strict=True):
            video = block(video, appearance, label)
        return video


class TwinGenerator(nn.Module):
    """Image, noise and one-hot label to a clip of 32 frames of 64 x 64."""

    def __init__(
        self,
        *,
        channels: int = 64,
        num_classes: int = 6,
        z_dim: int = 512,
        appearance_dim: int = 100,
    ) -> None:
        super().__init__()
        self.enc = _Encoder(channels, appearance_dim)
        self.dec = _Decoder(z_dim + num_classes + appearance_dim, channels, num_classes)

    def forward(self, image: Tensor, z: Tensor, label: Tensor) -> Tensor:
        """Generate ``(N, 3, 32, 64, 64)`` from an image, noise and rows of a label."""
        vector, *maps = self.enc(image)
        latent = torch.cat([z, label, vector.flatten(1)], dim=1)
        return self.dec(latent, maps, label)


class TwinVideoDiscriminator(nn.Module):
    """Clip and one-hot label to a logit."""

    def __init__(self, *, channels: int = 64, num_classes: int = 6) -> None:
        super().__init__()
        widths = (channels + num_classes, 2 * channels, 4 * channels, 8 * channels)
        deeper: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            deeper += [nn.Conv3d(before, after, 4, 2, 1), nn.LeakyReLU(SLOPE, inplace=True)]
        self.net1 = nn.Sequential(
            nn.Conv3d(3, channels, 4, 2, 1), nn.LeakyReLU(SLOPE, inplace=True)
        )
        self.net2 = nn.Sequential(*deeper, nn.Conv3d(widths[-1], 1, (2, 4, 4), 1, 0))
        _with_spectral_norm(self, nn.Conv3d)

    def forward(self, video: Tensor, label: Tensor) -> Tensor:
        """Return ``(N,)`` logits."""
        video = self.net1(video)
        label_map = label[:, :, None, None, None].repeat(1, 1, *video.shape[2:])
        return self.net2(torch.cat([video, label_map], dim=1)).flatten()


class TwinImageDiscriminator(nn.Module):
    """Frame to a logit."""

    def __init__(self, *, channels: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        widths = (3, channels, 2 * channels, 4 * channels, 8 * channels)
        for before, after in itertools.pairwise(widths):
            layers += [nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(SLOPE, inplace=True)]
        self.net = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 0))
        _with_spectral_norm(self, nn.Conv2d)

    def forward(self, image: Tensor) -> Tensor:
        """Return ``(N,)`` logits."""
        return self.net(image).flatten()


def _with_spectral_norm(network: nn.Module, kind: type[nn.Module]) -> None:
    _normal(network, kind)
    for layer in network.modules():
        if isinstance(layer, kind):
            spectral_norm(layer)


class Twin(nn.Module):
    """The three networks, their three optimizers, and the published iteration.

    Args:
        channels: Width of the finest stage; 64 as published.
        num_classes: Number of actions.
        z_dim: Length of the noise.
        appearance_dim: Length of the appearance vector.
    """

    def __init__(
        self,
        *,
        channels: int = 64,
        num_classes: int = 6,
        z_dim: int = 512,
        appearance_dim: int = 100,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.z_dim = z_dim
        self.generator = TwinGenerator(
            channels=channels,
            num_classes=num_classes,
            z_dim=z_dim,
            appearance_dim=appearance_dim,
        )
        self.video_discriminator = TwinVideoDiscriminator(
            channels=channels, num_classes=num_classes
        )
        self.image_discriminator = TwinImageDiscriminator(channels=channels)
        self.optimizers: dict[str, torch.optim.Adam] = {}

    def start(self) -> None:
        """Make the three optimizers; call it where the networks will stay."""
        self.optimizers = {
            name: torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))
            for name, network in self.named_children()
        }

    def train_step(
        self, video: Tensor, label: Tensor, z: Tensor, *, real_frame: int, fake_frame: int
    ) -> dict[str, float]:
        """Take the published iteration on a batch: generator first, then both discriminators.

        Args:
            video: ``(N, 3, 32, 64, 64)``, whose first frames are the images.
            label: ``(N,)`` integers.
            z: ``(N, z_dim)``.
            real_frame: The frame of all real clips that the image discriminator sees.
            fake_frame: Likewise, of the generated ones.

        Returns:
            The five terms of the losses.
        """
        rows = F.one_hot(label, self.num_classes).to(z.dtype)
        fake = self.generator(video[:, :, 0], z, rows)

        self.optimizers["generator"].zero_grad()
        reconstruction = F.l1_loss(fake, video)
        fools_video = _cross_entropy(self.video_discriminator(fake, rows), 1.0)
        fools_image = _cross_entropy(self.image_discriminator(fake[:, :, fake_frame]), 1.0)
        torch.autograd.backward(100 * reconstruction + fools_video + fools_image)
        self.optimizers["generator"].step()

        fake = fake.detach()
        self.optimizers["video_discriminator"].zero_grad()
        video_loss = _cross_entropy(self.video_discriminator(video, rows), 1.0)
        video_loss = video_loss + _cross_entropy(self.video_discriminator(fake, rows), 0.0)
        torch.autograd.backward(video_loss)
        self.optimizers["video_discriminator"].step()

        self.optimizers["image_discriminator"].zero_grad()
        image_loss = _cross_entropy(self.image_discriminator(video[:, :, real_frame]), 1.0)
        frame = fake[:, :, fake_frame]
        image_loss = image_loss + _cross_entropy(self.image_discriminator(frame), 0.0)
        torch.autograd.backward(image_loss)
        self.optimizers["image_discriminator"].step()
        return {
            "generator/reconstruction": reconstruction.item(),
            "generator/video": fools_video.item(),
            "generator/image": fools_image.item(),
            "discriminator/video": video_loss.item(),
            "discriminator/image": image_loss.item(),
        }


def _cross_entropy(logits: Tensor, target: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))
