"""The commands as functions whose arguments tyro reads from the command line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import FlagCreatePairsOff, Positional, UseAppendAction, arg
from tyro.extras import subcommand_cli_from_dict

from stgan._checks import check_positive
from stgan.cli._plan import show_plan
from stgan.cli._profile import (
    FAMILY,
    Measurement,
    device_of,
    profile_entry,
    profile_family,
    read_settings,
)
from stgan.cli._show import list_entries, list_kinds, show_entry
from stgan.errors import ConfigError

__all__ = ["run"]

_Clip = tuple[int, int, int]


def _optional(metavar: str) -> Any:
    """How an argument is shown in the help whose default would tell nothing."""
    return arg(metavar=metavar, help_behavior_hint="")


def _list(
    kind: Annotated[Positional[str], _optional("[KIND]")] = "",
    pattern: Annotated[Positional[str], _optional("[PATTERN]")] = "*",
    *,
    exclude: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="PATTERN")] = (),
) -> int:
    """List the kinds of parts, or the parts of one kind.

    Args:
        kind: Such as layers; without it, all kinds are listed.
        pattern: A shell pattern that names must match, such as 'conv*'.
        exclude: A shell pattern that names must not match.
    """
    return list_entries(kind, pattern, exclude) if kind else list_kinds()


def _show(name: Annotated[Positional[str], arg(metavar="NAME")]) -> int:
    """Show what a part does, its settings, shapes and source.

    Args:
        name: A name that 'stgan list KIND' shows, or KIND/NAME.
    """
    return show_entry(name)


def _plan(
    size: Annotated[Positional[_Clip], arg(metavar="T H W")],
    *,
    start: Annotated[_Clip | None, _optional("T H W")] = None,
    down: bool = False,
) -> int:
    """Plan the stages of a network that makes, or judges, clips of T x H x W.

    Args:
        size: Frames, height and width of the clip.
        start: The small end; without it, a base of about 2 x 4 x 4 is chosen.
        down: Walk from the clip down to the small end, as a discriminator does.
    """
    return show_plan(size, start, down=down)


def _profile(
    name: Annotated[Positional[str], arg(metavar="NAME")],
    settings: Annotated[Positional[tuple[str, ...]], _optional("KEY=VALUE ...")] = (),
    *,
    size: Annotated[tuple[int, ...], _optional("[T] H W")] = (),
    batch: Annotated[int | None, _optional("N")] = None,
    inputs: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="NAME=LAYOUT")] = (),
    inference: bool = False,
    rounds: Annotated[int, arg(metavar="N")] = 5,
    warmup: Annotated[int, arg(metavar="N")] = 1,
    threads: Annotated[int | None, _optional("N")] = None,
    device: Annotated[str, arg(metavar="DEVICE")] = "cpu",
    dtype: Literal["float32", "float64", "bfloat16", "float16"] = "float32",
    trust: bool = False,
    json: Annotated[Path | None, _optional("FILE")] = None,
) -> int:
    """Measure parameters, multiply-adds, memory and time of a part.

    Args:
        name: A part, or 'factorization' for all upsampling convolutions side by side.
        settings: Settings of the part, as in kernel_size=3,4,4; others are those of its example.
        size: Of the inputs.
        batch: Samples at once.
        inputs: Layout of an input, such as video='N 4 T H W'.
        inference: Evaluation mode, without autograd.
        rounds: How often time is taken.
        warmup: Passes before that.
        threads: Threads of the CPU.
        device: Where to run, such as cuda.
        dtype: Type of the floats.
        trust: Run files that settings name and that are programs, which may do anything.
        json: Write the numbers to this file, too.
    """
    sizes = _sizes(size, batch)
    measurement = Measurement(
        inference=inference,
        rounds=rounds,
        warmup=warmup,
        threads=threads,
        device=device,
        dtype=dtype,
        json=json,
    )
    if name == FAMILY:
        return profile_family(settings, sizes, inputs, measurement)
    return profile_entry(name, settings, sizes, inputs, measurement, trust=trust)


def _evaluate(
    *,
    real: Annotated[Path, arg(metavar="DIR")],
    fake: Annotated[Path, arg(metavar="DIR")],
    frames: Annotated[int, arg(metavar="T")] = 16,
    stride: Annotated[int, arg(metavar="N")] = 1,
    window: Literal["first", "center", "random", "all"] = "first",
    size: Annotated[tuple[int, int] | None, _optional("H W")] = None,
    resize: Literal["squash", "crop"] = "squash",
    strips: Annotated[tuple[Literal["real", "fake"], ...], _optional("SIDE ...")] = (),
    frame_width: Annotated[int | None, _optional("W")] = None,
    limit: Annotated[int | None, _optional("N")] = None,
    metrics: Annotated[tuple[str, ...], _optional("NAME ...")] = (),
    paired: bool = False,
    lpips: Annotated[Path | None, _optional("FILE")] = None,
    lpips_net: Literal["alex", "vgg", "squeeze"] = "alex",
    fid: Annotated[Path | None, _optional("FILE")] = None,
    features: Annotated[str, arg(metavar="NAME")] = "motion",
    weights: Annotated[Path | None, _optional("FILE")] = None,
    sha256: Annotated[str | None, _optional("HEX")] = None,
    trust: bool = False,
    set: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="KEY=VALUE")] = (),
    neighbors: Annotated[int, arg(metavar="K")] = 5,
    resamples: Annotated[int, arg(metavar="N")] = 100,
    batch: Annotated[int, arg(metavar="N")] = 16,
    device: Annotated[str, arg(metavar="DEVICE")] = "cpu",
    seed: Annotated[int, arg(metavar="N")] = 0,
    json: Annotated[Path | None, _optional("FILE")] = None,
    report: Annotated[Path | None, _optional("FILE")] = None,
) -> int:
    """Score the clips of one folder against those of another, whoever made them.

    Args:
        real: Folder of video files, GIFs, or folders of frames; folders in it name classes.
        fake: Likewise, of generated clips.
        frames: Frames of a clip.
        stride: Step between them, in stored frames.
        window: Which frames of a longer file; all: every window that fits end to end.
        size: Bring all clips to this size first; without it, they must have one.
        resize: Squash, or crop the middle after the short side fits.
        strips: Where each picture is a clip with its frames side by side: real, fake, or both;
            without it, the pictures of a folder are the frames of one clip.
        frame_width: With --strips, of one frame, if frames are not square.
        limit: Clips of each folder at most.
        metrics: frechet kernel precision recall density coverage motion_energy static; all.
        paired: Compare with the real clip of the same name, whatever its ending, too: PSNR, SSIM,
            L1, and MS-SSIM from 176 x 176 on.
        lpips: With --paired, LPIPS too; torchvision's weights of its backbone.
        lpips_net: That backbone.
        fid: FID of all frames, too; torch-fidelity's weights of Inception.
        features: What is compared, see 'stgan list features'; motion is a network trained on half
            of the real clips, and the other half is compared.
        weights: Of that network.
        sha256: That the weights must have; a distance is called FVD only then.
        trust: Run weights that are a program, such as TorchScript, which may do anything.
        set: Setting of the features, as in model=r3d_18.
        neighbors: For precision, recall, density and coverage.
        resamples: Halves for the intervals; 0 for none.
        batch: Clips at once.
        device: Where features are computed, such as cuda.
        seed: Of random windows, of training and of halves.
        json: Write all results with their protocol to this file, too.
        report: Write a page with the scores and a few clips to this file, such as page.html.
    """
    try:
        from stgan.cli._clips import Wanted
        from stgan.cli._evaluate import evaluate
        from stgan.cli._evaluation import METRICS, Evaluation
    except ModuleNotFoundError as error:
        raise ConfigError(f"evaluate needs {error.name}; pip install 'stgan[cli,video]'") from error
    if sha256 is not None and weights is None:
        raise ConfigError("--sha256 is that of a file; give it as --weights")
    _sizes(size or (), None)
    if frame_width is not None and not strips:
        raise ConfigError(
            "--frame-width is of strips; say which folder holds some, as in --strips real fake"
        )
    wanted = Wanted(
        check_positive(frames, "--frames"),
        check_positive(stride, "--stride"),
        window,
        seed,
        strips,
        None if frame_width is None else check_positive(frame_width, "--frame-width"),
        None if limit is None else check_positive(limit, "--limit"),
        size,
        resize,
    )
    return evaluate(
        Evaluation(
            real=real,
            fake=fake,
            wanted=wanted,
            metrics=metrics or METRICS,
            chosen=bool(metrics),
            paired=paired,
            features=features,
            weights=weights,
            sha256=sha256,
            trust=trust,
            settings=read_settings(set),
            batch=batch,
            device=device_of(device),
            neighbors=check_positive(neighbors, "--neighbors"),
            resamples=resamples,
            seed=seed,
            lpips=lpips,
            lpips_net=lpips_net,
            fid=fid,
            json=json,
            report=report,
        )
    )


def _sizes(size: tuple[int, ...], batch: int | None) -> dict[str, int]:
    if len(size) not in (0, 2, 3):
        raise ConfigError(f"--size must be H W or T H W, got {len(size)} numbers")
    axes = dict(zip("THW"[-len(size) :] if size else "", size, strict=True))
    named = axes if batch is None else {"N": batch, **axes}
    return {axis: check_positive(side, f"size {axis}") for axis, side in named.items()}


def run(args: Sequence[str] | None) -> int:
    """Read the command line and run its command."""
    status: int = subcommand_cli_from_dict(
        {
            "list": _list,
            "show": _show,
            "plan": _plan,
            "profile": _profile,
            "evaluate": _evaluate,
        },
        prog="stgan",
        description="Parts for video GANs: find, explain, plan and measure them; score clips.",
        args=args,
        config=(FlagCreatePairsOff,),
    )
    return status
