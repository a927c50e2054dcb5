"""What every training loop needs and no loop should write again; there is no Trainer here."""

from stgan.training.checkpoint import (
    latest_checkpoint,
    load_checkpoint,
    load_networks,
    load_state,
    save_checkpoint,
)
from stgan.training.ema import ExponentialMovingAverage
from stgan.training.freezing import frozen
from stgan.training.lazy import LazySchedule
from stgan.training.seeding import rng_state, seed_everything, set_rng_state

__all__ = [
    "ExponentialMovingAverage",
    "LazySchedule",
    "frozen",
    "latest_checkpoint",
    "load_checkpoint",
    "load_networks",
    "load_state",
    "rng_state",
    "save_checkpoint",
    "seed_everything",
    "set_rng_state",
]
