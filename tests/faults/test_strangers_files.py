"""What a configuration from a stranger takes for a program or for weights is not run."""

import ast
import inspect
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import stgan
from stgan.registry import REGISTRIES
from tests.faults.strangers import CONV, CRITIC, OURS, PUBLIC, Files, is_module, no_effect


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("stranger"))


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


def _entries() -> list[tuple[str, str, str]]:
    return [
        (kind, name, parameter)
        for kind, registry in REGISTRIES.items()
        for name in registry
        for parameter in inspect.signature(registry[name]).parameters
    ]


_bad = st.sampled_from(
    [f"{kind}/{name}" for kind, registry in REGISTRIES.items() for name in registry]
    + [name for name, thing in PUBLIC if is_module(thing)]
    + [f"torch.nn.{name}" for name in dir(nn) if is_module(getattr(nn, name))]
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
