"""The recipe on a GPU: equal to the CPU, to the published code, to itself after a resume."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor
from torch.utils._pytree import tree_map

from benchmarks._pair import Recipe, draw_batch
from examples.imaginator.config import LossSettings
from stgan.training import CapturedStep, allow_tf32, ddp_settings
from tests.benchmarks.tiny import TINY
from tests.examples.games import Game, game, game_step
from tests.faults.shell import different

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.fixture(autouse=True)
def _float32_as_it_is() -> Iterator[None]:
    allow_tf32(False)
    yield
    allow_tf32(False)


def _moved(played: Game, dtype: torch.dtype = torch.float32, device: str = "cuda") -> Game:
    def to(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        return value.to(device, dtype) if value.is_floating_point() else value.to(device)

    return played._replace(
        gan=played.gan.to(device, dtype),
        objective=played.objective.to(device, dtype),
        batch=tree_map(to, played.batch),
        draws=tree_map(to, played.draws),
    )


def _play(played: Game, **wrapped: Any) -> dict[str, Tensor]:
    generator = wrapped.get("generator", played.gan.generator)
    discriminator = wrapped.get("discriminator", played.gan.discriminator)
    optimizers = [torch.optim.SGD(n.parameters(), 0.1) for n in (generator, discriminator)]
    return game_step(played, *optimizers, networks=(generator, discriminator))(
        played.batch, played.draws
    )


@pytest.mark.parametrize("order", ["generator_first", "simultaneous"])
def test_a_step_on_a_gpu_is_the_step_on_the_cpu(order: Any) -> None:
    here, there = (game(LossSettings(order=order)) for _ in range(2))
    losses = _play(_moved(here, torch.float64, "cpu"))
    found = _play(_moved(there, torch.float64))
    for name, loss in losses.items():
        torch.testing.assert_close(found[name].cpu(), loss, rtol=1e-8, atol=1e-10)
    for name, value in here.gan.state_dict().items():
        torch.testing.assert_close(there.gan.state_dict()[name].cpu(), value, rtol=1e-7, atol=1e-9)


@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype")
def test_the_host_never_waits_for_the_device_within_a_step() -> None:
    played = _moved(game())
    _play(played)  # what is done once, such as choosing algorithms, may wait
    torch.cuda.synchronize()
    try:
        torch.cuda.set_sync_debug_mode("error")
        _play(played)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_replayed_step_is_the_step(precision: Any) -> None:
    torch.use_deterministic_algorithms(True, warn_only=True)
    recipes = [
        Recipe("released", TINY, accelerator="cuda", precision=precision, cuda_graph=graph)
        for graph in (False, True)
    ]
    try:
        for step in range(8):
            batch = draw_batch(2, TINY.z_dim, device="cuda")
            batch = replace(batch, z=batch.z + step, real_frame=step)
            expected, found = (recipe.step(batch) for recipe in recipes)
            for name, loss in expected.items():
                torch.testing.assert_close(found[name], loss, rtol=1e-6, atol=1e-6)
    finally:
        torch.use_deterministic_algorithms(False)
    plain, replayed = (recipe.gan.state_dict() for recipe in recipes)
    for name, value in plain.items():
        torch.testing.assert_close(replayed[name], value, rtol=1e-5, atol=1e-6)
    assert recipes[1]._take.captured.recorded


def test_a_recording_keeps_the_gradients_of_its_call() -> None:
    layer = torch.nn.Linear(3, 1).cuda()
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)

    def step(inputs: Any) -> dict[str, Tensor]:
        optimizer.zero_grad()
        loss = layer(inputs["x"]).sum()
        loss.backward()
        optimizer.step()
        return {"loss": loss.detach()}

    captured = CapturedStep(step, [layer], warmup=1)
    for number in range(4):
        layer.weight.grad = None  # as a step of its own between two calls may do
        x = torch.full((2, 3), float(number), device="cuda")
        captured({"x": x})
        assert layer.weight.grad.tolist() == [[2.0 * number] * 3]
        assert captured.recorded == (number > 0)


# Fabric wraps networks in a stream of its own.
@pytest.mark.filterwarnings("ignore:The AccumulateGrad node's stream does not match")
def test_one_process_of_several_gives_what_one_alone_gives() -> None:
    alone, shared = (_moved(game(), torch.float64) for _ in range(2))
    fabric = Fabric(
        accelerator="cuda", devices=1, strategy=DDPStrategy(**ddp_settings()), precision="64-true"
    )
    fabric.launch()
    try:
        torch.set_default_dtype(torch.float64)  # which Fabric gives to what a network returns
        wrapped = {
            name: fabric.setup(
                network, torch.optim.SGD(network.parameters(), 0.1)
            )[0]
            for name, network in (
                ("generator", shared.gan.generator), ("discriminator", shared.gan.discriminator)
            )
        }  # fmt: skip
        losses = _play(shared, **wrapped)
    finally:
        torch.set_default_dtype(torch.float32)
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
    expected = _play(alone)
    for name, loss in expected.items():
        torch.testing.assert_close(losses[name], loss)


def _train(out: Path, *options: object) -> None:
    code = (
        "import sys, torch; torch.use_deterministic_algorithms(True); "
        "from examples.imaginator.train import main; main(sys.argv[1:])"
    )
    settings = ["--data.workers", 0, "--train.accelerator", "cuda", "--train.log-every", 1]
    command = [sys.executable, "-c", code, "--preset", "tiny", "--out", out, *options, *settings]
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False,
        env={**os.environ, "CUBLAS_WORKSPACE_CONFIG": ":4096:8"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_resumed_run_ends_as_one_that_was_never_stopped(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    _train(whole, "--train.steps", 6)
    _train(parts, "--train.steps", 3)
    _train(parts, "--train.steps", 6, "--resume")
    assert different(whole, parts) == []


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_losses_stay_finite_and_fall(tmp_path: Path, precision: str) -> None:
    _train(tmp_path, "--train.steps", 100, "--train.precision", precision)
    text = (tmp_path / "metrics.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    assert all(math.isfinite(value) for line in lines for value in line.values())
    curve = [line["generator/reconstruction"] for line in lines]
    assert sum(curve[-10:]) < 0.9 * sum(curve[:10])


def test_tensor_cores_change_little() -> None:
    exact, rounded = (_moved(game()) for _ in range(2))
    expected = _play(exact)
    allow_tf32(True)
    found = _play(rounded)
    for name, loss in expected.items():
        torch.testing.assert_close(found[name], loss, rtol=2e-2, atol=2e-2)
