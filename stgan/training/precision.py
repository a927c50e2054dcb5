"""How exactly GPUs multiply float32."""

import torch

__all__ = ["allow_tf32"]


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
