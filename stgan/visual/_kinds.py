"""Clips of several kinds, such as real and generated, that a figure compares."""

from collections.abc import Mapping

from torch import Tensor

from stgan._checks import check_layout

__all__ = ["check_kinds"]


def check_kinds(clips: Mapping[str, Tensor]) -> None:
    """Refuse what holds no clip, or something else than clips."""
    if not clips or any(len(video) == 0 for video in clips.values()):
        raise ValueError("clips must hold at least one kind with a clip, got none to draw")
    for name, video in clips.items():
        check_layout(video, "N C T H W", name=f"clips of {name!r}", kind="any")
