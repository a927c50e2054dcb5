"""Folders of clips to be scored, and what was found."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stgan.io import write_frames, write_strip, write_video
from stgan.metrics import MetricResult

__all__ = ["make_clip", "make_folder", "read_results"]


def make_clip(seed: int, frames: int = 6, size: tuple[int, int] = (16, 16)) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(3, frames, *size, generator=generator) * 2 - 1).mul(0.9)


def make_folder(root: Path, seeds: range, kind: str = "frames", **options: Any) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        clip = make_clip(seed, **options)
        if kind == "strip":
            write_strip(clip, root / f"clip_{seed}.png")
        elif kind == "frames":
            write_frames(clip, root / f"clip_{seed}")
        else:
            write_video(clip, root / f"clip_{seed}.{kind}", fps=25)
    return root


def read_results(path: Path) -> dict[str, MetricResult]:
    record = json.loads(path.read_text())
    return {
        found.metric.partition(" on ")[0]: found
        for found in map(MetricResult.from_dict, record["results"])
    }
