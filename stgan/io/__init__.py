"""Clips on disk: read and write video files, GIFs, folders of frames and frame strips; weights.

Video files need the extra ``stgan[video]``; pictures and GIFs do not. Everything inside the
library is ``(3, T, H, W)`` in [-1, 1]; bytes exist only in files and behind
:func:`to_uint8` and :func:`from_uint8`.
"""

from stgan._files import replacing
from stgan._tensor_files import read_state_dict
from stgan.io.clips import write_clips
from stgan.io.kinds import clip_kind
from stgan.io.published import convert_weights, rename_weights
from stgan.io.ranges import from_uint8, to_uint8
from stgan.io.read import count_frames, iter_frames, read_image, read_video
from stgan.io.write import write_frames, write_strip, write_video

__all__ = [
    "clip_kind",
    "convert_weights",
    "count_frames",
    "from_uint8",
    "iter_frames",
    "read_image",
    "read_state_dict",
    "read_video",
    "rename_weights",
    "replacing",
    "to_uint8",
    "write_clips",
    "write_frames",
    "write_strip",
    "write_video",
]
