"""Temporal latents: any number of frames, randomness as an argument, and each one's own law."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from stgan.blocks import (
    LatentAcyclic,
    LatentBlurredNoise,
    LatentDeconv,
    LatentGRU,
    LatentLSTMWalk,
    LatentRepeat,
    TemporalLatent,
)
from stgan.errors import ShapeError
from tests.strategies import SEEDS

BATCH, FRAMES = st.integers(1, 3), st.integers(1, 9)


def _all() -> dict[str, TemporalLatent]:
    torch.manual_seed(0)
    latents = {
        "repeat": LatentRepeat(4),
        "gru": LatentGRU(4, 3),
        "walk": LatentLSTMWalk(4, 3, hidden_dim=5, num_directions=2),
        # Two of two channels of a ReLU may be dead, which a smooth activation never is.
        "deconv": LatentDeconv(4, 3, mid_channels=(3, 2), act=nn.SiLU),
        "acyclic": LatentAcyclic(4, 3, 6, spacing=3, kernel_size=2),
        "acyclic, without z": LatentAcyclic(0, 3, 6, spacing=3, kernel_size=2),
        "blurred": LatentBlurredNoise(4, 2, num_filters=3, longest=7),
        "blurred, without z": LatentBlurredNoise(0, 2, num_filters=3, longest=7),
    }
    return {name: latent.double().eval() for name, latent in latents.items()}


ALL = _all()
NAMES = st.sampled_from(sorted(ALL))
NOISY = st.sampled_from(sorted(set(ALL) - {"repeat"}))
# The codes of a frame do not depend on how many frames follow.
CAUSAL = st.sampled_from(sorted(set(ALL) - {"deconv"}))


def _draw(
    latent: TemporalLatent, n: int, t: int, seed: int, more: int = 0
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shape = latent.noise_shape(n, t)

    def normal(*size: int) -> Tensor:
        return torch.randn(size, generator=generator, dtype=torch.float64)

    return normal(n, latent.z_dim), normal(*shape[:2], shape[2] + more)


@given(NAMES, BATCH, FRAMES, SEEDS)
def test_any_number_of_frames_has_the_promised_shape(name: str, n: int, t: int, seed: int) -> None:
    latent = ALL[name]
    z, noise = _draw(latent, n, t, seed)
    codes = latent(z, t, noise=noise)
    assert codes.shape == (n, latent.out_channels, t)
    assert latent.output_shape((n, latent.z_dim), t) == tuple(codes.shape)
    assert latent.output_shape((n, latent.z_dim), t, tuple(noise.shape)) == tuple(codes.shape)
    assert codes.dtype == torch.float64


@given(NAMES, BATCH, FRAMES, st.integers(0, 3), SEEDS)
def test_with_noise_given_nothing_else_is_random_and_only_its_beginning_is_read(
    name: str, n: int, t: int, more: int, seed: int
) -> None:
    latent = ALL[name]
    z, noise = _draw(latent, n, t, seed, more)
    codes = latent(z, t, noise=noise)
    needed = latent.noise_shape(n, t)[2]
    assert torch.equal(latent(z, t, noise=noise[:, :, :needed]), codes)


@given(NOISY, BATCH, st.integers(5, 9), SEEDS)
def test_without_noise_it_is_drawn_normal_and_from_the_generator_if_there_is_one(
    name: str, n: int, t: int, seed: int
) -> None:
    latent = ALL[name]
    z, _ = _draw(latent, n, t, seed)
    torch.manual_seed(seed)
    noise = torch.randn(latent.noise_shape(n, t), dtype=torch.float64)
    expected = latent(z, t, noise=noise)
    torch.manual_seed(seed)
    assert torch.equal(latent(z, t), expected)
    state = torch.get_rng_state()
    drawn = latent(z, t, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(drawn, expected)
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(latent(z, t), expected)


@given(CAUSAL, BATCH, st.integers(2, 9), st.data(), SEEDS)
def test_the_first_frames_do_not_depend_on_how_many_follow(
    name: str, n: int, t: int, data: st.DataObject, seed: int
) -> None:
    latent = ALL[name]
    fewer = data.draw(st.integers(1, t - 1))
    z, noise = _draw(latent, n, t, seed)
    torch.testing.assert_close(
        latent(z, fewer, noise=noise), latent(z, t, noise=noise)[:, :, :fewer]
    )


@given(NOISY, BATCH, SEEDS)
def test_z_and_noise_get_gradients(name: str, n: int, seed: int) -> None:
    latent = ALL[name]
    z, noise = (x.requires_grad_() for x in _draw(latent, n, 9, seed))
    codes = latent(z, 9, noise=noise)
    grad_z, grad_noise = torch.autograd.grad((codes * torch.randn_like(codes)).sum(), (z, noise))
    assert (grad_noise != 0).any(dim=(1, 2)).all()
    assert latent.z_dim == 0 or (grad_z != 0).any(dim=1).all()


@given(st.sampled_from(["repeat", "blurred"]), BATCH, FRAMES, SEEDS)
def test_the_code_itself_is_in_every_frame(name: str, n: int, t: int, seed: int) -> None:
    latent = ALL[name]
    z, noise = _draw(latent, n, t, seed)
    codes = latent(z, t, noise=noise)[:, : latent.z_dim]
    assert torch.equal(codes, z.unsqueeze(2).expand_as(codes))


@given(BATCH, FRAMES, SEEDS)
def test_the_gru_starts_from_z(n: int, t: int, seed: int) -> None:
    latent = ALL["gru"]
    z, noise = _draw(latent, n, t, seed)
    state = z
    for i, code in enumerate(latent(z, t, noise=noise).unbind(2)):
        state = latent.cell(noise[:, :, i], state)
        torch.testing.assert_close(code, state)


@given(BATCH, FRAMES, SEEDS)
def test_the_walk_starts_at_z_and_its_lstm_where_a_cell_that_reads_z_ends(
    n: int, t: int, seed: int
) -> None:
    latent = ALL["walk"]
    z, noise = _draw(latent, n, t, seed)
    first = nn.LSTMCell(4, 5).double()
    with torch.no_grad():
        gate, new, out = latent.encode.weight.chunk(3)
        first.weight_ih.copy_(torch.cat([gate, torch.full_like(gate, 7.0), new, out]))
        gate, new, out = latent.encode.bias.chunk(3)
        first.bias_ih.copy_(torch.cat([gate, torch.full_like(gate, 7.0), new, out]))
        first.bias_hh.zero_()
    h, c = first(z)
    code = z
    for i, given_code in enumerate(latent(z, t, noise=noise).unbind(2)):
        if i:
            h, c = latent.cell(noise[:, :, i - 1], (h, c))
            step = torch.tanh(h @ latent.to_step.weight.T + latent.to_step.bias)
            code = code + 0.2 * step @ latent.basis
        torch.testing.assert_close(given_code, code)


@given(SEEDS, st.floats(0.01, 1))
def test_the_walk_stays_in_the_span_of_its_basis(seed: int, step_size: float) -> None:
    latent = LatentLSTMWalk(5, 3, num_directions=2, step_size=step_size).double()
    assert torch.equal(latent.basis, torch.eye(2, 5).double())
    torch.manual_seed(seed)
    directions = torch.linalg.qr(torch.randn(5, 2, dtype=torch.float64)).Q.T
    scales = torch.tensor([3.0, 0.5], dtype=torch.float64)
    latent.set_basis(directions, scales)
    torch.testing.assert_close(latent.state_dict()["basis"], directions * scales[:, None])
    z, noise = _draw(latent, 2, 6, seed)
    moves = latent(z, 6, noise=noise).diff(dim=2)
    along = torch.einsum("kc,nct->nkt", directions, moves)
    torch.testing.assert_close(torch.einsum("kc,nkt->nct", directions, along), moves)
    assert (along.abs() <= step_size * scales[:, None] + 1e-12).all()
    assert (along.abs() > 0).all()


def test_a_basis_of_another_shape_is_refused() -> None:
    latent = LatentLSTMWalk(5, 3, num_directions=2)
    with pytest.raises(ShapeError, match=r"directions must be .*\(K=2, C=5\), got \(3, 5\)"):
        latent.set_basis(torch.zeros(3, 5), torch.zeros(2))
    with pytest.raises(ShapeError, match=r"scales must be laid out as \(K=2\), got \(3,\)"):
        latent.set_basis(torch.zeros(2, 5), torch.zeros(3))


@given(BATCH, st.integers(1, 12), SEEDS)
def test_a_deconvolution_is_its_stages_over_z_and_the_noise_cut_at_the_end(
    n: int, t: int, seed: int
) -> None:
    latent = ALL["deconv"]
    assert latent.frames_per_code == 4
    z, noise = _draw(latent, n, t, seed)
    assert noise.shape[2] == -(-t // 4) - 1
    grown = torch.cat([z.unsqueeze(2), noise], dim=2)
    for stage in latent.stages:
        grown = stage(grown)
    assert grown.shape[2] - 4 < t <= grown.shape[2]
    assert torch.equal(latent(z, t, noise=noise), grown[:, :, :t])


def test_the_deconvolution_of_tgan_has_its_stages() -> None:
    latent = LatentDeconv(100, 100)
    convs = [m for m in latent.stages if isinstance(m, nn.ConvTranspose1d)]
    widths = [(m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0]) for m in convs]
    assert widths == [(100, 512, 1, 1), (512, 256, 4, 2), (256, 128, 4, 2), (128, 128, 4, 2),
                      (128, 100, 4, 2)]  # fmt: skip
    assert latent.noise_shape(3, 16) == (3, 100, 0)
    assert latent.noise_shape(3, 17) == (3, 100, 1)
    assert [m.bias is not None for m in convs] == [False] * 4 + [True]


@pytest.mark.parametrize("norm", [nn.BatchNorm1d, nn.InstanceNorm1d, None])
def test_the_layers_of_a_deconvolution_can_be_chosen(norm: Any) -> None:
    latent = LatentDeconv(4, 3, mid_channels=(2, 2), norm=norm, act=nn.SiLU, out_act=None)
    kinds = [type(layer) for layer in latent.stages]
    middle = [nn.ConvTranspose1d, *([] if norm is None else [norm]), nn.SiLU]
    assert kinds == [*middle, *middle, nn.ConvTranspose1d]
    assert (latent.stages[0].bias is None) == (norm is not None)
    latent = LatentDeconv(4, 3, mid_channels=(2,), act=None)
    assert [type(layer) for layer in latent.stages] == [
        nn.ConvTranspose1d, nn.BatchNorm1d, nn.ConvTranspose1d, nn.Tanh
    ]  # fmt: skip


@given(BATCH, st.integers(1, 9), st.integers(1, 5), SEEDS)
def test_acyclic_codes_at_chosen_times_are_those_of_the_whole_clip(
    n: int, t: int, k: int, seed: int
) -> None:
    latent = ALL["acyclic"]
    z, noise = _draw(latent, n, t, seed)
    chosen = torch.randint(t, (n, k), generator=torch.Generator().manual_seed(seed))
    codes = latent(z, t, noise=noise)
    expected = codes.gather(2, chosen[:, None].expand(n, 6, k))
    at = latent(z, t, noise=noise, times=chosen.double())
    torch.testing.assert_close(at, expected)
    shape = latent.output_shape((n, 4), t, tuple(noise.shape), tuple(chosen.shape))
    assert shape == tuple(at.shape) == (n, 6, k)


@given(st.integers(1, 4), st.integers(1, 4), FRAMES, SEEDS)
def test_acyclic_anchors_stand_a_spacing_apart_and_are_what_the_convolutions_make(
    spacing: int, kernel: int, t: int, seed: int
) -> None:
    torch.manual_seed(seed)
    latent = LatentAcyclic(0, 3, 4, mid_channels=5, spacing=spacing, kernel_size=kernel).double()
    z, noise = _draw(latent, 2, t, seed)
    anchors = latent.anchors(noise)
    assert anchors.shape == (2, 5, (t - 1) // spacing + 2)
    expected = torch.einsum("oc,ncl->nol", latent.to_anchor.weight, anchors)
    codes = latent(z, t, noise=noise)[:, :, ::spacing]
    torch.testing.assert_close(codes, expected[:, :, : codes.shape[2]])


def test_acyclic_periods_are_log_spaced_between_their_bounds() -> None:
    latent = LatentAcyclic(0, 3, 8, shortest_period=4, longest_period=32).double()
    periods = 2 * torch.pi / latent.frequencies
    torch.testing.assert_close(periods, torch.tensor([4.0, 8, 16, 32]).double())
    torch.testing.assert_close(latent.phase_scales, torch.tensor([8.0, 4, 2, 1]).double())


def test_one_acyclic_frame_is_possible_at_a_fractional_time_and_differs_from_its_neighbors() -> (
    None
):
    latent = ALL["acyclic"]
    z, noise = _draw(latent, 1, 4, 0)
    times = torch.tensor([[1.0, 1.5, 2.0]], dtype=torch.float64)
    a, between, b = latent(z, 4, noise=noise, times=times).unbind(2)
    assert not torch.allclose(a, between)
    assert not torch.allclose(b, between)


def test_the_filters_of_blurred_noise_are_as_asked_and_follow_noise_channel_by_channel() -> None:
    latent = LatentBlurredNoise(0, 2, num_filters=3, shortest=5, longest=45)
    assert latent.out_channels == 6
    assert [int((row.abs() > 1e-9).sum()) for row in latent.filters] == [5, 15, 45]
    assert list(latent.parameters()) == []
    noise = torch.randn(1, 2, 58)
    other = torch.cat([noise[:, :1], torch.randn(1, 1, 58)], dim=1)
    z = torch.zeros(1, 0)
    a, b = latent(z, 14, noise=noise), latent(z, 14, noise=other)
    assert torch.equal(a[:, :3], b[:, :3])
    assert not torch.allclose(a[:, 3:], b[:, 3:])


@pytest.mark.parametrize("name", sorted(ALL))
def test_other_inputs_are_refused_by_call_and_promise(name: str) -> None:
    latent = ALL[name]
    z, noise = _draw(latent, 2, 9, 0)
    n, channels, length = noise.shape
    wrong_z = torch.zeros(2, latent.z_dim + 1).double()
    message = rf"z must be laid out as \(N, C={latent.z_dim}\), got \(2, {latent.z_dim + 1}\)"
    for call in (lambda: latent(wrong_z, 9), lambda: latent.output_shape(tuple(wrong_z.shape), 9)):
        with pytest.raises(ShapeError, match=message):
            call()
    for shape in ((n + 1, channels, length), (n, channels + 1, length), (n, length),
                  *([(n, channels, length - 1)] if length else [])):  # fmt: skip
        wrong = torch.zeros(shape).double()
        message = (
            rf"noise must be laid out as \(N=2, C={channels}, L\) with L at least {length} for 9 "
            rf"frames, got \({str(shape)[1:-1]}\)"
        )
        for call in (
            lambda wrong=wrong: latent(z, 9, noise=wrong),
            lambda shape=shape: latent.output_shape(tuple(z.shape), 9, shape),
        ):
            with pytest.raises(ShapeError, match=message):
                call()
    for call in (lambda: latent(z, 0), lambda: latent.output_shape(tuple(z.shape), 0)):
        with pytest.raises(ValueError, match="num_frames must be at least 1, got 0"):
            call()
    if isinstance(latent, LatentAcyclic):
        for call in (
            lambda: latent(z, 9, times=torch.zeros(3, 5).double()),
            lambda: latent.output_shape(tuple(z.shape), 9, None, (3, 5)),
        ):
            with pytest.raises(ShapeError, match=r"times must be .*\(N=2, k\), got \(3, 5\)"):
                call()


@pytest.mark.parametrize(
    ("kind", "arguments", "settings", "message"),
    [
        (LatentRepeat, (0,), {}, "z_dim must be at least 1, got 0"),
        (LatentGRU, (4, 0), {}, "noise_dim must be at least 1, got 0"),
        (LatentGRU, (0, 4), {}, "z_dim must be at least 1, got 0"),
        (LatentLSTMWalk, (4, 3), {"num_directions": 5}, "num_directions must be at most z_dim=4"),
        (LatentLSTMWalk, (4, 3), {"hidden_dim": 0}, "hidden_dim must be at least 1, got 0"),
        (LatentDeconv, (4, 3), {"mid_channels": ()}, "mid_channels must name one width at least"),
        (LatentDeconv, (4, 0), {}, "out_channels must be at least 1, got 0"),
        (LatentAcyclic, (-1, 3, 4), {}, "z_dim must be at least 0, got -1"),
        (LatentAcyclic, (0, 3, 5), {}, "out_channels must be even, .* got 5"),
        (LatentAcyclic, (0, 3, 4), {"longest_period": 2.0}, "longest_period must be at least"),
        (LatentAcyclic, (0, 3, 4), {"spacing": 0}, "spacing must be at least 1, got 0"),
        (LatentBlurredNoise, (0, 3), {"longest": 4}, "longest must be at least shortest=5"),
        (LatentBlurredNoise, (0, 0), {}, "noise_dim must be at least 1, got 0"),
    ],
)
def test_wrong_settings_fail_in_the_constructor(
    kind: Any, arguments: tuple[int, ...], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        kind(*arguments, **settings)


def test_half_precision_tells_the_frames_of_a_long_clip_apart() -> None:
    module = LatentAcyclic(0, 8, 16)
    noise = torch.randn(module.noise_shape(1, 600), generator=torch.Generator().manual_seed(0))
    exact = module(torch.zeros(1, 0), 600, noise=noise)
    half = module.bfloat16()
    codes = half(torch.zeros(1, 0, dtype=torch.bfloat16), 600, noise=noise.bfloat16())
    assert codes.dtype is torch.bfloat16
    assert (codes.diff(dim=2) != 0).any(dim=1).all()
    # Frequencies are rounded too, but late frames are no further off than early ones.
    late, early = ((codes.float() - exact)[..., part].abs().mean()
                   for part in (slice(500, 600), slice(0, 100)))  # fmt: skip
    assert late < 4 * early


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_module_made_without_data_is_whole_after_loading(name: str) -> None:
    latent = ALL[name]
    with torch.device("meta"):
        empty = _all()[name]
    assert {tensor.device.type for tensor in empty.state_dict().values()} <= {"meta"}
    empty.to_empty(device="cpu").load_state_dict(latent.state_dict())
    z, noise = _draw(latent, 2, 5, 0)
    assert torch.equal(empty(z, 5, noise=noise), latent(z, 5, noise=noise))
