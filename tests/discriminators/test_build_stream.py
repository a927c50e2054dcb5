"""Every discriminator, head and sampler goes into a stream by its name, or is refused in words."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import stgan
from stgan.discriminators import Discriminator, StreamSpec, TwoStreamDiscriminator, build_stream
from stgan.errors import ConfigError, UnknownNameError
from stgan.registry import DISCRIMINATORS
from stgan.shapes import plan

SIZE = (16, 32, 48)
CLIPS: Any = {"size": SIZE, "num_classes": 3, "base_channels": 4}
LABEL = torch.tensor([0, 2])
STREAMS = {"video": [], "image": []}  # type: dict[str, list[str]]
for _name in DISCRIMINATORS:
    if _stream := getattr(DISCRIMINATORS[_name], "stream", None):
        STREAMS[_stream].append(_name)
ALL = [(name, stream) for stream, names in STREAMS.items() for name in names]


def _judged(spec: StreamSpec, label: Tensor | None = LABEL) -> dict[str, Any]:
    """All that a stream makes of two clips, by its names."""
    image = torch.randn(2, 3, *SIZE[1:]) if spec.with_image else None
    network: Any = TwoStreamDiscriminator(streams={"it": spec})
    outputs = network(torch.randn(2, 3, *SIZE), label, image=image)
    assert all(len(logits) == 2 and logits.isfinite().all() for logits in outputs.values())
    return dict(outputs)


@pytest.mark.parametrize(("name", "stream"), ALL)
def test_every_discriminator_judges_clips_of_the_size(name: str, stream: Any) -> None:
    spec = build_stream(name, stream=stream, **CLIPS)
    assert isinstance(spec.network, DISCRIMINATORS[name])  # type: ignore[arg-type]
    _judged(spec)
    assert spec.labeled == (stream == "video")
    known = build_stream({"name": name, "label": True}, stream=stream, **CLIPS)
    assert known.labeled
    _judged(known)
    with pytest.raises(ValueError, match="built for 3 classes; pass label"):
        _judged(known, None)


@pytest.mark.parametrize(("name", "stream"), ALL)
def test_every_discriminator_is_built_without_classes(name: str, stream: Any) -> None:
    spec = build_stream(name, size=SIZE, stream=stream)
    assert not spec.labeled
    _judged(spec, None)


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("head", stgan.list("heads"))
def test_every_head(head: str, stream: Any) -> None:
    given = {"num_classes": 3} if head == "infogan" else {}
    config: Any = {"name": stream, "head": {"name": head, "init_std": 0.5, **given}, "label": True}
    spec = build_stream(config, stream=stream, **CLIPS)
    assert type(spec.network.get_submodule("head")) is stgan.registry.HEADS[head]
    assert stgan.to_config(spec.network)["head"]["init_std"] == 0.5
    _judged(spec)
    # A head that predicts the label is not given it, and one that takes it is.
    assert spec.labeled == (head != "auxiliary_classifier")
    assert spec.network.label_to == ("head" if head == "projection" else "stages")


def test_a_head_as_stgan_build_takes_it() -> None:
    config = {"name": "video", "head": {"factory": "heads/patch"}, "label_to": "stages"}
    assert build_stream(config, **CLIPS).patch


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("sampler", stgan.list("samplers"))
def test_every_sampler(sampler: str, stream: Any) -> None:
    given = {"strided": {"stride": 2}, "sparse_span": {"count": 2}}.get(sampler, {})
    config = {"name": stream, "sampler": {"name": sampler, **given}}
    spec = build_stream(config, stream=stream, **CLIPS)
    assert type(spec.sampler) is stgan.registry.SAMPLERS[sampler]
    _judged(spec)


def test_a_sampler_has_one_frame_in_an_image_stream_and_two_in_a_video_stream() -> None:
    usual = build_stream("image", stream="image", **CLIPS)
    assert repr(usual.sampler) == "RandomFrames(1, per_clip=True)"
    assert build_stream("video", **CLIPS).sampler is None
    assert repr(build_stream("pair", **CLIPS).sampler) == "BetaPair()"
    sampled = build_stream({"name": "video", "sampler": "random_frames"}, **CLIPS)
    assert repr(sampled.sampler) == "RandomFrames(2, per_clip=True)"
    assert sampled.network.input_size == (2, 32, 48)
    three = {"name": "frame_merge", "sampler": {"name": "stratified", "count": 3}}
    merged = build_stream(three, **CLIPS)
    assert (repr(merged.sampler), merged.network.num_frames) == ("StratifiedFrames(3)", 3)


def test_nothing_is_drawn_from_the_global_source_of_randomness() -> None:
    sampled = {"name": "video", "sampler": {"name": "random_frames", "count": 16}}
    networks = []
    for config in ("video", sampled):
        torch.manual_seed(0)
        networks.append(build_stream(config, **CLIPS).network)
    for mine, theirs in zip(*(network.parameters() for network in networks), strict=True):
        assert torch.equal(mine, theirs)


def test_widths_and_stages_follow_the_other_networks_unless_they_are_set() -> None:
    def widths(config: Any, **clips: Any) -> list[int]:
        network: Any = build_stream(config, **clips).network
        return [stage.out_channels for stage in network.stages]

    large = {"size": (32, 128, 128)}
    assert widths("video", base_channels=2, **large) == [2, 4, 8, 16, 16]
    assert widths({"name": "video", "max_channels": 4}, base_channels=2, **large) == [2, 4, 4, 4, 4]
    assert widths({"name": "video", "base_channels": 3}, base_channels=1, **large)[0] == 3
    assert widths("video", size=SIZE)[0] == 64
    geometry = plan((8, 32, 32)).stages
    assert len(widths("video", stages=geometry, base_channels=2, size=(8, 40, 40))) == len(geometry)


class _Brightness(Discriminator):
    """A discriminator of another package that takes none of the usual settings."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(gain))

    @classmethod
    def clip_settings(cls, size: Any, *, frames: Any = None, stages: Any = None) -> dict[str, Any]:
        """It judges clips of any size."""
        return {}

    def forward(self, video: Tensor) -> Tensor:
        """Return one logit per clip."""
        return self.scale * video.mean(dim=(1, 2, 3, 4))


@pytest.fixture
def brightness(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(DISCRIMINATORS, "_entries", {**DISCRIMINATORS._entries})
    add = DISCRIMINATORS.register("brightness", source="arithmetic", shape="(N, ...) -> (N,)")
    add(_Brightness)
    return "brightness"


def test_a_discriminator_is_only_given_settings_that_it_takes(brightness: str) -> None:
    spec = build_stream({"name": brightness, "gain": 2.0}, **CLIPS)
    assert not spec.labeled
    _judged(spec)
    with pytest.raises(ConfigError, match="label is true, but 'brightness' takes no num_classes"):
        build_stream({"name": brightness, "label": True}, **CLIPS)


REFUSED: list[tuple[Any, str, str]] = [
    ("vidoe", "video", "did you mean 'video'?"),
    ("image", "video", "the video stream must judge clips, got 'image'; choose one of first_frame"),
    ("video", "image", "the image stream must judge frames, got 'video'; choose one of first_fra"),
    ("two_stream", "video", "the video stream must judge clips, got 'two_stream'"),
    ("video", "clip", "stream must be 'video' or 'image', got 'clip'"),
    ({"head": "patch"}, "video", "must be given as a name or a mapping with a name, got {'head"),
    ({"name": "video", "width": 3}, "video", "width"),
    ({"name": "video", "label": "yes"}, "video", "label must be true or false, got 'yes'"),
    ({"name": "video", "head": 3}, "video", "head: heads must be given as a name or a mapping"),
    ({"name": "video", "head": "projecton"}, "video", "head: heads has no entry named 'projecton'"),
    ({"name": "video", "head": {"name": "patch", "x": 1}}, "video", "head.x: PatchHead has no"),
    ({"name": "video_residual", "head": "patch"}, "video",
     "head goes with first_frame_video or video, got a VideoResidualDiscriminator, whose head"),
    ({"name": "image", "head": "projection"}, "image",
     "head 'projection' takes the label as its condition, and the stream is not given it; set"),
    ({"name": "video", "sampler": "strided"}, "video", "sampler: StridedFrames refuses these"),
    ({"name": "video", "sampler": "random_frame"}, "video", "sampler: samplers has no entry named"),
    ({"name": "image", "sampler": {"name": "sub_clip", "count": 17}}, "image",
     "sampler: SubClip(17, stride=1) needs clips of at least 17 frames, got 16; lower its numbers"),
]  # fmt: skip


@pytest.mark.parametrize(("config", "stream", "message"), REFUSED, ids=lambda x: str(x)[:40])
def test_what_does_not_fit_is_refused(config: Any, stream: Any, message: str) -> None:
    with pytest.raises((ValueError, UnknownNameError)) as caught:
        build_stream(config, stream=stream, **CLIPS)
    assert message in str(caught.value)


def test_a_label_without_classes_is_refused() -> None:
    with pytest.raises(ConfigError, match="label is true, but there are no classes; give num_cl"):
        build_stream({"name": "video", "label": True}, size=SIZE)
