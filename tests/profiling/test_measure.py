"""Profiles are complete, plain, comparable, and leave what they measure as it was."""

import json
from typing import NamedTuple

import pytest
import torch
from hypothesis import given
from torch import Tensor, nn

from stgan.layers import ConvTranspose1Plus2d
from stgan.profiling import Profile, Seconds, compare, profile, shapes_of
from stgan.shapes import conv_transpose_size
from tests.strategies import Geometry, conv_geometries, videos


class Traced(nn.Module):
    """A module that does what profiling must undo: it counts, draws, and works in place."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm3d(3)
        self.drop = nn.Dropout()
        self.calls = 0

    def forward(self, video: Tensor) -> Tensor:
        self.calls += 1
        out: Tensor = self.drop(self.norm(video))
        return out.mul_(2)

    def scores(self, video: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return video.mean((1, 2, 3, 4)), {"frames": video}


@pytest.mark.parametrize("training", [True, False])
@given(video=videos(channels=3, min_batch=2, dtype=torch.float32))
def test_modules_inputs_and_random_numbers_stay_as_they_are(training: bool, video: Tensor) -> None:
    module = Traced().train(training)
    module.norm.weight.grad = torch.full((3,), 7.0)
    state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    before, numbers = video.clone(), torch.get_rng_state()
    profile(module, video, rounds=2)
    assert torch.equal(numbers, torch.get_rng_state())
    assert torch.equal(video, before)
    assert not video.requires_grad
    assert module.calls == 0
    assert module.training is training
    assert torch.equal(module.norm.weight.grad, torch.full((3,), 7.0))
    assert all(torch.equal(tensor, state[name]) for name, tensor in module.state_dict().items())


@given(geometry=conv_geometries(), video=videos(dtype=torch.float32, min_frames=2, min_side=2))
def test_parameters_and_output_shape_equal_closed_forms(geometry: Geometry, video: Tensor) -> None:
    channels, size = video.shape[1], tuple(video.shape[2:])
    layer = ConvTranspose1Plus2d(channels, 2, **vars(geometry), mid_channels=5, norm=None)
    cost = profile(layer, video, rounds=1, warmup=0)
    k_t, k_h, k_w = geometry.kernel_size
    assert cost.parameters == channels * 5 * k_t + 5 + 5 * 2 * k_h * k_w + 2
    assert cost.output_shape == (len(video), 2, *conv_transpose_size(size, **vars(geometry)))


def test_shared_parameters_count_once() -> None:
    layer = nn.Linear(4, 4)
    assert profile(nn.Sequential(layer, layer), torch.zeros(1, 4), rounds=1).parameters == 20


def test_a_profile_tells_where_and_how_it_was_taken() -> None:
    cost = profile(nn.Linear(4, 2).double(), torch.zeros(1, 4).double(), rounds=3)
    assert (cost.name, cost.device, cost.dtype) == ("Linear", "cpu", "float64")
    assert cost.threads == torch.get_num_threads()
    for seconds in (cost.forward_seconds, cost.backward_seconds):
        assert seconds is not None
        assert 0 < seconds.minimum <= seconds.median <= seconds.maximum


def test_a_profile_is_plain_data() -> None:
    cost = profile(Traced(), {"video": torch.zeros(2, 3, 1, 2, 2)}, call="scores", rounds=1)
    assert cost.output_shape == ((2,), {"frames": (2, 3, 1, 2, 2)})
    again = json.loads(json.dumps(cost.as_dict()))
    assert again["parameters"] == 6
    assert again["output_shape"] == [[2], {"frames": [2, 3, 1, 2, 2]}]


def test_inference_keeps_nothing_and_takes_no_way_back() -> None:
    class NoGrad(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            assert not torch.is_grad_enabled()
            return x

    # The counts of multiply-adds run without autograd in either case.
    cost = profile(NoGrad(), torch.zeros(3), backward=False, rounds=1)
    assert cost.activation_bytes is None
    assert cost.backward_seconds is None
    with pytest.raises(AssertionError):
        profile(NoGrad(), torch.zeros(3), rounds=1)


def test_where_no_gradient_flows_there_is_no_time_of_it() -> None:
    table = nn.Embedding(4, 3).requires_grad_(False)
    cost = profile(table, torch.tensor([1, 2]), rounds=1)
    assert (cost.backward_seconds, cost.activation_bytes) == (None, 0)


def test_compared_modules_take_turns() -> None:
    turns: list[str] = []

    class Named(nn.Module):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def forward(self, x: Tensor) -> Tensor:
            turns.append(self.name)
            return x * 2

    costs = compare({"a": Named("a"), "b": Named("b")}, torch.zeros(3), rounds=3, warmup=2)
    assert [cost.name for cost in costs] == ["a", "b"]
    assert turns[:10] == ["a", "b"] * 5


def _cost(name: str, number: int, kept: int | None, forward: float, back: float | None) -> Profile:
    backward = None if back is None else Seconds(back, back, back)
    return Profile(
        name, number, 10 * number, kept, (1,), Seconds(forward, 0, 9), backward, "cpu", "float32", 1
    )


def test_ratios_are_relative_to_the_base_and_absent_where_a_number_is() -> None:
    base, other = _cost("a", 4, 0, 2.0, None), _cost("b", 2, 8, 3.0, 1.0)
    assert other.ratios(base) == {
        "parameters": 0.5,
        "multiply_adds": 0.5,
        "activation_bytes": None,
        "forward_seconds": 1.5,
        "backward_seconds": None,
    }
    assert base.ratios(other)["activation_bytes"] == 0


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"rounds": 0}, "rounds must be at least 1, got 0"),
        ({"warmup": -1}, "warmup must be at least 0, got -1"),
        ({"modules": {}}, "modules must hold at least one module"),
    ],
    ids=["rounds", "warmup", "modules"],
)
def test_what_cannot_be_measured_is_refused(settings: dict, sentence: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match=sentence):
        compare(**{"modules": {"a": nn.Identity()}, "inputs": torch.zeros(1), **settings})


class Record(NamedTuple):
    video: Tensor
    steps: list[Tensor]


def test_records_of_tensors_go_in_and_come_out() -> None:
    record = Record(torch.zeros(2, 3), [torch.zeros(1)])
    assert shapes_of((record, "text", None, object())) == (
        {"video": (2, 3), "steps": ((1,),)}, "text", None, "object",
    )  # fmt: skip

    class Doubled(nn.Module):
        def forward(self, record: Record) -> Record:
            return Record(record.video.mul_(2), record.steps)

    cost = profile(Doubled(), (record,), rounds=1)
    assert cost.output_shape == {"video": (2, 3), "steps": ((1,),)}
    assert cost.backward_seconds is not None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_is_waited_for_and_its_random_numbers_stay() -> None:
    module, video = Traced().cuda(), torch.zeros(2, 3, 4, 64, 64, device="cuda")
    numbers = torch.cuda.get_rng_state()
    cost = profile(module, video, rounds=2)
    assert cost.device == "cuda:0"
    assert cost.activation_bytes
    assert torch.equal(numbers, torch.cuda.get_rng_state())
