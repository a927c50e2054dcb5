"""Each stream judges what its sampler shows it, and nothing else; indices serve real and fake."""

import copy
import json
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import stgan
from stgan.discriminators import (
    AllFrames,
    AuxiliaryClassifierHead,
    FirstFrameImageDiscriminator,
    FirstFrameVideoDiscriminator,
    ImageDiscriminator,
    PairDiscriminator,
    PatchHead,
    RandomFrames,
    SparseSpan,
    StreamSpec,
    TwoStreamDiscriminator,
)
from stgan.errors import ShapeError
from stgan.functional import fold_time, r1_penalty, take_frames
from stgan.shapes import plan
from tests.discriminators.small_networks import (
    LABEL,
    SIZE,
    TINY,
    clips,
    image_network,
    three_streams,
    video_network,
)
from tests.strategies import SEEDS


@settings(max_examples=10)
@given(SEEDS)
def test_a_stream_depends_on_its_sampled_frames_alone(seed: int) -> None:
    critic, video = three_streams(), clips()
    indices = critic.sample(video, generator=torch.Generator().manual_seed(seed))
    logits = critic(video, LABEL, indices=indices)
    assert list(indices) == ["image", "short", "still"]
    for name, drawn in indices.items():
        at = drawn[:, None, :, None, None].expand(-1, 3, -1, *SIZE[1:])
        unseen = clips(1).scatter(2, at, take_frames(video, drawn))
        again = critic(unseen, LABEL, indices=indices)
        torch.testing.assert_close(again[name], logits[name])
        assert not torch.allclose(again["video"], logits["video"])
        seen = video.scatter_add(2, at, torch.ones_like(take_frames(video, drawn)))
        assert not torch.allclose(critic(seen, LABEL, indices=indices)[name], logits[name])


def test_every_stream_is_its_network_on_its_frames() -> None:
    critic, video = three_streams(), clips()
    indices = critic.sample(video)
    logits = critic(video, LABEL, indices=indices)
    torch.testing.assert_close(logits["video"], critic.video(video, LABEL))
    torch.testing.assert_close(logits["short"], critic.short(take_frames(video, indices["short"])))
    for name, given_label in (("image", False), ("still", True)):
        frames = take_frames(video, indices[name])
        alone = [
            getattr(critic, name)(frames[:, :, k], *([LABEL] if given_label else []))
            for k in range(2)
        ]
        torch.testing.assert_close(logits[name], torch.stack(alone).mean(dim=0))


def test_the_same_draw_serves_any_clips() -> None:
    critic = three_streams()
    indices = critic.sample(clips(), generator=torch.Generator().manual_seed(0))
    again = critic.sample(clips(1), generator=torch.Generator().manual_seed(0))
    assert all(torch.equal(indices[name], again[name]) for name in indices)
    by_draw = critic(clips(1), LABEL, generator=torch.Generator().manual_seed(0))
    by_hand = critic(clips(1), LABEL, indices=indices)
    assert all(torch.equal(by_draw[name], by_hand[name]) for name in by_hand)


def test_with_one_sampling_stream_indices_are_a_tensor_or_named() -> None:
    critic = TwoStreamDiscriminator(video=video_network(), image=image_network()).eval()
    indices = critic.sample(clips())
    assert tuple(indices.shape) == (3, 1)
    logits = critic(clips(), indices=indices)
    named = critic(clips(), indices={"image": indices})
    assert torch.equal(logits["image"], named["image"])
    # A sampler that is exchanged later counts.
    critic.sampler = AllFrames()
    assert tuple(critic.sample(clips()).shape) == (3, 4)


def test_without_samplers_whole_clips_are_seen_and_nothing_is_drawn() -> None:
    critic = TwoStreamDiscriminator(
        video=video_network(), streams={"all": StreamSpec(image_network(), takes="frames")}
    ).eval()
    video = clips()
    state = torch.get_rng_state()
    assert critic.sample(video) == {}
    logits = critic(video, indices={})
    assert torch.equal(torch.get_rng_state(), state)
    each = critic.all(fold_time(video)).reshape(3, 4)
    torch.testing.assert_close(logits["all"], each.mean(dim=1))
    assert critic.output_shape(video.shape) == {"video": (3,), "all": (3,)}


def test_usual_streams_may_come_with_a_spec() -> None:
    image = StreamSpec(image_network(), takes="frames", sampler=RandomFrames(2), weight=0.25)
    critic = TwoStreamDiscriminator(image=image).eval()
    assert critic.weights == {"image": 0.25}
    indices = critic.sample(clips())
    assert tuple(indices.shape) == (3, 2)
    frames = fold_time(take_frames(clips(), indices))
    expected = critic.image(frames).reshape(3, 2).mean(dim=1)
    torch.testing.assert_close(critic(clips(), indices=indices)["image"], expected)


def test_a_timed_stream_is_told_when_its_frames_were() -> None:
    class Times(nn.Module):
        def forward(self, video: Tensor, *, indices: Tensor) -> Tensor:
            assert indices.shape == (len(video), video.shape[2])
            return indices.sum(dim=1).to(video)

    spec = partial(StreamSpec, Times(), timed=True)
    critic = TwoStreamDiscriminator(streams={"some": spec(sampler=SparseSpan(2)), "all": spec()})
    indices = critic.sample(clips())
    logits = critic(clips(), indices=indices)
    assert torch.equal(logits["some"], indices.sum(dim=1).float())
    assert logits["all"].tolist() == [6.0, 6.0, 6.0]


def test_a_pair_stream_judges_its_frames_by_their_distance() -> None:
    torch.manual_seed(0)
    pair = PairDiscriminator((8, 8), num_frames=4, network=partial(ImageDiscriminator, **TINY))
    critic = TwoStreamDiscriminator(
        streams={"pair": StreamSpec(pair, sampler=RandomFrames(2), timed=True)}
    ).eval()
    still = clips()[:, :, :1].expand(-1, -1, 4, -1, -1)
    near, far = (critic(still, indices=torch.tensor([[0, t]] * 3))["pair"] for t in (1, 3))
    assert not torch.allclose(near, far)


def conditioned() -> TwoStreamDiscriminator:
    torch.manual_seed(0)
    return TwoStreamDiscriminator(
        video=StreamSpec(FirstFrameVideoDiscriminator(SIZE, **TINY), with_image=True),
        image=image_network(),
        streams={
            "beside": StreamSpec(
                FirstFrameImageDiscriminator(8, **TINY), sampler=RandomFrames(2), with_image=True
            )
        },
    ).eval()


@settings(max_examples=5)
@given(SEEDS)
def test_the_given_image_reaches_the_streams_that_see_it_and_no_other(seed: int) -> None:
    critic, video, image = conditioned(), clips(seed), clips(seed + 1)[:, :, 0]
    indices = critic.sample(video)
    logits = critic(video, image=image, indices=indices)
    torch.testing.assert_close(logits["video"], critic.video(video, image=image))
    torch.testing.assert_close(
        logits["beside"], critic.beside(take_frames(video, indices["beside"]), image=image)
    )
    without = critic(video, indices=indices)
    torch.testing.assert_close(without["video"], critic.video(video))
    assert torch.equal(without["image"], logits["image"])
    assert not torch.allclose(without["video"], logits["video"])


def test_a_conditioned_stream_tells_details_too() -> None:
    critic = conditioned()
    logits = critic.video(clips())
    details = critic.video(clips(), detailed=True)
    assert torch.equal(details.logits, logits)
    assert len(details.features) == len(critic.video.network.stages)


@settings(max_examples=8)
@given(st.sets(st.sampled_from(["video", "image", "short", "still"]), min_size=1))
def test_only_the_streams_that_are_asked_answer(names: set[str]) -> None:
    critic, video = three_streams(), clips()
    indices = critic.sample(video)
    everything = critic(video, LABEL, indices=indices)
    some = critic(video, LABEL, indices=indices, only=names)
    assert list(some) == [name for name in everything if name in names]
    assert all(torch.equal(some[name], everything[name]) for name in some)
    # A penalty on one stream does not reach the others.
    penalty = r1_penalty(critic, real=video, label=LABEL, indices=indices, only=names).sum()
    penalty.backward()
    for name in everything:
        network = critic.get_submodule(name)
        reached = any(p.grad is not None and p.grad.any() for p in network.parameters())
        assert reached == (name in names)


def test_a_stream_of_several_outputs_names_each() -> None:
    class Two(nn.Module):
        def forward(self, video: Tensor) -> dict[str, Tensor]:
            return {"mean": video.flatten(1).mean(dim=1), "map": video.mean(dim=1)}

        def output_shape(self, video: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
            return {"mean": (video[0],), "map": (video[0], *video[2:])}

    critic = TwoStreamDiscriminator(
        video=video_network(), streams={"two": StreamSpec(Two(), patch=True, weight=3)}
    )
    logits = critic(clips())
    shapes = {name: tuple(value.shape) for name, value in logits.items()}
    assert shapes == critic.output_shape((3, 3, *SIZE))
    assert shapes == {"video": (3,), "two.mean": (3,), "two.map": (3, *SIZE)}
    losses = {name: torch.tensor(10.0**i) for i, name in enumerate(logits)}
    assert critic.weighted(losses).item() == 1 + 3 * 10 + 3 * 100


class Maps(nn.Module):
    def forward(self, video: Tensor) -> Tensor:
        return video.mean(1)


def test_maps_of_logits_are_told_of_by_the_network_or_by_its_spec() -> None:
    torch.manual_seed(0)
    network = image_network(head=PatchHead)
    critic = TwoStreamDiscriminator(
        streams={"patch": StreamSpec(network, "frames", RandomFrames(2))}
    ).eval()
    indices = critic.sample(clips())
    logits = critic(clips(), indices=indices)["patch"]
    frames = fold_time(take_frames(clips(), indices))
    expected = critic.patch(frames).unflatten(0, (3, 2)).mean(dim=1)
    torch.testing.assert_close(logits, expected)
    assert logits.ndim == 3
    assert critic.output_shape((3, 3, *SIZE)) == {"patch": tuple(logits.shape)}
    assert TwoStreamDiscriminator(image=network)(clips())["image"].ndim == 3
    with pytest.raises(
        ShapeError, match=r"the video stream must return one logit per sample, \(3,\)"
    ):
        TwoStreamDiscriminator(video=StreamSpec(Maps(), labeled=False))(clips())


def test_weighted_losses_add_up_and_keep_their_samples() -> None:
    critic = three_streams()
    losses = {name: torch.randn(5) for name in critic.weights}
    expected = losses["video"] + losses["image"] + losses["short"] / 2 + losses["still"] * 2
    torch.testing.assert_close(critic.weighted(losses), expected)
    mean = critic.weighted({name: loss.mean() for name, loss in losses.items()})
    torch.testing.assert_close(mean, expected.mean())


def test_details_come_by_stream() -> None:
    torch.manual_seed(0)
    critic = TwoStreamDiscriminator(
        video=video_network(head=partial(AuxiliaryClassifierHead, num_classes=3)),
        image=image_network(head=partial(AuxiliaryClassifierHead, num_classes=3)),
        sampler=RandomFrames(2),
    ).eval()
    indices = critic.sample(clips())
    logits = critic(clips(), indices=indices)
    details = critic(clips(), indices=indices, detailed=True)
    assert list(details) == ["video", "image"]
    assert all(torch.equal(details[name].logits, logits[name]) for name in logits)
    video = critic.video(clips(), detailed=True)
    assert torch.equal(details["video"].predictions["label"], video.predictions["label"])
    frames = critic.image(fold_time(take_frames(clips(), indices)), detailed=True)
    torch.testing.assert_close(
        details["image"].predictions["label"],
        frames.predictions["label"].reshape(3, 2, 3).mean(dim=1),
    )
    for got, expected in zip(details["image"].features, frames.features, strict=True):
        assert torch.equal(got, expected)


def test_shapes_are_promised_for_drawn_and_for_given_indices() -> None:
    critic = three_streams()
    promised = dict.fromkeys(critic.weights, (3,))
    assert {n: tuple(v.shape) for n, v in critic(clips(), LABEL).items()} == promised
    state = torch.get_rng_state()
    assert critic.output_shape((3, 3, *SIZE)) == promised
    assert torch.equal(torch.get_rng_state(), state)
    shapes = {"image": (3, 1), "short": (3, 2), "still": (3, 4)}
    assert critic.output_shape((3, 3, *SIZE), (3,), shapes) == promised
    with pytest.raises(ShapeError, match=r"T=2, H=8, W=8\), got \(3, 3, 3, 8, 8\)"):
        critic.output_shape((3, 3, *SIZE), (3,), shapes | {"short": (3, 3)})
    with pytest.raises(ShapeError, match=r"indices must be laid out as \(N=3, k\), got \(2, 1\)"):
        critic.output_shape((3, 3, *SIZE), (3,), shapes | {"image": (2, 1)})


def test_a_configuration_builds_the_same_again() -> None:
    critic = three_streams()
    config = json.loads(json.dumps(stgan.to_config(critic)))
    twin = stgan.build(config).eval()
    twin.load_state_dict(critic.state_dict())
    assert twin.weights == critic.weights
    assert stgan.to_config(twin) == config
    indices = critic.sample(clips())
    for other in (twin, copy.deepcopy(critic)):
        logits = other(clips(), LABEL, indices=indices)
        for name, expected in critic(clips(), LABEL, indices=indices).items():
            assert torch.equal(logits[name], expected)


def test_a_deep_copy_shares_no_network() -> None:
    critic = three_streams()
    twin = copy.deepcopy(critic)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    assert all(p.abs().sum() > 0 for n, p in critic.named_parameters() if n.endswith("original"))
    assert critic.sample(clips()).keys() == twin.sample(clips()).keys()


def test_weights_have_the_names_of_their_streams() -> None:
    names = {name.partition(".")[0] for name in three_streams().state_dict()}
    assert names == {"video", "image", "short", "still"}


def test_it_compiles_and_penalties_take_it_as_it_is() -> None:
    critic, video = three_streams(), clips()
    indices = critic.sample(video)
    compiled = torch.compile(critic, fullgraph=True, backend="aot_eager")
    got, expected = (f(video, LABEL, indices=indices) for f in (compiled, critic))
    for name in expected:
        torch.testing.assert_close(got[name], expected[name])
    penalty = r1_penalty(critic, real=video, label=LABEL, indices=indices)
    assert penalty.shape == (3,)
    assert (penalty > 0).all()


@pytest.mark.parametrize("name", stgan.list("samplers"))
def test_a_compiled_critic_draws_for_batches_of_any_size(name: str) -> None:
    example = stgan.info("samplers", name).example
    sampler = stgan.create("samplers", name, **(example.settings if example else {}))
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 1), nn.Flatten(0))
    critic = TwoStreamDiscriminator(image=network, sampler=sampler)
    torch.compiler.reset()
    compiled = torch.compile(critic, fullgraph=True, backend="aot_eager")
    for size in (2, 5, 1, 3):
        video = torch.rand(size, 3, 6, 4, 4)
        answers = []
        for call in (critic, compiled):
            torch.manual_seed(size)
            answers.append(call(video)["image"])
        torch.testing.assert_close(answers[1], answers[0], rtol=0, atol=0)
        assert answers[0].shape == (size,)


@given(st.integers(1, 3), st.integers(1, 4))
@settings(max_examples=8)
def test_streams_of_any_modules_return_one_logit_a_clip(n: int, count: int) -> None:
    class Mean(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(1).mean(dim=1)

    critic = TwoStreamDiscriminator(video=Mean(), image=Mean(), sampler=RandomFrames(count))
    video = torch.randn(n, 2, 4, 3, 5)
    indices = critic.sample(video)
    logits = critic(video, indices=indices)
    torch.testing.assert_close(
        logits["image"], take_frames(video, indices).flatten(1).mean(dim=1)
    )  # fmt: skip
    assert critic.output_shape(tuple(video.shape)) == {"video": (n,), "image": (n,)}


def test_a_network_says_of_itself_how_it_is_called() -> None:
    pair = PairDiscriminator(**PairDiscriminator.clip_settings((5, 8, 12)), **TINY)
    beside = FirstFrameVideoDiscriminator(
        **FirstFrameVideoDiscriminator.clip_settings((5, 8, 12), stages=plan((4, 8, 12)).stages),
        **TINY,
    )
    specs = [StreamSpec(network) for network in (pair, beside, image_network(), nn.Identity())]
    assert [spec.takes for spec in specs] == ["clip", "clip", "frames", "clip"]
    assert [spec.timed for spec in specs] == [True, False, False, False]
    assert [spec.with_image for spec in specs] == [False, True, False, False]
    assert pair.num_frames == 5
    assert len(beside.network.stages) == len(plan((4, 8, 12)).stages)
    # What the user says counts, whatever the network says.
    assert not StreamSpec(beside, with_image=False).with_image
