"""Networks of single frames that ``stgan evaluate`` takes from files: LPIPS and FID."""

import stgan.metrics as measures
from stgan.cli._evaluation import Evaluation
from stgan.errors import ConfigError, DataError

__all__ = ["open_fid", "open_lpips"]

# Smaller pictures have nothing left after the last layer of the backbones.
_LEAST_LPIPS = 64


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
