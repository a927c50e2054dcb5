"""Read thousands of clips of every kind, sound and broken, as a long training run does.

    python -m tests.faults.soak --clips 10000

Prints one line of JSON; the status is not zero if a sound clip was refused, a bad one was not named
exactly once, or memory grew.
"""

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from PIL import Image

from stgan.data import ClipFolder, SubstituteBroken, endless_loader
from stgan.io import write_frames, write_video

FRAMES, PAGE = 6, os.sysconf("SC_PAGE_SIZE")


def _pixels(t: int, h: int, w: int, channels: int = 3) -> np.ndarray[Any, Any]:
    return np.random.default_rng(t * h * w).integers(0, 256, (t, h, w, channels), dtype=np.uint8)


def _encode(path: Path, codec: str, pix_fmt: str, times: list[int], size: tuple[int, int]) -> None:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = *size, pix_fmt
        formats = {"gray": "gray", "bgra": "rgba"}
        for stamp, frame in zip(times, _pixels(len(times), *size, 4), strict=True):
            name = formats.get(pix_fmt, "rgb24")
            pixels = (
                frame[..., 0] if name == "gray" else frame if name == "rgba" else frame[..., :3]
            )
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=name)
            picture.pts = stamp
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def _video(suffix: str, size: tuple[int, int] = (32, 32)) -> Callable[[Path], None]:
    clip = torch.from_numpy(_pixels(FRAMES, *size)).permute(3, 0, 1, 2)
    return lambda path: write_video(clip, path.with_suffix(suffix))


def _strip(mode: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        strip = Image.fromarray(_pixels(1, 24, 24 * FRAMES, 4)[0], mode="RGBA").convert(mode)
        strip.save(path.with_suffix(".png"))

    return write


def _sound(path: Path) -> None:
    clip = torch.from_numpy(_pixels(FRAMES, 20, 24)).permute(3, 0, 1, 2)
    write_frames(clip, path)


def _spoil(suffix: str, harm: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        _video(suffix)(path)
        file = path.with_suffix(suffix)
        file.write_bytes(harm(file.read_bytes()))

    return write


def _named(suffix: str, content: bytes) -> Callable[[Path], None]:
    return lambda path: (path.with_suffix(suffix).write_bytes(content), None)[1]


def _picture_named_mp4(path: Path) -> None:
    Image.fromarray(_pixels(1, 16, 16)[0]).save(path.with_suffix(".mp4"), format="PNG")


def _broken_frame(path: Path) -> None:
    _sound(path)
    frame = sorted(path.iterdir())[3]
    frame.write_bytes(frame.read_bytes()[:60])  # whole header, cut pixels: found when read


def _hole(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes(400) + data[middle + 400 :]


SOUND: dict[str, Callable[[Path], None]] = {
    "mp4": _video(".mp4"),
    "avi": _video(".avi"),
    "gif": _video(".gif"),
    "odd": _video(".mp4", (33, 47)),
    "rates": lambda path: _encode(
        path.with_suffix(".mp4"), "libx264", "yuv420p", [0, 1, 5, 6, 20, 21], (32, 32)
    ),
    "webm": lambda path: _encode(
        path.with_suffix(".webm"), "libvpx-vp9", "yuv420p", [*range(6)], (32, 32)
    ),
    "gray": lambda path: _encode(path.with_suffix(".avi"), "ffv1", "gray", [*range(6)], (32, 32)),
    "alpha": lambda path: _encode(path.with_suffix(".avi"), "ffv1", "bgra", [*range(6)], (32, 32)),
    "strip": _strip("RGB"),
    "strip_gray": _strip("L"),
    "strip_alpha": _strip("RGBA"),
    "strip_palette": _strip("P"),
    "frames": _sound,
}
BAD: dict[str, Callable[[Path], None]] = {
    "cut_mp4": _spoil(".mp4", lambda data: data[: len(data) * 2 // 3]),
    "cut_avi": _spoil(".avi", lambda data: data[: len(data) // 2]),
    "cut_gif": _spoil(".gif", lambda data: data[: len(data) // 2]),
    "empty": _named(".mp4", b""),
    "empty_png": _named(".png", b""),
    "text": _named(".avi", b"not a video at all\n" * 20),
    "picture_as_video": _picture_named_mp4,
    "garbage": _named(".webm", bytes(range(256)) * 8),
    "broken_frame": _broken_frame,
}
# Whether zeros among the pixels can be told depends on where they fall.
PERHAPS: dict[str, Callable[[Path], None]] = {
    "hole_avi": _spoil(".avi", _hole),
    "hole_mp4": _spoil(".mp4", _hole),
}


def write_folder(root: Path, clips: int, seed: int = 0) -> dict[Path, str]:
    """Fill a folder with clips of every kind, a third of them bad; return each one's kind."""
    draw = random.Random(seed)
    originals = root.parent / "originals"
    originals.mkdir()
    for name, write in (SOUND | BAD | PERHAPS).items():
        write(originals / name)
    found = {path.stem: path for path in originals.iterdir()}
    kinds: dict[Path, str] = {}
    for number in range(clips):
        # Each kind at least once, then by chance.
        group = [*(BAD | PERHAPS if number % 3 == 2 else SOUND)]
        name = group[number // 3] if number // 3 < len(group) else draw.choice(group)
        source = found[name]
        target = root / f"class_{number % 2}" / f"{number:06d}_{name}{source.suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            target.mkdir()
            for frame in source.iterdir():
                os.link(frame, target / frame.name)
        else:
            os.link(source, target)
        kinds[target] = name
    return kinds


def _memory(pids: list[int]) -> float:
    """Resident memory of processes that is their own, in MB."""
    total = 0
    for pid in pids:
        resident, shared = map(int, Path(f"/proc/{pid}/statm").read_text().split()[1:3])
        total += (resident - shared) * PAGE
    return total / 2**20


def soak(root: Path, clips: int, *, workers: int = 2, batch_size: int = 8) -> dict[str, Any]:
    """Read a folder's worth of clips, and report."""
    kinds = write_folder(root, clips)
    began = time.perf_counter()
    folder = ClipFolder(
        root, num_frames=4, image_size=16, on_error="skip", cache=False, frame_width=None
    )
    opened = time.perf_counter()
    data = SubstituteBroken(folder, limit=len(folder))
    loader = endless_loader(data, batch_size=batch_size, workers=workers)
    batches = iter(loader)
    pids = [os.getpid(), *(worker.pid for worker in getattr(batches, "_workers", []))]
    named = Counter(list(folder.skipped))
    memory: list[float] = []
    count = -(-clips // batch_size)
    for number, batch in enumerate(islice(batches, count)):
        assert batch["video"].shape[1:] == (3, 4, 16, 16)
        assert batch["video"].isfinite().all()
        if number % max(1, count // 100) == 0:
            memory.append(_memory(pids))
            named.update(folder.paths[item] for item in data.news())
    named.update(folder.paths[item] for item in data.news())
    # What no epoch has reached yet is asked for by name.
    for item, path in enumerate(folder.paths):
        if kinds[path] in BAD and not named[path]:
            data[item]
    named.update(folder.paths[item] for item in data.news())
    middle, end = memory[len(memory) // 3 : len(memory) * 2 // 3], memory[-len(memory) // 3 :]
    return {
        "clips": clips,
        "bad": sum(kind in BAD for kind in kinds.values()),
        "skipped_when_opened": len(folder.skipped),
        "found_when_read": len(named) - len(folder.skipped),
        "not_named": sorted({kind for path, kind in kinds.items()
                             if kind in BAD and not named[path]}),
        "named_twice": sum(times > 1 for times in named.values()),
        "sound_refused": sorted({kinds[path] for path in named if kinds[path] in SOUND}),
        "opened_s": round(opened - began, 1),
        "clips_per_s": round(clips / (time.perf_counter() - opened), 1),
        "memory_middle_mb": round(statistics.median(middle), 1),
        "memory_end_mb": round(statistics.median(end), 1),
        "growth": round(statistics.median(end) / statistics.median(middle) - 1, 4),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--clips", type=int, default=10_000)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        report = soak(Path(scratch) / "clips", options.clips)
    print(json.dumps(report))
    for wrong in ("not_named", "named_twice", "sound_refused"):
        assert not report[wrong], wrong
    assert abs(report["growth"]) < 0.05


if __name__ == "__main__":
    main()
