"""The plain twin equals the published networks and their iteration: what is beaten is the truth."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from benchmarks.twin import Twin
from tests.examples import parity

pytestmark = pytest.mark.shared
NETWORKS = ("generator", "video_discriminator", "image_discriminator")


@pytest.fixture(scope="module")
def reference(shared_folder: Path) -> Path:
    return shared_folder / "parity"


def published(folder: Path, *, rounded: bool = False) -> Twin:
    # Rounded to float32, in which a checkpoint is stored and the iterations were begun.
    twin = Twin() if rounded else Twin().double()
    for name in NETWORKS:
        getattr(twin, name).load_state_dict(parity.official_state_dict(folder, name))
    return twin.double()


def test_keys_and_shapes_are_the_published_ones_in_order(reference: Path) -> None:
    shapes = json.loads((reference / "official_state_dict.json").read_text())
    for name, network in Twin().named_children():
        mine = {key: list(value.shape) for key, value in network.state_dict().items()}
        assert list(mine.items()) == list(shapes[name].items())


def test_outputs_of_all_networks(reference: Path) -> None:
    twin, expected, given = published(reference), parity.outputs(reference), parity.inputs()
    rows = nn.functional.one_hot(given["label"], 6).double()
    with torch.no_grad():
        clip = twin.video_discriminator(given["video"], rows)
        frame = twin.image_discriminator(given["video"][:, :, 7])
        twin.eval()
        video = twin.generator(given["image"], given["z"], rows)
        features = twin.generator.enc(given["image"])
    assert (clip - expected["VD_train_1st_call"]).abs().max() < 1e-6
    assert (frame - expected["ID_train_1st_call_frame7"]).abs().max() < 1e-6
    assert (video - expected["G_eval"]).abs().max() < 1e-6
    assert (features[0] - expected["enc_f0"]).abs().max() < 1e-6
    means = torch.stack([feature.abs().mean() for feature in features])
    assert (means - expected["enc_feats_absmean"]).abs().max() < 1e-6


def test_three_training_iterations(reference: Path) -> None:
    twin, expected = published(reference, rounded=True), parity.outputs(reference)
    given = parity.inputs()
    twin.start()
    for iteration, (real, fake) in enumerate([(7, 20), (0, 31), (15, 3)]):
        losses = twin.train_step(
            given["video"],
            given["label"],
            parity.step_noise(iteration),
            real_frame=real,
            fake_frame=fake,
        )
        norms = [
            float(nn.utils.get_total_norm([p.grad for p in network.parameters()]))
            for network in twin.children()
        ]
        row = torch.tensor([*losses.values(), *norms], dtype=torch.float64)
        torch.testing.assert_close(row, expected["train"][iteration], rtol=1e-5, atol=0)
