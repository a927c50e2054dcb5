"""The picture of fixed samples: the same for a seed, and the generator does not notice."""

import pytest
import torch
from torch import nn

from stgan.data import MovingShapes
from stgan.report import FixedSamples

CLASSES = ["left_right", "zoom"]
SHAPES = MovingShapes(5, num_frames=4, image_size=16, motions=CLASSES)


class _Noisy(nn.Module):
    """Draws from the global generator, keeps statistics, and has a part in another mode."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.drop = nn.Dropout(0.5)
        self.still = nn.Dropout(0.5).eval()

    def forward(self, image: torch.Tensor, z: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        frames = self.still(self.drop(self.norm(image)))
        return frames.unsqueeze(2).expand(-1, -1, 4, -1, -1).tanh()


def test_a_generator_and_the_random_state_are_left_as_they_were() -> None:
    state = torch.get_rng_state()
    samples = FixedSamples(SHAPES, CLASSES, z_dim=3)
    assert torch.equal(torch.get_rng_state(), state)
    network = _Noisy()
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    state = torch.get_rng_state()
    pictures = [samples.picture(network) for _ in range(2)]
    assert torch.equal(pictures[0], pictures[1])
    assert torch.equal(torch.get_rng_state(), state)
    assert [m.training for m in network.modules()] == [True, True, True, False]
    assert all(torch.equal(before[name], buffer) for name, buffer in network.named_buffers())


def test_a_generator_that_broke_does_not_end_the_run_by_its_picture() -> None:
    network = _Noisy()
    nn.init.constant_(network.norm.weight, float("nan"))
    picture = FixedSamples(SHAPES, CLASSES, z_dim=3).picture(network)
    assert picture.dtype == torch.uint8
    # The last frame of the lower right clip, within the gap around it.
    assert (picture[:, -40:-20, -40:-20] == 255).all()


def test_samples_follow_from_the_seed_and_are_no_more_than_there_are() -> None:
    one, same, other = (FixedSamples(SHAPES, CLASSES, z_dim=3, seed=s) for s in (0, 0, 1))
    assert torch.equal(one.z, same.z)
    assert torch.equal(one.images, same.images)
    assert not torch.equal(one.z, other.z)
    assert one.images.shape == (4, 3, 16, 16)
    assert one.labels.tolist() == [0, 1]
    assert len(FixedSamples(SHAPES, CLASSES, z_dim=3, num_images=9).images) == 5
    with pytest.raises(ValueError, match="num_images must be at least 1, got 0"):
        FixedSamples(SHAPES, CLASSES, z_dim=3, num_images=0)
