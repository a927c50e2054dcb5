"""A configuration from a stranger has no effect but the networks that it describes."""

import ast
import functools
import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import stgan
from stgan.errors import CheckpointError, ConfigError, ShapeError, UnknownNameError
from stgan.layers import leaky_relu
from stgan.registry import REGISTRIES

OURS = (ConfigError, UnknownNameError, ShapeError, CheckpointError)
CONV = {"kind": "layers", "name": "conv_1p2d", "in_channels": 3, "out_channels": 4,
        "kernel_size": 3}  # fmt: skip
CRITIC = {"kind": "discriminators", "name": "video", "input_size": [4, 16, 16]}

# What Python reports of a program that changes something outside of it. See its table of events.
_EFFECTS = ("os.", "shutil.", "socket.", "subprocess.", "pickle.", "ctypes.dlopen", "urllib.")
_QUIET = ("os.listdir", "os.scandir", "os.walk", "os.fwalk")
_seen: list[str] = []
_watching = False


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if not _watching:
        return
    writes = event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+")
    if writes or (event.startswith(_EFFECTS) and event not in _QUIET):
        _seen.append(f"{event} {args[:2]}"[:200])


sys.addaudithook(_hook)


@contextmanager
def no_effect() -> Iterator[None]:
    """Fail if files are written or removed, programs started or the network asked."""
    global _watching
    _seen.clear()
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    _watching = True
    try:
        yield
    finally:
        _watching, sys.dont_write_bytecode = False, before
    assert not _seen


def test_effects_are_noticed(tmp_path: Path) -> None:
    for effect in ((tmp_path / "a").mkdir, (tmp_path / "b").touch, lambda: os.system("true")):
        with pytest.raises(AssertionError), no_effect():
            effect()


class _Program(nn.Module):
    """A mean of clips; its archive writes a file of 4 bytes when it is loaded."""

    marker: torch.jit.Final[str]

    def __init__(self, marker: str) -> None:
        super().__init__()
        self.marker = marker
        self.x = torch.zeros(1)

    @torch.jit.export
    def __getstate__(self) -> tuple[Tensor, bool]:
        return (self.x, self.training)

    @torch.jit.export
    def __setstate__(self, state: tuple[Tensor, bool]) -> None:
        self.training = state[1]
        mapped = torch.from_file(self.marker, shared=True, size=4, dtype=torch.uint8)
        self.x = mapped.fill_(33).to(torch.float)

    def forward(self, video: Tensor) -> Tensor:
        return video.mean(dim=[2, 3, 4])


class _Touch:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


class Files:
    """Files of a stranger, each of which leaves a mark if it is run."""

    def __init__(self, folder: Path) -> None:
        self.marker = folder / "marker"
        self.script, self.pickle = str(folder / "features.pt"), str(folder / "weights.pt")
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
            torch.jit.script(_Program(str(self.marker))).save(self.script)
        torch.save({"weight": _Touch(self.marker)}, self.pickle)
        assert not self.marker.exists()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("stranger"))


def _public() -> list[tuple[str, Any]]:
    found = []
    for room in pkgutil.iter_modules(stgan.__path__, "stgan."):
        if not room.name.rpartition(".")[2].startswith("_"):
            home = importlib.import_module(room.name)
            found += [(f"{room.name}.{name}", getattr(home, name)) for name in home.__all__]
    return found


PUBLIC = _public()
RECORDS = {"stgan.decoders.DecoderStage", "stgan.discriminators.StreamSpec", "stgan.shapes.Stage"}


def _is_module(thing: Any) -> bool:
    return inspect.isclass(thing) and issubclass(thing, nn.Module)


def test_what_can_be_named_are_modules_and_a_short_list() -> None:
    """Of every public name of stgan, functions, data and other classes are refused."""
    assert len(PUBLIC) > 300
    allowed = set()
    for name, thing in PUBLIC:
        said = "built"
        with no_effect():
            try:
                stgan.build({**CONV, "act": {"factory": name}})
            except ConfigError as error:
                said = str(error)
        if "neither a module of torch.nn or stgan" not in said:
            allowed.add(name)
            assert _is_module(thing) or thing is leaky_relu, name
    assert "stgan.layers.leaky_relu" in allowed
    assert not allowed & {"stgan.config.build", "stgan.registry.create", "stgan.cli.main"}


def test_of_records_only_those_that_parts_take_can_be_named() -> None:
    for name, _ in PUBLIC:
        if name not in RECORDS:
            with pytest.raises(ConfigError, match=r"^act: type must be one of stgan"):
                stgan.build({**CONV, "act": {"type": name}})
    for name in RECORDS:
        with suppress(ConfigError):
            stgan.build({**CONV, "act": {"type": name}})


@pytest.mark.parametrize(
    "name",
    [
        "os.system", "builtins.eval", "torch.load", "torch.jit.load", "torch.hub.load",
        "pickle.load", "torch.nn.functional.relu", "torch.nn.init.normal_",
        "torch.nn.modules.container.Sequential", "torch.nn.Module.load_state_dict",
        "torch.nn.Parameter", "torch.nn.functional", "torch.nn.", "torch.nn.__builtins__",
        "torch.nn.__loader__", "stgan.__main__.main", "stgan.__init__.build",
        "stgan.layers.__builtins__", "stgan.layers.conv.Conv1Plus2d", "stgan._plain.read_plain",
        "stgan.layers._conv.ConvBase", "stgan..layers.leaky_relu", "stgan.layers..leaky_relu",
        " stgan.layers.leaky_relu", "stgan.layers. leaky_relu", "stgan.build",
        "stgan.testing.__main__", "stgan.nowhere.thing", "stgan.\0.thing", "", ".", "..",
        "leaky_relu", "\ud800.x",
        None, 5, ["torch.nn.ReLU"], {"factory": "torch.nn.ReLU"}, "x" * 4000,
    ],
)  # fmt: skip
def test_no_other_name_is_looked_up(name: Any) -> None:
    with no_effect(), pytest.raises(ConfigError, match=r"^act: ") as caught:
        stgan.build({**CONV, "act": {"factory": name}})
    assert len(str(caught.value)) < 400
    with no_effect(), pytest.raises(ConfigError, match=r"^act: type must be one of"):
        stgan.build({**CONV, "act": {"type": name}})


def _programs(path: str) -> dict[str, Any]:
    """Configurations in which a file would be run, if anything in them were believed."""
    part = {"kind": "features", "name": "module", "module": path, "title": "x"}
    late = {"factory": "features/module", "args": [path], "title": "x"}
    return {
        "features": part,
        "class name": part | {"name": "ModuleFeatures"},
        "other case": part | {"name": "MODULE"},
        "it says so itself": part | {"trust": True},
        "hash": part | {"sha256": "0" * 64},
        "i3d": {"kind": "features", "name": "i3d", "weights": path},
        "i3d, small": {"kind": "features", "name": "I3D", "weights": path, "image_size": 8},
        "called": {**CONV, "act": late},
        "called, its class": {**CONV, "act": late | {"factory": "stgan.metrics.ModuleFeatures"}},
        "called, by keyword": {**CONV, "act": {"factory": "features/i3d", "weights": path}},
        "called with channels": {**CRITIC, "norm": {"factory": "features/i3d", "args": [path]}},
        "frames": {
            **CONV, "act": {"factory": "stgan.metrics.FrameFrechetDistance", "args": [path]},
        },
        "instance": {**CRITIC, "norm": part},
        "in arguments": {**CONV, "act": {"factory": "torch.nn.Sequential", "args": [part]}},
        "deep in arguments": {
            **CONV,
            "act": {"factory": "torch.nn.Sequential",
                    "args": [{"factory": "torch.nn.ModuleList", "args": [[part]]}]},
        },
        "distance": {
            **CONV,
            "act": {"factory": "torch.nn.TripletMarginWithDistanceLoss", "distance_function": late},
        },
        "settings that are passed on": {
            "kind": "discriminators", "name": "first_frame_video", "input_size": [4, 16, 16],
            "network": {"factory": "features/i3d"}, "weights": path,
        },
        "settings of a part that passes them on": {
            "kind": "discriminators", "name": "temporal_pyramid", "input_size": [4, 16, 16],
            "network": late,
        },
        "a perceptual network": {"kind": "losses", "name": "perceptual", "features": part},
        "a stream": {
            "kind": "discriminators", "name": "two_stream",
            "video": {"type": "stgan.discriminators.StreamSpec", "network": part},
        },
        "a network of features": part | {"module": part},
        "augmentation": {
            "kind": "augmentations", "name": "kornia",
            "transforms": {"RandomHorizontalFlip": {"p": part}},
        },
    }  # fmt: skip


@pytest.mark.parametrize("case", _programs("x"))
def test_a_program_is_not_run(case: str, files: Files) -> None:
    config = _programs(files.script)[case]
    with no_effect(), pytest.raises(OURS) as caught:
        stgan.build(config)
    assert not files.marker.exists()
    assert "it says" in case or "runs the file in" in str(caught.value)


def test_a_program_is_run_for_a_caller_who_trusts_it(files: Files) -> None:
    part = {"kind": "features", "name": "module", "module": files.script, "title": "x"}
    for make in (
        lambda: stgan.build(part, trust=True),
        lambda: stgan.build(part | {"module": part}, trust=True).module,
        # Who writes the path in a program is the one who trusts it.
        lambda: stgan.create("features", "module", files.script, "x"),
    ):
        built = make()
        assert files.marker.exists()
        files.marker.unlink()
        assert built(torch.ones(2, 3, 4, 8, 8)).shape == (2, 3)


_WEIGHTS = [
    ("features", "i3d"), ("features", "motion"), ("features", "timm_frames"),
    ("features", "torchvision"), ("encoders", "timm"), ("losses", "perceptual"),
]  # fmt: skip


def test_a_pipe_or_a_device_for_weights_is_not_read(tmp_path: Path) -> None:
    """Read, the one would be waited for, and the other has no end."""
    os.mkfifo(tmp_path / "pipe.pt")
    code = (
        "import sys, stgan\n"
        "for kind, name, path in zip(*[iter(sys.argv[1:])] * 3):\n"
        "    try: stgan.build({'kind': kind, 'name': name, 'weights': path})\n"
        "    except stgan.errors.CheckpointError as error: print(error)\n"
    )
    asked = [
        word for part in _WEIGHTS for path in (tmp_path / "pipe.pt", "/dev/zero")
        for word in (*part, str(path))
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code, *asked], capture_output=True, text=True, timeout=200
    )
    assert done.stdout.count("does not exist") == 2 * len(_WEIGHTS), done.stdout + done.stderr


@pytest.mark.parametrize(
    "config",
    [
        {"kind": "features", "name": "motion"},
        {"kind": "features", "name": "i3d", "image_size": 8},
        {"kind": "features", "name": "torchvision", "model": "mc3_18", "image_size": 16},
        {"kind": "features", "name": "timm_frames", "model": "resnet10t", "image_size": 32},
        {"kind": "encoders", "name": "timm", "model": "resnet10t", "image_size": 32},
        {"kind": "losses", "name": "perceptual", "features": "resnet10t"},
    ],
    ids=lambda config: str(config["name"]),
)
def test_weights_are_read_as_data(config: dict[str, Any], files: Files) -> None:
    """A pickle, or TorchScript where weights are expected, ends in a sentence."""
    for path in (files.pickle, files.script):
        with pytest.raises(OURS):
            stgan.build(config | {"weights": path})
        assert not files.marker.exists()


@pytest.mark.parametrize(
    "model",
    ["hf-hub:stranger/model", "hf_hub:stranger/model", "local-dir:/tmp", "resnet10t.stranger",
     "https://example.com/model", "../resnet10t", "resnet10t@main", ""],
)  # fmt: skip
def test_networks_of_timm_come_from_its_list(model: str) -> None:
    for config in (
        {"kind": "features", "name": "timm_frames", "model": model, "image_size": 32},
        {"kind": "losses", "name": "perceptual", "features": model, "weights": "pretrained"},
    ):
        with no_effect(), pytest.raises(OURS, match=r"timm has no (model|weights)"):
            stgan.build(config)


@pytest.mark.parametrize(
    "name",
    ["RandomDissolving", "ImageSequential", "AugmentationSequential", "auto", "container",
     "__builtins__", "base", "nowhere"],
)  # fmt: skip
def test_of_kornia_only_augmentations_that_keep_to_themselves_can_be_named(name: str) -> None:
    settings = {"version": "1.4", "custom_pipeline": "stranger/pipeline"}
    config = {"kind": "augmentations", "name": "kornia", "transforms": {name: settings}}
    with no_effect(), pytest.raises(UnknownNameError, match=r"kornia\.augmentation has no"):
        stgan.build(config)


class _Reader(nn.Module):
    """A part of another package that runs files, and says so."""

    runs_files: ClassVar = {"path": lambda path: path.endswith(".py")}

    def __init__(self, path: str | None = None, **others: Any) -> None:
        super().__init__()
        self.path = path


class _Heir(_Reader):
    """A part that inherits it."""


@pytest.mark.parametrize("cls", [_Reader, _Heir])
def test_parts_of_others_say_that_they_run_files(
    cls: type[nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = REGISTRIES["layers"]
    monkeypatch.setattr(layers, "_entries", {**layers._entries})
    monkeypatch.setattr(cls, "__init__", cls.__init__)
    layers.register("reader", source="", shape="")(cls)
    part = {"kind": "layers", "name": "reader"}
    assert stgan.build(part).path is None
    assert stgan.build(part | {"path": "a.json"}).path == "a.json"
    said = rf"^{cls.__name__} runs the file in 'path' as a program.* pass trust=True, or --trust"
    with pytest.raises(ConfigError, match=said):
        stgan.build(part | {"path": "a.py"})
    assert stgan.build(part | {"path": "a.py"}, trust=True).path == "a.py"
    # What it will be called with is not known where it is only named.
    late = {**CONV, "act": {"factory": "layers/reader", "path": "a.json"}}
    with pytest.raises(ConfigError, match=f"^act: {said[1:]}"):
        stgan.build(late)
    assert stgan.build(late, trust=True).act.path == "a.json"


def _entries() -> list[tuple[str, str, str]]:
    return [
        (kind, name, parameter)
        for kind, registry in REGISTRIES.items()
        for name in registry
        for parameter in inspect.signature(registry[name]).parameters
    ]


_bad = st.sampled_from(
    [f"{kind}/{name}" for kind, registry in REGISTRIES.items() for name in registry]
    + [name for name, thing in PUBLIC if _is_module(thing)]
    + [f"torch.nn.{name}" for name in dir(nn) if _is_module(getattr(nn, name))]
)


@given(st.sampled_from(_entries()), _bad, st.data())
def test_no_setting_of_any_part_has_an_effect(
    files: Files, place: tuple[str, str, str], name: str, data: st.DataObject
) -> None:
    kind, entry, parameter = place
    example = REGISTRIES[kind].info(entry).example
    path = data.draw(st.sampled_from([files.script, files.pickle, "pretrained_", "/dev/zero"]))
    late = {"factory": name, "args": data.draw(st.sampled_from([[], [path], [path, "x"], [4]]))}
    value = data.draw(st.sampled_from([path, [path], {path: path}, late, [late], {"x": late}]))
    settings = {} if example is None else example.settings
    with no_effect(), suppress(*OURS):
        stgan.build({"kind": kind, "name": entry, **settings, parameter: value})
    assert not files.marker.exists()


def test_what_is_written_down_can_be_built_again() -> None:
    """The names that to_config writes are those that build takes."""
    for act in (leaky_relu, nn.ReLU, functools.partial(nn.GELU, approximate="tanh"), None):
        part = stgan.create("layers", "conv_1p2d", 3, 4, 3, act=act)
        config = stgan.to_config(part)
        assert stgan.to_config(stgan.build(config)) == config
    part = stgan.create("layers", "conv_1p2d", 3, 4, 3, act=_own)
    with pytest.raises(ConfigError, match=r"^act: _own cannot be written by name; use a module"):
        stgan.to_config(part)


def _own() -> nn.Module:
    return nn.ReLU()


@pytest.mark.shared
@pytest.mark.parametrize("script", ["stranger_factory", "stranger_torchscript", "alias_bomb"])
def test_the_scripts_of_an_attacker_change_nothing(script: str, shared_folder: Path) -> None:
    home = shared_folder.resolve()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(home / "cases" / "scripts" / f"{script}.py")],
        capture_output=True, text=True, check=False, timeout=300,
        cwd=Path(stgan.__file__).parents[1], env={**os.environ, "STGAN_SHARED": str(home)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


# Copies of a part that the same process pickled, and the one place that runs a program.
_MAY = {"testing": {"pickle.loads"}, "metrics/weights.py": {"torch.jit.load"}}
_RUNS = {
    "eval", "exec", "compile", "__import__", "pickle.load", "pickle.loads", "torch.jit.load",
    "torch.hub.load", "torch.package.PackageImporter", "np.load", "numpy.load", "joblib.load",
    "yaml.load", "yaml.safe_load", "yaml.unsafe_load", "os.system", "runpy.run_path",
}  # fmt: skip


@pytest.mark.parametrize("home", ["stgan", "examples"])
def test_files_are_read_as_data_everywhere(home: str) -> None:
    root = Path(stgan.__file__).parents[1] / home
    found = []
    for path in root.rglob("*.py"):
        place = path.relative_to(root).as_posix()
        allowed = {call for part, calls in _MAY.items() if place.startswith(part) for call in calls}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            plainly = any(
                key.arg == "weights_only" and ast.unparse(key.value) == "True"
                for key in node.keywords
            )
            unsafe = called in _RUNS - allowed or (called == "torch.load" and not plainly)
            found += [f"{place}:{node.lineno} {called}"] if unsafe else []
    assert found == []
