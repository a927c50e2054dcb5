"""Features that are fused lazily: a part takes them for what they stand for, or refuses them."""

import pytest
import torch
from torch import Tensor

import stgan
from stgan.config import make_inputs
from stgan.functional import FusedFeatures

TAKES = [
    (kind, name)
    for kind in ("layers", "fusions", "blocks", "augmentations", "discriminators")
    for name in stgan.list(kind)
    if (example := stgan.info(kind, name).example) is not None and "video" in example.inputs
]


@pytest.mark.parametrize(("kind", "name"), TAKES)
def test_lazy_features_are_taken_for_what_they_stand_for_or_refused(kind: str, name: str) -> None:
    example = stgan.info(kind, name).example
    assert example is not None
    part = stgan.build({"kind": kind, "name": name, **example.settings}).eval()
    inputs = make_inputs(example)
    video = inputs.pop("video")
    assert video.ndim == 5
    assert video.shape[1] >= 2
    features = FusedFeatures(video[:, :-1], (video[:, -1:, 0],))
    call = getattr(part, example.call)
    torch.manual_seed(0)
    told = ""
    try:
        out = call(video=features, **inputs)
    except TypeError as error:
        told = str(error)
    if told:
        assert told == "video must be a tensor, got FusedFeatures; call its materialize()"
        return
    torch.manual_seed(0)
    expected = call(video=features.materialize(), **inputs)
    if isinstance(expected, FusedFeatures):
        out, expected = out.materialize(), expected.materialize()
    assert not isinstance(expected, Tensor) or expected.isfinite().all()
    torch.testing.assert_close(out, expected)
