"""``stgan profile``: what one entry, or the factorization family, costs."""

import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from torch import nn

from stgan._checks import check_positive
from stgan.cli._names import find
from stgan.cli._screen import bytes_of, count, duration, pairs, paragraph, say, table
from stgan.config import build, make_inputs
from stgan.errors import ConfigError
from stgan.example import Example
from stgan.profiling import Profile, Seconds, compare, factorization_family
from stgan.profiling.family import BASE
from stgan.registry import REGISTRIES

__all__ = [
    "FAMILY",
    "Measurement",
    "device_of",
    "profile_entry",
    "profile_family",
    "read_settings",
]

FAMILY = "factorization"
_FAMILY_SETTINGS = {
    "in_channels": 64, "out_channels": 32, "kernel_size": 4, "stride": 2, "padding": 1,
}  # fmt: skip
_FAMILY_SIZE = {"N": 1, "T": 4, "H": 16, "W": 16}


@dataclass(frozen=True)
class Measurement:
    """How to measure, as the options say it."""

    inference: bool
    rounds: int
    warmup: int
    threads: int | None
    device: str
    dtype: str
    json: Path | None

    def place(self, module: nn.Module) -> nn.Module:
        """Return the module where, and in the type and mode in which, it is measured."""
        return module.to(self.target, self.floats).train(not self.inference)

    @property
    def target(self) -> torch.device:
        """The device; raises a ``ValueError`` if it is not there."""
        return device_of(self.device)

    @property
    def floats(self) -> torch.dtype:
        """The type of the floats."""
        found: torch.dtype = getattr(torch, self.dtype)
        return found

    def compare(self, modules: Mapping[str, nn.Module], inputs: Any, call: str) -> list[Profile]:
        """Measure the modules and write them to the file, if one was asked for."""
        with _threads(self.threads), self._kernels():
            profiles = compare(
                {name: self.place(module) for name, module in modules.items()},
                inputs,
                backward=not self.inference,
                rounds=self.rounds,
                warmup=self.warmup,
                call=call,
            )
        if self.json is not None:
            record = {
                "torch": torch.__version__,
                "machine": platform.machine(),
                "date": datetime.now().astimezone().isoformat(timespec="seconds"),
                "profiles": [cost.as_dict() for cost in profiles],
            }
            self.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        return list(profiles)

    @contextmanager
    def _kernels(self) -> Iterator[None]:
        """Say it in a sentence if torch has no kernel for the type on the device."""
        try:
            yield
        except NotImplementedError as error:
            raise ConfigError(
                f"torch cannot run all of it in {self.dtype} on {self.device}: "
                f"{_first_line(error)}; give another --dtype or --device"
            ) from error


def profile_entry(
    asked: str,
    given: Sequence[str],
    sizes: Mapping[str, int],
    layouts: Sequence[str],
    measurement: Measurement,
    *,
    trust: bool,
) -> int:
    """Measure one registered entry."""
    kind, name = find(asked)
    example = REGISTRIES[kind].info(name).example or Example()
    example = _with_settings(example, read_settings(given))
    example = replace(example, inputs={**example.inputs, **_layouts(layouts)})
    if not example.inputs:
        raise ConfigError(
            f"{kind}/{name} is registered without an example; describe its inputs, as in "
            f"--inputs video='N 4 T H W'"
        )
    missing = [axis for axis in sizes if axis not in example.axes]
    if missing:
        raise ConfigError(
            f"the inputs of {kind}/{name} have no axis {' or '.join(missing)}, only "
            f"{', '.join(example.axes) or 'numbers'}; describe them with --inputs"
        )
    try:
        module = build({"kind": kind, "name": name, **example.settings}, trust=trust)
    except TypeError as error:
        raise ConfigError(f"{kind}/{name}: {error}; 'stgan show {kind}/{name}' explains") from error
    if not isinstance(module, nn.Module):
        raise ConfigError(f"{kind}/{name} is no module: there is nothing to measure")
    inputs = make_inputs(example, sizes, dtype=measurement.floats, device=measurement.target)
    try:
        (cost,) = measurement.compare({f"{kind}/{name}": module}, inputs, example.call)
    except (AttributeError, RuntimeError, TypeError) as error:
        # Inputs of the example fit, so that anything but a sentence would be a defect of ours.
        if not layouts:
            raise
        raise ConfigError(
            f"{kind}/{name} cannot take these --inputs: {_first_line(error)}; describe others, as "
            f"in --inputs video='N 4 T H W'"
        ) from error
    drawn = example.sizes(sizes)
    say(
        cost.name,
        pairs(
            {
                "settings": _settings_line(example.settings),
                **{f"input {key}": f"{layout}" for key, layout in example.inputs.items()},
                "at": ", ".join(f"{axis}={size}" for axis, size in drawn.items()),
                "output": str(cost.output_shape),
                "parameters": f"{cost.parameters:,}",
                "multiply-adds": f"{cost.multiply_adds:,}",
                "activations": bytes_of(cost.activation_bytes),
                "forward": _spread(cost.forward_seconds),
                "backward": _spread(cost.backward_seconds),
            },
            indent=2,
        ),
        paragraph(_conditions(cost, measurement)),
    )
    return 0


def profile_family(
    given: Sequence[str],
    sizes: Mapping[str, int],
    layouts: Sequence[str],
    measurement: Measurement,
) -> int:
    """Measure the upsampling convolutions side by side."""
    if layouts:
        raise ConfigError("the factorization family has one input; give in_channels=, not --inputs")
    settings: dict[str, Any] = {**_FAMILY_SETTINGS, **read_settings(given)}
    rules = settings.pop("mid_channels", ("out", "match"))
    settings["mid_channels"] = tuple(rules) if isinstance(rules, list | tuple) else (rules,)
    try:
        family = factorization_family(**settings)
    except TypeError as error:
        raise ConfigError(f"{FAMILY}: {error}") from error
    if BASE in family.refused:
        raise ConfigError(f"{BASE}: {family.refused[BASE]}")
    sizes = {**_FAMILY_SIZE, **sizes}
    layout = f"N {settings['in_channels']} T H W"
    video = make_inputs(
        Example(inputs={"video": layout}),
        sizes,
        dtype=measurement.floats,
        device=measurement.target,
    )
    profiles = measurement.compare(family.modules, video, "forward")
    base = profiles[0]
    headers = ("", "weights", "mult-adds", "kept", "forward", "backward")
    ratios = [cost.ratios(base) for cost in profiles]
    settings.pop("mid_channels")
    say(
        pairs(
            {
                "settings": _settings_line(settings),
                "input": f"{layout} at " + ", ".join(f"{k}={n}" for k, n in sizes.items()),
                "output": str(base.output_shape),
            }
        ),
        "",
        table(headers, [_row(cost) for cost in profiles], right=headers[1:]),
        "",
        table(
            (f"/ {base.name}", *headers[1:]),
            [
                (cost.name, *("-" if r is None else f"{r:.2f}" for r in ratio.values()))
                for cost, ratio in zip(profiles[1:], ratios[1:], strict=True)
            ],
            right=headers[1:],
        ),
        "",
        *(paragraph(f"{name} is left out: {why}") for name, why in family.refused.items()),
        paragraph("kept: activations that autograd keeps for the backward pass"),
        paragraph(_conditions(base, measurement)),
    )
    return 0


def device_of(name: str) -> torch.device:
    """Return a device that is there.

    Raises:
        ValueError: If it is not.
    """
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device {name!r} cannot be used: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def read_settings(words: Sequence[str]) -> dict[str, Any]:
    """Read ``key=value`` words: JSON, numbers separated by commas, or else text."""
    settings = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key.isidentifier():
            raise ConfigError(f"a setting must be written as key=value, got {word!r}")
        settings[key] = _read(text)
    return settings


def _read(text: str) -> Any:
    python = {"None": None, "True": True, "False": False}
    if text in python:
        return python[text]
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if text[:1] not in "[{" and "," in text:
        return tuple(_read(item) for item in text.split(","))
    return text


def _with_settings(example: Example, given: Mapping[str, Any]) -> Example:
    """Replace settings; the channels of the inputs follow ``in_channels``."""
    before, after = example.settings.get("in_channels"), given.get("in_channels")
    inputs = dict(example.inputs)
    if before is not None and after is not None:
        for name, layout in inputs.items():
            words = layout.split() if isinstance(layout, str) else []
            if len(words) > 2 and words[1] == str(before):
                inputs[name] = " ".join([words[0], str(after), *words[2:]])
    return replace(example, settings={**example.settings, **given}, inputs=inputs)


def _layouts(words: Sequence[str]) -> dict[str, str]:
    layouts = {}
    for word in words:
        name, equals, layout = word.partition("=")
        if not equals or not layout.strip():
            raise ConfigError(f"--inputs must be written as NAME='N 4 T H W', got {word!r}")
        layouts[name] = layout
    return layouts


@contextmanager
def _threads(number: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(before if number is None else check_positive(number, "--threads"))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _settings_line(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in settings.items()) or "none"


def _row(cost: Profile) -> tuple[str, ...]:
    backward = cost.backward_seconds
    return (
        cost.name,
        count(cost.parameters),
        count(cost.multiply_adds),
        bytes_of(cost.activation_bytes),
        duration(cost.forward_seconds.median),
        duration(None if backward is None else backward.median),
    )


def _spread(seconds: Seconds | None) -> str:
    if seconds is None:
        return "-"
    return (
        f"{duration(seconds.median)} ({duration(seconds.minimum)} to {duration(seconds.maximum)})"
    )


def _conditions(cost: Profile, measurement: Measurement) -> str:
    rounds = "1 round" if measurement.rounds == 1 else f"median of {measurement.rounds} rounds"
    threads = "1 thread" if cost.threads == 1 else f"{cost.threads} threads"
    where = f"{cost.device}, {threads}" if cost.device == "cpu" else cost.device
    mode = "inference" if measurement.inference else "training"
    return f"{where}, {cost.dtype}, {mode}, {rounds}, torch {torch.__version__}"
