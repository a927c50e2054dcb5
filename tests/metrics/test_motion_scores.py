import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stgan.errors import ShapeError
from stgan.metrics import first_frame_control, motion_energy, moving_region, moving_region_error

seeds = st.integers(0, 2**32 - 1)


def _clip(seed: int, frames: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, 3, frames, 5, 6, generator=generator) * 2 - 1


@given(seeds, st.floats(0, 1.5))
def test_the_moving_region_is_where_the_clip_leaves_its_first_frame(
    seed: int, threshold: float
) -> None:
    real = _clip(seed)
    region = moving_region(real, threshold)
    assert region.shape == (2, 4, 5, 6)
    for n, t, y, x in torch.cartesian_prod(*map(torch.arange, (2, 4, 5, 6)))[::7].tolist():
        change = (real[n, :, t, y, x] - real[n, :, 0, y, x]).abs().mean().item()
        if abs(change - threshold) > 1e-6:
            assert bool(region[n, t, y, x]) == (change > threshold)
    assert not region[:, 0].any()


@given(seeds)
def test_the_error_counts_only_inside_of_the_region(seed: int) -> None:
    real, fake = _clip(seed), _clip(seed + 1)
    outside = ~moving_region(real, 0.5).unsqueeze(1).expand_as(real)
    error = moving_region_error(fake, real, 0.5)
    expected = torch.stack(
        [(f - r).abs()[~o].mean() for f, r, o in zip(fake, real, outside, strict=True)]
    )
    torch.testing.assert_close(error, expected)
    torch.testing.assert_close(moving_region_error(fake.masked_fill(outside, 9), real, 0.5), error)


@given(seeds)
def test_the_control_errs_by_more_than_the_threshold(seed: int) -> None:
    real = _clip(seed)
    control = first_frame_control(real, 4)
    assert (moving_region_error(control, real, 0.3) > 0.3).all()
    assert (moving_region_error(real, real, 0.3) == 0).all()


def test_a_clip_that_stands_still_has_no_error_to_report() -> None:
    real = _clip(0)
    real[1] = real[1, :, :1]
    error = moving_region_error(_clip(1), real)
    assert error[0].isfinite()
    assert error[1].isnan()
    assert error.nanmean() == error[0]


@given(seeds, st.integers(1, 5))
def test_the_control_repeats_the_first_frame(seed: int, num_frames: int) -> None:
    real = _clip(seed)
    control = first_frame_control(real, num_frames)
    assert control.shape == (2, 3, num_frames, 5, 6)
    assert (control == real[:, :, :1]).all()
    assert torch.equal(control, first_frame_control(real[:, :, 0], num_frames))
    control.zero_()
    assert (real != 0).any()


@given(seeds)
def test_energy_is_blind_to_the_direction_of_time_and_zero_for_stills(seed: int) -> None:
    real = _clip(seed)
    torch.testing.assert_close(motion_energy(real), motion_energy(real.flip(2)))
    torch.testing.assert_close(motion_energy(real / 2), motion_energy(real) / 2)
    assert (motion_energy(first_frame_control(real, 4)) == 0).all()


def test_energy_is_the_mean_step_of_each_clip() -> None:
    steps = torch.tensor([0.1, 0.3])
    video = (steps[:, None] * torch.arange(4))[:, None, :, None, None].expand(2, 3, 4, 5, 6)
    torch.testing.assert_close(motion_energy(video), steps)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        pytest.param(
            lambda: moving_region(torch.zeros(3, 4, 8, 8)),
            ShapeError,
            r"real must be laid out as \(N, C, T, H, W\), got \(3, 4, 8, 8\)",
            id="layout",
        ),
        pytest.param(
            lambda: moving_region(torch.zeros(1, 3, 4, 8, 8), -0.1),
            ValueError,
            "threshold must be at least 0, got -0.1",
            id="threshold",
        ),
        pytest.param(
            lambda: moving_region_error(torch.zeros(1, 3, 4, 8, 8), torch.zeros(1, 3, 5, 8, 8)),
            ShapeError,
            "fake and real must have one shape",
            id="lengths",
        ),
        pytest.param(
            lambda: first_frame_control(torch.zeros(3, 8, 8), 4),
            ShapeError,
            r"first must be an image \(N, C, H, W\) or a video \(N, C, T, H, W\), got \(3, 8, 8\)",
            id="neither",
        ),
        pytest.param(
            lambda: first_frame_control(torch.zeros(1, 3, 8, 8), 0),
            ValueError,
            "num_frames must be at least 1, got 0",
            id="no frames",
        ),
        pytest.param(
            lambda: motion_energy(torch.zeros(1, 3, 1, 8, 8)),
            ShapeError,
            "video must have at least 2 frames to move, got 1",
            id="one frame",
        ),
        pytest.param(
            lambda: motion_energy(torch.zeros(1, 3, 2, 8, 8, dtype=torch.uint8)),
            TypeError,
            "video must be of a float type",
            id="bytes",
        ),
    ],
)
def test_bad_arguments_are_refused(call: object, error: type, message: str) -> None:
    assert callable(call)
    with pytest.raises(error, match=message):
        call()


def test_half_precision_does_not_overflow() -> None:
    real = torch.zeros(1, 1, 33, 128, 128).half()
    real[:, :, 1:] = 0.125
    assert moving_region_error(torch.zeros_like(real), real).item() == 0.125
