"""Networks of which every process keeps a part are the same networks."""

import builtins
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh

from examples.imaginator import train
from stgan.training import load_networks, save_checkpoint, shard_stages, whole_state
from tests.examples.runs import QUIET, TINY, refusal
from tests.faults.shell import TORCHRUN, different, finish, start, state

pytestmark = [QUIET, pytest.mark.filterwarnings("ignore:FSDP2-wrapped module .* returned a view")]


def test_two_processes_that_share_networks_train_as_one_that_has_them_whole() -> None:
    run = start([*TORCHRUN[:-1], "tests.faults.sharded"])
    status, said, err = finish(run)
    assert status == 0, err
    orders = ("discriminator_first", "generator_first", "simultaneous")
    equal = [f"{order}: equal" for order in orders]
    assert said.splitlines() == [*equal, "not finite: both stop"]


def _train(out: Path, *options: object, sharded: bool = True) -> None:
    command = [*TORCHRUN[:-1], "examples.imaginator.train"]
    options = ("--train.devices", 2, "--train.accumulate", 2, *options)
    run = start(command, *TINY, "--out", out, *options, *(["--train.shard"] if sharded else []))
    status, _, err = finish(run)
    assert status == 0, err
    assert "returned a view" not in err


@pytest.mark.slow
def test_a_resumed_run_of_shares_ends_as_one_that_was_never_stopped(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    _train(whole, "--train.steps", 4, "--train.precision", "bf16-mixed")
    shutil.copytree(whole, parts)
    shutil.rmtree(parts / "checkpoints" / "step_00000004")
    _train(parts, "--resume", sharded=False)  # its config.yaml says that it is
    assert different(whole, parts) == []
    # Whole networks were written, and one process alone goes on with them.
    train.main(["--out", str(parts), "--resume", "--train.steps", "5", "--train.devices", "1",
                "--train.no-shard", "--train.accumulate", "1"])  # fmt: skip
    assert state(parts)["state"]["step"] == 5
    assert all(type(value) is Tensor for key, value in state(parts).items() if key != "state")


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--train.devices", "2", "--loss.penalties", "r1", "1"],
        ["--train.devices", "2", "--train.compile", "eager"],
    ],
)
def test_what_shares_cannot_do_is_refused(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    error = refusal(
        lambda: train.main([*TINY, "--out", str(out), "--train.shard", *options]), capsys
    )
    assert "among several processes, without penalties and train.compile" in error
    assert not out.exists()


class Nested(nn.Module):
    """Stages within stages, and a weight beside them."""

    def __init__(self) -> None:
        super().__init__()
        inner = nn.ModuleList([nn.Linear(3, 3), nn.ReLU()])
        self.stages = nn.ModuleList([_Row(inner), _Row(nn.ModuleList([nn.Linear(3, 3)]))])
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        for stage in self.stages:
            x = stage(x)
        return x * self.scale


class _Row(nn.Module):
    def __init__(self, stages: nn.ModuleList) -> None:
        super().__init__()
        self.stages = stages
        self.last = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        for stage in self.stages:
            x = stage(x)
        out: Tensor = self.last(x)
        return out


def test_stages_within_stages_are_gathered_one_by_one(group: None, tmp_path: Path) -> None:
    network, x = Nested(), torch.randn(2, 3)
    expected = network(x)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    shard_stages(network, init_device_mesh("cpu", (1,)))
    apart = [name for name, m in network.named_modules() if type(m).__name__.startswith("FSDP")]
    assert apart == ["", "stages.0", "stages.0.stages.0", "stages.1", "stages.1.stages.0"]
    torch.testing.assert_close(network(x), expected)
    # What is written is the network whole.
    state = whole_state(network.state_dict())
    path = save_checkpoint(tmp_path / "run", step=1, networks={"net": state}, state={}, config="")
    again = Nested()
    load_networks(path, {"net": again})
    for name, value in again.state_dict().items():
        assert torch.equal(value, before[name])


def test_of_a_mesh_with_several_axes_one_is_taken(group: None) -> None:
    mesh = init_device_mesh("cpu", (1, 1), mesh_dim_names=("data_parallel", "tensor_parallel"))
    network: Any = shard_stages(nn.Linear(2, 2), mesh)
    assert network.weight.device_mesh.mesh_dim_names == ("data_parallel",)


def test_an_old_torch_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "torch.distributed.fsdp":
            raise ImportError
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    mesh: Any = None
    with pytest.raises(RuntimeError, match=r"shard_stages needs torch 2\.6 or newer, got .*; upd"):
        shard_stages(nn.Linear(2, 2), mesh)
