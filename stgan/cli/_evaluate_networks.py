"""The networks of ``stgan evaluate``: chosen, loaded or trained."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils.data import Dataset
from tqdm import tqdm

import stgan.metrics as measures
from stgan._progress import progress_bar
from stgan.cli._clips import ClipSource
from stgan.cli._evaluation import MOTION, Evaluation
from stgan.config import build
from stgan.errors import ConfigError, DataError
from stgan.registry import FEATURES, unknown_name

__all__ = ["open_extractor", "open_fid", "open_lpips", "share_clips"]

# Smaller pictures have nothing left after the last layer of the backbones of LPIPS.
_LEAST_LPIPS = 64
# Real clips that train a network, at most.
_TRAINING_CLIPS = 256


def share_clips(asked: Evaluation, real: ClipSource) -> tuple[list[int], list[int]]:
    """Return which real clips train a network, if one is to be trained, and which are compared."""
    everything = list(range(len(real)))
    if not asked.of_features:
        return [], everything
    if asked.features not in FEATURES:
        raise unknown_name("features", asked.features, FEATURES)
    if asked.features != "motion" or asked.weights is not None:
        return [], everything
    if asked.settings:
        raise ConfigError(
            f"--set is for networks that are loaded, got {next(iter(asked.settings))} for motion, "
            f"which is trained here; leave it out, or give --features or --weights"
        )
    files = list(dict.fromkeys(real.names))
    order = torch.randperm(len(files), generator=torch.Generator().manual_seed(asked.seed)).tolist()
    chosen = {files[i] for i in order[: min(len(files) // 2, _TRAINING_CLIPS)]}
    training = [i for i in everything if real.names[i] in chosen][:_TRAINING_CLIPS]
    compared = [i for i in everything if real.names[i] not in chosen]
    if len(training) < 2 or len(compared) < 2:
        raise DataError(
            f"--real {real.root} must hold at least 4 files, so that half of them can train a "
            f"network and half be compared, got {len(files)}; give --features with --weights, "
            f"or --metrics {' '.join(MOTION)}"
        )
    return training, compared


def open_extractor(
    asked: Evaluation, real: ClipSource, training: Sequence[int]
) -> measures.FeatureExtractor:
    """Return the network, trained on the clips of those numbers if there are some."""
    if training:
        classes = real.classes
        labeled = len(classes) > 1 and all("/" in name for name in real.names)
        with progress_bar(len(training), "training a network") as bar:
            network = measures.fit_motion_features(
                _Training(real, training, bar), len(classes) if labeled else None, seed=asked.seed
            )
        return network.to(asked.device)
    given: dict[str, Any] = {**asked.settings}
    if asked.features == "module":
        if asked.weights is None:
            raise ConfigError("--features module needs --weights FILE, a TorchScript network")
        given = {"module": asked.weights, "title": asked.weights.name, **given}
    elif asked.weights is not None:
        given["weights"] = asked.weights
    if asked.sha256 is not None:
        given["sha256"] = asked.sha256
    extractor: measures.FeatureExtractor = build(
        {"kind": "features", "name": asked.features, **given}, trust=asked.trust
    )
    # The sentence of the network comes before the first clip is read, not after an hour.
    if asked.features != "module":
        extractor.output_shape((1, 3, asked.wanted.frames, *real.size))
    return extractor.to(asked.device)


def open_lpips(asked: Evaluation, size: tuple[int, int]) -> measures.LpipsNetwork | None:
    """Return the network of ``--lpips``, if there is one and the clips are large enough."""
    if asked.lpips is None:
        return None
    if not asked.paired:
        raise ConfigError("--lpips compares with the real clip of the same name; give --paired")
    if min(size) < _LEAST_LPIPS:
        raise DataError(
            f"--lpips needs frames of at least {_LEAST_LPIPS} x {_LEAST_LPIPS}, got {size[0]} x "
            f"{size[1]}; give a larger --size, and say so beside the score"
        )
    return measures.LpipsNetwork(asked.lpips, asked.lpips_net).to(asked.device)


def open_fid(asked: Evaluation) -> measures.FrameFrechetDistance | None:
    """Return the metric of ``--fid``, if there is one."""
    if asked.fid is None:
        return None
    try:
        return measures.FrameFrechetDistance(asked.fid).to(asked.device)
    except ModuleNotFoundError as error:
        raise ConfigError("--fid needs torch-fidelity; pip install torch-fidelity") from error


class _Training(Dataset[dict[str, Any]]):
    """Some clips of a source with the number of their folder, and a bar that follows them."""

    def __init__(self, source: ClipSource, indices: Sequence[int], bar: "tqdm[Any]") -> None:
        self._source, self._indices, self._bar = source, indices, bar

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, number: int) -> dict[str, Any]:
        index = self._indices[number]
        folder = self._source.names[index].partition("/")[0]
        self._bar.update()
        classes = self._source.classes
        label = classes.index(folder) if folder in classes else 0
        return {"video": self._source[index]["video"], "label": label}
