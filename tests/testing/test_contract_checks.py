"""Every check catches the module that breaks its promise and no other, and passes a good one."""

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from stgan._checks import check_layout
from stgan.testing import CHECKS, ContractError, check_module
from tests.testing.broken_modules import BROKEN, Drawn, Lambda, Scale, Shape


def _video(*, batch: int = 2) -> Tensor:
    return torch.rand(batch, 3, 4, 3, 5, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize(
    ("make", "check", "sentence"), BROKEN, ids=lambda value: getattr(value, "__name__", None)
)
def test_each_check_catches_what_breaks_it_and_no_other_does(
    make: Callable[[], nn.Module], check: str, sentence: str
) -> None:
    with pytest.raises(ContractError) as caught:
        check_module(make(), _video())
    assert list(caught.value.failures) == [check], caught.value
    assert sentence in caught.value.failures[check]
    assert f"  {check}: " in str(caught.value)


def test_every_check_but_that_of_configurations_is_broken_above() -> None:
    # Configurations are those of registered classes; see the tests of entries.
    assert {check for _, check, _ in BROKEN} == set(CHECKS) - {"config"}


def test_the_good_module_keeps_every_promise() -> None:
    expected = dict.fromkeys(CHECKS, "yes") | {"config": "does not apply: Scale is not registered"}
    assert check_module(Scale(), _video()) == expected


class Record(NamedTuple):
    clip: Tensor
    parts: dict[str, Any]


class Nested(nn.Module):
    """Lists, records and dicts go in and out; a class and a number go in too."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.embed = nn.BatchNorm2d(2), nn.Embedding(3, 2)

    def forward(
        self, maps: list[Tensor], label: Tensor, *, times: int, size: tuple[int, int]
    ) -> Record:
        for image in maps:
            check_layout(image, "N C H W", name="image", C=2)
        image = self.norm(maps[0]) + maps[1] + self.embed(label)[:, :, None, None]
        clip = image.unsqueeze(2).expand(-1, -1, times, -1, -1)
        return Record(clip, {"label": label, "pooled": [image.mean((2, 3)), None], "size": size})

    def output_shape(
        self, maps: tuple[Shape, ...], label: Shape, times: int, size: tuple[int, int]
    ) -> tuple[Any, ...]:
        n, c, h, w = maps[0]
        return (n, c, times, h, w), {"label": label, "pooled": ((n, c), None), "size": size}


def test_inputs_and_outputs_may_be_nested_and_need_not_be_tensors() -> None:
    maps = [torch.randn(2, 2, 5, 3), torch.randn(2, 2, 5, 3)]
    inputs = {"maps": maps, "times": 3, "size": (4, 5), "label": torch.tensor([2, 0])}
    results = check_module(Nested(), inputs)
    assert {check for check, result in results.items() if result != "yes"} == {"config"}


class Halves(nn.Module):
    """Two methods and no forward, keyword only, as a loss family."""

    def __init__(self, sign: float = 1.0) -> None:
        super().__init__()
        self.sign = sign

    def judge(self, *, real: Tensor, fake: Tensor) -> Tensor:
        for logits in (real, fake):
            check_layout(logits, "N", name="logits")
        return (fake - real).exp() * self.sign

    def output_shape(self, real: Shape, fake: Shape) -> Shape:
        return fake


def test_another_method_than_forward_can_be_checked() -> None:
    inputs = {"fake": torch.randn(3), "real": torch.randn(3)}
    results = check_module(Halves(), inputs, call="judge")
    assert [results[check] for check in ("export", "compile", "gradcheck", "refusal")] == [
        "yes"
    ] * 4
    assert results["channels_last"] == "does not apply: no input is an image or a video"
    with pytest.raises(TypeError, match="Halves has no method 'jugde' to call with the inputs"):
        check_module(Halves(), inputs, call="jugde")


class Counts(nn.Module):
    """Nothing is differentiable, and there is one output for the whole batch."""

    def forward(self, label: Tensor) -> Tensor:
        check_layout(label, "N", name="label", kind="integer")
        return label.sum()

    def output_shape(self, input_shape: Shape) -> Shape:
        return ()


def test_what_a_check_has_nothing_to_look_at_does_not_apply() -> None:
    results = check_module(Counts(), torch.tensor([1, 2]))
    assert {check: result for check, result in results.items() if result != "yes"} == {
        "dtype": "does not apply: neither an input nor a parameter is of floats",
        "gradients": "does not apply: there is no float input and no parameter to go back to",
        "batch_independent": "does not apply: no output has an axis for the batch",
        "config": "does not apply: Counts is not registered",
        "channels_last": "does not apply: no input is an image or a video",
        "gradcheck": "does not apply: there is no float input and no parameter to differentiate",
    }


class Infinite(Scale):
    """The gradient of a root at zero."""

    def change(self, video: Tensor) -> Tensor:
        return video + video.mul(0).sqrt()


class Detaches(Scale):
    def forward(self, video: Tensor) -> Any:
        return super().forward(video.detach())


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        (Infinite(), "the gradient of input 'video' in evaluation mode must be finite, got 360 of"),
        (Detaches(), "input 'video' must receive a gradient in evaluation mode, got none"),
        (Detaches().requires_grad_(False), "the output must be differentiable, got none that lead"),
    ],
)
def test_gradients_must_reach_inputs_and_be_finite(module: nn.Module, sentence: str) -> None:
    with pytest.raises(ContractError) as caught:
        check_module(module, _video())
    assert sentence in caught.value.failures["gradients"]


def test_a_claim_stands_in_the_results_and_must_be_true() -> None:
    reason = "the factor is drawn"
    assert check_module(Drawn(), _video(), deterministic=reason)["deterministic"] == reason
    with pytest.raises(ContractError) as caught:
        check_module(Drawn(), _video(), deterministic=reason, export="no", config="no")
    missing = "does not apply: Drawn is not registered"
    assert caught.value.failures == {
        "config": f"claimed as 'no', got {missing!r}; remove the claim",
        "export": "claimed as 'no', got 'yes'; remove the claim",
    }


def test_claims_that_say_nothing_are_refused() -> None:
    with pytest.raises(TypeError, match="no check named 'gradeints'; did you mean 'gradients'"):
        check_module(Scale(), _video(), gradeints="why")
    with pytest.raises(ValueError, match="the claim export must give a reason, got ' '"):
        check_module(Scale(), _video(), export=" ")


class Neither(Lambda):
    def __deepcopy__(self, memo: dict[int, Any]) -> "Neither":
        raise TypeError("cannot be copied")


@pytest.mark.parametrize(
    ("module", "inputs", "message"),
    [
        (
            Scale(),
            [torch.zeros(2)],
            "a tensor, a tuple of positional inputs or a mapping of .* list",
        ),
        (Scale(), {"video": 3}, "the inputs of Scale must hold a tensor, got {'video': 3}"),
        (Neither(), torch.zeros(2), "Neither can be neither deep-copied nor pickled, so it cannot"),
    ],
)
def test_what_cannot_be_checked_is_refused(module: nn.Module, inputs: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        check_module(module, inputs)


def test_one_sample_is_too_few_for_a_batch() -> None:
    with pytest.raises(ContractError) as caught:
        check_module(Scale(), _video(batch=1))
    sentence = "inputs must hold two samples or more, got 1"
    assert caught.value.failures == {"batch_independent": sentence}


def test_module_inputs_and_random_numbers_stay_as_they_were() -> None:
    module, video = nn.Sequential(nn.BatchNorm3d(3), nn.Dropout()).train(), _video()
    module[1].eval()
    before, values = copy.deepcopy(module.state_dict()), video.clone()
    state = torch.get_rng_state()
    claims = {"output_shape": "torch's module", "refusal": "torch's module says expected 5D"}
    check_module(module, video, **claims)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(video, values)
    assert (module.training, module[1].training) == (True, False)
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())


class Counter(Scale):
    """Counts calls, keeps what it saw, and is copied without any of that."""

    def __init__(self) -> None:
        super().__init__()
        self.calls, self.seen = 0, []  # type: ignore[var-annotated]

    def change(self, video: Tensor) -> Tensor:
        if not torch.compiler.is_compiling():
            self.calls += 1
            self.seen.append(video.shape)
        return video


def test_the_module_itself_is_never_called() -> None:
    module = Counter()
    check_module(module, _video())
    assert (module.calls, module.seen) == (0, [])


class Judges(nn.Module):
    """What a critic says, whose shape it promises as the critic does, or by asking it."""

    def __init__(self, *, asks: bool) -> None:
        super().__init__()
        self.asks = asks

    def forward(self, critic: nn.Module, video: Tensor) -> Any:
        return critic(video)

    def output_shape(self, critic: Any, input_shape: Shape) -> Shape:
        if self.asks:
            return tuple(critic(torch.zeros(input_shape)).shape)
        return critic.output_shape(input_shape)


@pytest.mark.parametrize("asks", [False, True])
def test_a_promise_may_not_run_what_is_an_input_either(asks: bool) -> None:
    critic = Counter()
    inputs = {"critic": critic, "video": _video()}
    with pytest.raises(ContractError) as caught:
        check_module(Judges(asks=asks), inputs, deterministic="not true, so that there is an error")
    assert ("output_shape" in caught.value.failures) is asks
    assert (critic.calls, critic.seen) == (0, [])


class Spectral(Scale):
    """Reads the shape of a weight that is made of others when it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Conv3d(3, 2, 1)
        nn.utils.parametrizations.spectral_norm(self.mix)

    def change(self, video: Tensor) -> Tensor:
        return self.mix(video)

    def output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.mix.weight.shape[0], *input_shape[2:])


def test_a_promise_may_read_a_weight_that_is_made_of_others() -> None:
    results = check_module(Spectral(), _video(), pickle="torch refuses it")
    assert results["output_shape"] == "yes"


SEEN: set[int] = set()


class Watches(Scale):
    def change(self, video: Tensor) -> Tensor:
        if not torch.compiler.is_compiling():
            SEEN.add(torch.initial_seed())
        return video


def test_the_seed_is_that_of_every_call() -> None:
    SEEN.clear()
    check_module(Watches(), _video(), seed=40)
    # The other one belongs to the second of two calls that must give the same.
    assert sorted(SEEN) == [40, 41]


class Many(nn.Module):
    """Thirty weights, one of which is rounded on its way forward only."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.ParameterList(torch.full((1,), 0.9) for _ in range(30))

    def forward(self, video: Tensor) -> Tensor:
        check_layout(video, "N C T H W", name="video")
        for index, weight in enumerate(self.weights):
            straight = weight.round() + weight - weight.detach()
            video = video * (straight if index == 17 else weight)
        return video

    def output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


def test_slopes_by_many_weights_are_taken_together() -> None:
    with pytest.raises(ContractError) as caught:
        check_module(Many(), _video())
    assert list(caught.value.failures) == ["gradcheck"]
    # The input and 30 weights, two at a time.
    together = "a slope by parameter 'weights.17', parameter 'weights.18' must be "
    assert caught.value.failures["gradcheck"].startswith(together)
