"""The registry refuses, suggests, lends nothing out, and agrees with the public names."""

import functools
from typing import Any

import pytest
from torch import nn

import stgan
from stgan.errors import UnknownNameError
from stgan.registry import REGISTRIES, Registry


def _registry() -> Registry:
    registry = Registry("pens")

    @registry.register("ball_point", source="a shop", shape="(N,) -> (N,)")
    class BallPoint:
        """Writes with a ball.

        And more.
        """

        def __init__(self, width: int = 1, *, inks: list[str] | None = None) -> None:
            self.width, self.inks = width, inks if inks is not None else []

    registry.register("fountain", source="another", shape="()")(lambda: "fountain")
    return registry


def test_create_passes_settings_on_and_refuses_unknown_ones() -> None:
    pens = _registry()
    assert pens.create("ball_point", 3).width == 3
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        pens.create("ball_point", colour="red")


def test_two_builds_share_nothing() -> None:
    pens = _registry()
    first, second = pens.create("ball_point"), pens.create("ball_point")
    first.inks.append("red")
    assert second.inks == []


def test_a_duplicate_is_refused_and_the_owner_named() -> None:
    pens = _registry()
    with pytest.raises(ValueError, match=r"pens already has 'ball_point', registered by .*BallPoi"):
        pens.register("ball_point", source="", shape="")(object)
    with pytest.raises(ValueError, match="must be snake_case, got 'BallPoint'"):
        pens.register("BallPoint", source="", shape="")


class _Callable:
    def __call__(self) -> str:
        return "quill"


@pytest.mark.parametrize(
    "factory",
    [functools.partial(nn.Linear, bias=False), _Callable(), len, {}.get],
    ids=["partial", "instance", "builtin", "method"],
)
def test_what_has_no_name_or_signature_of_its_own_is_refused(factory: Any) -> None:
    pens = _registry()
    with pytest.raises(TypeError, match=r"'quill' in pens must be a class or a function, got .+; "):
        pens.register("quill", source="", shape="")(factory)
    assert pens.list() == ["ball_point", "fountain"]


def test_an_unknown_name_is_answered_with_the_nearest_then_the_list() -> None:
    with pytest.raises(UnknownNameError) as caught:
        _registry().create("ballpoint")
    assert str(caught.value) == (
        "pens has no entry named 'ballpoint'; did you mean 'ball_point'? known: ball_point, "
        "fountain"
    )


# What users of other libraries ask for, and the entry that it is.
WORDS = {
    ("losses", "HingeLoss"): "hinge",
    ("losses", "HINGE"): "hinge",
    ("losses", "lsgan"): "least_squares",
    ("losses", "LSGAN"): "least_squares",
    ("losses", "least squares"): "least_squares",
    ("losses", "bce"): "non_saturating",
    ("losses", "ns"): "non_saturating",
    ("losses", "wgan"): "wasserstein",
    ("losses", "L1Loss"): "l1",
    ("losses", "mse"): "l2",
    ("penalties", "wgan-gp"): "wgan_gp",
    ("penalties", "WGAN-GP"): "wgan_gp",
    ("penalties", "R1"): "r1",
    ("layers", "ConvTranspose1Plus2d"): "conv_transpose_1p2d",
    ("fusions", "SpatioTemporalFusion"): "concat",
    ("discriminators", "TwoStreamDiscriminator"): "two_stream",
    ("samplers", "RandomFrames"): "random_frames",
}


@pytest.mark.parametrize(("kind", "word"), WORDS, ids=["/".join(one) for one in WORDS])
def test_words_of_the_field_and_classes_find_their_entry(kind: str, word: str) -> None:
    name, registry = WORDS[kind, word], REGISTRIES[kind]
    assert word in registry
    assert registry[word] is registry[name]
    assert stgan.info(kind, word) == stgan.info(kind, name)
    assert word not in stgan.list(kind)


def test_what_is_written_down_has_the_name_itself() -> None:
    for config in (
        stgan.to_config(stgan.create("losses", "LSGAN")),
        stgan.to_config(stgan.build({"kind": "losses", "name": "lsgan"})),
    ):
        assert config["name"] == "least_squares"


@pytest.mark.parametrize("kind", REGISTRIES)
def test_every_word_means_one_entry(kind: str) -> None:
    registry = REGISTRIES[kind]
    for name in registry:
        words = [name, *registry.info(name).aliases, registry[name].__name__]
        assert {registry.find(word) for word in words} == {name}
        assert all(about.isidentifier() and about == about.lower() for about in words[:-1])


def test_an_alias_is_unique_and_snake_case() -> None:
    pens = _registry()
    pens.register("brush", source="", shape="", aliases=("paint_brush",))(lambda: "brush")
    assert pens.create("Paint-Brush") == "brush"
    for words in (["fountain"], ["paint_brush"], ["quill"], ["nib", "nib"]):
        with pytest.raises(ValueError, match=r"already has '\w+', registered|must differ"):
            pens.register("quill", source="", shape="", aliases=words)
    with pytest.raises(ValueError, match=r"already has 'paint_brush', registered by .*lambda"):
        pens.register("paint_brush", source="", shape="")
    with pytest.raises(ValueError, match="must be snake_case, got 'Goose'"):
        pens.register("quill", source="", shape="", aliases=("Goose",))
    assert pens.list() == ["ball_point", "brush", "fountain"]


def test_a_class_of_two_entries_is_found_by_neither() -> None:
    pens = _registry()
    pens.register("biro", source="", shape="")(pens["ball_point"])
    assert "BallPoint" not in pens
    with pytest.raises(UnknownNameError, match="pens has no entry named 'BallPoint'"):
        pens["BallPoint"]


def test_a_near_word_and_another_kind_are_named() -> None:
    with pytest.raises(UnknownNameError, match="named 'lsgam'; did you mean 'least_squares'"):
        stgan.create("losses", "lsgam")
    with pytest.raises(UnknownNameError, match="named 'wgan-gp'; penalties has 'wgan_gp'; did"):
        stgan.create("losses", "wgan-gp")
    assert REGISTRIES["losses"].find(3) is None


def test_it_is_a_read_only_mapping() -> None:
    pens = _registry()
    assert (len(pens), list(pens), "fountain" in pens) == (2, ["ball_point", "fountain"], True)
    with pytest.raises(TypeError, match="does not support item assignment"):
        pens["quill"] = object  # type: ignore[index]


def test_listing_takes_patterns_and_exclusions() -> None:
    assert stgan.list("layers", "conv_transpose_?p?d") == [
        "conv_transpose_1p2d", "conv_transpose_2p1d",
    ]  # fmt: skip
    assert stgan.list("losses", "l*", exclude="l1") == ["l2", "least_squares"]
    assert stgan.list("losses", "l*", exclude=["l1", "*squares"]) == ["l2"]


def test_info_tells_summary_source_shape_and_signature() -> None:
    about = stgan.info("layers", "conv_transpose_1p2d")
    assert about.summary.startswith("Transposed (1+2)D convolution")
    assert "ImaGINator" in about.source
    assert "mid_channels" in about.signature
    assert about.owner == "stgan.layers.conv.ConvTranspose1Plus2d"


def test_an_unknown_kind_is_answered_too() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'layers'"):
        stgan.create("layer", "conv_transpose_1p2d")


@pytest.mark.parametrize("kind", REGISTRIES)
def test_every_entry_is_public_and_documented(kind: str) -> None:
    for name in stgan.list(kind):
        factory = REGISTRIES[kind][name]
        home = __import__(".".join(factory.__module__.split(".")[:2]), fromlist=["__all__"])
        assert factory.__name__ in home.__all__, f"{factory} is registered, but not public"
        about = stgan.info(kind, name)
        assert about.summary.endswith(".")
        assert about.source
        assert "->" in about.shape


@pytest.mark.parametrize("kind", [k for k in REGISTRIES if k not in ("samplers",)])
def test_entries_are_modules(kind: str) -> None:
    assert all(issubclass(REGISTRIES[kind][name], nn.Module) for name in stgan.list(kind))  # type: ignore[arg-type]
