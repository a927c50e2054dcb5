"""Every stream, head, sampler, family, term and augmentation plays by its name, or is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import stgan
from examples.imaginator import train
from examples.imaginator.config import PRESETS, LossSettings
from stgan.errors import UnknownNameError
from stgan.training import View
from tests.examples.games import MODEL, Game, game, step

# Large enough for every kind of patch.
LARGER = replace(MODEL, num_frames=16, image_size=(32, 32))
CLIPS = [
    name for name in stgan.list("discriminators", exclude=["image*", "first_frame_image"])
    if name != "two_stream"
]  # fmt: skip
FRAMES = [*stgan.list("discriminators", "image*"), "first_frame_image"]
FAMILIES = [
    "non_saturating", "minimax", "hinge", "least_squares", "wasserstein",
    *stgan.list("losses", "relativistic*"),
]  # fmt: skip
OF_GENERATOR = ["mode_seeking", "feature_matching", "mean_feature_matching"]
PENALTIES = [name for name in stgan.list("penalties") if name not in OF_GENERATOR]
RECONSTRUCTIONS = [
    name for name in stgan.list("losses") if name not in FAMILIES and name != "perceptual"
]


def play(played: Game) -> dict[str, float]:
    """Take one step, and see that it is finite and reaches all that learns."""
    before = [p.detach().clone() for p in played.gan.parameters()]
    losses = step(played)
    assert all(value.isfinite() for value in losses.values()), losses
    names = [name for name, _ in played.gan.named_parameters()]
    still = [
        name
        for name, old, new in zip(names, before, played.gan.parameters(), strict=True)
        if torch.equal(old, new) and new.requires_grad
    ]
    # A bias before a family that compares, and what a ReLU has shut off, may stay.
    assert len(still) < 0.2 * len(names), still
    return {name: value.item() for name, value in losses.items()}


@pytest.mark.parametrize("name", CLIPS)
def test_every_network_of_clips_plays(name: str) -> None:
    losses = play(game(model=LARGER, video=name))
    assert any(key.startswith("generator/video") for key in losses)
    assert any(key.startswith("discriminator/video") for key in losses)


@pytest.mark.parametrize("name", FRAMES)
def test_every_network_of_frames_plays(name: str) -> None:
    sampler = {"name": "random_frames", "count": 2}
    losses = play(game(model=LARGER, image={"name": name, "sampler": sampler}))
    assert {"generator/image", "discriminator/image"} <= set(losses)


def test_a_network_inside_another_plays() -> None:
    patches = {"factory": "discriminators/video_multi_scale_patch"}
    inside = {"name": "first_frame_video", "network": patches}
    losses = play(game(model=LARGER, video=inside))
    assert "generator/video.scale_1" in losses
    inside = {"name": "temporal_pyramid", "network": {"factory": "discriminators/video_residual"}}
    play(game(model=LARGER, video=inside))


@pytest.mark.parametrize("stream", ["video", "image"])
def test_either_stream_can_be_left_out(stream: str) -> None:
    losses = play(game(**{stream: None}))
    other = {"video": "image", "image": "video"}[stream]
    assert f"discriminator/{other}" in losses
    assert f"discriminator/{stream}" not in losses


@pytest.mark.parametrize("name", stgan.list("heads"))
@pytest.mark.parametrize("stream", ["video", "image"])
def test_every_head_plays(stream: str, name: str) -> None:
    settings = {"code_dim": 2, "learn_variance": True} if name == "infogan" else {}
    play(game(**{stream: {"name": stream, "head": {"name": name, **settings}, "label": True}}))


@pytest.mark.parametrize("name", stgan.list("samplers"))
def test_every_sampler_plays_before_frames_and_before_clips(name: str) -> None:
    settings = {"strided": {"stride": 2}, "sparse_span": {"count": 2, "spans": [3]}}.get(
        name, {"count": 2}
    )
    if name in ("all_frames", "beta_pair"):
        settings = {}
    sampler = {"name": name, **settings}
    played = game(image={"name": "image", "sampler": sampler})
    assert played.draws["real"]["indices"].shape[0] == 2
    play(played)
    # Clips are then as short as what is drawn.
    played = game(model=replace(MODEL, num_frames=8), video={"name": "video", "sampler": sampler})
    play(played)
    assert set(played.draws["real"]["indices"]) == {"video", "image"}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_plays(name: str) -> None:
    play(game(LossSettings(family=name)))


@pytest.mark.parametrize("name", PENALTIES)
def test_every_penalty_counts(name: str) -> None:
    played = game(LossSettings(penalties={name: 0.5}))
    # A constant critic has no slope, and equal logits no distance; one that has begun to learn has.
    play(played)
    losses = play(played)
    assert losses[f"discriminator/{name}"] > 0
    rest = losses["discriminator/video"] + losses["discriminator/image"]
    expected = rest + 0.5 * losses[f"discriminator/{name}"]
    assert losses["discriminator/total"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", [*OF_GENERATOR, *RECONSTRUCTIONS])
def test_every_further_term_counts(name: str) -> None:
    played = game(LossSettings(generator_terms={name: 0.5}), model=LARGER)
    losses = play(played)
    assert losses[f"generator/{name}"] > 0
    rest = 100 * losses["generator/reconstruction"]
    rest += losses["generator/video"] + losses["generator/image"]
    expected = rest + 0.5 * losses[f"generator/{name}"]
    assert losses["generator/total"] == pytest.approx(expected, rel=1e-5)


def test_a_term_with_settings_is_named_by_its_name() -> None:
    terms: dict[str, Any] = {
        "charbonnier": {"weight": 0.5, "eps": 0.1},
        "looks": {"name": "perceptual", "features": "mobilenetv3_small_050", "weights": None,
                  "weight": 0.5},
    }  # fmt: skip
    losses = play(game(LossSettings(generator_terms=terms)))
    assert losses["generator/charbonnier"] > 0
    assert losses["generator/looks"] > 0


@pytest.mark.parametrize("name", stgan.list("augmentations"))
def test_every_augmentation_changes_what_is_seen(name: str) -> None:
    rotation = {"RandomRotation": {"degrees": 20.0, "p": 1.0}}
    augment: Any = {
        "kornia": {"name": "kornia", "transforms": rotation},
        "ada": {"name": "ada", "probability": 0.9},
    }.get(name, name)
    played = game(augment=augment)
    play(played)
    # A seed of the draws at which each does something.
    seen = [
        played.objective.view(
            View(played.batch["video"]),
            played.objective.draw(2, torch.Generator().manual_seed(seed)),
        ).video
        for seed in range(4)
    ]
    assert any(not torch.equal(video, played.batch["video"]) for video in seen)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_plays(preset: str) -> None:
    start = PRESETS[preset]
    streams = vars(start.discriminator) | {"channels": 4}
    small = replace(start.model, num_frames=8, image_size=(16, 16), base_channels=4, z_dim=4)
    play(game(start.loss, model=small, **streams))


REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"video": "vidoe"}, {}, "did you mean 'video'?"),
    ({"video": "image"}, {}, "the video stream must judge clips, got 'image'; choose one of"),
    ({"image": "video"}, {}, "the image stream must judge frames, got 'video'; choose one of"),
    ({"video": "two_stream"}, {}, "the video stream must judge clips, got 'two_stream'"),
    ({"video": None, "image": None}, {}, "a stream at least"),
    ({"video": {"name": "video", "width": 3}}, {}, "width"),
    ({"video": {"name": "video_residual", "head": "patch"}}, {}, "head goes with first_frame_vid"),
    ({"image": {"name": "image", "head": "projection"}}, {}, "set label to true"),
    ({"video": {"name": "video", "head": "projecton"}}, {}, "did you mean 'projection'?"),
    ({"image": {"name": "image", "sampler": "random_frame"}}, {}, "did you mean 'random_frames'?"),
    ({"augment": "diff_augmnt"}, {}, "did you mean 'diff_augment'?"),
    ({}, {"family": "hinges"}, "did you mean 'hinge'?"),
    ({}, {"penalties": {"r3": 1.0}}, "no entry named 'r3'"),
    ({}, {"penalty_every": 0}, "every must be at least 1, got 0"),
    ({}, {"clip_singular_values_every": 5}, "weights that are not normalized already; build"),
    ({"video": {"name": "frame_merge", "merge_after": 1}},
     {"generator_terms": {"feature_matching": 1.0}},
     "the video stream, a FrameMergeDiscriminator, tells nothing but logits; drop"),
]  # fmt: skip


@pytest.mark.parametrize(("streams", "loss", "message"), REFUSED, ids=lambda x: str(x)[:40])
def test_what_does_not_fit_is_refused(
    streams: dict[str, Any], loss: dict[str, Any], message: str
) -> None:
    with pytest.raises((ValueError, UnknownNameError)) as caught:
        game(LossSettings(**loss), **streams)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        ["--discriminator.video", "vidoe"],
        ["--loss.penalties", "r3", "1"],
        ["--discriminator.augment", "diff_augmnt"],
    ],
)
def test_a_wrong_part_is_told_and_leaves_no_folder(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        train.main(["--preset", "tiny", "--out", str(tmp_path / "run"), *options])
    printed = capsys.readouterr().err
    assert "has no entry named" in printed
    assert list(tmp_path.iterdir()) == []
