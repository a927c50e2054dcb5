import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stgan.errors import ShapeError, UnknownNameError
from stgan.metrics import MAX_PSNR, FrameScores, frame_scores, frames, multiscale_ssim

seeds = st.integers(0, 2**32 - 1)


def _pair(
    seed: int, shape: tuple[int, ...] = (3, 3, 4, 12, 14)
) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    real = torch.rand(shape, generator=generator) * 2 - 1
    noise = torch.randn(shape, generator=generator) * torch.rand((), generator=generator)
    return (real + noise).clamp(-1, 1), real


def _plain_ssim(fake: torch.Tensor, true: torch.Tensor, reach: int = 5) -> float:
    """SSIM of two ``(H, W)`` planes in [0, 1], window by window, as in the paper.

    Windows reach so many pixels over the border.
    """
    taps = [math.exp(-(k**2) / (2 * 1.5**2)) for k in range(-5, 6)]
    window = torch.tensor([[a * b for a in taps] for b in taps], dtype=torch.float64)
    window /= window.sum()

    def padded(plane: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.pad(plane[None, None], (reach,) * 4, mode="reflect")[0, 0]

    fake, true = padded(fake.double()), padded(true.double())
    values = []
    for i in range(fake.shape[0] - 10):
        for j in range(fake.shape[1] - 10):
            a, b = fake[i : i + 11, j : j + 11], true[i : i + 11, j : j + 11]
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            var_a = (window * (a - mean_a) ** 2).sum()
            var_b = (window * (b - mean_b) ** 2).sum()
            cov = (window * (a - mean_a) * (b - mean_b)).sum()
            numerator = (2 * mean_a * mean_b + 0.01**2) * (2 * cov + 0.03**2)
            denominator = (mean_a**2 + mean_b**2 + 0.01**2) * (var_a + var_b + 0.03**2)
            values.append(float(numerator / denominator))
    return sum(values) / len(values)


def test_scores_equal_their_definitions_frame_by_frame() -> None:
    # In double precision, so that the tolerance tells windows of other sigmas apart.
    fake, real = (video.double() for video in _pair(0, (2, 2, 3, 11, 12)))
    scores = frame_scores(fake, real)
    for n in range(2):
        psnr, ssim, l1 = [], [], []
        for t in (1, 2):
            a, b = (fake[n, :, t] + 1) / 2, (real[n, :, t] + 1) / 2
            psnr.append(-10 * math.log10(((a - b) ** 2).mean().item()))
            ssim += [_plain_ssim(a[c], b[c]) for c in range(2)]
            l1.append((fake[n, :, t] - real[n, :, t]).abs().mean().item())
        assert scores["psnr"][n].item() == pytest.approx(sum(psnr) / 2, rel=1e-5)
        assert scores["ssim"][n].item() == pytest.approx(sum(ssim) / 4, rel=1e-6)
        assert scores["l1"][n].item() == pytest.approx(sum(l1) / 2, rel=1e-5)


def test_windows_of_ssim_may_be_those_inside_of_the_frame_only() -> None:
    fake, real = (video.double() for video in _pair(0, (1, 2, 2, 13, 14)))
    inside = frame_scores(fake, real, ssim_windows="inside")
    a, b = ((video[0, :, 1] + 1) / 2 for video in (fake, real))
    expected = sum(_plain_ssim(a[c], b[c], reach=0) for c in range(2)) / 2
    assert inside["ssim"].item() == pytest.approx(expected, rel=1e-6)
    everywhere = frame_scores(fake, real)
    assert abs(everywhere["ssim"].item() - expected) > 1e-3
    assert torch.equal(inside["psnr"], everywhere["psnr"])
    metric = FrameScores(ssim_windows="inside")
    metric.update(fake, real)
    assert metric.compute()["ssim"].item() == pytest.approx(expected, rel=1e-6)
    with pytest.raises(UnknownNameError, match="SSIM has no windows named 'valid'"):
        frame_scores(fake, real, ssim_windows="valid")  # type: ignore[arg-type]


@given(seeds)
def test_a_clip_is_scored_by_itself(seed: int) -> None:
    fake, real = _pair(seed)
    whole = frame_scores(fake, real)
    assert all(scores.shape == (3,) for scores in whole.values())
    for n in range(3):
        for name, score in frame_scores(fake[n : n + 1], real[n : n + 1]).items():
            torch.testing.assert_close(score, whole[name][n : n + 1])


@given(seeds)
def test_the_order_of_frames_does_not_matter_if_none_is_skipped(seed: int) -> None:
    fake, real = _pair(seed)
    order = torch.randperm(4, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(
        frame_scores(fake[:, :, order], real[:, :, order], skip_first=False),
        frame_scores(fake, real, skip_first=False),
    )


def test_the_first_frame_counts_only_if_it_is_asked_for() -> None:
    fake, real = _pair(1)
    fake[:, :, 0] = -real[:, :, 0]
    expected = frame_scores(fake[:, :, 1:], real[:, :, 1:], skip_first=False)
    torch.testing.assert_close(frame_scores(fake, real), expected)
    all_frames = frame_scores(fake, real, skip_first=False)
    assert (all_frames["psnr"] < expected["psnr"]).all()


def test_identical_clips_reach_the_bounds_and_stay_finite() -> None:
    _, real = _pair(2)
    real[0] = 0.3  # where nothing differs, rounding would show most
    scores = frame_scores(real, real)
    assert (scores["psnr"] == MAX_PSNR).all()
    assert (scores["ssim"] == 1).all()
    assert (scores["l1"] == 0).all()


def test_psnr_is_the_mean_of_frames_not_that_of_the_mean_error() -> None:
    real = torch.zeros(1, 3, 3, 11, 11)
    fake = real.clone()
    fake[:, :, 1], fake[:, :, 2] = 0.2, 0.02  # 20 dB and 40 dB
    assert frame_scores(fake, real)["psnr"].item() == pytest.approx(30, abs=1e-3)


def test_many_frames_are_scored_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    fake, real = _pair(3)
    whole = frame_scores(fake, real)
    monkeypatch.setattr(frames, "_FRAMES_AT_ONCE", 2)
    torch.testing.assert_close(frame_scores(fake, real), whole)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_half_precision_is_scored_in_single(dtype: torch.dtype) -> None:
    fake, real = (video.to(dtype) for video in _pair(4))
    wanted = torch.float64 if dtype == torch.float64 else torch.float32
    assert {score.dtype for score in frame_scores(fake, real).values()} == {wanted}


def test_inputs_are_left_as_they_were() -> None:
    fake, real = _pair(5)
    copies = fake.clone(), real.clone()
    frame_scores(fake, real)
    assert torch.equal(fake, copies[0])
    assert torch.equal(real, copies[1])


@pytest.mark.parametrize(
    ("fake", "real", "error", "message"),
    [
        pytest.param(
            torch.zeros(1, 3, 2, 10, 32),
            torch.zeros(1, 3, 2, 10, 32),
            ShapeError,
            "frames must be at least 11 x 11, the window of SSIM, got 10 x 32",
            id="small",
        ),
        pytest.param(
            torch.zeros(1, 3, 1, 16, 16),
            torch.zeros(1, 3, 1, 16, 16),
            ShapeError,
            "no frame is left to score, the videos have 1 and the first is skipped; pass",
            id="one frame",
        ),
        pytest.param(
            torch.zeros(1, 3, 2, 16, 16),
            torch.zeros(1, 3, 3, 16, 16),
            ShapeError,
            r"fake and real must have one shape, got \(1, 3, 2, 16, 16\) and \(1, 3, 3,",
            id="lengths",
        ),
        pytest.param(
            torch.zeros(3, 2, 16, 16),
            torch.zeros(3, 2, 16, 16),
            ShapeError,
            r"fake must be laid out as \(N, C, T, H, W\), got \(3, 2, 16, 16\)",
            id="layout",
        ),
        pytest.param(
            torch.zeros(1, 3, 2, 16, 16),
            torch.zeros(1, 3, 2, 16, 16, dtype=torch.uint8),
            TypeError,
            r"real must be of a float type with values in \[-1, 1\], got torch.uint8; convert",
            id="bytes",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(
    fake: torch.Tensor, real: torch.Tensor, error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        frame_scores(fake, real)


def test_autocast_does_not_round_what_is_scored() -> None:
    real = (0.9 + 0.05 * torch.linspace(-1, 1, 176)).expand(1, 3, 2, 176, 176).contiguous()
    with torch.autocast("cpu", torch.bfloat16):
        scores = frame_scores(real + 0.01, real)["ssim"], multiscale_ssim(real + 0.01, real)
    assert torch.equal(scores[0], frame_scores(real + 0.01, real)["ssim"])
    assert torch.equal(scores[1], multiscale_ssim(real + 0.01, real))


def test_scores_are_not_taken_in_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    exact = torch.nn.functional.conv2d

    def watched(*args: Any, **kwargs: Any) -> torch.Tensor:
        seen.append(torch.backends.cudnn.allow_tf32)
        return exact(*args, **kwargs)

    monkeypatch.setattr(torch.nn.functional, "conv2d", watched)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    fake, real = _pair(0)
    frame_scores(fake, real)
    assert seen
    assert not any(seen)
    assert torch.backends.cudnn.allow_tf32
