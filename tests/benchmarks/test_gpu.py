"""The measurement of a GPU, as far as a CPU can show it."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from benchmarks import _ways, breakdown, gpu
from tests.benchmarks.tiny import ONCE, TINY, rows_of


def test_gpu_on_a_cpu(tmp_path: Path) -> None:
    page = tmp_path / "gpu.md"
    few = ["--ways", "float32", "bf16", "--batch-size", "2", "--scaling", "1", "2", "--matrix", "8"]
    shapes = ["--shapes", "8", "32", "32", "--shape-batch-size", "2", "--profiled", "float32"]
    gpu.main(["--device", "cpu", *ONCE, *few, *shapes, "--markdown", str(page)])
    rows = rows_of(page.read_text())
    assert [row[0] for row in rows if row[0] not in breakdown.GROUPS] == [
        "variant", "twin", "float32", "bf16", "ms", "in all", "batch", "1", "2", "T x H x W",
        "8 x 32 x 32",
    ]  # fmt: skip


def test_gpu_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="torch finds no CUDA device here; run it where there is"):
        gpu.main([])


def test_what_does_not_fit_a_gpu_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> Tensor:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(gpu, "draw_batch", exhausted)
    arguments = gpu.Arguments(device="cpu", sizes=TINY)
    assert gpu._speed(arguments, 1, (32, 64, 64)) == ["does not fit", "-"]


def test_allowing_tensor_cores_ends_with_the_block() -> None:
    def now() -> tuple[bool, bool]:
        return torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32

    before = now()
    for matmul, cudnn in ((True, True), (False, False), (False, True)):
        with _ways.tensor_cores(matmul, cudnn):
            assert now() == (matmul, cudnn)
        assert now() == before


def test_what_was_measured_is_kept_where_a_later_part_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> str:
        raise RuntimeError("taken away")

    page = tmp_path / "gpu.md"
    monkeypatch.setattr(gpu, "where_the_time_goes", broken)
    few = ["--ways", "float32", "--batch-size", "2", "--matrix", "8"]
    with pytest.raises(RuntimeError, match="taken away"):
        gpu.main(["--device", "cpu", *ONCE, *few, "--markdown", str(page)])
    assert [row[0] for row in rows_of(page.read_text())] == ["variant", "twin", "float32"]
    assert "- Command: `python benchmarks/gpu.py" in page.read_text()
