"""One door to torchvision, for the libraries that import it whether they need it or not."""

import importlib
import importlib.util
import sys

import torch

__all__ = ["ensure_torchvision"]

# Operators to which torchvision attaches Python code while it is imported.
_NAMES = ("nms", "qnms")
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def ensure_torchvision() -> bool:
    """Import torchvision, also where its compiled half was built for another torch.

    timm imports torchvision always, and torchmetrics wherever it is installed. A torchvision for
    CUDA beside a torch for CPU (what the Linux package index gives by default) cannot load its
    compiled operators and then fails at import over the mere *name* of one of them, and takes
    timm and torchmetrics with it. Declaring the two missing names lets the import through; the
    operators themselves stay unavailable and say so when called. Where the builds match, nothing
    is declared. Call it right before every import of timm, torchmetrics or torchvision.

    Returns:
        Whether torchvision is installed, and is now imported.

    Raises:
        RuntimeError: If torchvision fails to import for another reason.

    Example:
        >>> ensure_torchvision() == ("torchvision" in sys.modules)
        True
    """
    if importlib.util.find_spec("torchvision") is None:
        return False
    try:
        importlib.import_module("torchvision")
        return True
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
    for name in _NAMES:
        if not hasattr(torch.ops.torchvision, name):
            torch.library.define(f"torchvision::{name}", _SCHEMA)
    # The failed import leaves half-made submodules behind, which a second one would pick up.
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    importlib.import_module("torchvision")
    return True
