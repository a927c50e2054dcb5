"""Other metrics over features of clips, as metrics of torchmetrics."""

from typing import Any

from torch import Tensor, nn

from stgan._checks import check_positive
from stgan.errors import ShapeError
from stgan.metrics._collecting import ClipMetric, FeatureMetric, joined
from stgan.metrics._inputs import check_correction
from stgan.metrics.distances import kernel_distance
from stgan.metrics.inception import inception_score
from stgan.metrics.manifolds import precision_recall_density_coverage
from stgan.metrics.result import MetricResult
from stgan.metrics.scoring import name_of, plain_result

__all__ = ["KernelVideoDistance", "PrecisionRecallDensityCoverage", "VideoInceptionScore"]


class KernelVideoDistance(FeatureMetric):
    """Unbiased kernel distance of features of clips; see :func:`stgan.metrics.kernel_distance`.

    It is the KVD only with :class:`stgan.metrics.I3DFeatures` of a checked file.

    Args:
        extractor: As of :class:`FrechetVideoDistance`.
        stride: Step between frames, in stored frames, for the result.
        clip_rule: Which frames of a longer clip were taken, for the result.
        reset_real_features: Whether ``reset`` forgets real clips, too.
        **kwargs: Of :class:`torchmetrics.Metric`.

    Attributes:
        extractor: The network.

    Shape:
        - ``update``: ``(N, 3, T, H, W)`` in [-1, 1], all of one size.
        - ``compute``: a float64 number.

    Raises:
        ShapeError: If clips differ in size, or there are fewer than 2 of a kind (in ``compute``).
        TypeError: If clips are not of a float type, or the network does not return a tensor.
        ValueError: If clips or features are not finite, or clips lie far outside of [-1, 1].

    Example:
        >>> from stgan.metrics import ModuleFeatures
        >>> metric = KernelVideoDistance(ModuleFeatures(nn.AdaptiveAvgPool3d(1), "mean colors"))
        >>> metric.update(torch.zeros(4, 3, 4, 8, 8), real=True)
        >>> metric.update(torch.ones(4, 3, 4, 8, 8), real=False)
        >>> metric.compute()  # 1 + (3 / 3 + 1) ** 3 - 2
        tensor(7., dtype=torch.float64)

    References:
        Bińkowski et al., Demystifying MMD GANs, ICLR 2018; Unterthiner et al., 2019.
    """

    higher_is_better = False

    def compute(self) -> Tensor:
        """Return the distance."""
        return kernel_distance(*self._both())

    def result(self, *, resamples: int = 100, splits: int = 10, seed: int = 0) -> MetricResult:
        """Return the distance with interval, floor and protocol.

        Args:
            resamples: Halves for the interval; 0 for none.
            splits: Splits for the floor; 0 for none.
            seed: Of both.
        """
        settings = {"resamples": resamples, "splits": splits, "seed": seed}
        return self._scores(("kernel",), **settings)[0]


class PrecisionRecallDensityCoverage(FeatureMetric):
    """Quality and variety; see :func:`stgan.metrics.precision_recall_density_coverage`.

    Args:
        extractor: As of :class:`FrechetVideoDistance`.
        neighbors: k, neighbors that balls reach to.
        stride: Step between frames, in stored frames, for the results.
        clip_rule: Which frames of a longer clip were taken, for the results.
        reset_real_features: Whether ``reset`` forgets real clips, too.
        **kwargs: Of :class:`torchmetrics.Metric`.

    Attributes:
        extractor: The network.

    Shape:
        - ``update``: ``(N, 3, T, H, W)`` in [-1, 1], all of one size.
        - ``compute``: a mapping of four names to float64 numbers.

    Raises:
        ShapeError: If clips differ in size, or there are not more than k (in ``compute``).
        TypeError: If clips are not of a float type, or the network does not return a tensor.
        ValueError: If ``neighbors`` is not positive, clips or features are not finite, or clips
            lie far outside of [-1, 1].

    Example:
        >>> from stgan.metrics import ModuleFeatures
        >>> colors = ModuleFeatures(nn.AdaptiveAvgPool3d(1), "mean colors")
        >>> metric = PrecisionRecallDensityCoverage(colors, neighbors=1)
        >>> clips = torch.rand(4, 3, 4, 8, 8)
        >>> metric.update(clips, real=True)
        >>> metric.update(clips, real=False)
        >>> metric.compute()["recall"]
        tensor(1., dtype=torch.float64)

    References:
        Kynkäänniemi et al., NeurIPS 2019; Naeem et al., ICML 2020.
    """

    higher_is_better = True

    def __init__(
        self,
        extractor: nn.Module,
        *,
        neighbors: int = 5,
        stride: int = 1,
        clip_rule: str = "as given",
        reset_real_features: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            extractor,
            stride=stride,
            clip_rule=clip_rule,
            reset_real_features=reset_real_features,
            **kwargs,
        )
        self.neighbors = check_positive(neighbors, "neighbors")

    def compute(self) -> dict[str, Tensor]:
        """Return precision, recall, density and coverage."""
        return precision_recall_density_coverage(*self._both(), neighbors=self.neighbors)

    def results(
        self, *, resamples: int = 100, splits: int = 10, seed: int = 0
    ) -> list[MetricResult]:
        """Return the four scores with intervals, floors and protocol.

        Args:
            resamples: Halves for the intervals; 0 for none.
            splits: Splits for the floors; 0 for none.
            seed: Of both.
        """
        names = ("precision", "recall", "density", "coverage")
        settings = {"resamples": resamples, "splits": splits, "seed": seed}
        return self._scores(names, neighbors=self.neighbors, **settings)


class VideoInceptionScore(ClipMetric):
    """Inception score of a classifier of clips; see :func:`stgan.metrics.inception_score`.

    Published scores of clips are of a C3D network trained on UCF-101; give it as any network from
    clips to logits, wrapped in :class:`stgan.metrics.ModuleFeatures` for its range and size.

    Args:
        classifier: From clips to logits ``(N, K)``. Used in evaluation mode and left in its own.
        splits: Parts of the set, in the order of clips.
        correction: 1 for the standard deviation of a sample, 0 for that of a population, which
            most papers report.
        stride: Step between frames, in stored frames, for the result.
        clip_rule: Which frames of a longer clip were taken, for the result.
        **kwargs: Of :class:`torchmetrics.Metric`.

    Attributes:
        extractor: The classifier.

    Shape:
        - ``update``: ``(N, 3, T, H, W)`` in [-1, 1], all of one size.
        - ``compute``: mean and standard deviation over the parts, float64.

    Raises:
        ShapeError: If clips differ in size, or fewer than two a part (in ``compute``).
        TypeError: If clips are not of a float type, or the network does not return a tensor.
        ValueError: If ``splits`` is not positive, clips or logits are not finite, or clips lie far
            outside of [-1, 1].

    Example:
        >>> from stgan.metrics import MotionClassifier
        >>> metric = VideoInceptionScore(MotionClassifier(4), splits=2)
        >>> metric.update(torch.rand(6, 3, 8, 16, 16))
        >>> mean, deviation = metric.compute()
        >>> 1 <= mean <= 4
        tensor(True)

    References:
        Salimans et al., NIPS 2016; Saito et al., TGAN, ICCV 2017.
    """

    higher_is_better = True
    logits: list[Tensor]
    _made = "logits"

    def __init__(
        self,
        classifier: nn.Module,
        *,
        splits: int = 10,
        correction: int = 1,
        stride: int = 1,
        clip_rule: str = "as given",
        **kwargs: Any,
    ) -> None:
        super().__init__(classifier, stride=stride, clip_rule=clip_rule, **kwargs)
        self.splits = check_positive(splits, "splits")
        check_correction(correction)
        self.correction = correction
        self.add_state("logits", default=[], dist_reduce_fx="cat")

    def update(self, video: Tensor) -> None:
        """Take in generated clips.

        Args:
            video: ``(N, 3, T, H, W)`` in [-1, 1].
        """
        self.logits.append(self._features(video))

    def compute(self) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation over the parts."""
        return inception_score(self._all(), splits=self.splits, correction=self.correction)

    def _all(self) -> Tensor:
        logits = joined(self.logits)
        if logits is None:
            raise ShapeError("there are no clips yet; call update(video)")
        return logits

    def result(self) -> MetricResult:
        """Return the mean with the protocol; the deviation stands in a note."""
        with self.synchronized():
            logits = self._all()
            mean, deviation = inception_score(
                logits, splits=self.splits, correction=self.correction
            )
            whose = "sample" if self.correction else "population"
            return plain_result(
                name_of("inception score", self.extractor),
                float(mean),
                self.extractor,
                self._protocol(),
                counts=(0, len(logits)),
                settings={"splits": self.splits},
                notes=(f"{whose} standard deviation over splits {float(deviation):.4g}",),
                device=logits.device,
            )
