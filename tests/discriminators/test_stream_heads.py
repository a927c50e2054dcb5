"""Image and video streams with any head: where the label joins, what else they tell."""

import json
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import stgan
from stgan.discriminators import (
    AuxiliaryClassifierHead,
    Head,
    ImageDiscriminator,
    InfoGANHead,
    LinearHead,
    PatchHead,
    ProjectionHead,
    StreamOutput,
    VideoDiscriminator,
)
from stgan.errors import ShapeError
from stgan.layers import MinibatchStddev

TINY: dict[str, Any] = {"base_channels": 4, "max_channels": 8}
SIZE = (4, 8, 12)
STREAMS = pytest.mark.parametrize("image", [False, True], ids=["video", "image"])


def build(image: bool, *, any_size: bool = False, **options: Any) -> Any:
    torch.manual_seed(0)
    size: Any = None if any_size else SIZE[1:] if image else SIZE
    stages = stgan.shapes.plan_upsampling((1, 2, 3), SIZE)
    kind = ImageDiscriminator if image else VideoDiscriminator
    return kind(size, stages=stages, **TINY, **options).eval()


def draw(image: bool, *, n: int = 3, seed: int = 0) -> Tensor:
    return torch.randn(
        n, 3, *(SIZE[1:] if image else SIZE), generator=torch.Generator().manual_seed(seed)
    )


@STREAMS
def test_the_usual_head_keeps_the_names_of_its_weights(image: bool) -> None:
    layers = ["stages.0.conv", "stages.1.conv", "head"]
    names = [f"{layer}.{part}" for layer in layers for part in ("weight", "bias")]
    assert [*build(image, spectral_norm=False).state_dict()] == names
    assert "head.parametrizations.weight.original" in build(image).state_dict()


@STREAMS
@pytest.mark.parametrize("any_size", [False, True])
@pytest.mark.parametrize("classes", [0, 3])
def test_a_linear_head_is_the_usual_one(image: bool, any_size: bool, classes: int) -> None:
    options: dict[str, Any] = {
        "any_size": any_size, "num_classes": classes, "spectral_norm": False,
    }  # fmt: skip
    usual, other = build(image, **options), build(image, head=LinearHead, **options)
    state = {
        name.replace("head.", "head.linear."): value.flatten(1) if name == "head.weight" else value
        for name, value in usual.state_dict().items()
    }
    other.load_state_dict(state)
    label = torch.tensor([0, 2, 1]) if classes else None
    torch.testing.assert_close(other(draw(image), label), usual(draw(image), label))


@STREAMS
@settings(max_examples=10)
@given(any_size=st.booleans(), classes=st.sampled_from([0, 3]), stddev=st.booleans())
def test_what_is_detailed_is_what_the_stages_said_and_changes_no_logit(
    image: bool, any_size: bool, classes: int, stddev: bool
) -> None:
    critic = build(image, any_size=any_size, num_classes=classes, minibatch_stddev=stddev)
    x, label = draw(image), torch.tensor([0, 2, 1]) if classes else None
    output = critic(x, label, detailed=True)
    assert isinstance(output, StreamOutput)
    assert torch.equal(output.logits, critic(x, label))
    assert output.predictions == {}
    assert len(output.features) == len(critic.stages)
    assert torch.equal(output.features[0], critic.stages[0](x))
    shape = tuple(x.shape)
    for index, (stage, features) in enumerate(zip(critic.stages, output.features, strict=True)):
        shape = stage.output_shape(shape)
        assert tuple(features.shape) == shape
        if index == 0:  # after which the label joins
            shape = (shape[0], shape[1] + classes, *shape[2:])


@STREAMS
def test_a_label_in_the_head_leaves_the_stages_alone(image: bool) -> None:
    critic = build(image, num_classes=3, head=ProjectionHead, label_to="head")
    x = draw(image)
    one, two = (critic(x, torch.full((3,), k), detailed=True) for k in (0, 2))
    assert all(torch.equal(*pair) for pair in zip(one.features, two.features, strict=True))
    assert not torch.allclose(one.logits, two.logits)
    rows = torch.eye(3)[[0, 2, 2]]
    torch.testing.assert_close(critic(x, rows), critic(x, torch.tensor([0, 2, 2])))
    # As a map after the first stage it changes what later stages see.
    joined = build(image, num_classes=3)
    one, two = (joined(x, torch.full((3,), k), detailed=True) for k in (0, 2))
    assert torch.equal(one.features[0], two.features[0])
    assert not torch.allclose(one.features[1], two.features[1])
    assert not torch.allclose(one.logits, two.logits)


@STREAMS
@pytest.mark.parametrize("classes", [0, 3])
def test_a_continuous_condition_reaches_the_head(image: bool, classes: int) -> None:
    critic = build(image, head=partial(ProjectionHead, scale=True), condition_dim=5,
                   num_classes=classes)  # fmt: skip
    label = torch.tensor([0, 2, 1]) if classes else None
    condition = torch.randn(3, 5, requires_grad=True)
    output = critic(draw(image), label, condition, detailed=True)
    torch.testing.assert_close(output.logits, critic.head(output.features[-1], condition))
    output.logits.sum().backward()
    assert condition.grad is not None
    assert condition.grad.abs().sum() > 0


@STREAMS
@pytest.mark.parametrize("any_size", [False, True])
@pytest.mark.parametrize(
    ("head", "names"),
    [
        (PatchHead, []),
        (partial(AuxiliaryClassifierHead, num_classes=3), ["label"]),
        (partial(InfoGANHead, num_classes=2, code_dim=2), ["label", "code"]),
    ],
    ids=["patch", "auxiliary", "infogan"],
)
def test_every_head_fits_and_promises(
    image: bool, any_size: bool, head: Any, names: list[str]
) -> None:
    critic = build(image, any_size=any_size, head=head, minibatch_stddev=True)
    x = draw(image)
    output = critic(x, detailed=True)
    assert list(output.predictions) == names
    logits = critic(x)
    assert torch.equal(logits, output.logits)
    assert tuple(logits.shape) == critic.output_shape(tuple(x.shape))
    expected = (3, *output.features[-1].shape[2:]) if head is PatchHead else (3,)
    assert tuple(logits.shape) == expected
    assert isinstance(critic.head, Head)
    assert critic.head.in_channels == output.features[-1].shape[1] + 1


@STREAMS
def test_the_head_sees_how_much_samples_differ(image: bool) -> None:
    critic = build(image, minibatch_stddev=True)
    assert isinstance(critic.minibatch_stddev, MinibatchStddev)
    one, other = draw(image, n=1), draw(image, n=1, seed=1)
    among_others = critic(torch.cat([one, other]))[:1]
    among_alike = critic(torch.cat([one, one]))[:1]
    assert (among_others - among_alike).abs() > 1e-6
    plain = build(image)
    torch.testing.assert_close(plain(torch.cat([one, other]))[:1], plain(one))


@STREAMS
@pytest.mark.parametrize(
    "options",
    [
        {"head": partial(ProjectionHead, scale=True), "num_classes": 3, "label_to": "head"},
        {"head": PatchHead, "minibatch_stddev": True},
        {"head": partial(ProjectionHead, unconditional=False), "condition_dim": 4},
    ],
)
def test_a_configuration_builds_the_same_again(image: bool, options: dict[str, Any]) -> None:
    critic = build(image, **options)
    config = json.loads(json.dumps(stgan.to_config(critic)))
    twin = stgan.build(config).eval()
    twin.load_state_dict(critic.state_dict())
    label = torch.tensor([0, 2, 1]) if "num_classes" in options else None
    condition = torch.randn(3, 4) if "condition_dim" in options else None
    x = draw(image)
    assert torch.equal(twin(x, label, condition), critic(x, label, condition))


def test_any_module_may_be_a_head() -> None:
    class Mean(nn.Module):
        def forward(self, features: Tensor) -> Tensor:
            return features.flatten(1).mean(dim=1)

    def head(channels: int, size: Any, **_: Any) -> nn.Module:
        assert (channels, size) == (8, (1, 2, 3))
        return Mean()

    critic = build(False, head=head)
    x = draw(False)
    assert critic.output_shape(tuple(x.shape)) == tuple(critic(x).shape) == (3,)


TAKES_NONE = "Head takes no {} as its condition; "
HEADS_WITHOUT_CONDITION = [
    (LinearHead, "pass label_to='stages', or head=ProjectionHead"),
    (PatchHead, "pass label_to='stages', or head=ProjectionHead"),
    (AuxiliaryClassifierHead, "pass head=partial(AuxiliaryClassifierHead, num_classes=3) for the"),
    (partial(AuxiliaryClassifierHead, num_classes=3), "no num_classes, or label_to='stages'"),
    (InfoGANHead, "pass head=partial(InfoGANHead, num_classes=3) for the classes that it predicts"),
    (partial(InfoGANHead, code_dim=2), "pass head=partial(InfoGANHead, num_classes=3)"),
]


@STREAMS
@pytest.mark.parametrize(("head", "fix"), HEADS_WITHOUT_CONDITION)
def test_a_critic_that_could_not_be_called_is_not_built(image: bool, head: Any, fix: str) -> None:
    with pytest.raises(ValueError, match=TAKES_NONE.format("label")) as caught:
        build(image, head=head, num_classes=3, label_to="head")
    assert fix in str(caught.value)
    with pytest.raises(ValueError, match=TAKES_NONE.format("vector") + "leave condition_dim at 0"):
        build(image, head=head, condition_dim=3)


@STREAMS
@settings(max_examples=10)
@given(any_size=st.booleans(), told=st.booleans())
def test_the_way_out_of_a_refusal_is_one(image: bool, any_size: bool, told: bool) -> None:
    head = partial(AuxiliaryClassifierHead, num_classes=3)
    classes: dict[str, Any] = {"num_classes": 3, "label_to": "stages"} if told else {}
    critic = build(image, any_size=any_size, head=head, **classes)
    label = (torch.tensor([0, 2, 1]),) if told else ()
    assert critic(draw(image), *label, detailed=True).predictions["label"].shape == (3, 3)


def test_a_head_of_ones_own_is_told_what_it_asks_for() -> None:
    class Own(Head):
        def __init__(self, channels: int, size: Any, **asked: Any) -> None:
            super().__init__(channels, size)
            self.num_classes = asked.get("num_classes", 0)

        def forward(self, features: Tensor, condition: Tensor | None = None) -> Tensor:
            self.check_inputs(features, condition)
            return features.flatten(1).mean(dim=1)

    critic = build(False, head=Own, num_classes=3, label_to="head")
    assert critic(draw(False), torch.tensor([0, 2, 1])).shape == (3,)
    assert build(False, head=Own)(draw(False)).shape == (3,)


X = draw(False)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: build(False, label_to="stage"), ValueError, "be 'stages' or 'head', got 'stage'"),
        (lambda: build(False, num_classes=2, label_to="head"), ValueError,
         "the usual head takes no condition; pass head=ProjectionHead"),
        (lambda: build(True, condition_dim=2), ValueError, "the usual head takes no condition"),
        (lambda: build(False, condition_dim=-1), ValueError, "condition_dim must be at least 0"),
        (lambda: build(False, head=ProjectionHead, num_classes=2, condition_dim=2,
                       label_to="head"), ValueError, "a head takes one condition, a label or a"),
        (lambda: build(False, head=AuxiliaryClassifierHead), ValueError,
         r"needs a number of classes of its own; pass head=partial\(AuxiliaryClassifierHead, num"),
        (lambda: build(True, head=partial(ProjectionHead, num_classes=4), num_classes=4),
         ValueError, "built for num_classes=4, which .* pass num_classes=4, label_to='head' to"),
        (lambda: build(True, head=partial(ProjectionHead, condition_dim=4)), ValueError,
         "built for condition_dim=4, which the stream does not pass to it; pass condition_dim=4 t"),
        (lambda: build(True, num_classes=3)(draw(True), torch.tensor([0, 1, 2, 0])), ShapeError,
         r"label, as rows, must be laid out as \(N=3, K\), got \(4, 3\)"),
        (lambda: build(True, num_classes=3, head=ProjectionHead, label_to="head")(
            draw(True), torch.eye(3)[:2]), ShapeError, r"\(N=3, K\), got \(2, 3\)"),
        (lambda: build(False, head=ProjectionHead, condition_dim=2)(
            X, condition=torch.zeros(2, 2)), ShapeError,
         r"condition must be laid out as \(N=3, D=2\), got \(2, 2\)"),
        (lambda: build(False)(X, condition=torch.zeros(3, 2)), ValueError,
         "built without condition; do not pass one"),
        (lambda: build(False, head=ProjectionHead, condition_dim=2)(X), ValueError,
         "built for conditions of 2 numbers; pass condition"),
        (lambda: build(False, head=ProjectionHead, num_classes=2, label_to="head")(X), ValueError,
         "built for 2 classes; pass label"),
    ],
)  # fmt: skip
def test_refusals_teach(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
