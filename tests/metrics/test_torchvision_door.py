import importlib
import subprocess
import sys

import pytest

from stgan import _torchvision
from stgan._torchvision import ensure_torchvision


def test_timm_and_torchmetrics_import_after_it_in_any_order_and_any_number_of_calls() -> None:
    code = (
        "from stgan._torchvision import ensure_torchvision\n"
        "assert ensure_torchvision() and ensure_torchvision()\n"
        "import torchmetrics, timm, torchvision\n"
        "from torchvision.transforms import v2\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_the_library_imports_none_of_the_heavy_ones_before_they_are_needed() -> None:
    code = (
        "import sys, stgan, stgan.training, stgan.metrics, stgan.visual\n"
        "heavy = {'timm', 'kornia', 'torchmetrics', 'torchvision', 'matplotlib', 'PIL'}\n"
        "found = heavy & {name.partition('.')[0] for name in sys.modules}\n"
        "assert not found, found\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_a_machine_without_torchvision_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert ensure_torchvision() is False


def test_other_failures_of_the_import_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise RuntimeError("something else")

    monkeypatch.setattr(_torchvision.importlib, "import_module", fail)
    with pytest.raises(RuntimeError, match="something else"):
        ensure_torchvision()
