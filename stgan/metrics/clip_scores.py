"""Scores that are means over clips: gathered batch by batch, with protocol and interval."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from stgan.metrics._inputs import check_clips, check_outputs
from stgan.metrics.content import first_frame_fidelity
from stgan.metrics.diagnostics import is_static
from stgan.metrics.frames import SSIM_WINDOWS, frame_scores
from stgan.metrics.frames_perceptual import lpips, multiscale_ssim
from stgan.metrics.modes import evaluating
from stgan.metrics.motion import motion_energy, moving_region_error
from stgan.metrics.motion_classifier import check_labels
from stgan.metrics.motion_confusion import count_classes
from stgan.metrics.resampling import interval_of_mean, interval_of_share
from stgan.metrics.result import MetricResult
from stgan.metrics.scoring import ClipProtocol, plain_result
from stgan.registry import unknown_name

__all__ = ["CLIP_SCORES", "ClipScore", "ClipScores", "Results"]

#: Results by row, such as ``"generated"``, and by the name of the score.
Results = dict[str, dict[str, MetricResult]]


class ClipScore(NamedTuple):
    """What a score of clips is called, and how it is read.

    Attributes:
        title: Its name.
        about: What it says, with its unit.
        decimals: Of the number in a table.
        wanted: Where it should lie.
    """

    title: str
    about: str
    decimals: int
    wanted: str


#: The scores that :class:`ClipScores` knows, in the order of a table.
CLIP_SCORES: dict[str, ClipScore] = {name: ClipScore(*score) for name, score in {
    "psnr": ("PSNR", "in dB, frames 2 to T", 2, "high"),
    "ssim": ("SSIM", "structural similarity, border reflected, frames 2 to T", 3, "high"),
    "ms_ssim": ("MS-SSIM", "structural similarity on five scales, frames 2 to T", 3, "high"),
    "lpips": ("LPIPS", "perceptual distance, frames 2 to T", 3, "low"),
    "l1": ("L1", "mean absolute error in [-1, 1], frames 2 to T", 3, "low"),
    "moving": ("L1 where the real clip moves",
               "where it differs from its first frame by more than 0.1", 3, "low"),
    "first_frame": ("L1 of the first frame", "mean absolute error in [-1, 1]", 3, "low"),
    "energy": ("motion energy", "mean absolute difference of neighboring frames", 3,
               "as of real clips"),
    "static": ("static clips", "share of clips that stand still", 3, "as of real clips"),
    "diversity": ("diversity",
                  "mean L1 distance between clips of the same image and label, other noise", 4,
                  "high, if all are good"),
    "accuracy": ("accuracy", "share of clips that a classifier of real motion takes for the label",
                 3, "high"),
}.items()}  # fmt: skip
_OF_FRAMES = ("psnr", "ssim", "l1")
_AFTER_THE_FIRST = (*_OF_FRAMES, "ms_ssim", "lpips")
_OF_PAIRS = (*_AFTER_THE_FIRST, "moving", "first_frame")
_SHARES = ("static", "accuracy")
# Scaled by constants that belong to pixels in [0, 1].
_ON_UNIT_RANGE = ("psnr", "ssim", "ms_ssim")


class ClipScores:
    """Collect scores of clips in rows, such as generated, a control and real.

    A few numbers are kept of each clip, and no pixels: memory does not grow with their size.

    Args:
        names: Which of :data:`CLIP_SCORES`. Those that compare with the real clip are made of the
            updates that give one.
        classifier: From videos to logits of classes, such as
            :func:`stgan.metrics.fit_motion_classifier` returns; adds ``accuracy`` and
            :attr:`confusion` of the updates that give labels.
        lpips_network: For ``lpips``; see :func:`stgan.metrics.lpips`.

    Raises:
        UnknownNameError: If a score is not known.

    Example:
        >>> scores = ClipScores(["l1", "energy"])
        >>> real = torch.rand(6, 3, 4, 16, 16) - 0.5
        >>> for clips in real.split(2):
        ...     scores.update("generated", clips + 0.25, clips)
        ...     scores.update("real", clips)
        >>> results = scores.results(ClipProtocol(4, (16, 16)))
        >>> [(row, list(found)) for row, found in results.items()]
        [('generated', ['l1', 'energy']), ('real', ['energy'])]
        >>> round(results["generated"]["l1"].value, 3)
        0.25
    """

    def __init__(
        self,
        names: Sequence[str] = ("psnr", "ssim", "l1", "moving", "energy"),
        *,
        classifier: nn.Module | None = None,
        lpips_network: nn.Module | None = None,
    ) -> None:
        for name in names:
            if name not in CLIP_SCORES:
                raise unknown_name("clip", name, CLIP_SCORES, what="score")
        self.names = tuple(names)
        self.classifier, self.lpips_network = classifier, lpips_network
        self._values: dict[str, dict[str, list[Tensor]]] = {}
        self._energy: dict[str, list[Tensor]] = defaultdict(list)
        self._counts: dict[str, Tensor] = {}
        self._settings: dict[str, dict[str, Any]] = {"ssim": {"windows": SSIM_WINDOWS["all"]}}

    @torch.no_grad()
    def update(
        self, row: str, video: Tensor, real: Tensor | None = None, label: Tensor | None = None
    ) -> None:
        """Score clips of one row.

        Args:
            row: Whose clips they are; ``"real"`` for real ones.
            video: ``(N, C, T, H, W)`` in [-1, 1].
            real: The true clips, of the same shape.
            label: The classes that the clips were asked to show, ``(N,)`` int64.

        Raises:
            ShapeError: If a clip has another layout, or too few frames or pixels for a score.
            TypeError: If a clip is not of a float type.
            ValueError: If clips are not finite or lie far outside of [-1, 1], or a label is no
                class of the classifier.
        """
        check_clips(video, "video")
        if real is not None:
            check_clips(real, "real")
        names = self.names
        if "energy" in names:
            self.add(row, "energy", motion_energy(video))
            self._energy[row].append(video.diff(dim=2).abs().mean(dim=(1, 3, 4)).cpu())
        if "static" in names:
            self.add(row, "static", is_static(video))
        if real is not None:
            frames = frame_scores(video, real) if {*names} & {*_OF_FRAMES} else {}
            for name in _OF_FRAMES:
                if name in names:
                    self.add(row, name, frames[name])
            if "moving" in names:
                self.add(row, "moving", moving_region_error(video, real))
            if "first_frame" in names:
                self.add(row, "first_frame", first_frame_fidelity(video, real[:, :, 0]))
            if "ms_ssim" in names:
                self.add(row, "ms_ssim", multiscale_ssim(video, real))
            if "lpips" in names and self.lpips_network is not None:
                self.add(row, "lpips", lpips(video, real, self.lpips_network))
        if self.classifier is not None and label is not None:
            name = type(self.classifier).__name__
            with evaluating(self.classifier):
                logits = check_outputs(self.classifier(video), len(video), name, what="logits")
            check_labels(label, len(video), logits.shape[1])
            guess = logits.argmax(dim=1)
            self.add(row, "accuracy", guess == label.to(guess.device))
            counts = count_classes(label, guess, logits.shape[1])
            self._counts[row] = self._counts.get(row, torch.zeros(())) + counts

    def add(self, row: str, name: str, values: Tensor, **settings: Any) -> None:
        """Add values of a score that were computed elsewhere.

        Args:
            row: Whose clips they are.
            name: One of :data:`CLIP_SCORES`.
            values: ``(N,)``.
            **settings: For the protocol.
        """
        self._values.setdefault(row, {}).setdefault(name, []).append(values.detach().double().cpu())
        self._settings.setdefault(name, {}).update(settings)

    @property
    def energy(self) -> dict[str, Tensor]:
        """How much every clip moves from frame to frame, ``(N, T - 1)``, of each row."""
        return {row: torch.cat(parts) for row, parts in self._energy.items()}

    @property
    def confusion(self) -> dict[str, Tensor]:
        """Share of the clips of each class, ``(K, K)``, taken for each; NaN without such clips."""
        return {row: counts / counts.sum(1, keepdim=True) for row, counts in self._counts.items()}

    def results(self, protocol: ClipProtocol) -> Results:
        """Return the scores of each row with protocol and interval of 95%.

        Of a mean, the interval is that of its standard error: what
        :func:`stgan.metrics.bootstrap_interval` comes to with ever more halves. Of a share, it is
        Wilson's. One clip alone has none. A score that no clip has, such as of motion where nothing
        moves, is left out.

        Args:
            protocol: How the clips were taken.

        Raises:
            ValueError: If a score is not finite.
        """
        return {
            row: {name: self._result(row, name, found[name], protocol)
                  for name in CLIP_SCORES if name in found}
            for row, found in self._found().items()
        }  # fmt: skip

    def _found(self) -> Mapping[str, Mapping[str, Tensor]]:
        whole = {
            row: {name: torch.cat(parts) for name, parts in values.items()}
            for row, values in self._values.items()
        }
        for values in whole.values():
            if "moving" in values:  # which is NaN where nothing moves
                values["moving"] = values["moving"][~values["moving"].isnan()]
        return {
            row: {name: found for name, found in values.items() if len(found)}
            for row, values in whole.items()
        }

    def _result(self, row: str, name: str, values: Tensor, protocol: ClipProtocol) -> MetricResult:
        settings, count = self._settings.get(name, {}), len(values)
        paired = name in _OF_PAIRS
        metric = CLIP_SCORES[name].title + " after the first frame" * (name in _AFTER_THE_FIRST)
        networks = {"accuracy": self.classifier, "lpips": self.lpips_network}
        result = plain_result(
            metric if paired and row == "generated" else f"{metric}, {row}",
            float(values.mean()),
            networks.get(name),
            protocol,
            counts=(
                count if paired or row == "real" else 0,
                count * settings.get("samples", 1) if row != "real" else 0,
            ),
            settings=settings,
            ci95=(interval_of_share if name in _SHARES else interval_of_mean)(values),
            dtype="float32",
        )
        return replace(result, range="[0, 1]") if name in _ON_UNIT_RANGE else result
