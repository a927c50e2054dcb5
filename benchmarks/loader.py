"""Clips a second from files and from drawing, for each number of workers, against the step.

    python benchmarks/loader.py --markdown docs/results/speed/loader.md
    python benchmarks/loader.py --root FOLDER      # clips of one's own, a folder for each class

The same clips are read as mp4 files, as JPEG strips and as folders of PNG frames, with and without
the cache of decoded clips, and drawn anew as moving shapes.
"""

import functools
import itertools
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sized
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
import tyro
from einops import rearrange
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks._measure import Options, finish, how, rounds_told, table, take_turns
from benchmarks._pair import Recipe, Sizes, draw_batch
from stgan.data import ClipFolder, MovingShapes
from stgan.io import read_video, write_frames, write_video

_INTRODUCTION = """# Loading against the step

Items of 32 frames of 64 x 64 in batches of {batch_size}, from {count} clips of {frames:.0f} frames
on average. "Clips a second" is the median over epochs of {items} items. A training step takes
{needed:.1f} clips a second here; "steps fed" is how many such steps the loader could feed at once:
above 1 it never starves the step. The cache holds all decoded clips, {megabytes:.0f} MiB, shared by
the workers; it is filled before time is taken.
"""


@dataclass(frozen=True)
class Arguments(Options):
    """Measure how fast clips are loaded."""

    root: Path | None = None
    """Folder with a folder of clips for each class; none: moving shapes are drawn and written."""
    clips: int = 24
    """How many of them, at most."""
    frames: int = 64
    """Frames of each clip that is drawn; at least 32."""
    epoch: int = 96
    """Items in one measurement."""
    batch_size: int = 4
    """Clips in a batch."""
    workers: tuple[int, ...] = (0, 1, 2)
    """Processes that load."""
    sizes: Sizes = field(default_factory=Sizes)
    """Of the networks whose step is compared."""


class _Epoch:
    """Order of the items of one measurement, with windows that are drawn anew in the next."""

    def __init__(self, items: int, num_clips: int) -> None:
        self.items = items
        self.num_clips = num_clips
        self.draws = itertools.count()

    def __len__(self) -> int:
        return self.items

    def __iter__(self) -> Iterator[tuple[int, int]]:
        draw = next(self.draws)
        for number in range(self.items):
            yield number % self.num_clips, draw * self.items + number // self.num_clips


def source_clips(arguments: Arguments) -> list[Tensor]:
    """Return the clips as bytes ``(3, T, 64, 64)``, spread over the classes of a folder."""
    if arguments.root is None:
        shapes = MovingShapes(arguments.clips, num_frames=arguments.frames, image_size=64)
        return [
            item["video"].add(1).mul(127.5).round().to(torch.uint8)
            for item in itertools.islice(cast(Any, shapes), arguments.clips)
        ]
    paths = ClipFolder(arguments.root, num_frames=32, image_size=64).paths
    chosen = paths[:: max(1, len(paths) // arguments.clips)][: arguments.clips]
    return [read_video(path, dtype=torch.uint8) for path in chosen]


def write_clips(clips: list[Tensor], folder: Path) -> dict[str, Path]:
    """Write the same clips in every form, and return the root of each."""
    forms: dict[str, tuple[str, Callable[[Tensor, Path], None]]] = {
        "mp4 files": (".mp4", write_video),
        "JPEG strips": (".jpg", _write_jpeg_strip),
        "folders of PNG frames": ("", write_frames),
    }
    roots = {}
    for form, (suffix, write) in forms.items():
        roots[form] = folder / form
        (roots[form] / "action").mkdir(parents=True)
        for number, clip in enumerate(clips):
            write(clip, roots[form] / "action" / f"{number}{suffix}")
    return roots


def _write_jpeg_strip(clip: Tensor, path: Path) -> None:
    # As published data sets come; the library itself writes strips without loss.
    strip = rearrange(clip, "c t h w -> h (t w) c")
    Image.fromarray(strip.numpy()).save(path, quality=95)


def loader_of(data: Dataset[Any], arguments: Arguments, workers: int) -> DataLoader[Any]:
    """Load as the recipe does."""
    return DataLoader(
        data,
        batch_size=arguments.batch_size,
        sampler=_Epoch(arguments.epoch, len(cast(Sized, data))),
        num_workers=workers,
        persistent_workers=workers > 0,
    )


def _consume(loader: DataLoader[Any]) -> None:
    for _ in loader:
        pass


def measure(roots: dict[str, Path], arguments: Arguments) -> list[tuple[str, str, int, float]]:
    """Return source, cache, workers and clips a second of everything."""
    size: dict[str, Any] = {"num_frames": 32, "image_size": 64}
    sources: dict[tuple[str, str], Dataset[Any]] = {
        (form, cache): ClipFolder(root, cache=cache == "yes", **size)
        for form, root in roots.items()
        for cache in ("no", "yes")
    }
    sources["moving shapes", "-"] = MovingShapes(arguments.clips, **size)
    found = []
    for (source, cache), data in sources.items():
        for workers in arguments.workers:
            loader = loader_of(data, arguments, workers)
            runs = {"loader": functools.partial(_consume, loader)}
            seconds = take_turns(runs, arguments)["loader"]
            found.append((source, cache, workers, arguments.epoch / statistics.median(seconds)))
    return found


def clips_of_a_step(arguments: Arguments) -> float:
    """Return how many clips a second the recipe's training step takes."""
    recipe = Recipe("imaginator", arguments.sizes)
    batch = draw_batch(arguments.batch_size, arguments.sizes.z_dim)
    seconds = take_turns({"step": functools.partial(recipe.step, batch)}, arguments)["step"]
    return arguments.batch_size / statistics.median(seconds)


def page(arguments: Arguments) -> str:
    """Measure everything and lay out the page."""
    needed = clips_of_a_step(arguments)
    clips = source_clips(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(write_clips(clips, Path(folder)), arguments)
    introduction = _INTRODUCTION.format(
        batch_size=arguments.batch_size,
        count=len(clips),
        frames=statistics.mean(clip.shape[1] for clip in clips),
        items=arguments.epoch,
        needed=needed,
        megabytes=sum(clip.numel() for clip in clips) / 2**20,
    )
    header = ["source", "cache", "workers", "clips a second", "for each worker", "steps fed"]
    lines = [
        [source, cache, workers, f"{rate:.0f}", f"{rate / max(1, workers):.0f}",
         f"{rate / needed:.0f}"]
        for source, cache, workers, rate in found
    ]  # fmt: skip
    made = how(
        "loader.py",
        f"Medians of {rounds_told(arguments)}; the step is that of the preset imaginator, float32",
        threads=arguments.threads,
    )
    return f"{introduction}\n{table(header, lines)}\n\n{made}"


def main(args: list[str] | None = None) -> None:
    """Measure, print the page, and write it where it was asked for."""
    arguments = tyro.cli(Arguments, args=args)
    torch.set_num_threads(arguments.threads)
    finish(page(arguments), arguments.markdown)


if __name__ == "__main__":
    main()
