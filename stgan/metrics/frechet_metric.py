"""The Fréchet distance of clips as a metric of torchmetrics: streaming, over all processes."""

from typing import Any
from warnings import warn

import torch
from torch import Tensor, nn

from stgan.errors import ShapeError
from stgan.metrics._collecting import FeatureMetric
from stgan.metrics._inputs import check_correction
from stgan.metrics.distances import frechet_distance, frechet_distance_of_moments
from stgan.metrics.result import MetricResult, SmallSampleWarning
from stgan.metrics.scoring import frechet_settings, name_of, plain_result, small_sample

__all__ = ["FrechetVideoDistance"]


class FrechetVideoDistance(FeatureMetric):
    """Fréchet distance of features of clips; see :func:`stgan.metrics.frechet_distance`.

    It is the FVD only with :class:`stgan.metrics.I3DFeatures` of a checked file; :meth:`result`
    names it by its features otherwise.

    Args:
        extractor: A :class:`stgan.metrics.FeatureExtractor`, or any network from clips to
            features. It is used in evaluation mode and left in its own.
        stride: Step between frames, in stored frames, for the result.
        clip_rule: Which frames of a longer clip were taken, for the result.
        reset_real_features: Whether ``reset`` forgets real clips, too. Keep them where the
            same ones are compared with every epoch's.
        correction: 1, or 0 to divide covariances by n, as the code of StyleGAN-V and cd-fvd.
        keep_features: Whether the features of every clip are kept, as intervals and floors need
            them. Without, sums in float64 are: memory does not grow with the number of clips.
        **kwargs: Of :class:`torchmetrics.Metric`.

    Attributes:
        extractor: The network.

    Shape:
        - ``update``: ``(N, 3, T, H, W)`` in [-1, 1], all of one size.
        - ``compute``: a float64 number.

    Raises:
        ShapeError: If clips differ in size, or there are fewer than 2 of a kind (in ``compute``).
        TypeError: If clips are not of a float type, or the network does not return a tensor.
        ValueError: If clips or features are not finite, clips lie far outside of [-1, 1], or the
            correction is neither 0 nor 1.

    Example:
        >>> from stgan.metrics import ModuleFeatures
        >>> metric = FrechetVideoDistance(ModuleFeatures(nn.AdaptiveAvgPool3d(1), "mean colors"))
        >>> for real in (True, False):
        ...     metric.update(torch.rand(8, 3, 4, 8, 8) - 0.1 * real, real=real)
        >>> 0.02 < metric.compute() < 0.04  # 3 colors times 0.1 squared, and chance
        tensor(True)
        >>> metric.result().metric
        'Frechet distance on mean colors'

    References:
        Unterthiner et al., Towards accurate generative models of video, 2018.
    """

    higher_is_better = False
    real_count: Tensor
    fake_count: Tensor

    def __init__(
        self,
        extractor: nn.Module,
        *,
        stride: int = 1,
        clip_rule: str = "as given",
        reset_real_features: bool = True,
        correction: int = 1,
        keep_features: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            extractor,
            stride=stride,
            clip_rule=clip_rule,
            reset_real_features=reset_real_features,
            **kwargs,
        )
        check_correction(correction)
        self.correction = correction
        self.keep_features = keep_features
        if keep_features:
            return
        # Of no length until the first features tell it, where the network does not know it.
        length = getattr(self.extractor, "num_features", None) or 0
        for kind in ("real", "fake"):
            zeros = torch.zeros(length, dtype=torch.float64)
            self.add_state(f"{kind}_sum", zeros, "sum")
            self.add_state(f"{kind}_products", torch.outer(zeros, zeros), "sum")
            self.add_state(f"{kind}_count", torch.tensor(0), "sum")

    def update(self, video: Tensor, *, real: bool) -> None:
        """Take in clips.

        Args:
            video: ``(N, 3, T, H, W)`` in [-1, 1].
            real: Whether they are real or generated.
        """
        if self.keep_features:
            super().update(video, real=real)
            return
        kind = "real" if real else "fake"
        features = self._features(video, f"{kind} video").double()
        self._add(f"{kind}_sum", features.sum(dim=0))
        self._add(f"{kind}_products", features.T @ features)
        self._add(f"{kind}_count", torch.tensor(len(features), device=features.device))

    def _add(self, name: str, value: Tensor) -> None:
        before: Tensor = getattr(self, name)
        setattr(self, name, before + value if before.numel() else value)

    def _make_room(self, length: int, dtype: torch.dtype) -> None:
        super()._make_room(length, dtype)
        for kind in () if self.keep_features else ("real", "fake"):
            if not getattr(self, f"{kind}_sum").numel():
                zeros = torch.zeros(length, dtype=torch.float64, device=self.device)
                setattr(self, f"{kind}_sum", zeros)
                setattr(self, f"{kind}_products", torch.outer(zeros, zeros))

    def _moments(self, kind: str) -> tuple[Tensor, Tensor]:
        count = int(getattr(self, f"{kind}_count"))
        if count < 2:
            raise ShapeError(f"{kind} features must be those of at least 2 clips, got {count}")
        mean = getattr(self, f"{kind}_sum") / count
        products = getattr(self, f"{kind}_products")
        return mean, (products - count * torch.outer(mean, mean)) / (count - self.correction)

    def _value(self) -> tuple[Tensor, int, int]:
        """Return the distance, the smaller number of clips, and the length of a feature."""
        if self.keep_features:
            real, fake = self._both()
            value = frechet_distance(real, fake, correction=self.correction)
            return value, min(len(real), len(fake)), real.shape[1]
        moments = (*self._moments("real"), *self._moments("fake"))
        count = min(int(self.real_count), int(self.fake_count))
        return frechet_distance_of_moments(*moments), count, len(moments[0])

    def compute(self) -> Tensor:
        """Return the distance.

        Warns:
            SmallSampleWarning: If there are fewer clips than numbers in a feature.
        """
        value, count, length = self._value()
        if count < length:
            warn(small_sample(count, length), SmallSampleWarning, stacklevel=3)
        return value

    def result(self, *, resamples: int = 100, splits: int = 10, seed: int = 0) -> MetricResult:
        """Return the distance with interval, floor and protocol.

        Args:
            resamples: Halves for the interval; 0 for none. See
                :func:`stgan.metrics.bootstrap_interval`.
            splits: Splits for the floor; 0 for none. See :func:`stgan.metrics.split_half_floor`.
            seed: Of both.
        """
        if self.keep_features:
            settings = {"resamples": resamples, "splits": splits, "seed": seed}
            return self._scores(("frechet",), correction=self.correction, **settings)[0]
        with self.synchronized():
            value, count, length = self._value()
            notes = [small_sample(count, length)] if count < length else []
            return plain_result(
                name_of("frechet", self.extractor),
                float(value),
                self.extractor,
                self._protocol(),
                counts=(int(self.real_count), int(self.fake_count)),
                settings=frechet_settings(self.correction),
                notes=(*notes, "no interval and no floor: features were not kept"),
                device=value.device,
            )
