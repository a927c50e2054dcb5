"""Animate a picture with a trained generator.

    python -m examples.imaginator.generate runs/imaginator face.png --label smile
    python -m examples.imaginator.generate runs/imaginator face.png --samples 4    # all labels

Writes one clip for each label and noise: mp4 and gif for eyes, PNG frames for measuring.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import tyro

from examples.imaginator.cli import check_choice, user_errors
from examples.imaginator.runs import load_generator
from stgan.data import resize_frames
from stgan.errors import UnknownNameError
from stgan.io import from_uint8, read_image, write_frames, write_video
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
    trained = load_generator(arguments.run)
    settings = trained.settings
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
    out = arguments.out or arguments.run / "generated"
    out.mkdir(parents=True, exist_ok=True)
    draws = torch.Generator().manual_seed(arguments.seed)
    # The same noise for every label, so that only the action differs between them.
    noise = torch.randn(arguments.samples, settings.model.z_dim, generator=draws)
    written, rows = [], []
    for label in labels:
        clips = trained.generator(
            image.expand(arguments.samples, -1, -1, -1),
            noise,
            torch.full((arguments.samples,), label),
        )
        rows.append(list(clips))
        for number, clip in enumerate(clips):
            name = out / f"{arguments.image.stem}_{names[label]}_{number}"
            for suffix in (".mp4", ".gif"):
                write_video(clip, name.with_suffix(suffix), fps=arguments.fps)
                written.append(name.with_suffix(suffix))
            write_frames(clip, name)
    overview = out / f"{arguments.image.stem}.gif"
    write_video(
        clip_grid(rows, row_labels=[names[label] for label in labels], scale=2),
        overview,
        fps=arguments.fps,
    )
    return [*written, overview]


def main(args: list[str] | None = None) -> None:
    """Generate from the command line."""
    with user_errors((ValueError, UnknownNameError, FileExistsError)):
        written = generate(
            tyro.cli(Arguments, args=args, prog="python -m examples.imaginator.generate")
        )
    print(f"wrote {len(written)} files beside folders of frames; all at once: {written[-1]}")


if __name__ == "__main__":
    main()
