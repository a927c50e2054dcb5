"""A class of frames and its twin of clips share a constructor, with own names and defaults."""

import inspect
from typing import Any

import pytest

import stgan
from stgan._settings import OwnDefaults
from stgan.discriminators import (
    FirstFrameImageDiscriminator,
    FirstFrameVideoDiscriminator,
    ImageDiscriminator,
    ImagePatchDiscriminator,
    ImageResidualDiscriminator,
    VideoDiscriminator,
    VideoPatchDiscriminator,
    VideoResidualDiscriminator,
)

TWINS = [
    (ImageDiscriminator, VideoDiscriminator),
    (ImagePatchDiscriminator, VideoPatchDiscriminator),
    (ImageResidualDiscriminator, VideoResidualDiscriminator),
    (FirstFrameImageDiscriminator, FirstFrameVideoDiscriminator),
]


def _defaults(cls: Any) -> dict[str, Any]:
    return {name: p.default for name, p in inspect.signature(cls).parameters.items()}


def _small(cls: Any, size: tuple[int, ...]) -> Any:
    settings = {"strides": (2, 1)} if "strides" in _defaults(cls) else {}
    return cls(size, base_channels=1, **settings)


@pytest.mark.parametrize(("image", "video"), TWINS)
def test_twins_take_the_same_settings_over_other_axes(image: Any, video: Any) -> None:
    assert [*_defaults(image)] == [*_defaults(video)]
    assert (image.stream, video.stream) == ("image", "video")
    for cls, size in ((image, (16, 24)), (video, (16, 16, 24))):
        assert _small(cls, size).input_size == size
        with pytest.raises(TypeError, match=r"input_size must be an integer or .*, got"):
            cls((*size, 1))


def test_each_twin_has_its_own_defaults() -> None:
    assert _defaults(ImageDiscriminator)["input_size"] == 64
    assert _defaults(VideoDiscriminator)["input_size"] == (32, 64, 64)
    assert _defaults(VideoPatchDiscriminator)["padding"] == (0, 1, 1)
    assert _defaults(ImagePatchDiscriminator)["padding"] == 1
    assert _defaults(FirstFrameImageDiscriminator)["network"] is ImageDiscriminator
    assert _defaults(FirstFrameVideoDiscriminator)["network"] is VideoDiscriminator
    # The defaults are those of a call, too, and are written down.
    assert VideoDiscriminator(base_channels=1).input_size == (32, 64, 64)
    config = stgan.to_config(VideoPatchDiscriminator(base_channels=1))
    assert config["strides"] == [[1, 2, 2]] * 4


@pytest.mark.parametrize(("image", "video"), TWINS)
def test_errors_name_the_class(image: Any, video: Any) -> None:
    for cls, size in ((image, (16, 24)), (video, (16, 16, 24))):
        with pytest.raises(
            TypeError, match=rf"^{cls.__name__}\(\): .*got an unexpected .* 'widht'"
        ):
            cls(widht=3)
        with pytest.raises(TypeError, match=rf"^{cls.__name__}\.forward\(\) missing "):
            _small(cls, size)()


def test_a_header_can_only_set_defaults_of_what_the_constructor_takes() -> None:
    class Base(OwnDefaults):
        def __init__(self, first: int, second: int = 2, *, third: int = 3, fourth: int) -> None:
            self.all = (first, second, third, fourth)

    class Other(Base, second=5, third=6):
        pass

    assert Other(1, fourth=4).all == (1, 5, 6, 4)
    assert Base(1, fourth=4).all == (1, 2, 3, 4)
    with pytest.raises(TypeError, match=r"Other\.__init__\(\) missing 1 required .*'fourth'"):
        Other(1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="the constructor of Third takes no fifth"):
        type("Third", (Base,), {}, fifth=1)
