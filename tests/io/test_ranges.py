import warnings

import pytest
import torch
from torch.testing import assert_close

from stgan.io import from_uint8, to_uint8


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_byte_survives_the_round_trip(dtype: torch.dtype) -> None:
    every = torch.arange(256, dtype=torch.uint8)
    floats = from_uint8(every, dtype=dtype)
    assert floats.dtype == dtype
    assert floats[0] == -1
    assert floats[-1] == 1
    assert torch.equal(to_uint8(floats), every)


def test_floats_come_back_within_half_a_step() -> None:
    video = torch.linspace(-1, 1, 1001, dtype=torch.float64)
    assert_close(
        from_uint8(to_uint8(video), dtype=torch.float64), video, atol=1 / 255 + 1e-12, rtol=0
    )


def test_the_range_of_the_clip_does_not_matter() -> None:
    pale = torch.tensor([-0.1, 0.1])
    assert torch.equal(to_uint8(pale), to_uint8(torch.cat([pale, torch.tensor([-1.0, 1.0])]))[:2])


def test_what_is_outside_saturates() -> None:
    assert to_uint8(torch.tensor([-7.0, 7.0])).tolist() == [0, 255]


def test_floats_of_bytes_saturate_with_a_warning_that_names_the_conversion() -> None:
    every = torch.arange(256.0)
    sentence = r"values beyond 10, far outside of \[-1, 1\].*from_uint8, .* by x / 127.5 - 1$"
    with pytest.warns(UserWarning, match=sentence):
        assert to_uint8(every).unique().tolist() == [128, 255]
    with pytest.warns(UserWarning, match=sentence):
        to_uint8(-every)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        to_uint8(torch.tensor([-10.0, 10.0]))  # a network without a bound at its end
        assert to_uint8(torch.zeros(3, 0)).shape == (3, 0)


def test_the_warning_comes_once_from_a_loop() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("default")
        for shift in range(3):
            to_uint8(torch.full((2,), 100.0 + shift))
    assert len(heard) == 1


@pytest.mark.parametrize("bad", [float("nan"), float("inf")], ids=["nan", "inf"])
def test_what_is_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"must be finite to become bytes, got 1 of 3 values"):
        to_uint8(torch.tensor([0.0, bad, 1.0]))


def test_wrong_types_are_refused() -> None:
    with pytest.raises(TypeError, match=r"to_uint8 takes a floating-point tensor .* got torch.int"):
        to_uint8(torch.zeros(2, dtype=torch.int64))
    with pytest.raises(TypeError, match=r"from_uint8 takes a torch.uint8 tensor, got torch.float"):
        from_uint8(torch.zeros(2))
    with pytest.raises(TypeError, match=r"dtype must be a floating-point type .* got torch.int64"):
        from_uint8(torch.zeros(2, dtype=torch.uint8), dtype=torch.int64)
