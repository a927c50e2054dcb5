"""One training iteration: who steps first, on what, with which terms and weights."""

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks._agree import stepped_gradients
from examples.imaginator.config import LossSettings
from examples.imaginator.model import ImaGINator
from stgan.discriminators import StreamOutput
from stgan.functional import r1_penalty, r2_penalty
from stgan.layers import MinibatchStddev, SpectralNorm
from stgan.losses import NonSaturatingLoss, RelativisticPairingLoss
from stgan.training import View, build_objective, draw_step
from tests.examples.games import Game, game, step
from tests.strategies import SEEDS

ADVERSARIAL = NonSaturatingLoss()
TWO_FRAMES = {"name": "image", "sampler": {"name": "random_frames", "count": 2}}


def judged(gan: ImaGINator, video: Tensor, played: Game, **options: Any) -> Any:
    frames = played.draws["real"]["indices"]
    if gan.discriminator.with_image:
        options["image"] = played.batch["image"]
    return gan.discriminator(video, played.batch["label"], indices=frames, **options)


@pytest.mark.parametrize("order", ["discriminator_first", "generator_first"])
def test_the_second_to_step_sees_the_first_one_changed(order: Any) -> None:
    played = game(LossSettings(order=order))
    before = copy.deepcopy(played.gan)
    losses = step(played)
    with torch.no_grad():
        fake = before.generator(played.batch["image"], played.z, played.batch["label"])
        old, new = (judged(gan, fake, played)["video"] for gan in (before, played.gan))
    judge, other = (new, old) if order == "discriminator_first" else (old, new)
    torch.testing.assert_close(losses["generator/video"], ADVERSARIAL.generator(fake=judge))
    assert not torch.allclose(losses["generator/video"], ADVERSARIAL.generator(fake=other))


def test_each_network_learns_from_its_own_loss_alone() -> None:
    played = game(LossSettings(order="generator_first"))
    before = copy.deepcopy(played.gan)
    optimizer = torch.optim.SGD(played.gan.discriminator.parameters(), 0.1)
    with stepped_gradients(optimizer) as kept:
        step(played, optimizer)
    fake = before.generator(played.batch["image"], played.z, played.batch["label"]).detach()
    real_said, fake_said = (judged(before, x, played) for x in (played.batch["video"], fake))
    sum(
        ADVERSARIAL.discriminator(real=real_said[name], fake=fake_said[name])
        for name in ("video", "image")
    ).backward()  # type: ignore[union-attr]
    pairs = zip(
        played.gan.discriminator.parameters(), before.discriminator.parameters(), strict=True
    )
    for after, own in pairs:
        assert own.grad is not None
        torch.testing.assert_close(kept[after], own.grad)
        assert after.grad is None
    changed = zip(played.gan.generator.parameters(), before.generator.parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in changed)


SIMULTANEOUS: list[tuple[LossSettings, dict[str, Any]]] = [
    (LossSettings(), {}),
    (LossSettings(family="relativistic_pairing", penalties={"r1": 1.0, "r2": 1.0}),
     {"video": "first_frame_video", "augment": "diff_augment"}),
    (LossSettings(generator_terms={"feature_matching": 1.0, "mode_seeking": 1.0}),
     {"video": {"name": "video", "head": "auxiliary_classifier"}}),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "streams"), SIMULTANEOUS)
def test_one_pass_for_both_is_the_generator_first(
    loss: LossSettings, streams: dict[str, Any]
) -> None:
    played = [
        game(replace(loss, order=order), **streams)  # type: ignore[arg-type]
        for order in ("generator_first", "simultaneous")
    ]
    one_by_one, at_once = (step(each) for each in played)
    assert one_by_one.keys() == at_once.keys()
    for name, value in one_by_one.items():
        torch.testing.assert_close(at_once[name], value)
    for (name, expected), found in zip(
        played[0].gan.named_parameters(), played[1].gan.parameters(), strict=True
    ):
        torch.testing.assert_close(found, expected, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize(
    ("loss", "streams"),
    [
        *SIMULTANEOUS,
        (LossSettings(penalties={"lecam": 0.1}), {"video": "pair"}),
        (LossSettings(), {"image": {"name": "image_residual", "sampler": "all_frames"}}),
    ],
)
def test_one_call_for_real_and_generated_clips_is_two(
    loss: LossSettings, streams: dict[str, Any]
) -> None:
    played = [game(loss, **streams, one_call=one) for one in (False, True)]
    apart, together = (step(each) for each in played)
    for name, value in apart.items():
        torch.testing.assert_close(together[name], value)
    for (name, expected), found in zip(
        played[0].gan.named_parameters(), played[1].gan.parameters(), strict=True
    ):
        torch.testing.assert_close(found, expected, msg=lambda text, name=name: f"{name}: {text}")


def test_one_call_iterates_spectral_norms_once() -> None:
    calls: list[int] = []
    for one_call in (False, True):
        played = game(LossSettings(order="generator_first"), one_call=one_call)
        played.gan.discriminator.register_forward_pre_hook(
            lambda _, given: calls.append(len(given[0]))
        )
        step(played)
    # The generator's step, then that of the discriminators.
    assert calls == [2, 2, 2, 2, 4]


@pytest.mark.parametrize(
    ("order", "one_call", "uses"),
    [
        ("simultaneous", True, 1),
        ("simultaneous", False, 1),
        ("generator_first", True, 2),
        ("generator_first", False, 3),
    ],
)
def test_how_often_an_iteration_normalizes_each_weight(
    order: Any, one_call: bool, uses: int
) -> None:
    played = game(LossSettings(order=order), one_call=one_call)
    found: list[nn.Module] = []
    norms = [m for m in played.gan.discriminator.modules() if isinstance(m, SpectralNorm)]
    for norm in norms:
        norm.register_forward_hook(lambda module, *_: found.append(module))
    step(played)
    assert norms
    assert [found.count(norm) for norm in norms] == [uses] * len(norms)


@pytest.mark.parametrize("coupled", [nn.BatchNorm2d(3), MinibatchStddev(3)])
def test_what_looks_at_whole_batches_is_called_twice(coupled: nn.Module) -> None:
    critic = game().gan.discriminator
    assert not build_objective({}, critic).whole_batch
    critic.video.add_module("coupled", coupled)
    assert build_objective({}, critic).whole_batch


def test_a_counter_of_torch_can_follow_one_pass_for_both() -> None:
    with FlopCounterMode(display=False) as counter:
        step(game(LossSettings(order="simultaneous")))
    assert counter.get_total_flops() > 0


def test_a_family_that_compares_is_told_what_the_streams_say_of_real_clips() -> None:
    played = game(LossSettings(family="relativistic_pairing", order="generator_first"))
    before, family = copy.deepcopy(played.gan), RelativisticPairingLoss()
    losses = step(played)
    with torch.no_grad():
        fake = before.generator(played.batch["image"], played.z, played.batch["label"])
        said, real = (judged(before, x, played) for x in (fake, played.batch["video"]))
    for name in ("video", "image"):
        expected = family.generator(fake=said[name], real=real[name])
        torch.testing.assert_close(losses[f"generator/{name}"], expected)


def opinions(seed: int) -> dict[str, StreamOutput]:
    draws = torch.Generator().manual_seed(seed)
    return {
        name: StreamOutput(torch.randn(2, generator=draws), {}, ()) for name in ("video", "image")
    }


@given(SEEDS)
def test_totals_are_the_weighted_sums_of_their_terms(seed: int) -> None:
    weights = LossSettings(
        reconstruction=7.0, video=2.0, image=3.0, generator_terms={"frame_difference": 5.0},
        penalties={"lecam": 0.5}, penalty_every=4,
    )  # fmt: skip
    played = game(weights)
    fake, said, real = torch.randn(2, 3, 4, 16, 16), opinions(seed), opinions(seed + 1)
    terms = played.objective.generator(said, fake=fake, real=played.batch["video"])
    difference = (fake.diff(dim=2) - played.batch["video"].diff(dim=2)).abs().mean()
    by_hand = (
        7 * (fake - played.batch["video"]).abs().mean()
        + 2 * ADVERSARIAL.generator(fake=said["video"].logits)
        + 3 * ADVERSARIAL.generator(fake=said["image"].logits)
        + 5 * difference
    )
    torch.testing.assert_close(terms["generator/total"], by_hand)
    critic, view = played.gan.discriminator, View(fake)
    due = played.objective.discriminator(critic, real, said, real=view, fake=view)
    # A penalty that is due every four steps counts four times.
    torch.testing.assert_close(
        due["discriminator/total"],
        due["discriminator/video"] + due["discriminator/image"] + 2 * due["discriminator/lecam"],
    )
    played.objective.advance({name: said.logits for name, said in real.items()})
    rest = played.objective.discriminator(critic, real, said, real=view, fake=view)
    assert "discriminator/lecam" not in rest
    torch.testing.assert_close(
        rest["discriminator/total"], rest["discriminator/video"] + rest["discriminator/image"]
    )


def test_penalties_are_of_each_stream_by_itself_on_what_it_was_shown() -> None:
    played = game(
        LossSettings(penalties={"r1": 1.0, "r2": 1.0}),
        video="first_frame_video", image=TWO_FRAMES, augment="diff_augment",
    )  # fmt: skip
    before = copy.deepcopy(played.gan)
    losses = step(played)
    image, label, draws = played.batch["image"], played.batch["label"], played.draws
    fake = before.generator(image, played.z, label).detach()
    for name, clips, rows, penalty in (
        ("r1", played.batch["video"], draws["real"], r1_penalty),
        ("r2", fake, draws["fake"], r2_penalty),
    ):
        view = View(clips, label, image, rows["indices"])
        shown = played.objective.view(view, rows["augment"])
        side = {"real" if name == "r1" else "fake": shown.video}
        expected = sum(
            penalty(
                before.discriminator, **side, label=label, image=shown.image,
                indices=shown.indices, only=(stream,),
            ).mean()
            for stream in ("video", "image")
        )  # fmt: skip
        torch.testing.assert_close(losses[f"discriminator/{name}"], expected)
        assert not torch.equal(shown.video, clips)


def test_real_and_generated_clips_are_augmented_before_both_players() -> None:
    plain, changed = game(), game(augment={"name": "diff_augment", "policies": ["translation"]})
    before = copy.deepcopy(changed.gan)
    losses, without = step(changed), step(plain)
    assert not torch.equal(losses["discriminator/video"], without["discriminator/video"])
    # What is compared with the real clip is not augmented.
    assert torch.equal(losses["generator/reconstruction"], without["generator/reconstruction"])
    with torch.no_grad():
        draws, batch = changed.draws, changed.batch
        fake = before.generator(batch["image"], changed.z, batch["label"])
        shown = changed.objective.view(View(fake), draws["fake"]["augment"])
        real = changed.objective.view(View(batch["video"]), draws["real"]["augment"])
        said, said_real = (judged(before, x.video, changed)["video"] for x in (shown, real))
    torch.testing.assert_close(
        losses["discriminator/video"], ADVERSARIAL.discriminator(real=said_real, fake=said)
    )


def test_ada_follows_what_is_said_of_real_clips() -> None:
    played = game(augment={"name": "ada", "adapt": {"ramp": 16}})
    assert played.objective.state_dict()["augment.augment.probability"] == 0
    for _ in range(4):  # it moves after four updates of two clips, by half of its way
        played.objective.advance({"video": torch.ones(2)})
    assert played.objective.state_dict()["augment.augment.probability"] == 0.5
    fixed = game(augment={"name": "ada", "probability": 0.25, "adapt": None})
    for _ in range(4):
        fixed.objective.advance({"video": torch.ones(2)})
    assert fixed.objective.state_dict()["augment.probability"] == 0.25


def test_singular_values_are_clipped_every_so_many_steps() -> None:
    free = {"spectral_norm": False, "init_std": 0.5}
    loss = LossSettings(clip_singular_values_every=2)
    played = game(loss, video={"name": "video", **free}, image={"name": "image", **free})
    weights = [w for w in played.gan.discriminator.parameters() if w.ndim > 1]

    def largest() -> float:
        return max(torch.linalg.matrix_norm(w.flatten(1), 2).item() for w in weights)

    assert largest() > 1.5
    step(played)
    assert largest() < 1 + 1e-4
    with torch.no_grad():
        weights[0].mul_(3)
    step(played)
    assert largest() > 1.5
    assert played.objective.schedules.state_dict()["clipping"] == {"every": 2, "phase": 0}
    resumed = game(loss, video={"name": "video", **free}, image={"name": "image", **free}).objective
    resumed.schedules.load_state_dict({"penalties": {"every": 1, "phase": 0},
                                 "clipping": {"every": 2, "phase": 1}})  # fmt: skip
    assert resumed.schedules.state_dict()["clipping"]["phase"] == 1


def test_the_given_image_is_what_a_conditioned_stream_sees() -> None:
    played = game(video="first_frame_video", image="first_frame_image")
    losses = step(played)
    other = game(video="first_frame_video", image="first_frame_image")
    other.batch["image"] = torch.zeros_like(other.batch["image"])
    with torch.no_grad():
        # The same clips, so only the image beside them differs.
        fake = torch.zeros(2, 3, 4, 16, 16)
        a, b = (judged(other.gan, fake, x) for x in (played, other))
    assert not torch.allclose(a["video"], b["video"])
    assert not torch.allclose(a["image"], b["image"])
    assert {"generator/video", "generator/image"} <= set(losses)


def test_mode_seeking_compares_clips_of_two_noises() -> None:
    played = game(LossSettings(generator_terms={"mode_seeking": 1.0}, order="generator_first"))
    before = copy.deepcopy(played.gan)
    losses = step(played)
    other_z = played.draws["other_z"]
    with torch.no_grad():
        image, label = played.batch["image"], played.batch["label"]
        one, two = (before.generator(image, z, label) for z in (played.z, other_z))
    distance = (one - two).abs().flatten(1).mean(dim=1)
    noise = (played.z - other_z).abs().flatten(1).mean(dim=1)
    expected = (noise / (distance + 1e-5)).mean()
    torch.testing.assert_close(losses["generator/mode_seeking"], expected, rtol=1e-3, atol=0)


@pytest.mark.parametrize(
    ("head", "terms"),
    [
        ("auxiliary_classifier", {"video_label"}),
        ({"name": "infogan", "code_dim": 2}, {"video_code"}),
    ],
)
def test_what_heads_predict_is_a_term_of_both_players(head: Any, terms: set[str]) -> None:
    losses = step(game(LossSettings(prediction=0.5), video={"name": "video", "head": head}))
    for player in ("generator", "discriminator"):
        assert {f"{player}/{name}" for name in terms} <= set(losses)
        own = sum(losses[f"{player}/{name}"] for name in terms)
        rest = [losses[f"{player}/{name}"] for name in ("video", "image")]
        rest += [100 * losses["generator/reconstruction"]] if player == "generator" else []
        torch.testing.assert_close(losses[f"{player}/total"], torch.stack(rest).sum() + 0.5 * own)


def test_draws_done_again_are_the_same() -> None:
    options: dict[str, Any] = {"augment": "diff_augment", "image": TWO_FRAMES}
    played, again = game(**options), game(**options)
    torch.testing.assert_close(played.draws, again.draws, rtol=0, atol=0)
    apart = draw_step(
        played.gan.discriminator, played.objective, num_clips=2, num_frames=4, z_dim=5,
        same_frames=False, generator=torch.Generator().manual_seed(3),
    )  # fmt: skip
    assert not torch.equal(apart["real"]["indices"], apart["fake"]["indices"])
    assert torch.equal(played.draws["real"]["indices"], played.draws["fake"]["indices"])
