"""How exactly GPUs multiply float32."""

from typing import Any

import torch

__all__ = ["allow_tf32", "precision_settings"]


def allow_tf32(allowed: bool = True) -> None:
    """Let convolutions and matrix products of float32 round their factors to TF32 on GPUs, or not.

    TF32 keeps the range of float32 and 10 of its 23 bits; sums stay in float32. Ampere GPUs and
    later multiply it several times as fast; elsewhere, and on the CPU, nothing changes. torch by
    itself allows it for convolutions and not for matrix products; this sets both.

    Args:
        allowed: Whether to.

    Example:
        >>> allow_tf32(False)
        >>> torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
        ('highest', False)
    """
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    torch.backends.cudnn.allow_tf32 = allowed


def precision_settings(precision: str, accelerator: str = "auto") -> dict[str, Any]:
    """Settings of Fabric for a precision, under which a loop may ask for gradients by itself.

    Fabric refuses every gradient of what a network returned that does not come from
    ``fabric.backward``: float16 needs its losses scaled there. bfloat16 scales nothing, and
    penalties on slopes and the simultaneous step call ``torch.autograd.grad`` themselves.

    Args:
        precision: ``"bf16-mixed"``, or another that Fabric knows.
        accelerator: As given to Fabric.

    Example:
        >>> precision_settings("32-true")
        {'precision': '32-true'}
    """
    if precision != "bf16-mixed":
        return {"precision": precision}
    from lightning_fabric.plugins.precision import MixedPrecision, Precision

    on_cpu = accelerator == "cpu" or not torch.cuda.is_available()
    plugin: Any = MixedPrecision("bf16-mixed", "cpu" if on_cpu else "cuda")
    # Fabric watches only where this method is not that of the base class.
    unwatched = type("Bf16Mixed", (MixedPrecision,), {"backward": Precision.backward})
    plugin.__class__ = unwatched
    return {"plugins": [plugin]}
