"""The family is complete, alike in its settings, and alike in weights where that is asked for."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stgan.profiling import factorization_family, profile
from tests.strategies import Geometry, conv_geometries, videos


@given(geometry=conv_geometries(), video=videos(min_frames=2, min_side=2, min_batch=2))
def test_all_members_make_outputs_of_one_shape(geometry: Geometry, video: torch.Tensor) -> None:
    family = factorization_family(video.shape[1], 3, **vars(geometry), mid_channels=("out",))
    shapes = {
        profile(module, video.float(), rounds=1, warmup=0, backward=False).output_shape
        for module in family.modules.values()
    }
    assert len(shapes) == 1
    assert len(family.modules) == 5


@given(c_in=st.integers(8, 24), c_out=st.integers(8, 24))
def test_match_has_the_weights_of_the_dense_layer(c_in: int, c_out: int) -> None:
    family = factorization_family(c_in, c_out, 4, 2, 1, bias=False)
    counts = {name: sum(p.numel() for p in m.parameters()) for name, m in family.modules.items()}
    dense = counts["conv_transpose_3d"]
    for name in ("conv_transpose_1p2d match", "conv_transpose_2p1d match"):
        # The width is rounded down; a norm adds two numbers for each of its channels.
        assert dense * 0.9 <= counts[name] <= dense * 1.05


def test_what_cannot_be_built_is_told_with_the_reason() -> None:
    family = factorization_family(8, 4, 1, mid_channels=("out", "released"))
    assert list(family.refused) == ["conv_transpose_1p2d released", "conv_transpose_2p1d released"]
    assert "gives 0 channels" in family.refused["conv_transpose_1p2d released"]
    assert "conv_transpose_1p2d out" in family.modules


def test_further_settings_reach_every_member() -> None:
    family = factorization_family(8, 4, 4, 2, 1, bias=False, norm=None, bias_before_norm=False)
    assert all(m.bias is None for f in family.modules.values() for m in f.children()
               if isinstance(m, torch.nn.Conv3d) and m.out_channels == 4 and m.groups == 1
               and m.kernel_size != (1, 1, 1))  # fmt: skip
    with pytest.raises(TypeError, match="nothing"):
        factorization_family(8, 4, 4, 2, 1, nothing=1)
