"""Animate a picture with a trained generator.

    python -m examples.imaginator.generate runs/imaginator face.png --label smile
    python -m examples.imaginator.generate runs/imaginator face.png --samples 4    # all labels

Writes one clip for each label and noise into one folder, which ``stgan evaluate --fake`` can score
as it lies. Clips of the same names that an earlier call wrote are replaced, all of them or none.
"""

import re
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
import tyro
from torch import Tensor

from examples.imaginator.runs import check_run, load_generator
from stgan.cli import check_choice, interruptible, user_errors, writing
from stgan.data import resize_frames
from stgan.errors import DataError, printable
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
    form: Literal["mp4", "avi", "gif", "frames"] = "mp4"
    """Of the clips. Lossless, for exact scores: avi, and frames, a folder of PNG files each."""
    overview: Path | None = None
    """Write all clips side by side, too, as one gif, mp4 or avi in another folder than theirs."""
    out: Path | None = None
    """Folder to write to; none: "generated" in the run folder."""


# Clips generated at once.
_BATCH = 8
_ENDINGS = (".mp4", ".avi", ".gif")
_FORMS = {"mp4": "mp4", "avi": "lossless avi", "gif": "gif", "frames": "folders of PNG frames"}


@torch.no_grad()
def generate(arguments: Arguments) -> list[Path]:
    """Generate the clips, say where they lie, and return their files or folders of frames."""
    if arguments.samples < 1:
        raise ValueError(f"samples must be at least 1, got {arguments.samples}")
    out = arguments.out or arguments.run / "generated"
    if arguments.overview is not None:
        _check_overview(arguments.overview, out)
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
    new = not out.exists()
    with writing(out), ExitStack() as stack:
        out.mkdir(parents=True, exist_ok=True)
        if new:
            stack.callback(_remove_empty, out)
        # To a place of its own first: a call that fails leaves what is there as it was.
        with tempfile.TemporaryDirectory(prefix=".generating_", dir=out) as folder:
            part = Path(folder)
            paths, rows = [], []
            for label in labels:
                row = []
                for start in range(0, arguments.samples, _BATCH):
                    z = noise[start : start + _BATCH]
                    clips = trained.generator(
                        image.expand(len(z), -1, -1, -1), z, torch.full((len(z),), label)
                    )
                    for number, clip in enumerate(clips, start):
                        name = f"{arguments.image.stem}_{names[label]}_{number}"
                        paths.append(_write(clip, part / printable(name), arguments))
                        row += [clip] if arguments.overview else []
                rows.append(row)
            earlier = [old for path in paths for old in _earlier(out / path.name)]
            if arguments.overview:
                grid = clip_grid(rows, row_labels=[names[label] for label in labels], scale=2)
                write_video(grid, arguments.overview, fps=arguments.fps)
            for old in earlier:
                shutil.rmtree(old) if old.is_dir() else old.unlink()
            for path in paths:
                path.replace(out / path.name)
    model = settings.model
    size = f"{model.num_frames} frames of {model.image_size[0]} x {model.image_size[1]}"
    what = f"{len(paths)} {'clip' if len(paths) == 1 else 'clips'} of {size}"
    print(f"wrote {what} as {_FORMS[arguments.form]} to {printable(out)}")
    others = sum(path.name[0] != "." for path in out.iterdir()) - len(paths)
    if others:
        print(f"others that were there and stay: {others}")
    if arguments.overview:
        print(f"wrote {printable(arguments.overview)}, which shows all of them side by side")
    return [out / path.name for path in paths]


def _remove_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        folder.rmdir()


def _check_overview(overview: Path, out: Path) -> None:
    """Refuse before clips are generated what cannot be written, or would count as a clip."""
    if out.resolve() in overview.resolve().parents:
        raise DataError(
            f"--overview {overview} must not be in {out}, where it would count as one of the "
            f"clips; name another folder"
        )
    if overview.suffix.lower() not in _ENDINGS or not overview.parent.is_dir():
        raise DataError(
            f"--overview {overview} must end in one of {' '.join(_ENDINGS)} and be in a folder "
            f"that exists; name such a file"
        )


def _write(clip: Tensor, name: Path, arguments: Arguments) -> Path:
    if arguments.form == "frames":
        write_frames(clip, name)
        return name
    # Not with_suffix, which takes what follows a dot in a name for an ending.
    path = name.with_name(f"{name.name}.{arguments.form}")
    write_video(clip, path, fps=arguments.fps)
    return path


def _earlier(path: Path) -> list[Path]:
    """What an earlier call wrote of the clip, in this form or another: one name is one clip.

    Raises:
        DataError: If something else is there.
    """
    name = path.name[:-4] if path.name.endswith(_ENDINGS) else path.name
    found = []
    for old in (path.with_name(name), *(path.with_name(name + ending) for ending in _ENDINGS)):
        if not old.exists():
            continue
        ours = (
            old.is_file()
            if old.name != name
            else old.is_dir()
            and not old.is_symlink()
            and all(re.fullmatch(r"frame_\d+\.png", p.name) for p in old.iterdir())
        )
        if not ours:
            raise DataError(
                f"{old} must be what an earlier call wrote, to be replaced, got something else; "
                f"move it away, or name another --out"
            )
        found.append(old)
    return found


def main(args: list[str] | None = None) -> None:
    """Generate from the command line."""
    arguments = tyro.cli(Arguments, args=args, prog="python -m examples.imaginator.generate")
    with interruptible(), user_errors():
        generate(arguments)


if __name__ == "__main__":
    main()
