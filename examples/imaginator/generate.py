"""Animate a picture with a trained generator.

    python -m examples.imaginator.generate runs/imaginator face.png --label smile
    python -m examples.imaginator.generate runs/imaginator face.png --samples 4    # all labels

Writes one clip for each label and noise: mp4 and gif for eyes, PNG frames for measuring. Clips of
the same names that an earlier call wrote are replaced, all of them or none.
"""

import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import tyro
from torch import Tensor

from examples.imaginator.cli import check_choice, interruptible, user_errors, writing
from examples.imaginator.runs import check_run, load_generator
from stgan.data import resize_frames
from stgan.errors import DataError
from stgan.io import from_uint8, read_image, write_frames, write_video
from stgan.training import check_run_folder
from stgan.visual import clip_grid

__all__ = ["generate", "main"]


@dataclass(frozen=True)
class Arguments:
    """Animate a picture with a trained generator."""

    run: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Run folder, or one of its checkpoints."""
    image: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="IMAGE")]
    """Picture to animate; made to fit as the clips of the run were."""
    label: str | None = None
    """Action, by name or number; none: all of them."""
    samples: int = 1
    """Clips for each label, each from noise of its own."""
    seed: int = 0
    """Of the noise."""
    fps: float = 12.5
    """Frames per second of the files."""
    out: Path | None = None
    """Folder to write to; none: "generated" in the run folder."""


def generate(arguments: Arguments) -> list[Path]:
    """Generate the clips and return the files for eyes."""
    if arguments.samples < 1:
        raise ValueError(f"samples must be at least 1, got {arguments.samples}")
    check_run(arguments.run)
    trained = load_generator(arguments.run)
    settings = trained.settings
    if not arguments.image.is_file():
        found = "is a folder" if arguments.image.is_dir() else "does not exist"
        raise DataError(f"picture {arguments.image} {found}; give the file of one picture")
    pixels = read_image(arguments.image, dtype=torch.uint8).unsqueeze(1)
    image = from_uint8(
        resize_frames(pixels, settings.model.image_size, resize=settings.data.resize)
    )[:, 0]
    names = trained.classes
    labels = (
        list(range(len(names)))
        if arguments.label is None
        else [check_choice(arguments.label, names, "label")]
    )
    draws = torch.Generator().manual_seed(arguments.seed)
    # The same noise for every label, so that only the action differs between them.
    noise = torch.randn(arguments.samples, settings.model.z_dim, generator=draws)
    if arguments.out is None:
        check_run_folder(arguments.run, ["generated"])
    out = arguments.out or arguments.run / "generated"
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
        # To a place of its own first: a call that fails leaves what is there as it was.
        with tempfile.TemporaryDirectory(prefix=".generating_", dir=out) as folder:
            part = Path(folder)
            written, rows = [], []
            for label in labels:
                clips = trained.generator(
                    image.expand(arguments.samples, -1, -1, -1),
                    noise,
                    torch.full((arguments.samples,), label),
                )
                rows.append(list(clips))
                written += _write_clips(
                    clips, part / f"{arguments.image.stem}_{names[label]}", arguments.fps
                )
            overview = part / f"{arguments.image.stem}.gif"
            captions = [names[label] for label in labels]
            grid = clip_grid(rows, row_labels=captions, scale=2)
            write_video(grid, overview, fps=arguments.fps)
            _replace_all(sorted(part.iterdir()), out)
    return [out / path.name for path in (*written, overview)]


def _write_clips(clips: Tensor, name: Path, fps: float) -> list[Path]:
    """Write each clip in three forms; return the files for eyes."""
    written = []
    for number, clip in enumerate(clips):
        # Not with_suffix, which takes what follows a dot in a name for an ending.
        for suffix in (".mp4", ".gif"):
            path = name.with_name(f"{name.name}_{number}{suffix}")
            write_video(clip, path, fps=fps)
            written.append(path)
        write_frames(clip, name.with_name(f"{name.name}_{number}"))
    return written


def _replace_all(paths: Sequence[Path], out: Path) -> None:
    """Move files and folders of frames to ``out``, over those that an earlier call wrote there."""
    for path in paths:
        if not _is_replaceable(out / path.name, path):
            raise DataError(
                f"{out / path.name} must be what an earlier call wrote, to be replaced, got "
                f"something else; move it away, or name another --out"
            )
    for path in paths:
        target = out / path.name
        if target.is_dir():
            shutil.rmtree(target)
        path.replace(target)


def _is_replaceable(old: Path, new: Path) -> bool:
    if not old.exists():
        return True
    if not new.is_dir():
        return old.is_file()
    return old.is_dir() and all(re.fullmatch(r"frame_\d+\.png", p.name) for p in old.iterdir())


def main(args: list[str] | None = None) -> None:
    """Generate from the command line."""
    with interruptible(), user_errors():
        written = generate(
            tyro.cli(Arguments, args=args, prog="python -m examples.imaginator.generate")
        )
    print(f"wrote {len(written)} files beside folders of frames; all at once: {written[-1]}")


if __name__ == "__main__":
    main()
