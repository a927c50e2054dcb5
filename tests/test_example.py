"""An example draws the inputs that its layouts describe, and the sizes that they share."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stgan import Example
from stgan.config import make_inputs

EXAMPLE = Example(
    inputs={
        "video": "N 4 T H W",
        "label": "N < 3",
        "size": "= T H",
        "num_frames": "= T",
        "maps": ("N 2 H W", "N 5"),
    },
    smallest={"T": 7},
    steps={"H": 4},
)


def test_axes_are_named_in_order_of_appearance() -> None:
    assert EXAMPLE.axes == ("N", "T", "H", "W")
    assert Example().axes == ()


def test_usual_sizes_obey_what_the_entry_can_take() -> None:
    assert EXAMPLE.sizes() == {"N": 2, "T": 7, "H": 8, "W": 5}
    assert Example(inputs={"z": "N D"}).sizes({"N": 9}) == {"N": 9, "D": 3}


@given(st.fixed_dictionaries({axis: st.integers(1, 5) for axis in "NTHW"}), st.integers(0, 99))
def test_inputs_have_the_sizes_that_were_asked_for(sizes: dict[str, int], seed: int) -> None:
    n, t, h, w = (sizes[axis] for axis in "NTHW")
    inputs = make_inputs(EXAMPLE, sizes, seed=seed, dtype=torch.float64)
    assert inputs["video"].shape == (n, 4, t, h, w)
    assert (inputs["size"], inputs["num_frames"]) == ((t, h), t)
    assert [tuple(x.shape) for x in inputs["maps"]] == [(n, 2, h, w), (n, 5)]
    assert (inputs["label"].dtype, inputs["label"].shape) == (torch.int64, (n,))
    assert 0 <= inputs["label"].min() <= inputs["label"].max() < 3
    assert inputs["video"].dtype == inputs["maps"][0].dtype == torch.float64
    assert inputs["video"].abs().max() <= 1
    again = make_inputs(EXAMPLE, sizes, seed=seed, dtype=torch.float64)
    assert torch.equal(inputs["video"], again["video"])


def test_types_and_seeds_do_not_change_what_is_drawn() -> None:
    wide, narrow = (make_inputs(EXAMPLE, dtype=dtype) for dtype in (torch.float64, torch.float32))
    assert torch.equal(wide["video"].float(), narrow["video"])
    assert not torch.equal(
        wide["video"], make_inputs(EXAMPLE, seed=1, dtype=torch.float64)["video"]
    )


def test_a_mapping_becomes_a_part() -> None:
    projector = {"kind": "projectors", "name": "embedding", "num_classes": 3, "channels": 2}
    example = Example(inputs={"label": "N < 3", "project": projector})
    assert example.axes == ("N",)
    inputs = make_inputs(example, dtype=torch.float64)
    again = make_inputs(example, dtype=torch.float64)["project"]
    weights = [*inputs["project"].parameters()]
    assert weights[0].dtype is torch.float64
    assert all(torch.equal(a, b) for a, b in zip(weights, again.parameters(), strict=True))


@pytest.mark.parametrize("layout", ["N 4.5", "N, T", "", "N <", "N < K", "<= 3", ("N 4", "N -1")])
def test_what_is_no_layout_is_refused_where_it_is_written(layout: object) -> None:
    with pytest.raises(ValueError, match=r"is no layout for 'video'; write 'N 4 T H W' for floats"):
        Example(inputs={"video": layout})


def test_a_bound_for_no_axis_is_refused() -> None:
    with pytest.raises(ValueError, match="'D' is no axis of the inputs; they have N, T"):
        Example(inputs={"noise": "N 4 T"}, smallest={"D": 2})
