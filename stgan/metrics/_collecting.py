"""What metrics of clips have in common: a network, one size of clips, states that add up."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from stgan._checks import check_positive
from stgan.errors import ShapeError
from stgan.metrics._inputs import check_video
from stgan.metrics._torchmetrics import Metric
from stgan.metrics.extractors import FeatureExtractor
from stgan.metrics.extractors_module import ModuleFeatures
from stgan.metrics.modes import evaluating
from stgan.metrics.result import MetricResult
from stgan.metrics.scoring import ClipProtocol, score_features

__all__ = ["ClipMetric", "FeatureMetric"]


class ClipMetric(Metric):
    """Knows its network and how its clips were taken."""

    is_differentiable = False
    full_state_update = False
    clip_size: Tensor

    def __init__(self, extractor: nn.Module, *, stride: int, clip_rule: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(extractor, FeatureExtractor):
            extractor = ModuleFeatures(extractor, type(extractor).__name__)
        self.extractor = extractor
        self.stride = check_positive(stride, "stride")
        self.clip_rule = clip_rule
        # Of every process the same; of one that has seen no clip yet, zeros.
        self.add_state("clip_size", torch.zeros(3, dtype=torch.int64), "max")

    def _features(self, video: Tensor) -> Tensor:
        check_video(video, "video")
        clip, before = tuple(video.shape[2:]), tuple(self.clip_size.tolist())
        if any(before) and clip != before:
            raise ShapeError(
                f"all clips of a metric must have one size (T, H, W), got {clip} after {before}"
            )
        self.clip_size = self.clip_size.new_tensor(clip)
        with evaluating(self.extractor):
            return self.extractor(video).detach()

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
        (self.real_features if real else self.fake_features).append(self._features(video))

    def _both(self) -> tuple[Tensor, Tensor]:
        # A list before processes are put together, a tensor afterwards.
        found = []
        for name, features in (("real", self.real_features), ("fake", self.fake_features)):
            if isinstance(features, Tensor):
                found.append(features)
            elif features:
                found.append(torch.cat(features))
            else:
                raise ShapeError(
                    f"there are no {name} clips yet; call update(video, real={name == 'real'})"
                )
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
