"""Where random numbers come from."""

from typing import Any

import torch

__all__ = ["random_source"]


def random_source(
    generator: torch.Generator | None, device: torch.device | str | None
) -> dict[str, Any]:
    """Return the keywords with which torch draws from a generator, or else on a device.

    The numbers of a generator are drawn where it is, so that they do not depend on where they go.
    Without one it is not named at all: even ``None`` keeps a batch of free size from being traced.
    """
    if generator is None:
        return {"device": device}
    return {"generator": generator, "device": generator.device}
