"""What every training loop needs and no loop should write again; there is no Trainer here."""

from stgan.training.accumulation import split_batch
from stgan.training.activations import checkpoint_activations
from stgan.training.batch_norm import SynchronizedBatchNorm, synchronize_batch_norm
from stgan.training.build_objective import build_objective
from stgan.training.captured import CapturedStep
from stgan.training.checkpoint import latest_checkpoint, list_checkpoints, save_checkpoint
from stgan.training.checkpoint_reading import (
    check_checkpoint,
    load_checkpoint,
    load_networks,
    load_state,
)
from stgan.training.distributed import ddp_settings
from stgan.training.ema import ExponentialMovingAverage
from stgan.training.fabric import open_fabric
from stgan.training.finite import FiniteGuard
from stgan.training.freezing import frozen
from stgan.training.health import HealthMonitor
from stgan.training.health_measures import (
    gradient_norm,
    logit_health,
    sample_diversity,
    spectral_sigmas,
    weight_norm,
)
from stgan.training.lazy import LazySchedule, Schedules
from stgan.training.metrics_log import MetricsLog
from stgan.training.objective import Objective
from stgan.training.parts import Part, draw_step, make_parts
from stgan.training.players import GANStep, Player
from stgan.training.precision import allow_tf32, precision_settings
from stgan.training.recorded import RecordedStep
from stgan.training.resuming import Resumed, resume_checkpoint, sound_checkpoint
from stgan.training.retention import Retention
from stgan.training.run import Run
from stgan.training.run_folder import RunFolder, check_run_folder
from stgan.training.seeding import rng_state, seed_everything, set_rng_state
from stgan.training.sharding import (
    load_optimizer_state,
    optimizer_state,
    shard_stages,
    whole_state,
)
from stgan.training.stopping import StopSignals
from stgan.training.trained import TrainedRun, open_trained
from stgan.training.views import View, cut_tree, discriminate, discriminate_pair

__all__ = [
    "CapturedStep",
    "ExponentialMovingAverage",
    "FiniteGuard",
    "GANStep",
    "HealthMonitor",
    "LazySchedule",
    "MetricsLog",
    "Objective",
    "Part",
    "Player",
    "RecordedStep",
    "Resumed",
    "Retention",
    "Run",
    "RunFolder",
    "Schedules",
    "StopSignals",
    "SynchronizedBatchNorm",
    "TrainedRun",
    "View",
    "allow_tf32",
    "build_objective",
    "check_checkpoint",
    "check_run_folder",
    "checkpoint_activations",
    "cut_tree",
    "ddp_settings",
    "discriminate",
    "discriminate_pair",
    "draw_step",
    "frozen",
    "gradient_norm",
    "latest_checkpoint",
    "list_checkpoints",
    "load_checkpoint",
    "load_networks",
    "load_optimizer_state",
    "load_state",
    "logit_health",
    "make_parts",
    "open_fabric",
    "open_trained",
    "optimizer_state",
    "precision_settings",
    "resume_checkpoint",
    "rng_state",
    "sample_diversity",
    "save_checkpoint",
    "seed_everything",
    "set_rng_state",
    "shard_stages",
    "sound_checkpoint",
    "spectral_sigmas",
    "split_batch",
    "synchronize_batch_norm",
    "weight_norm",
    "whole_state",
]
