"""The objective and the players' steps, on a GAN that knows nothing of the recipe."""

import copy
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from stgan.discriminators import (
    ImageDiscriminator,
    RandomFrames,
    TwoStreamDiscriminator,
    VideoDiscriminator,
)
from stgan.errors import ConfigError
from stgan.losses import (
    AdversarialLoss,
    FrameDifferenceLoss,
    HingeLoss,
    L1Loss,
    LecamPenalty,
    LossTerm,
    ModeSeekingPenalty,
    NonSaturatingLoss,
    R1Penalty,
)
from stgan.training import (
    FiniteGuard,
    GANStep,
    HealthMonitor,
    Objective,
    Player,
    View,
    cut_tree,
    discriminate,
    discriminate_pair,
    draw_step,
)
from tests.strategies import SEEDS

SIZE = (4, 8, 8)


class Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 3 * 4 * 8 * 8)

    def forward(self, z: Tensor) -> Tensor:
        video: Tensor = self.linear(z).tanh().view(-1, 3, *SIZE)
        return video


class Game:
    """Networks in float64 with a plain optimizer, a batch and its draws."""

    def __init__(self, adversarial: AdversarialLoss | None = None, **objective: Any) -> None:
        torch.manual_seed(0)
        self.generator = Generator().double()
        small: dict[str, Any] = {"base_channels": 2, "spectral_norm": False, "init_std": 0.3}
        self.discriminator = TwoStreamDiscriminator(
            video=VideoDiscriminator(SIZE, num_classes=2, **small),
            image=ImageDiscriminator(SIZE[1:], **small),
            sampler=RandomFrames(2),
        ).double()
        family = adversarial or NonSaturatingLoss()
        self.objective = Objective(self.discriminator, family, **objective)
        draws = torch.Generator().manual_seed(1)
        self.batch = {
            "video": torch.rand(4, 3, *SIZE, generator=draws).double() * 2 - 1,
            "label": torch.tensor([0, 1, 1, 0]),
        }
        self.draws = draw_step(
            self.discriminator, self.objective, num_clips=4, num_frames=4, z_dim=5, generator=draws
        )
        self.draws["z"] = self.draws["z"].double()
        if self.draws["other_z"] is not None:
            self.draws["other_z"] = self.draws["other_z"].double()

    def step(self, **options: Any) -> GANStep:
        networks = {"generator": self.generator, "discriminator": self.discriminator}
        watch = {name: options.pop(name, None) for name in ("guard", "health")}
        players = [
            Player(name, network, torch.optim.SGD(network.parameters(), 0.1), **watch)
            for name, network in networks.items()
        ]
        generate = lambda batch, z: self.generator(z)  # noqa: E731
        return GANStep(*players, generate=generate, objective=self.objective, **options)

    def play(self, **options: Any) -> dict[str, Tensor]:
        return self.step(**options)(self.batch, self.draws)


def same(one: Game, other: Game) -> None:
    for network in ("generator", "discriminator"):
        torch.testing.assert_close(
            getattr(one, network).state_dict(), getattr(other, network).state_dict()
        )


ORDERS = ("discriminator_first", "generator_first", "simultaneous")


@given(st.sampled_from(ORDERS), st.sampled_from([2, 4]), st.booleans())
def test_a_step_in_parts_is_the_step_as_a_whole(order: Any, parts: int, one_call: bool) -> None:
    terms = {"reconstruction": (L1Loss(), 10.0), "motion": (FrameDifferenceLoss(), 2.0)}
    whole, cut = (Game(generator=terms, penalties={"r1": (R1Penalty(), 0.5)}) for _ in range(2))
    losses = whole.play(order=order)
    found = cut.play(order=order, accumulate=parts, one_call=one_call)
    torch.testing.assert_close(found, losses)
    same(whole, cut)


@given(SEEDS)
def test_two_calls_say_what_one_says(seed: int) -> None:
    game = Game()
    draws = torch.Generator().manual_seed(seed)
    real, fake = (
        View(torch.rand(4, 3, *SIZE, generator=draws).double(), game.batch["label"], None,
             game.draws["real"]["indices"])
        for _ in range(2)
    )  # fmt: skip
    apart = discriminate_pair(game.discriminator, real, fake, detailed=True, one_call=False)
    together = discriminate_pair(game.discriminator, real, fake, detailed=True)
    torch.testing.assert_close(together, apart)
    alone = discriminate(game.discriminator, real)
    torch.testing.assert_close(alone["image"].logits, apart[0]["image"].logits)
    assert alone["video"].features == ()


def test_cutting_a_tree_keeps_its_form() -> None:
    tree = {"a": torch.arange(4), "b": {"c": None, "d": (torch.arange(8).view(4, 2),)}}
    found = cut_tree(tree, slice(1, 3))
    assert found["a"].tolist() == [1, 2]
    assert found["b"]["c"] is None
    assert found["b"]["d"][0].tolist() == [[2, 3], [4, 5]]


class Brightness(LossTerm):
    """A term of another package: the loop knows nothing of it but what it says of itself."""

    player, takes = "generator", "clips"

    def forward(self, *, fake: Tensor, real: Tensor) -> Tensor:
        return (fake.mean() - real.mean()).square()


class Flat(LossTerm):
    player, takes, side = "discriminator", "slopes", "fake"

    def forward(self, discriminator: Any, *, fake: Tensor, real: Tensor, **given: Any) -> Tensor:
        assert set(given) == {"only", "label", "indices"}
        return sum(x.square().mean() for x in discriminator(fake, **given).values())  # type: ignore


def test_terms_of_others_work_as_those_of_the_library() -> None:
    game = Game(generator={"light": (Brightness(), 3.0)}, penalties={"flat": (Flat(), 2.0)})
    losses = game.play(order="generator_first")
    clips = Game().generator(game.draws["z"])
    expected = (clips.mean() - game.batch["video"].mean()).square()
    torch.testing.assert_close(losses["generator/light"], expected.detach())
    rest = losses["discriminator/video"] + losses["discriminator/image"]
    total = rest + 2 * losses["discriminator/flat"]
    torch.testing.assert_close(losses["discriminator/total"], total)


def test_a_term_that_compares_two_noises_sees_both() -> None:
    game = Game(generator={"modes": (ModeSeekingPenalty(), 1.0)})
    assert game.play()["generator/modes"] > 0


def test_what_a_penalty_remembers_is_of_each_stream() -> None:
    game = Game(HingeLoss(), penalties={"lecam": (LecamPenalty(), 0.1)})
    game.play()
    state = game.objective.state_dict()
    assert {name for name in state if "real_mean" in name} == {
        "penalties.lecam.video.real_mean", "penalties.lecam.image.real_mean"
    }  # fmt: skip
    assert state["penalties.lecam.video.num_updates"] == 1


def test_penalties_are_due_every_so_many_steps_and_as_many_times_as_heavy() -> None:
    game = Game(penalties={"r1": (R1Penalty(), 0.5)}, penalty_every=3)
    step, seen = game.step(), []
    for _ in range(4):
        losses = step(game.batch, game.draws)
        seen.append("discriminator/r1" in losses)
        if seen[-1]:
            rest = losses["discriminator/video"] + losses["discriminator/image"]
            expected = rest + 1.5 * losses["discriminator/r1"]
            torch.testing.assert_close(losses["discriminator/total"], expected)
    assert seen == [True, False, False, True]
    assert game.objective.schedules.state_dict() == {"penalties": {"every": 3, "phase": 1}}


def test_who_steps_second_sees_the_first_one_changed() -> None:
    first, second = (Game() for _ in range(2))
    before = copy.deepcopy(first.discriminator)
    losses = first.play(order="discriminator_first")
    other = second.play(order="generator_first")
    # The clips were made before either step, so the discriminators see the same in both orders.
    torch.testing.assert_close(losses["discriminator/total"], other["discriminator/total"])
    clips = View(Game().generator(first.draws["z"]), first.batch["label"], None,
                 first.draws["fake"]["indices"])  # fmt: skip
    for judge, found in ((first.discriminator, losses), (before, other)):
        said = discriminate(judge, clips)["video"].logits
        expected = NonSaturatingLoss().generator(fake=said).detach()
        torch.testing.assert_close(found["generator/video"], expected)
    assert not torch.allclose(losses["generator/video"], other["generator/video"])


def test_a_guard_skips_what_is_not_finite_and_health_is_measured() -> None:
    game = Game(generator={"reconstruction": (L1Loss(), 1.0)})
    networks = {"generator": game.generator, "discriminator": game.discriminator}
    guard, health = FiniteGuard(networks, skip=2), HealthMonitor()
    step = game.step(guard=guard, health=health)
    before = copy.deepcopy(game.generator.state_dict())
    game.batch["video"][0, 0, 0, 0, 0] = torch.nan
    step(game.batch, game.draws)
    assert guard.skipped == 2
    torch.testing.assert_close(game.generator.state_dict(), before, rtol=0, atol=0)
    game.batch["video"].nan_to_num_(0.0)
    step(game.batch, game.draws, due=True)
    assert {"health/gradient/generator", "health/diversity/fake"} <= set(health.read())


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "the other player's": (
        {"generator": {"r1": (R1Penalty(), 1.0)}},
        "must be a loss or penalty that says so of itself, got a R1Penalty, which says disc",
    ),
    "no term": (
        {"penalties": {"l": (nn.Linear(1, 1), 1.0)}},
        "got a Linear, which says nothing; derive it from LossTerm",
    ),
    "a negative weight": (
        {"generator": {"l1": (L1Loss(), -1.0)}},
        "the term 'l1' must have a finite weight of at least 0, got -1.0",
    ),
    "no weight at all": (
        {"stream_weights": {"video": 0.0, "image": 0.0}},
        "the generator has nothing to minimize; give a stream or a term a weight",
    ),
    "a stream that there is not": (
        {"stream_weights": {"vidoe": 1.0}},
        "stream_weights has no stream named 'vidoe'; did you mean 'video'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_objective_is_refused_where_it_is_built(case: str) -> None:
    options, message = REFUSED[case]
    with pytest.raises((ConfigError, KeyError), match=message):
        Game(**options)
