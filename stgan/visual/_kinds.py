"""Clips of several kinds, such as real and generated, that a figure compares."""

from collections.abc import Mapping

from torch import Tensor

from stgan._checks import check_layout

__all__ = ["check_kinds"]


def check_kinds(clips: Mapping[str, Tensor], *layouts: str) -> None:
    """Refuse what holds no clip, or something else than clips, or than one of the layouts."""
    if not clips or any(len(video) == 0 for video in clips.values()):
        raise ValueError("clips must hold at least one kind with a clip, got none to draw")
    known = {len(layout.split()): layout for layout in layouts or ("N C T H W",)}
    for name, video in clips.items():
        layout = known.get(video.ndim, known[max(known)])
        check_layout(video, layout, name=f"clips of {name!r}", kind="any")
