"""Strategies draw what they say, shrink to the simplest, and refuse bad bounds."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import find, given, settings
from hypothesis import strategies as st
from torch import Tensor

import stgan
from stgan import Example
from stgan.shapes import conv_transpose_size
from stgan.testing import (
    Geometry,
    conv_geometries,
    example_inputs,
    images,
    labels,
    logits,
    videos,
)


def _simplest(
    strategy: st.SearchStrategy[Any], holds: Callable[[Any], bool] = lambda _: True
) -> Any:
    return find(strategy, holds, settings=settings(max_examples=2000, derandomize=True))


@given(videos(channels=3, min_batch=2, max_batch=3, min_frames=2, max_frames=4, min_side=3,
              max_side=5, dtype=torch.float32))  # fmt: skip
def test_videos_stay_within_their_bounds(video: Tensor) -> None:
    n, c, t, h, w = video.shape
    assert (video.dtype, c) == (torch.float32, 3)
    assert 2 <= n <= 3
    assert 2 <= t <= 4
    assert all(3 <= side <= 5 for side in (h, w))
    assert video.abs().max() <= 1


@given(images(channels=1, min_batch=2, max_batch=2, min_side=2, max_side=3))
def test_images_stay_within_their_bounds(image: Tensor) -> None:
    n, c, *sides = image.shape
    assert (image.dtype, n, c) == (torch.float64, 2, 1)
    assert all(2 <= side <= 3 for side in sides)
    assert image.abs().max() <= 1


def test_the_simplest_clip_and_image_are_the_smallest() -> None:
    assert _simplest(videos()).shape == (1, 1, 1, 1, 1)
    assert _simplest(images(min_batch=2, min_side=3)).shape == (2, 1, 3, 3)


@pytest.mark.parametrize("axis", range(5))
def test_every_size_up_to_the_largest_is_drawn(axis: int) -> None:
    largest = (3, 4, 6, 7, 7)[axis]
    assert _simplest(videos(), lambda video: video.shape[axis] == largest).shape[axis] == largest


@given(labels(num_classes=4), labels(num_classes=1, batch=2), labels(num_classes=3, min_batch=5,
                                                                     max_batch=6))  # fmt: skip
def test_labels_are_classes(free: Tensor, pair: Tensor, many: Tensor) -> None:
    assert free.dtype is torch.int64
    assert 1 <= len(free) <= 3
    assert 0 <= free.min() <= free.max() <= 3
    assert pair.tolist() == [0, 0]
    assert 5 <= len(many) <= 6


@given(labels(num_classes=3, soft=True, dtype=torch.float32))
def test_soft_labels_are_rows_that_sum_to_one(rows: Tensor) -> None:
    assert (rows.dtype, rows.shape[1]) == (torch.float32, 3)
    assert rows.min() >= 0
    torch.testing.assert_close(rows.sum(dim=1), torch.ones(len(rows)))


def test_the_simplest_soft_label_is_hard_and_others_are_not() -> None:
    soft = labels(num_classes=2, soft=True)
    assert _simplest(soft).tolist() == [[1.0, 0.0]]
    assert _simplest(soft, lambda rows: bool((rows == 0.5).any())).tolist() == [[0.5, 0.5]]


@given(logits(min_size=2, max_size=3, bound=50, dtype=torch.float32))
def test_logits_stay_within_their_bounds(drawn: Tensor) -> None:
    assert (drawn.dtype, drawn.ndim) == (torch.float32, 1)
    assert 2 <= len(drawn) <= 3
    assert drawn.abs().max() <= 50


@pytest.mark.parametrize("extreme", [-1e4, 1e4, 0.0])
def test_extreme_logits_are_drawn_and_values_shrink(extreme: float) -> None:
    assert _simplest(logits(), lambda drawn: extreme in drawn).tolist() == [extreme]
    assert _simplest(logits()).tolist() == [0.0]


@given(conv_geometries(), videos(max_frames=3, max_side=3))
def test_transposed_geometries_have_an_output_for_every_input(
    geometry: Geometry, video: Tensor
) -> None:
    sizes = conv_transpose_size(tuple(video.shape[2:]), **vars(geometry))
    weight = torch.zeros(video.shape[1], 1, *geometry.kernel_size, dtype=video.dtype)
    options = {"stride": geometry.stride, "padding": geometry.padding}
    assert F.conv_transpose3d(video, weight, **options).shape[2:] == sizes
    assert all(s <= k for s, k in zip(geometry.stride, geometry.kernel_size, strict=True))


@given(conv_geometries(max_kernel=3, transposed=False), videos(min_frames=3, min_side=3))
def test_ordinary_geometries_have_an_output_for_inputs_as_long_as_the_kernel(
    geometry: Geometry, video: Tensor
) -> None:
    weight = torch.zeros(1, video.shape[1], *geometry.kernel_size, dtype=video.dtype)
    options = {"stride": geometry.stride, "padding": geometry.padding}
    assert min(F.conv3d(video, weight, **options).shape) > 0
    assert max(geometry.kernel_size) <= 3


def test_geometries_shrink_and_hold_the_usual_ones() -> None:
    assert _simplest(conv_geometries()) == Geometry((1, 1, 1), (1, 1, 1), (0, 0, 0))
    halved = Geometry((4, 4, 4), (2, 2, 2), (1, 1, 1))
    same = Geometry((2, 1, 1), (1, 1, 1), (1, 0, 0))
    for transposed in (True, False):
        assert _simplest(conv_geometries(transposed=transposed), halved.__eq__) == halved
    # More padding than a transposed convolution of a single pixel can lose.
    assert _simplest(conv_geometries(max_kernel=2, transposed=False), same.__eq__) == same


EXAMPLE = Example(
    inputs={"video": "N 3 T H 5", "label": "N < 2", "size": "= T H"},
    smallest={"T": 3},
    steps={"H": 4, "T": 2},
)


@given(example_inputs(EXAMPLE, max_steps=1, dtype=torch.float64))
def test_inputs_of_an_example_share_their_sizes(inputs: dict[str, Any]) -> None:
    n, c, t, h, w = inputs["video"].shape
    assert inputs["video"].dtype is torch.float64
    assert (c, w, inputs["size"], inputs["label"].shape) == (3, 5, (t, h), (n,))
    assert (n in (1, 2), t in (4, 6), h in (4, 8)) == (True, True, True)


def test_the_simplest_inputs_of_an_example_are_the_smallest_that_it_allows() -> None:
    assert _simplest(example_inputs(EXAMPLE))["video"].shape == (1, 3, 4, 4, 5)
    longest = _simplest(example_inputs(EXAMPLE), lambda inputs: inputs["size"] == (8, 12))
    assert longest["video"].shape == (1, 3, 8, 12, 5)


@pytest.mark.parametrize(
    ("make", "bounds", "message"),
    [
        (videos, {"min_side": 0}, "min_side must be at least 1 and at most max_side, got 0 and 7"),
        (videos, {"min_frames": 7}, "min_frames must be at least 1 and at most max_frames, got 7"),
        (videos, {"min_batch": 3, "max_batch": 2}, "min_batch must be at least 1 and at most max"),
        (videos, {"channels": 0}, "channels must be a positive integer or None, got 0"),
        (videos, {"dtype": torch.int64}, "dtype must be one of floats, got torch.int64"),
        (images, {"max_side": 0}, "min_side must be at least 1 and at most max_side, got 1 and 0"),
        (images, {"dtype": torch.bool}, "dtype must be one of floats, got torch.bool"),
        (labels, {"num_classes": 0}, "num_classes must be a positive integer or None, got 0"),
        (labels, {"num_classes": 2, "batch": 0}, "batch must be a positive integer or None, got 0"),
        (labels, {"num_classes": 2, "max_batch": 0}, "min_batch must be at least 1 and at most m"),
        (labels, {"num_classes": 2, "soft": True, "dtype": torch.int8}, "dtype must be one of fl"),
        (logits, {"bound": 0}, "bound must be a positive number, got 0"),
        (logits, {"bound": float("inf")}, "bound must be a positive number, got inf"),
        (logits, {"min_size": 9}, "min_size must be at least 1 and at most max_size, got 9 and 8"),
        (logits, {"dtype": torch.int64}, "dtype must be one of floats, got torch.int64"),
        (conv_geometries, {"max_kernel": 0}, "max_kernel must be a positive integer or None, got"),
        (example_inputs, {"example": EXAMPLE, "max_steps": -1}, "max_steps must be at least 0, go"),
    ],
)
def test_bad_bounds_are_refused_when_the_strategy_is_made(
    make: Callable[..., Any], bounds: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make(**bounds)


@pytest.mark.parametrize(
    ("make", "bounds", "message"),
    [
        (videos, {"max_side": 2.0}, "min_side and max_side must be integers, got 2.0"),
        (images, {"channels": True}, "channels must be a positive integer or None, got True"),
        (example_inputs, {"example": EXAMPLE, "max_steps": 0.5}, "max_steps must be an integer"),
    ],
)
def test_bounds_of_another_type_are_refused(
    make: Callable[..., Any], bounds: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        make(**bounds)


def test_without_hypothesis_the_extra_is_named_and_stgan_itself_does_not_need_it() -> None:
    program = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import stgan\n"
        "assert 'stgan.testing' not in sys.modules\n"
        "import stgan.testing"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stderr.strip().endswith(
        "ModuleNotFoundError: stgan.testing needs Hypothesis; pip install 'stgan[testing]'"
    )
    assert stgan.__version__
