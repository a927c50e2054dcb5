"""A run of the first version is read: its settings stood in YAML within text, and side by side."""

from dataclasses import replace
from pathlib import Path

import torch

from examples.imaginator.config import PRESETS, parse_settings, read_settings
from examples.imaginator.model import ImaGINator
from examples.imaginator.train import objective_of
from stgan.losses import CharbonnierLoss
from stgan.settings import write_settings
from stgan.training import Retention, build_objective

OLD = Path(__file__).with_name("first_version.yaml")


def test_settings_of_the_first_version_are_converted(tmp_path: Path) -> None:
    settings, start = read_settings(OLD), PRESETS["modern"]
    network = "mobilenetv3_small_050"
    assert settings == replace(
        start,
        out=Path("runs/old"),
        model=replace(
            start.model, num_frames=8, image_size=(16, 16), base_channels=4, z_dim=4,
            encoder={"name": "timm", "model": network, "weights": None, "frozen": True,
                     "input_size": [32, 32]},
            conv="conv_transpose_2p1d", fusion={"name": "concat", "lazy": False},
        ),
        discriminator=replace(
            start.discriminator,
            video={"name": "first_frame_video", "init_std": 0.05, "head": {"name": "projection"}},
            image={"name": "image", "head": {"name": "auxiliary_classifier"}, "label": True,
                   "sampler": {"name": "stratified", "count": 3}},
            channels=4,
            augment={"name": "ada", "adapt": {"target": 0.5, "ramp": 1000}},
        ),
        loss=replace(
            start.loss,
            generator_terms={"charbonnier": {"name": "charbonnier", "eps": 0.1, "weight": 2.0}},
            penalties={"r1": {"name": "r1", "weight": 0.5},
                       "lecam": {"name": "lecam", "weight": 0.3}},
        ),
        data=replace(
            start.data, validation=("*/a*",),
            augment={"name": "diff_augment", "policies": ["color"]},
        ),
        train=replace(start.train, keep=Retention(last=2, every=100, best="generator/total")),
    )  # fmt: skip
    (tmp_path / "config.yaml").write_text(write_settings(settings), encoding="utf-8")
    assert read_settings(tmp_path / "config.yaml") == settings


def test_they_build_what_they_built() -> None:
    settings = read_settings(OLD)
    gan = ImaGINator(settings.model, settings.discriminator, num_classes=3)
    objective = build_objective(
        objective_of(settings.loss, settings.discriminator), gan.discriminator, logits=gan.streams
    )
    assert list(objective.terms) == ["reconstruction", "charbonnier"]
    assert isinstance(objective.terms["charbonnier"], CharbonnierLoss)
    assert objective.terms["charbonnier"].eps == 0.1
    assert objective.prediction == 1.0
    assert not any(p.requires_grad for p in gan.generator.encoder.backbone.parameters())
    assert not gan.generator.decoder.fusions[0].lazy
    frames = gan.discriminator.sample(torch.zeros(2, 3, 8, 16, 16))
    assert isinstance(frames, torch.Tensor)
    assert frames.shape == (2, 3)


def test_command_lines_of_the_first_version_go_on_working() -> None:
    line = (
        "--preset tiny --model.appearance-dim 8 --model.encoder timm/resnet18 "
        "--model.encoder-frozen --model.encoder-input-size 32 32 --model.lazy-fusion False "
        "--discriminator.video-head projection --discriminator.image-sampler stratified "
        "--discriminator.image-label --discriminator.augment None --train.keep 9 "
        "--train.keep-every 100 --train.keep-best generator/total --train.betas 0.5 0.9 "
        "--train.no-tf32 --data.augment diff_augment --data.cache-bytes None --loss.video 2"
    )
    settings = parse_settings(line.split())
    start = PRESETS["tiny"]
    encoder = {"name": "timm/resnet18", "frozen": True, "input_size": [32, 32]}
    image = {"name": "image", "sampler": "stratified", "label": True}
    assert settings == replace(
        start,
        model=replace(start.model, appearance_dim=8, encoder=encoder,
                      fusion={"name": "concat", "lazy": False}),
        discriminator=replace(
            start.discriminator, video={"name": "video", "head": "projection"}, image=image
        ),
        loss=replace(start.loss, video=2.0),
        data=replace(start.data, augment="diff_augment", cache_bytes=None),
        train=replace(start.train, keep=Retention(last=9, every=100, best="generator/total"),
                      betas=(0.5, 0.9), tf32=False),
    )  # fmt: skip
    ImaGINator(settings.model, settings.discriminator, num_classes=2)
