"""The commands as functions whose arguments tyro reads from the command line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import FlagCreatePairsOff, Positional, UseAppendAction, arg
from tyro.extras import subcommand_cli_from_dict

from stgan._checks import check_positive
from stgan.cli._plan import show_plan
from stgan.cli._profile import FAMILY, Measurement, profile_entry, profile_family
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
    return profile_entry(name, settings, sizes, inputs, measurement)


def _sizes(size: tuple[int, ...], batch: int | None) -> dict[str, int]:
    if len(size) not in (0, 2, 3):
        raise ConfigError(f"--size must be H W or T H W, got {len(size)} numbers")
    axes = dict(zip("THW"[-len(size) :] if size else "", size, strict=True))
    named = axes if batch is None else {"N": batch, **axes}
    return {axis: check_positive(side, f"size {axis}") for axis, side in named.items()}


def run(args: Sequence[str] | None) -> int:
    """Read the command line and run its command."""
    status: int = subcommand_cli_from_dict(
        {"list": _list, "show": _show, "plan": _plan, "profile": _profile},
        prog="stgan",
        description="Parts for video GANs: find, explain, plan and measure them.",
        args=args,
        config=(FlagCreatePairsOff,),
    )
    return status
