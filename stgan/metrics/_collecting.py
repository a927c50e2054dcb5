"""What metrics of clips have in common: a network, one size of clips, states that add up."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from stgan._answers import answer_calls
from stgan._checks import check_positive
from stgan._factories import check_module
from stgan.errors import ShapeError
from stgan.metrics._inputs import check_clips
from stgan.metrics._torchmetrics import Metric, gather_all_tensors
from stgan.metrics.extractors import FeatureExtractor, extract
from stgan.metrics.extractors_module import ModuleFeatures
from stgan.metrics.result import MetricResult
from stgan.metrics.scoring import ClipProtocol, score_features

__all__ = ["ClipMetric", "FeatureMetric", "joined"]

# Processes tell each other the type of their features by its place here.
_DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)


def joined(state: list[Tensor] | Tensor) -> Tensor | None:
    """All that a state holds, or ``None`` if that is nothing.

    It is a list before processes are put together, a tensor afterwards.
    """
    whole = state if isinstance(state, Tensor) else torch.cat(state) if state else None
    return whole if whole is not None and len(whole) else None


class ClipMetric(Metric):
    """Knows its network and how its clips were taken."""

    is_differentiable = False
    full_state_update = False
    clip_size: Tensor
    _made = "features"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        answer_calls(cls, "__init__", "update")

    def __init__(self, extractor: nn.Module, *, stride: int, clip_rule: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_module(extractor, "extractor")
        if not isinstance(extractor, FeatureExtractor):
            extractor = ModuleFeatures(extractor, type(extractor).__name__)
        self.extractor = extractor
        self.stride = check_positive(stride, "stride")
        self.clip_rule = clip_rule
        # Of one feature; of no length before the first.
        self._length, self._kind = 0, torch.float32
        # Of every process the same; of one that has seen no clip yet, zeros.
        self.add_state("clip_size", torch.zeros(3, dtype=torch.int64), "max")

    def _features(self, video: Tensor, name: str = "video") -> Tensor:
        check_clips(video, name)
        clip, before = tuple(video.shape[2:]), tuple(self.clip_size.tolist())
        if any(before) and clip != before:
            raise ShapeError(
                f"all clips of a metric must have one size (T, H, W), got {clip} after {before}"
            )
        features = extract(self.extractor, video, self._length, self._made)
        self.clip_size = self.clip_size.new_tensor(clip)
        self._length, self._kind = features.shape[1], features.dtype
        return features

    def sync(
        self,
        dist_sync_fn: Callable[..., Any] | None = None,
        process_group: Any | None = None,
        should_sync: bool = True,
        distributed_available: Callable[[], bool] | None = None,
    ) -> None:
        """Put the states of all processes together, also where some have seen no clip.

        torchmetrics calls it. Tensors of different numbers of axes cannot be gathered, so that a
        process without features must know their length first.
        """
        available = distributed_available or self.distributed_available_fn
        if should_sync and not self._is_synced and available is not None and available():
            gather = dist_sync_fn or gather_all_tensors
            mine = torch.tensor([self._length, _DTYPES.index(self._kind)], device=self.device)
            said = torch.stack(gather(mine, group=process_group or self.process_group)).tolist()
            length, kind = max(said)
            self._make_room(length, _DTYPES[kind])
        super().sync(dist_sync_fn, process_group, should_sync, distributed_available)

    def _make_room(self, length: int, dtype: torch.dtype) -> None:
        """Give states that hold nothing the form of those that hold features of a length."""
        for name, default in self._defaults.items():
            if isinstance(default, list) and not getattr(self, name):
                setattr(self, name, [torch.zeros(0, length, dtype=dtype, device=self.device)])

    @contextmanager
    def synchronized(self) -> Iterator[None]:
        """Put the states of all processes together for a while, as ``compute`` does."""
        with self.sync_context(
            dist_sync_fn=self.dist_sync_fn, should_sync=self.sync_on_compute, should_unsync=True
        ):
            yield

    def _protocol(self) -> ClipProtocol:
        t, h, w = self.clip_size.tolist()
        return ClipProtocol(t, (h, w), stride=self.stride, clip_rule=self.clip_rule)


class FeatureMetric(ClipMetric):
    """Keeps the features of all clips, a few KB each; the clips themselves are not kept."""

    real_features: list[Tensor]
    fake_features: list[Tensor]

    def __init__(
        self,
        extractor: nn.Module,
        *,
        stride: int = 1,
        clip_rule: str = "as given",
        reset_real_features: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(extractor, stride=stride, clip_rule=clip_rule, **kwargs)
        self.reset_real_features = reset_real_features
        self.add_state("real_features", default=[], dist_reduce_fx="cat")
        self.add_state("fake_features", default=[], dist_reduce_fx="cat")

    def update(self, video: Tensor, *, real: bool) -> None:
        """Take in clips.

        Args:
            video: ``(N, 3, T, H, W)`` in [-1, 1].
            real: Whether they are real or generated.
        """
        features = self._features(video, "real video" if real else "fake video")
        (self.real_features if real else self.fake_features).append(features)

    def forward(self, video: Tensor, *, real: bool) -> None:
        """Take in clips, as ``update``; there is no value of clips of one kind."""
        self.update(video, real=real)

    def _both(self) -> tuple[Tensor, Tensor]:
        found = []
        for name, features in (("real", self.real_features), ("fake", self.fake_features)):
            whole = joined(features)
            if whole is None:
                raise ShapeError(
                    f"there are no {name} clips yet; call update(video, real={name == 'real'})"
                )
            found.append(whole)
        return found[0], found[1]

    def _scores(self, names: tuple[str, ...], **settings: Any) -> list[MetricResult]:
        with self.synchronized():
            real, fake = self._both()
            return score_features(
                real, fake, self.extractor, self._protocol(), metrics=names, **settings
            )

    def reset(self) -> None:
        """Forget the clips; real ones only if ``reset_real_features``."""
        kept = self._real_states()
        super().reset()
        if not self.reset_real_features:
            for name, state in kept.items():
                setattr(self, name, state)

    def _real_states(self) -> dict[str, Any]:
        """Return the states that concern real clips."""
        return {
            name: list(state) if isinstance(state, list) else state.clone()
            for name, state in self.metric_state.items()
            if name.startswith("real") or name == "clip_size"
        }
