"""Seeds for every generator of random numbers that a run draws from, and their states."""

import math
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from stgan._checks import as_integer
from stgan.errors import CheckpointError

__all__ = ["rng_state", "seed_everything", "set_rng_state"]

# NumPy's global generator takes 32 bits and is the narrowest of the three.
_LARGEST_SEED = 2**32 - 1


def seed_everything(seed: int) -> None:
    """Seed the global generators of Python, NumPy and torch (CPU and every accelerator).

    Equal seeds give equal runs on a CPU. On CUDA that holds only under
    ``torch.use_deterministic_algorithms(True)``: transposed 3-D convolutions may otherwise
    differ from run to run.

    Args:
        seed: From 0 to 2**32 - 1. In a distributed run give every rank its own, such as
            ``seed + rank``, or all ranks draw the same noise.

    Raises:
        TypeError: If the seed is not an integer.
        ValueError: If it is out of range.

    Example:
        >>> seed_everything(7); first = torch.rand(2)
        >>> seed_everything(7); bool((torch.rand(2) == first).all())
        True
    """
    number = as_integer(seed)
    if number is None:
        raise TypeError(f"seed must be an integer, got {seed!r}")
    seed = number
    if not 0 <= seed <= _LARGEST_SEED:
        raise ValueError(f"seed must lie between 0 and {_LARGEST_SEED}, got {seed}")
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the global generator is what third parties draw from
    torch.manual_seed(seed)


def rng_state() -> dict[str, Any]:
    """States of the global generators of Python, NumPy, torch and every CUDA device.

    Made of tensors, numbers, strings, lists and tuples only, so that a checkpoint that holds it
    loads with ``torch.load(..., weights_only=True)``.

    Returns:
        Entries ``python``, ``numpy``, ``torch`` and ``cuda``, the last one empty without CUDA.

    Example:
        >>> state = rng_state()
        >>> first = random.random()
        >>> set_rng_state(state); random.random() == first
        True
    """
    numpy: dict[str, Any] = np.random.get_state(legacy=False)  # noqa: NPY002 - see above
    return {
        "python": random.getstate(),
        "numpy": {
            "bit_generator": numpy["bit_generator"],
            "state": {"key": numpy["state"]["key"].tolist(), "pos": int(numpy["state"]["pos"])},
            "has_gauss": int(numpy["has_gauss"]),
            "gauss": float(numpy["gauss"]),
        },
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_rng_state(state: dict[str, Any]) -> None:
    """Put back what :func:`rng_state` returned: the next draws are the ones that followed it.

    The states of CUDA devices are put back only where the number of devices is the same. On
    another number of devices the draws cannot continue as before, and a run that moves to such a
    machine goes on with the generators that it finds there.

    Args:
        state: The return value of :func:`rng_state`, as it is or loaded from a file.

    Raises:
        CheckpointError: If an entry is missing or not the state of its generator; all generators
            are as before then.

    Example:
        >>> seed_everything(1); state = rng_state(); first = torch.rand(1)
        >>> set_rng_state(state); bool(torch.rand(1) == first)
        True
    """
    if not isinstance(state, Mapping):
        raise CheckpointError(
            f"state of the random generators must be a dictionary, got {type(state).__name__}; "
            f"pass what rng_state() gave"
        )
    missing = [key for key in ("python", "numpy", "torch", "cuda") if key not in state]
    if missing:
        raise CheckpointError(
            f"state of the random generators lacks {', '.join(missing)}; pass what rng_state() gave"
        )
    try:
        version, internal, gauss_next = state["python"]
        python = (version, tuple(internal), gauss_next)
        if gauss_next is not None and not math.isfinite(gauss_next):
            raise ValueError("no normal number that was drawn already")
        random.Random().setstate(python)
        numpy = _numpy_state(state["numpy"])
        np.random.RandomState().set_state(numpy)
        # A generator takes its state on the CPU, wherever the file was mapped to.
        torch_state = state["torch"].cpu()
        torch.Generator().set_state(torch_state)
        cuda = [one.cpu() for one in state["cuda"]]
        here = torch.cuda.device_count()
        for one in cuda if len(cuda) == here else ():
            torch.Generator("cuda").set_state(one)
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        raise CheckpointError(
            "state of the random generators is not one that they take; pass what rng_state() gave"
        ) from None
    random.setstate(python)
    np.random.set_state(numpy)  # noqa: NPY002 - see seed_everything
    torch.set_rng_state(torch_state)
    if cuda and len(cuda) == here:
        torch.cuda.set_rng_state_all(cuda)


def _numpy_state(state: dict[str, Any]) -> dict[str, Any]:
    """Return the state of NumPy's generator, which itself does not look where it would read."""
    key, place = np.array(state["state"]["key"], dtype=np.uint32), state["state"]["pos"]
    if type(place) is not int or not 0 <= place <= 624 or key.shape != (624,):
        raise ValueError("no state of a Mersenne twister")
    if state["has_gauss"] not in (0, 1) or not math.isfinite(state["gauss"]):
        raise ValueError("no normal number that was drawn already")
    return {**state, "state": {"key": key, "pos": place}}
