"""Any augmentation of kornia, for clips."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from stgan.augment.base import Augmentation
from stgan.example import Example
from stgan.functional._precision import without_autocast
from stgan.registry import AUGMENTATIONS, unknown_name

__all__ = ["KorniaAugment"]


@AUGMENTATIONS.register(
    "kornia",
    source="Riba et al., Kornia, WACV 2020; kornia.augmentation.VideoSequential",
    shape="(N, C, T, H, W), (N, 1) -> (N, C, T, H, W)",
    example=Example(
        settings={
            "transforms": {
                "RandomHorizontalFlip": {},
                "RandomBrightness": {"brightness": (0.8, 1.2), "clip_output": False, "p": 1.0},
                "RandomAffine": {"degrees": 10.0, "p": 1.0},
            }
        },
        inputs={"video": "N C T H W", "draws": "N 1"},
        claims={
            "dtype": "draws become seeds, which takes values; a device without data has none",
            "gradients": "draws become seeds; nothing leads back to them",
            "gradcheck": "draws become seeds; another draw is another seed",
            "compile": "kornia draws from the global state of torch, which is set for every clip",
            "export": "kornia draws from the global state of torch, which is set for every clip",
        },
    ),
)
class KorniaAugment(Augmentation):
    """Apply augmentations of kornia to clips, all frames of a clip alike.

    A ``kornia.augmentation.VideoSequential``, which is handed the clips one by one with a seed
    from its draw, so that what happens to a clip depends on nothing else, and can be repeated.
    The global state of torch stays as it is.

    Clips come in [-1, 1] and are returned so; kornia sees them in [0, 1], as its colors expect.
    Where kornia pads with zeros, the border is thus black. Computed in float32, or float64 for such
    clips; autocast is off inside.

    What mixes the clips of a batch, such as ``RandomMixUpV2``, finds no other clip to mix with.

    Args:
        transforms: Names of ``kornia.augmentation`` with their settings, or modules of kornia.
            Write the settings as plain data if the augmentation is to be written down by
            :func:`stgan.to_config`. Containers and ``RandomDissolving``, which loads a network, can
            be given as modules only.

    Attributes:
        num_draws: 1.

    Shape:
        - ``video``: ``(N, C, T, H, W)``; colors of kornia want three channels
        - ``draws``: ``(N, 1)``, see :class:`Augmentation`
        - Output: ``(N, C, T, H, W)``

    Raises:
        ValueError: If there is no transform, or one changes the size of the frames.
        UnknownNameError: If kornia has no augmentation of a name.
        ShapeError: In ``forward``, if an input has another layout.

    Example:
        >>> augment = KorniaAugment({"RandomRotation": {"degrees": 10.0}})
        >>> augment(torch.zeros(2, 3, 4, 8, 8)).shape
        torch.Size([2, 3, 4, 8, 8])

    References:
        Riba et al., Kornia: an Open Source Differentiable Computer Vision Library for PyTorch,
        WACV 2020.
    """

    def __init__(self, transforms: Mapping[str, Mapping[str, Any]] | Sequence[nn.Module]) -> None:
        super().__init__(num_draws=1)
        if not transforms:
            raise ValueError("transforms must name an augmentation of kornia, got none")
        from kornia.augmentation import VideoSequential

        modules = _named(transforms) if isinstance(transforms, Mapping) else tuple(transforms)
        self.sequence: nn.Module = VideoSequential(
            *modules, data_format="BCTHW", same_on_frame=True
        )

    def _apply(self, fn: Callable[[Tensor], Tensor], *args: Any, **options: Any) -> nn.Module:
        moved: nn.Module = super()._apply(fn, *args, **options)  # type: ignore[no-untyped-call]
        # kornia draws where it lies and in its type, and so other numbers from the same seed.
        for module in self.sequence.modules():
            settle: Any = getattr(module, "set_rng_device_and_dtype", None)
            if settle is not None:
                settle(torch.device("cpu"), torch.float32)
        return moved

    def transform(self, video: Tensor, draws: Tensor) -> Tensor:
        """Apply kornia to one clip after the other."""
        if not video.shape[0]:
            return video
        seeds = ((draws[:, 0].double() + 1) * 2**23).round().long().tolist()
        clips = []
        with without_autocast(video):
            for clip, seed in zip(torch.split(video / 2 + 0.5, 1), seeds, strict=True):
                with _seeded(seed, video.device):
                    clips.append(self.sequence(clip))
        augmented = torch.cat(clips)
        if augmented.shape != video.shape:
            raise ValueError(
                f"transforms must keep the size of the clips {tuple(video.shape)}, got "
                f"{tuple(augmented.shape)}; leave out those that resize or crop"
            )
        return augmented * 2 - 1


def _named(transforms: Mapping[str, Mapping[str, Any]]) -> Iterator[nn.Module]:
    import kornia.augmentation as home

    known = {name: getattr(home, name) for name in home.__all__ if _is_plain(home, name)}
    for name, settings in transforms.items():
        if name not in known:
            raise unknown_name("kornia.augmentation", name, known, what="augmentation")
        yield known[name](**settings)


def _is_plain(home: Any, name: str) -> bool:
    """Whether a name is of an augmentation that keeps its settings to itself.

    What passes them on, as ``RandomDissolving`` to a loader of networks, may do anything with them.
    """
    cls = getattr(home, name, None)
    if not (inspect.isclass(cls) and issubclass(cls, nn.Module)):
        return False
    parameters = inspect.signature(cls).parameters.values()
    return not any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters)


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Set the global state of torch, of this device alone, and put it back."""
    cuda = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if cuda else []):
        torch.default_generator.manual_seed(seed)
        if cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield
