"""bf16 autocast in which a loop may ask for gradients by itself."""

from typing import Any

import torch
from lightning_fabric.plugins.precision import MixedPrecision, Precision

__all__ = ["Bf16Mixed", "precision_settings"]


class Bf16Mixed(MixedPrecision):
    """Fabric's ``bf16-mixed`` without its watch over backward passes.

    Fabric refuses every gradient of what a network returned that does not come from
    ``fabric.backward``: float16 needs its losses scaled there. bf16 scales nothing, and penalties
    on slopes and the simultaneous step call ``torch.autograd.grad`` themselves.
    """

    # Fabric watches only where this method is not that of the base class.
    backward = Precision.backward

    def __init__(self, device: str) -> None:
        super().__init__("bf16-mixed", device)


def precision_settings(precision: str, accelerator: str) -> dict[str, Any]:
    """Settings of ``Fabric`` for a precision.

    Args:
        precision: ``"bf16-mixed"``, or another that Fabric knows.
        accelerator: As given to Fabric.
    """
    if precision != "bf16-mixed":
        return {"precision": precision}
    on_cpu = accelerator == "cpu" or not torch.cuda.is_available()
    return {"plugins": [Bf16Mixed("cpu" if on_cpu else "cuda")]}
