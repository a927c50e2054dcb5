"""Temporal latents against their equations, one frame, one tap and one time after another."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from stgan.errors import ShapeError
from stgan.functional import (
    acyclic_latents,
    blurred_noise,
    latent_walk,
    lowpass_filters,
    recurrent_latents,
    repeat_latent,
)
from tests.strategies import SEEDS

BATCH, FRAMES, CHANNELS = st.integers(1, 3), st.integers(1, 6), st.integers(1, 4)


def _draw(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, requires_grad=True)


@given(BATCH, CHANNELS, FRAMES)
def test_a_repeated_latent_is_a_view_that_is_the_same_in_every_frame(
    n: int, c: int, t: int
) -> None:
    z = _draw(n, c)
    codes = repeat_latent(z, t)
    assert codes.shape == (n, c, t)
    assert codes.data_ptr() == z.data_ptr()
    assert all(torch.equal(frame, z) for frame in codes.unbind(2))


@given(BATCH, CHANNELS, CHANNELS, FRAMES, SEEDS)
def test_recurrent_latents_are_the_states_of_the_recurrence(
    n: int, c: int, e: int, t: int, seed: int
) -> None:
    torch.manual_seed(seed)
    cell = nn.GRUCell(e, c).double()
    theirs = nn.GRU(e, c, batch_first=True).double()
    with torch.no_grad():
        for name, weight in cell.named_parameters():
            getattr(theirs, f"{name}_l0").copy_(weight)
    z, noise = _draw(n, c), _draw(n, e, t)
    expected, _ = theirs(noise.transpose(1, 2), z.unsqueeze(0))
    torch.testing.assert_close(recurrent_latents(z, noise, cell), expected.transpose(1, 2))


@given(BATCH, CHANNELS, CHANNELS, FRAMES, st.floats(0.01, 2), SEEDS)
def test_a_walk_adds_bounded_steps_along_its_directions(
    n: int, c: int, k: int, t: int, step_size: float, seed: int
) -> None:
    torch.manual_seed(seed)
    z, basis = _draw(n, c), _draw(k, c)
    steps = [_draw(n, k) for _ in range(t - 1)]
    walk = latent_walk(z, steps, basis, step_size=step_size)
    assert walk.shape == (n, c, t)
    assert torch.equal(walk[:, :, 0], z)
    for i, step in enumerate(steps):
        for sample in range(n):
            moved = sum(torch.tanh(step[sample, d]) * basis[d] for d in range(k))
            torch.testing.assert_close(
                walk[sample, :, i + 1] - walk[sample, :, i], step_size * moved
            )
        length = (walk[:, :, i + 1] - walk[:, :, i]).abs()
        assert (length <= step_size * basis.abs().sum(dim=0) + 1e-9).all()


def _acyclic(c: int, f: int, spacing: int) -> dict[str, object]:
    return {
        "spacing": spacing,
        "frequencies": 2 * math.pi / torch.logspace(2, 5, f, base=2.0, dtype=torch.float64),
        "phase_scales": torch.linspace(8, 1, f, dtype=torch.float64),
        "period_weight": _draw(f, c),
        "phase_weight": _draw(f, c),
        "anchor_weight": _draw(2 * f, c),
    }


def _naive_acyclic(u: Tensor, t: float, about: dict[str, object]) -> Tensor:
    """One time of one sample; ``u`` is ``(C, L)``."""
    d = about["spacing"]
    left = min(int(t // d), u.shape[1] - 2)
    a = t / d - left
    u_l, u_r = u[:, left], u[:, left + 1]
    p = torch.tanh(about["period_weight"] @ u_l) + 1
    f = about["phase_weight"] @ u_l

    def e(time: float) -> Tensor:
        inside = about["frequencies"] * p * time + f * about["phase_scales"]
        return torch.cat([torch.sin(inside), torch.cos(inside)])

    w = about["anchor_weight"]
    straight = (1 - a) * e(left * d) + a * e((left + 1) * d)
    return e(t) - straight + (1 - a) * (w @ u_l) + a * (w @ u_r)


@given(BATCH, CHANNELS, st.integers(1, 3), st.integers(2, 5), st.integers(1, 4), FRAMES, SEEDS)
def test_acyclic_latents_equal_their_equations_at_any_time(
    n: int, c: int, f: int, anchors: int, spacing: int, k: int, seed: int
) -> None:
    torch.manual_seed(seed)
    codes, about = _draw(n, c, anchors), _acyclic(c, f, spacing)
    times = torch.rand(n, k, dtype=torch.float64) * (anchors - 1) * spacing
    ours = acyclic_latents(codes, times, **about)
    for i in range(n):
        for j in range(k):
            expected = _naive_acyclic(codes[i], times[i, j].item(), about)
            torch.testing.assert_close(ours[i, :, j], expected)


@given(BATCH, CHANNELS, st.integers(1, 3), st.integers(2, 5), st.integers(1, 4), SEEDS)
def test_at_an_anchor_only_the_anchor_is_left_and_nothing_jumps_there(
    n: int, c: int, f: int, anchors: int, spacing: int, seed: int
) -> None:
    torch.manual_seed(seed)
    codes, about = _draw(n, c, anchors), _acyclic(c, f, spacing)
    times = (torch.arange(anchors, dtype=torch.float64) * spacing).expand(n, anchors)
    expected = torch.einsum("oc,ncl->nol", about["anchor_weight"], codes)
    torch.testing.assert_close(acyclic_latents(codes, times, **about), expected)
    before = (times - 1e-9).clamp(min=0)
    torch.testing.assert_close(
        acyclic_latents(codes, before, **about), expected, atol=1e-5, rtol=1e-5
    )


def test_acyclic_gradients_are_right_in_codes_weights_and_times() -> None:
    codes, about = _draw(2, 3, 3), _acyclic(3, 2, 4)
    times = torch.tensor([[0.3, 5.1], [2.2, 7.7]], dtype=torch.float64, requires_grad=True)
    weights = [name for name in about if name.endswith("_weight")]

    def call(codes: Tensor, times: Tensor, *given: Tensor) -> Tensor:
        return acyclic_latents(codes, times, **{**about, **dict(zip(weights, given, strict=True))})

    assert torch.autograd.gradcheck(call, (codes, times, *(about[name] for name in weights)))


@given(st.integers(1, 6), st.integers(1, 12), st.integers(0, 80))
def test_filters_have_unit_energy_and_stand_at_the_end(
    count: int, shortest: int, more: int
) -> None:
    longest = shortest + more
    filters = lowpass_filters(count, shortest, longest)
    assert filters.shape == (count, longest)
    torch.testing.assert_close(filters.square().sum(dim=1), torch.ones(count))
    # The ends of a window are not zero.
    taps = [longest - int(row.nonzero().min()) for row in filters]
    assert taps[0] == shortest
    assert taps == sorted(taps)
    assert count == 1 or taps[-1] == longest
    for row, number in zip(filters, taps, strict=True):
        torch.testing.assert_close(row[-number:], row[-number:].flip(0))


# Center and lag-1 autocorrelation of scipy.signal.firwin(L, cutoff=2, width=12, fs=2 * L) at unit
# energy, of scipy 1.17: LongVideoGAN's filter of L taps.
FIRWIN = {
    5: (0.9214169120046276, 0.5067797096940639),
    125: (0.17922595635076063, 0.9991599007900436),
    500: (0.08951666985963852, 0.9999477004147822),
    5000: (0.028299461041818644, 0.9999994776648908),
}


@pytest.mark.parametrize("taps", FIRWIN)
def test_a_filter_is_that_of_longvideogan(taps: int) -> None:
    (row,) = lowpass_filters(1, taps, taps).double()
    center, neighbor = FIRWIN[taps]
    assert row[(taps - 1) // 2].item() == pytest.approx(center, abs=1e-7)
    assert (row[1:] * row[:-1]).sum().item() == pytest.approx(neighbor, abs=1e-7)


def test_the_filters_between_are_those_of_longvideogan_too() -> None:
    # Of its 128 sampling rates from 250 to 10000, log-spaced, every 32nd; again by scipy.
    filters = lowpass_filters(128, 125, 5000)[::32]
    assert [5000 - int(row.nonzero().min()) for row in filters] == [125, 317, 803, 2032]
    peaks = [0.17922595635076063, 0.11249003078242656, 0.07065407039795549, 0.044394113101522296]
    assert filters.amax(dim=1).tolist() == pytest.approx(peaks, abs=1e-7)


def test_widths_are_log_spaced_and_wider_filters_change_more_slowly() -> None:
    filters = lowpass_filters(4, 5, 135).double()
    assert [135 - int(row.nonzero().min()) for row in filters] == [5, 15, 45, 135]
    spectra = torch.fft.rfft(filters, 1024).abs().square()
    frequency = torch.linspace(0, 0.5, spectra.shape[1], dtype=torch.float64)
    centers = ((spectra * frequency).sum(dim=1) / spectra.sum(dim=1)).tolist()
    assert centers == sorted(centers, reverse=True)
    assert centers[0] > 5 * centers[-1]
    # Low pass: what lies beyond the cutoff 1 / L and half the transition of 6 / L is gone.
    for row, taps in zip(spectra[1:], (15, 45, 135), strict=True):
        assert row[frequency > 4 / taps].max() < 1e-8 * row.max()


def test_a_filter_of_one_tap_leaves_noise_as_it_is() -> None:
    noise = torch.randn(2, 3, 7)
    assert torch.equal(blurred_noise(noise, lowpass_filters(1, 1, 1)), noise)


@given(BATCH, CHANNELS, FRAMES, st.integers(1, 3), st.integers(0, 4), SEEDS)
def test_blurred_noise_equals_a_loop_over_taps(
    n: int, c: int, t: int, f: int, half: int, seed: int
) -> None:
    torch.manual_seed(seed)
    taps = 2 * half + 1
    filters = torch.randn(f, taps, dtype=torch.float64)
    noise = _draw(n, c, t + taps - 1)
    ours = blurred_noise(noise, filters)
    assert ours.shape == (n, c * f, t)
    for channel in range(c):
        for row in range(f):
            expected = sum(filters[row, k] * noise[:, channel, k : k + t] for k in range(taps))
            torch.testing.assert_close(ours[:, channel * f + row], expected)


@given(st.integers(1, 4), st.integers(0, 6))
def test_white_noise_keeps_its_variance_exactly(frames: int, half: int) -> None:
    # The output is linear in the noise, so its covariance for white noise is J J^T.
    filters = lowpass_filters(3, 1, 2 * half + 1).double()
    length = frames + 2 * half
    jacobian = blurred_noise(torch.eye(length, dtype=torch.float64).unsqueeze(1), filters)
    variance = jacobian.square().sum(dim=0)
    torch.testing.assert_close(variance, torch.ones(3, frames, dtype=torch.float64))


@given(BATCH, st.integers(2, 6), st.data(), SEEDS)
def test_noise_that_starts_later_gives_the_same_codes_shifted(
    n: int, t: int, data: st.DataObject, seed: int
) -> None:
    torch.manual_seed(seed)
    later = data.draw(st.integers(1, t - 1))
    filters, noise = lowpass_filters(2, 3, 7), torch.randn(n, 2, t + 6)
    whole = blurred_noise(noise, filters)
    torch.testing.assert_close(blurred_noise(noise[:, :, later:], filters), whole[:, :, later:])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 3, 5), "num_filters must be at least 1, got 0"),
        ((2, 0, 5), "shortest must be at least 1, got 0"),
        ((2, 3, -6), "longest must be at least 1, got -6"),
        ((2, 7, 5), "longest must be at least shortest=7, got 5"),
    ],
)
def test_filters_that_cannot_be_are_refused(arguments: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        lowpass_filters(*arguments)


def test_other_layouts_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"z must be laid out as \(N, C\), got \(2, 3, 4\)"):
        repeat_latent(torch.zeros(2, 3, 4), 5)
    with pytest.raises(ShapeError, match=r"noise must be .*\(N=2, C, T\), got \(3, 4, 5\)"):
        recurrent_latents(torch.zeros(2, 3), torch.zeros(3, 4, 5), nn.GRUCell(4, 3))
    with pytest.raises(ShapeError, match=r"z must be laid out as \(N, C=4\), got \(2, 3\)"):
        latent_walk(torch.zeros(2, 3), [], torch.zeros(2, 4))
    with pytest.raises(ShapeError, match=r"noise must have 7 steps at least, .* got \(2, 3, 6\)"):
        blurred_noise(torch.zeros(2, 3, 6), lowpass_filters(2, 3, 7))
    about = _acyclic(3, 2, 4)
    with pytest.raises(ShapeError, match=r"codes must be two at least, .* got \(2, 3, 1\)"):
        acyclic_latents(_draw(2, 3, 1), torch.zeros(2, 5).double(), **about)
    with pytest.raises(ShapeError, match=r"times must be laid out as \(N=2, k\), got \(5\,\)"):
        acyclic_latents(_draw(2, 3, 3), torch.zeros(5).double(), **about)
