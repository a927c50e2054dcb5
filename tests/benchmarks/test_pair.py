"""Nothing is timed before both sides are seen to compute the same."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from benchmarks import _agree, _pair, generator
from benchmarks._agree import check_equal, check_iteration, check_whole
from benchmarks._measure import Options
from benchmarks._pair import Recipe, Sizes, draw_batch
from benchmarks.twin import Twin
from examples.imaginator.model import ImaGINator
from tests.benchmarks.tiny import TINY


def damage(network: nn.Module, name: str) -> None:
    with torch.no_grad():
        # Half of it: a norm would take out a factor of all.
        network.get_parameter(name).flatten()[::2].mul_(1.01)


@pytest.mark.parametrize("error", [2e-4, float("nan")])
def test_values_that_differ_end_the_program(error: float) -> None:
    twin = {"a": torch.tensor([1.0, -2.0]), "b": torch.tensor([1e-9])}
    assert check_equal("gradient of", {**twin, "a": twin["a"] + 1e-4}, twin) < 1e-4
    with pytest.raises(SystemExit, match=r"gradient of a differs from the plain twin by .* of its"):
        check_equal("gradient of", {**twin, "a": twin["a"] + 2 * error}, twin)


def test_tensors_of_rounding_have_to_be_small_on_both_sides() -> None:
    twin = {"a": torch.tensor([1.0]), "b": torch.tensor([1e-9])}
    check_equal("gradient of", {**twin, "b": torch.tensor([-2e-9])}, twin)
    with pytest.raises(SystemExit, match="b differs"):
        check_equal("gradient of", {**twin, "b": torch.tensor([1e-3])}, twin)


def test_both_sides_have_to_name_the_same_tensors() -> None:
    with pytest.raises(SystemExit, match=r"name different tensors: \{'b'\}"):
        check_equal("output", {"a": torch.ones(1), "b": torch.ones(1)}, {"a": torch.ones(1)})


@pytest.mark.parametrize("name", ["decoder.stages.1.conv.spatial.weight", "encoder.head.weight"])
@pytest.mark.parametrize("measure", [generator.inference, generator.training])
def test_the_generator_is_not_timed_with_another_weight(
    name: str, measure: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(sizes: Sizes) -> tuple[nn.Module, nn.Module]:
        twin, mine = _pair.build_generators(sizes)
        damage(mine, name)
        return twin, mine

    monkeypatch.setattr(generator, "build_generators", damaged)
    with pytest.raises(SystemExit, match=r"differs from the plain twin by .*; nothing was timed"):
        measure(2, TINY, Options(rounds=1, warmup=0))


@pytest.mark.parametrize(
    ("network", "name"),
    [
        ("generator", "decoder.stages.0.conv.temporal.weight"),
        ("discriminator.video", "stages.2.conv.bias"),
        ("discriminator.image", "head.parametrizations.weight.original"),
    ],
)
def test_the_iteration_is_not_timed_with_another_weight(
    network: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def share_and_damage(twin: Twin, gan: ImaGINator) -> None:
        _pair.share(twin, gan)
        damage(gan.get_submodule(network), name)

    torch.manual_seed(0)
    twin, recipe, batch = TINY.twin(), Recipe("released", TINY), draw_batch(2, TINY.z_dim)
    twin.start()
    monkeypatch.setattr(_agree, "share", share_and_damage)
    with pytest.raises(SystemExit, match=r"differs from the plain twin by .*; nothing was timed"):
        check_iteration(twin, recipe, batch)


def test_equal_weights_take_equal_iterations() -> None:
    torch.manual_seed(0)
    twin, recipe, batch = TINY.twin(), Recipe("released", TINY), draw_batch(2, TINY.z_dim)
    twin.start()
    agreement = check_iteration(twin, recipe, batch)
    assert agreement.values < 1e-4
    assert agreement.gradients < 1e-8
    assert {p.dtype for p in (*twin.parameters(), *recipe.gan.parameters())} == {torch.float32}


def test_gradients_that_point_elsewhere_end_the_program() -> None:
    twin = {"a": torch.ones(100), "b": torch.ones(100)}
    # A kink moves one number by much, a mistake moves all by little.
    check_whole("gradient", {**twin, "a": twin["a"] + 0.2 * torch.eye(100)[0]}, twin)
    for error in (0.04, float("nan")):
        with pytest.raises(SystemExit, match=r"gradient as a whole differs from the plain twin by"):
            check_whole("gradient", {**twin, "a": twin["a"] + error}, twin)


def test_a_batch_is_drawn_alike() -> None:
    one, other = draw_batch(3, 4, size=(8, 32, 32)), draw_batch(3, 4, size=(8, 32, 32))
    assert torch.equal(one.video, other.video)
    assert torch.equal(one.z, other.z)
    assert one.video.shape == (3, 3, 8, 32, 32)
    assert max(one.real_frame, one.fake_frame) < 8
