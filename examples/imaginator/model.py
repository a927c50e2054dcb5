"""ImaGINator's networks, wired from parts of stgan.

The generator maps an image, noise and a label to a clip. An encoder turns the image into an
appearance vector p and a pyramid of maps; the decoder starts from (z, label, p) and fuses a map
and the label into every level. Two discriminators judge the clip with its label, and one frame.
"""

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import stgan
from stgan.decoders import VideoDecoder, decoder_stages
from stgan.discriminators import TwoStreamDiscriminator, build_stream
from stgan.errors import ShapeError, UnknownNameError, printable
from stgan.functional import one_hot_label
from stgan.layers import fold_batch_norms, init_normal_
from stgan.registry import REGISTRIES
from stgan.shapes import plan
from stgan.training import TrainedRun, open_trained
from stgan.typing import Norm

from .config import PRESETS, DiscriminatorSettings, ModelSettings, Settings, read_settings


def _group_norm(channels: int) -> nn.Module:
    return nn.GroupNorm(channels // 8 if channels % 8 == 0 else 1, channels)


# For images, and for videos.
_NORMS: dict[str, tuple[Norm, Norm]] = {"batch": (nn.BatchNorm2d, nn.BatchNorm3d),
                                        "group": (_group_norm, _group_norm)}  # fmt: skip


class Generator(nn.Module):
    """Image, noise and label to video.

    Shape:
        - ``image``: ``(N, 3, H, W)``, in [-1, 1]
        - ``z``: ``(N, z_dim)``, standard normal
        - ``label``: ``(N,)`` integers in [0, K), or ``(N, K)`` rows
        - Output: ``(N, 3, T, H, W)``, in (-1, 1)
    """

    def __init__(
        self, encoder: nn.Module, decoder: VideoDecoder, *, z_dim: int, num_classes: int
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.z_dim, self.num_classes = z_dim, num_classes

    def forward(self, image: Tensor, z: Tensor, label: Tensor) -> Tensor:
        """Generate one clip for each image, noise and label."""
        if z.ndim != 2 or z.shape[1] != self.z_dim or len({len(image), len(z), len(label)}) > 1:
            raise ShapeError(f"image, z and label must be batches of one size and z "
                             f"(N, z_dim={self.z_dim}), got {tuple(image.shape)}, "
                             f"{tuple(z.shape)} and {tuple(label.shape)}")  # fmt: skip
        rows = one_hot_label(label, self.num_classes, dtype=z.dtype)
        features = self.encoder(image)  # p and the maps
        latent = torch.cat([z, rows, features.vector], dim=1)
        video: Tensor = self.decoder(latent, features.maps, rows)
        return video


class ImaGINator(nn.Module):
    """The generator G and its discriminators, D_V and D_I.

    Attributes:
        generator: ``generator(image, z, label) -> video``.
        discriminator: ``discriminator(video, label) -> {"video": (N,), "image": (N,)}``, made of
            ``discriminator.video(video, label)`` and ``discriminator.image(image)``.
        streams: Names of the logits that it returns.
        z_dim: Length of the noise.
    """

    def __init__(
        self, settings: ModelSettings, discriminator: DiscriminatorSettings, num_classes: int,
        *, trust: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.z_dim = settings.z_dim
        self.generator = build_generator(settings, num_classes)
        size = (settings.num_frames, *settings.image_size)
        width = discriminator.channels or settings.base_channels
        parts: Any = {"video": discriminator.video, "image": discriminator.image}
        streams: Any = {
            name: build_stream(part, stream=name, size=size, stages=plan(size).stages,
                               num_classes=num_classes, base_channels=width, trust=trust)
            for name, part in parts.items() if part is not None
        }  # fmt: skip
        self.discriminator = TwoStreamDiscriminator(**streams)
        self.streams = tuple(self.discriminator.output_shape((1, 3, *size)))


def build_generator(settings: ModelSettings, num_classes: int) -> Generator:
    """Build the generator alone, as it is used once it is trained.

    Raises:
        ShapeError: If no stack of stages reaches the clip size; names one that is near.
        UnknownNameError: If a part is not registered.
    """
    if num_classes < 1:
        raise ValueError(f"num_classes must be at least 1, got {num_classes}")
    route = plan((settings.num_frames, *settings.image_size))
    widths = {"base_channels": settings.base_channels, "max_channels": 8 * settings.base_channels}
    norm_2d, norm_3d = _NORMS[settings.norm]
    common: Any = {"bias_before_norm": settings.bias_before_norm}
    encoder = stgan.build(
        _mapping(settings.encoder), kind="encoders",
        given={"image_size": settings.image_size, "stages": route.stages, "norm": norm_2d,
               "out_channels": settings.appearance_dim, **common, **widths},
    )  # fmt: skip
    stages = decoder_stages(route, appearance_channels=encoder.channels,
                            frame_mid_channels=settings.frame_mid_channels, **widths)  # fmt: skip
    decoder = stgan.build(
        {"name": "video", "conv": _factory("layers", settings.conv),
         "fusion": _factory("fusions", settings.fusion)},
        kind="decoders",
        given={"latent_channels": settings.z_dim + num_classes + settings.appearance_dim,
               "stages": stages, "num_classes": num_classes, "norm": norm_3d,
               "mid_channels": settings.mid_channels, **common},
    )  # fmt: skip
    # A network that came with weights keeps them, and a fusion begins as it means to.
    for own in encoder.untrained:
        init_normal_(own)
    init_normal_(decoder.stages, convs=settings.init == "normal")
    return Generator(encoder, decoder, z_dim=settings.z_dim, num_classes=num_classes)


def _mapping(part: Any) -> dict[str, Any]:
    """A part by name and settings; timm/resnet18 is the one called timm with this model."""
    config = {"name": part} if isinstance(part, str) else dict(part or {})
    name, slash, model = str(config.get("name")).partition("/")
    return config | {"name": name} | ({"model": model} if slash else {})


def _factory(kind: str, part: Any) -> dict[str, Any]:
    """What makes a part at every level; a fusion makes no copies of what stands still if it can."""
    config = _mapping(part)
    name = config.pop("name")
    lazy = "lazy" in inspect.signature(REGISTRIES[kind][name]).parameters
    return {"factory": f"{kind}/{name}", **({"lazy": True} if lazy else {}), **config}


def without_weights(settings: ModelSettings) -> ModelSettings:
    """The same networks where a checkpoint has their weights: the encoder's file may be gone."""
    encoder = {key: value for key, value in _mapping(settings.encoder).items() if key != "weights"}
    return replace(settings, encoder=encoder)


def build(preset: str = "imaginator", *, num_classes: int, **overrides: Any) -> ImaGINator:
    """Build the networks of a preset.

    Args:
        preset: ``"imaginator"``, ``"released"``, ``"modern"`` or ``"tiny"``.
        num_classes: K, the number of actions.
        **overrides: Fields of :class:`~examples.imaginator.config.ModelSettings`, such as
            ``num_frames``, ``image_size=(height, width)``, ``base_channels`` or ``z_dim``.

    Example:
        >>> gan = build("tiny", num_classes=6, num_frames=8, image_size=(24, 32))
        >>> label = torch.tensor([0, 5])
        >>> video = gan.generator(torch.zeros(2, 3, 24, 32), torch.randn(2, gan.z_dim), label)
        >>> video.shape, gan.discriminator.video(video, label).shape
        (torch.Size([2, 3, 8, 24, 32]), torch.Size([2]))
    """
    if preset not in PRESETS:
        raise UnknownNameError(f"there is no preset {preset!r}; choose one of {', '.join(PRESETS)}")
    start = PRESETS[preset]
    return ImaGINator(replace(start.model, **overrides), start.discriminator, num_classes)


def load_generator(run: Path) -> tuple[nn.Module, Settings, TrainedRun]:
    """Load the newest sound generator of a run or a checkpoint, the averaged one if there is one.

    Nothing else of the run is built: its settings may come from a stranger.

    Returns ``generator(image, z, label) -> video``, its settings, and what else is known of it.
    """
    trained = open_trained(run)
    for reason in trained.skipped.values():
        print(f"passed over: {printable(reason)}")
    settings = read_settings(trained.config)
    generator = build_generator(without_weights(settings.model), len(trained.classes))
    trained.load({"generator_ema" if settings.train.ema_decay else "generator": generator})
    return fold_batch_norms(generator), settings, trained
