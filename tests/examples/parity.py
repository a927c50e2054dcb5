"""The fill rule of the reference outputs: parameters and inputs that anyone can rebuild."""

import json
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

SEED = 18784
PREFIXES = {"generator": "G.", "video_discriminator": "VD.", "image_discriminator": "ID."}


def _draw(name: str) -> np.random.Generator:
    return np.random.default_rng([SEED, zlib.crc32(name.encode())])


def official_state_dict(folder: Path, network: str) -> dict[str, Tensor]:
    """Fill the published layout of a network, in float64."""
    shapes = json.loads((folder / "official_state_dict.json").read_text())[network]
    state = {}
    for key, shape in shapes.items():
        leaf = key.rpartition(".")[2]
        a = _draw(PREFIXES[network] + key).standard_normal(shape)
        if leaf == "running_var":
            a = 1 + 0.1 * np.abs(a)
        elif leaf == "running_mean":
            a = 0.1 * a
        elif leaf in ("weight_u", "weight_v"):
            a = a / np.linalg.norm(a)
        elif leaf == "bias":
            a = 0.02 * a
        elif leaf == "num_batches_tracked":
            a = np.zeros((), dtype=np.int64)
        elif a.ndim == 1:
            a = 1 + 0.02 * a
        else:
            a = a / np.sqrt(np.prod(shape[1:]))
        state[key] = torch.from_numpy(np.asarray(a))
    return state


def inputs() -> dict[str, Tensor]:
    """Image, noise, clip and label of the reference calls, in float64."""
    arrays = {
        "image": _draw("image").uniform(-1, 1, (2, 3, 64, 64)),
        "z": _draw("z").standard_normal((2, 512)),
        "video": _draw("video").uniform(-1, 1, (2, 3, 32, 64, 64)),
    }
    return {name: torch.from_numpy(a) for name, a in arrays.items()} | {
        "label": torch.tensor([1, 4])
    }


def step_noise(iteration: int) -> Tensor:
    """Noise of one of the three training iterations."""
    return torch.from_numpy(_draw(f"z{iteration}").standard_normal((2, 512)))


def outputs(folder: Path) -> dict[str, Tensor]:
    """What the published networks return."""
    with np.load(folder / "official_outputs.npz") as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}
