"""The released preset equals the published networks, layer by layer and through training."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from benchmarks._agree import stepped_gradients
from examples.imaginator.config import PRESETS
from examples.imaginator.convert import convert_state_dict
from examples.imaginator.model import ImaGINator, build
from examples.imaginator.train import objective_of
from stgan.training import GANStep, Player, build_objective
from tests.examples import parity

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def reference(shared_folder: Path) -> Path:
    return shared_folder / "parity"


def _published(folder: Path) -> ImaGINator:
    gan = build("released", num_classes=6)
    for name, network in (
        ("generator", gan.generator),
        ("video_discriminator", gan.discriminator.video),
        ("image_discriminator", gan.discriminator.image),
    ):
        # Published files carry the prefix of nn.DataParallel. Loading rounds to float32, in
        # which a checkpoint is stored.
        official = parity.official_state_dict(folder, name)
        prefixed = {f"module.{key}": value for key, value in official.items()}
        network.load_state_dict(convert_state_dict(prefixed, name))
    return gan


# How float32 rounds depends on the CPU. The published clips are stored in float32.
@pytest.mark.parametrize(
    ("dtype", "of_clips", "of_features"),
    [(torch.float64, 1e-7, 1e-10), (torch.float32, 1e-5, 1e-5)],
)
def test_the_generator_and_its_encoder(
    dtype: torch.dtype, of_clips: float, of_features: float, reference: Path
) -> None:
    gan, expected = _published(reference).eval().to(dtype), parity.outputs(reference)
    given = parity.inputs()
    image, z = given["image"].to(dtype), given["z"].to(dtype)
    with torch.no_grad():
        video = gan.generator(image, z, given["label"])
        features = gan.generator.encoder(image)
    assert (video - expected["G_eval"]).abs().max() < of_clips
    assert (features.vector - expected["enc_f0"].flatten(1)).abs().max() < of_features
    means = torch.stack([f.abs().mean() for f in (features.vector, *features.maps)])
    assert (means - expected["enc_feats_absmean"]).abs().max() < of_features


def test_the_discriminators_with_one_power_iteration(reference: Path) -> None:
    gan, expected = _published(reference).train(), parity.outputs(reference)
    video = parity.inputs()["video"].float()
    with torch.no_grad():
        clip = gan.discriminator.video(video, parity.inputs()["label"])
        frame = gan.discriminator.image(video[:, :, 7])
    assert (clip - expected["VD_train_1st_call"]).abs().max() < 1e-5
    assert (frame - expected["ID_train_1st_call_frame7"]).abs().max() < 1e-5


def _gradient_norm(network: nn.Module, slopes: Mapping[Tensor, Tensor]) -> Tensor:
    return nn.utils.get_total_norm([slopes[p] for p in network.parameters() if p in slopes])


def test_three_training_iterations(reference: Path) -> None:
    gan = _published(reference).train().double()
    expected = parity.outputs(reference)["train"]
    given = parity.inputs()
    batch = {
        "image": given["video"][:, :, 0],
        "video": given["video"],
        "label": given["label"],
    }
    settings = PRESETS["released"]
    options = {"lr": settings.train.learning_rate, "betas": settings.train.betas}
    generator_optimizer = torch.optim.Adam(gan.generator.parameters(), **options)
    discriminator_optimizer = torch.optim.Adam(gan.discriminator.parameters(), **options)
    step = GANStep(
        Player("generator", gan.generator, generator_optimizer),
        Player("discriminator", gan.discriminator, discriminator_optimizer),
        generate=lambda batch, z: gan.generator(batch["image"], z, batch["label"]),
        objective=build_objective(
            objective_of(settings.loss, settings.discriminator),
            gan.discriminator,
            logits=gan.streams,
        ),
        order=settings.loss.order,
        one_call=settings.discriminator.one_call,
    )
    for iteration, (real, fake) in enumerate([(7, 20), (0, 31), (15, 3)]):
        with stepped_gradients(generator_optimizer, discriminator_optimizer) as slopes:
            draws = {
                "z": parity.step_noise(iteration),
                "real": {"indices": torch.full((2, 1), real), "augment": None},
                "fake": {"indices": torch.full((2, 1), fake), "augment": None},
                "other_z": None,
            }
            losses = step(batch, draws)
        names = ("reconstruction", "video", "image")
        row = [losses[f"generator/{name}"] for name in names]
        row += [losses["discriminator/video"], losses["discriminator/image"]]
        row += [
            _gradient_norm(network, slopes)
            for network in (gan.generator, gan.discriminator.video, gan.discriminator.image)
        ]
        torch.testing.assert_close(torch.stack(row), expected[iteration], rtol=1e-4, atol=0)
