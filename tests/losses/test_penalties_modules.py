"""Penalties as modules: one interface, reductions, running means, weights of whole networks."""

import io
import subprocess
import sys
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm
from torch.testing import assert_close

import stgan
from stgan import functional
from stgan.errors import ShapeError
from stgan.layers import ConvTranspose1Plus2d, spectral_norm
from stgan.losses import (
    DiscriminatorPenalty,
    DraganPenalty,
    LecamPenalty,
    ModeSeekingPenalty,
    OrthogonalPenalty,
    clip_singular_values_,
)

# Function, settings of the module, and what both take.
ON_CRITICS: dict[str, tuple[Any, dict[str, Any], tuple[str, ...]]] = {
    "r1": (functional.r1_penalty, {}, ("real",)),
    "r2": (functional.r2_penalty, {}, ("fake",)),
    "wgan_gp": (functional.gradient_penalty, {}, ("real", "fake", "mix")),
    "zero_centered": (functional.zero_centered_penalty, {}, ("real", "fake", "mix")),
    "dragan": (functional.dragan_penalty, {"scale": 0.25}, ("real", "noise")),
    "consistency": (functional.consistency_penalty, {"augment": torch.neg}, ("real",)),
    "balanced_consistency": (
        functional.balanced_consistency_penalty,
        {"augment": torch.neg},
        ("real", "fake"),
    ),
}
EVERY = pytest.mark.parametrize("name", ON_CRITICS)


def _critic() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.Tanh(), nn.Linear(4, 1))


def _samples() -> dict[str, Tensor]:
    real, fake, noise = torch.randn(3, 4, 3, 1, 2, 2)
    return {"real": real, "fake": fake, "noise": noise, "mix": torch.rand(4)}


@EVERY
def test_modules_and_functions_agree_in_every_reduction(name: str) -> None:
    function, settings, needed = ON_CRITICS[name]
    critic, samples = _critic(), _samples()
    given = {key: samples[key] for key in needed}
    values = function(critic, **given, **settings)
    for reduction, expected in (
        ("none", values),
        ("sum", values.sum()),
        ("mean", values.mean()),
    ):
        penalty = stgan.create("penalties", name, reduction=reduction, **settings)
        got = penalty(critic, **given)
        assert torch.equal(got, expected)
        shapes = [tuple(value.shape) for value in given.values()]
        assert penalty.output_shape(critic, *shapes) == got.shape
    assert stgan.create("penalties", name, **settings).reduction == "mean"


@EVERY
def test_a_loop_may_hand_over_both_and_hears_what_is_missing(name: str) -> None:
    _, settings, needed = ON_CRITICS[name]
    penalty: DiscriminatorPenalty = stgan.create("penalties", name, **settings)
    samples = _samples()
    both = {"real": samples["real"], "fake": samples["fake"]}
    assert torch.isfinite(penalty(_critic(), **both))
    for side in {"real", "fake"} & set(needed):
        given = {key: value for key, value in both.items() if key != side}
        with pytest.raises(
            ValueError, match=f"{type(penalty).__name__} needs {side} samples; pass"
        ):
            penalty(_critic(), **given)
    with pytest.raises(TypeError, match="positional"):
        penalty(_critic(), *both.values())


@pytest.mark.parametrize("name", stgan.list("penalties", exclude=["orthogonal", "mean_*"]))
def test_an_unknown_reduction_is_refused(name: str) -> None:
    settings = ON_CRITICS[name][1] if name in ON_CRITICS else {}
    with pytest.raises(ValueError, match="must be 'mean', 'sum' or 'none', got 'avg'"):
        stgan.create("penalties", name, reduction="avg", **settings)


@pytest.mark.parametrize("name", ["wgan_gp", "zero_centered", "dragan"])
def test_what_is_drawn_follows_the_generator(name: str) -> None:
    penalty, critic, samples = stgan.create("penalties", name), _critic(), _samples()
    given = {"real": samples["real"], "fake": samples["fake"]}
    same, again, other = (
        penalty(critic, **given, generator=torch.Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    )
    assert torch.equal(same, again)
    assert not torch.equal(same, other)


def test_the_promise_asks_the_critic_and_compares_real_and_fake() -> None:
    critic = stgan.create("discriminators", "video", (4, 8, 8), base_channels=2)
    with pytest.raises(ShapeError, match=r"got \(2, 3, 4, 8, 9\)"):
        stgan.create("penalties", "r1").output_shape(critic, (2, 3, 4, 8, 9))
    with pytest.raises(ShapeError, match=r"must have one shape to be mixed, got \(2, 3\) and"):
        stgan.create("penalties", "wgan_gp").output_shape(_critic(), (2, 3), (1, 3))


@pytest.mark.parametrize(
    ("cls", "settings", "error", "sentence"),
    [
        (DraganPenalty, {"scale": -1.0}, ValueError, "scale must be at least 0, got -1.0"),
        (LecamPenalty, {"decay": 1.0}, ValueError, r"decay must lie in \[0, 1\), got 1.0"),
        (ModeSeekingPenalty, {"eps": 0.0}, ValueError, "eps must be positive, got 0.0"),
        (
            stgan.losses.ConsistencyPenalty,
            {"augment": 3},
            TypeError,
            "called with samples, got int",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    cls: Any, settings: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        cls(**settings)


BATCHES = st.lists(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=1, max_size=4),
    min_size=1,
    max_size=5,
)


@given(batches=BATCHES, decay=st.floats(0, 0.999))
def test_lecam_follows_a_scalar_reference_through_training(
    batches: list[list[tuple[float, float]]], decay: float
) -> None:
    penalty = LecamPenalty(decay=decay).double()
    means: list[float] = []
    for batch in batches:
        real, fake = map(list, zip(*batch, strict=True))
        now = [sum(real) / len(real), sum(fake) / len(fake)]
        old = means or now
        means = [decay * m + (1 - decay) * n for m, n in zip(old, now, strict=True)]
        expected = sum((x - means[1]) ** 2 for x in real) / len(real)
        expected += sum((x - means[0]) ** 2 for x in fake) / len(fake)
        tensors = [torch.tensor(x, dtype=torch.float64) for x in (real, fake)]
        value = penalty(real=tensors[0], fake=tensors[1]).item()
        assert value == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert penalty.num_updates.item() == len(batches)


@pytest.mark.parametrize(("n", "m"), [(4, 2), (0, 0), (2, 0)])
def test_lecam_refuses_other_batches_before_its_means_move(n: int, m: int) -> None:
    penalty = LecamPenalty()
    with pytest.raises(ShapeError, match="real and fake must hold logits of as many samples"):
        penalty(real=torch.ones(n), fake=torch.ones(m))
    assert penalty.num_updates == penalty.real_mean == penalty.fake_mean == 0


def test_lecam_goes_on_from_its_state_and_stands_still_in_evaluation() -> None:
    penalty, resumed = LecamPenalty(), LecamPenalty()
    steps = torch.randn(5, 2, 4)
    for real, fake in steps[:3]:
        penalty(real=real, fake=fake)
    file = io.BytesIO()
    torch.save(penalty.state_dict(), file)
    file.seek(0)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    for real, fake in steps[3:]:
        assert torch.equal(penalty(real=real, fake=fake), resumed(real=real, fake=fake))
    before = {name: value.clone() for name, value in resumed.state_dict().items()}
    assert list(before) == ["real_mean", "fake_mean", "num_updates"]
    resumed.eval()(real=steps[0, 0], fake=steps[0, 1])
    assert all(torch.equal(before[name], value) for name, value in resumed.state_dict().items())


def test_lecam_has_the_means_of_the_whole_batch_in_two_processes() -> None:
    program = """
import os, tempfile, torch
from torch import distributed, multiprocessing
from stgan.losses import LecamPenalty

def work(rank, file):
    distributed.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
    logits = torch.randn(3, 2, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    mine = LecamPenalty().double()
    penalties = [mine(real=real[rank::2], fake=fake[rank::2]) for real, fake in logits]
    distributed.all_reduce(total := torch.stack(penalties))
    distributed.destroy_process_group()
    whole = LecamPenalty().double()
    expected = torch.stack([whole(real=real, fake=fake) for real, fake in logits])
    torch.testing.assert_close(mine.state_dict(), whole.state_dict())
    torch.testing.assert_close(total / 2, expected)

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.start_processes(
            work, (os.path.join(folder, "meet"),), nprocs=2, start_method="fork"
        )
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr


def test_lecam_may_be_called_twice_before_going_back() -> None:
    penalty, logits = LecamPenalty(decay=0.5), torch.ones(2, requires_grad=True)
    (penalty(real=logits, fake=-logits) + penalty(real=3 * logits, fake=-logits)).backward()
    # 2 (r - m_F) - 2 (f - m_R), then the same with r = 3, f = -1, m_R = 2, m_F = -1.
    assert logits.grad is not None
    assert logits.grad.tolist() == [(4 + 4) / 2 + (3 * 8 + 6) / 2] * 2


def _network() -> nn.ModuleDict:
    return nn.ModuleDict(
        {
            "conv": nn.Conv3d(4, 6, 3),
            "grouped": nn.ConvTranspose2d(4, 6, 3, groups=2),
            "linear": nn.Linear(5, 4),
            "normed": spectral_norm(nn.Conv2d(3, 4, 3)),
            "factorized": ConvTranspose1Plus2d(4, 3, 4, 2, 1),
            "table": nn.Embedding(7, 5),
            "weight_norm": weight_norm(nn.Linear(3, 2)),
            "recurrent": nn.GRU(3, 2),
        }
    )


def _orthogonal(network: nn.ModuleDict) -> dict[str, Tensor]:
    """What every weight of the network is charged, one by one."""
    penalty = functional.orthogonal_penalty
    charged: dict[str, Tensor] = {
        "conv": penalty(network["conv"].weight),
        "grouped": penalty(network["grouped"].weight, axis=1, groups=2),
        "linear": penalty(network["linear"].weight),
        "normed": penalty(network["normed"].parametrizations.weight.original),
        "time": penalty(network["factorized"].temporal.weight, axis=1),
        "space": penalty(network["factorized"].spatial.weight, axis=1),
        "input": penalty(network["recurrent"].weight_ih_l0),
        "hidden": penalty(network["recurrent"].weight_hh_l0),
    }
    return charged


def test_the_orthogonal_penalty_charges_every_weight_as_what_it_is() -> None:
    network = _network()
    charged = _orthogonal(network)
    assert min(charged.values()) > 0
    value = OrthogonalPenalty()(network, real=torch.zeros(1), label=torch.zeros(1))
    assert_close(value, torch.stack(list(charged.values())).sum())
    value.backward()
    for name in ("table", "weight_norm"):
        assert all(p.grad is None for p in network[name].parameters())


def test_following_the_orthogonal_penalty_makes_filters_orthogonal() -> None:
    layer = nn.Conv2d(4, 3, 2, bias=False)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    for _ in range(300):
        optimizer.zero_grad()
        OrthogonalPenalty()(layer).backward()
        optimizer.step()
    matrix = layer.weight.flatten(1)
    products = matrix @ matrix.mT
    assert_close(products, torch.diag(products.diagonal()), rtol=0, atol=1e-3)


def test_a_network_without_weights_is_refused() -> None:
    with pytest.raises(ValueError, match="Embedding has no weight with two axes or more"):
        OrthogonalPenalty()(nn.Embedding(3, 2))


def _values(network: nn.ModuleDict) -> dict[str, Tensor]:
    matrices = {
        "conv": network["conv"].weight.flatten(1),
        "linear": network["linear"].weight,
        "time": network["factorized"].temporal.weight.transpose(0, 1).flatten(1),
        "space": network["factorized"].spatial.weight.transpose(0, 1).flatten(1),
        "hidden": network["recurrent"].weight_hh_l0,
    }
    return {name: torch.linalg.svdvals(matrix.detach()) for name, matrix in matrices.items()}


@pytest.mark.parametrize("linear", [True, False])
def test_clipping_bounds_a_network_in_place(linear: bool) -> None:
    network = _network()
    before, others = _values(network), network["table"].weight.detach().clone()
    assert max(values.max() for values in before.values()) > 0.3
    assert clip_singular_values_(network, max_value=0.3, linear=linear) is network
    for name, values in _values(network).items():
        spared = not linear and name in ("linear", "hidden")
        assert_close(values, before[name] if spared else before[name].clamp(max=0.3))
    assert torch.equal(network["table"].weight, others)
    assert all(p.requires_grad for p in network.parameters())
    again = {name: value.clone() for name, value in network.state_dict().items()}
    clip_singular_values_(network, max_value=0.4, linear=linear)
    for name, value in network.state_dict().items():
        if linear or "factorized" in name:
            assert torch.equal(value, again[name])


def test_clipping_bounds_the_gain_of_batch_norm_by_its_deviation() -> None:
    norm = nn.BatchNorm3d(4)
    norm.running_var = torch.tensor([4.0, 4.0, 4.0, 0.25])
    norm.weight.data = torch.tensor([3.0, -1.0, 1.0, 0.4])
    clip_singular_values_(nn.Sequential(norm, nn.BatchNorm2d(2, affine=False)))
    assert_close(norm.weight.detach(), torch.tensor([2.0, 0.02, 1.0, 0.4]), rtol=1e-4, atol=0)
    slopes = norm.weight / (norm.running_var + norm.eps).sqrt()
    assert slopes.max() <= 1 + 1e-6


def test_a_bound_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ValueError, match="max_value must be positive, got -1"):
        clip_singular_values_(nn.Linear(2, 2), max_value=-1)
