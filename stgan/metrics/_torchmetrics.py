"""Classes of torchmetrics to build upon, imported through the door that torchvision needs."""

from stgan._torchvision import ensure_torchvision

ensure_torchvision()

from torchmetrics import Metric  # noqa: E402  # fails before the door
from torchmetrics.image.fid import FrechetInceptionDistance  # noqa: E402
from torchmetrics.utilities.distributed import gather_all_tensors  # noqa: E402

__all__ = ["FrechetInceptionDistance", "Metric", "gather_all_tensors"]
