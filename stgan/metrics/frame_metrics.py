"""Scores of single frames as metrics of torchmetrics; clips are folded into frames at the door."""

from pathlib import Path
from typing import Any, ClassVar, Literal
from warnings import catch_warnings, simplefilter, warn

import torch
from torch import Tensor, nn

from stgan._checks import as_integer
from stgan._deprecated import renamed
from stgan._factories import check_module
from stgan._tensor_files import read_state_dict
from stgan.errors import ShapeError
from stgan.functional import fold_time
from stgan.metrics._inputs import check_clips, check_outputs, check_returned
from stgan.metrics._torchmetrics import FrechetInceptionDistance, Metric
from stgan.metrics.frames import check_windows, frame_scores
from stgan.metrics.modes import evaluating
from stgan.metrics.result import MetricResult, SmallSampleWarning
from stgan.metrics.scoring import ClipProtocol, plain_result, small_sample
from stgan.metrics.weights import checked_sha256

__all__ = ["FrameFrechetDistance", "FrameScores"]


class FrameScores(Metric):
    """Means of :func:`stgan.metrics.frame_scores` over all clips.

    Args:
        skip_first: Leave out the first frame, which the generator was given.
        ssim_windows: ``"all"`` or ``"inside"``, as of the function.
        **kwargs: Of :class:`torchmetrics.Metric`.

    Shape:
        - ``update``: ``fake`` and ``real``, ``(N, C, T, H, W)`` in [-1, 1], H and W at least 11.
        - ``compute``: ``psnr`` in dB, ``ssim`` and ``l1``, float64 numbers.

    Raises:
        ShapeError: As of the function; in ``compute``, if there are no clips yet.
        TypeError: If a video is not of a float type.
        UnknownNameError: If ``ssim_windows`` is neither of the two.
        ValueError: If a video is not finite or lies far outside of [-1, 1].

    Example:
        >>> metric = FrameScores()
        >>> metric.update(torch.full((2, 3, 4, 16, 16), 0.2), torch.zeros(2, 3, 4, 16, 16))
        >>> {name: round(score.item(), 3) for name, score in metric.compute().items()}
        {'psnr': 20.0, 'ssim': 0.984, 'l1': 0.2}

    References:
        Wang et al., Image quality assessment, IEEE TIP 2004, for SSIM.
    """

    is_differentiable = False
    full_state_update = False
    totals: Tensor
    count: Tensor

    def __init__(
        self,
        *,
        skip_first: bool = True,
        ssim_windows: Literal["all", "inside"] = "all",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_windows(ssim_windows)
        self.skip_first = skip_first
        self.ssim_windows: Literal["all", "inside"] = ssim_windows
        self.add_state("totals", torch.zeros(3, dtype=torch.float64), "sum")
        self.add_state("count", torch.tensor(0), "sum")

    @renamed("0.2", generated="fake")
    def update(self, fake: Tensor, real: Tensor) -> None:
        """Take in clips.

        Args:
            fake: Generated video in [-1, 1].
            real: The true continuation of the same first frame, in [-1, 1].
        """
        scores = frame_scores(
            fake, real, skip_first=self.skip_first, ssim_windows=self.ssim_windows
        )
        self.totals += torch.stack([scores[k].double().sum() for k in ("psnr", "ssim", "l1")])
        self.count += len(real)

    def compute(self) -> dict[str, Tensor]:
        """Return the means.

        Raises:
            ShapeError: If there are no clips yet.
        """
        if not self.count:
            raise ShapeError("there are no clips yet; call update(fake, real)")
        means = self.totals / self.count
        return dict(zip(("psnr", "ssim", "l1"), means, strict=True))


class _Frames(nn.Module):
    """A network of images that is always in evaluation mode, with the length of its features."""

    def __init__(self, network: nn.Module, num_features: int) -> None:
        super().__init__()
        self.network, self.num_features = network, num_features

    def forward(self, images: Tensor) -> Tensor:
        with evaluating(self.network):
            found = check_returned(self.network(images), type(self.network).__name__)
        rows = found.flatten(1) if found.ndim > 1 else found
        return check_outputs(rows, len(images), type(self.network).__name__, self.num_features)


class FrameFrechetDistance(FrechetInceptionDistance):
    """Fréchet distance of features of single frames; FID with the Inception network.

    Every frame of every clip counts as an image. With the path of torch-fidelity's Inception file
    (``pt_inception-2015-12-05-6726825d.pth``) this is FID, and needs torch-fidelity installed; no
    file is downloaded. With any other network it is a Fréchet distance of its features and no
    FID: say which. It sees no motion: frames in any order are as good.

    Args:
        network: From images ``(N, 3, H, W)`` in [0, 1] to features ``(N, D)``, or the path of the
            Inception file. A network is used in evaluation mode.
        num_features: D; not needed where the network has an attribute of that name.
        sha256: SHA-256 of the file, in hexadecimal, to be checked.
        **kwargs: Of :class:`torchmetrics.image.fid.FrechetInceptionDistance`, such as
            ``reset_real_features``.

    Attributes:
        name: The network, for results.
        sha256: Hash of its file.
        resize: How frames are resized, in words.
        range: Values of the pixels that the network sees.

    Shape:
        - ``update``: ``(N, 3, T, H, W)`` in [-1, 1]; H and W may differ between updates.
        - ``compute``: a number, computed in float64.

    Raises:
        CheckpointError: If the file is missing or has another hash.
        ModuleNotFoundError: If torch-fidelity is needed and not installed.
        ShapeError: If the network returns other features, or there are fewer than 2 frames of a
            kind (in ``compute``).
        TypeError: If clips are not of a float type, or the network does not return a tensor.
        ValueError: If clips or features are not finite, clips lie far outside of [-1, 1], the
            length of the features is not known, or a hash is given without a file.

    Example:
        >>> colors = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> metric = FrameFrechetDistance(colors, num_features=3)
        >>> for real in (True, False):
        ...     metric.update(torch.rand(8, 3, 4, 8, 8) - 0.2 * real, real=real)
        >>> 0.029 < metric.compute() < 0.035  # 3 colors times 0.1 squared
        tensor(True)
        >>> metric.result(ClipProtocol(4, (8, 8))).metric
        'Frechet distance of frames on Sequential'

    References:
        Heusel et al., GANs trained by a two time-scale update rule, NIPS 2017.
    """

    # torch-fidelity reads the file as torch's default is, which before torch 2.6 runs programs.
    runs_files: ClassVar = {"network": lambda path: True}

    def __init__(
        self,
        network: nn.Module | str | Path,
        *,
        num_features: int | None = None,
        sha256: str | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(network, nn.Module):
            if sha256 is not None:
                raise ValueError("sha256 is that of a file; give the path of one as network")
            length = as_integer(num_features or getattr(network, "num_features", None))
            if length is None:
                raise ValueError(
                    f"num_features must say how many features {type(network).__name__} makes of "
                    f"an image, got {length!r}"
                )
            super().__init__(feature=_Frames(network, length), **kwargs)
            self.name, self.sha256 = type(network).__name__, None
            self.resize, self.range = "none", "[0, 1]"
            return
        if not isinstance(network, str | Path):
            check_module(network, "network")
        found = checked_sha256(network, sha256)
        read_state_dict(network)  # refuses what torch-fidelity would read
        super().__init__(feature=2048, feature_extractor_weights_path=str(network), **kwargs)
        self.name, self.sha256 = "Inception of torch-fidelity, 2048 features", found
        self.resize, self.range = "299 x 299, within the network", "bytes"

    def update(self, video: Tensor, *, real: bool) -> None:  # type: ignore[override]  # clips
        """Take in clips.

        Args:
            video: ``(N, 3, T, H, W)`` in [-1, 1].
            real: Whether they are real or generated.
        """
        check_clips(video, "real video" if real else "fake video")
        images = (fold_time(video).float() + 1) / 2
        if not self.used_custom_model:
            images = images.clamp(0, 1).mul(255).round().to(torch.uint8)
        super().update(images, real)

    def forward(self, video: Tensor, *, real: bool) -> None:
        """Take in clips, as ``update``; there is no value of clips of one kind."""
        self.update(video, real=real)

    def compute(self) -> Tensor:
        """Return the distance.

        Warns:
            SmallSampleWarning: If there are fewer frames than numbers in a feature.
        """
        counts = int(self.real_features_num_samples), int(self.fake_features_num_samples)
        for kind, count in zip(("real", "fake"), counts, strict=True):
            if count < 2:
                raise ShapeError(
                    f"{kind} clips must have at least 2 frames in all, got {count}; call "
                    f"update(video, real={kind == 'real'})"
                )
        length = len(self.real_features_sum)
        if min(counts) < length:
            warn(small_sample(min(counts), length, "frames"), SmallSampleWarning, stacklevel=3)
        return super().compute()

    def result(self, protocol: ClipProtocol) -> MetricResult:
        """Return the distance with its protocol.

        Args:
            protocol: How the clips were taken; all must have as many frames as it says.
        """
        with catch_warnings():
            simplefilter("ignore", SmallSampleWarning)  # a note says it
            value = float(self.compute())
        # Those of all processes, as the value is.
        with self.sync_context(
            dist_sync_fn=self.dist_sync_fn, should_sync=self.sync_on_compute, should_unsync=True
        ):
            frames = int(self.real_features_num_samples), int(self.fake_features_num_samples)
        length = len(self.real_features_sum)
        few = min(frames) < length
        of_inception = not self.used_custom_model
        return plain_result(
            "FID of frames" if of_inception else f"Frechet distance of frames on {self.name}",
            value,
            self,
            protocol,
            counts=(frames[0] // protocol.frames, frames[1] // protocol.frames),
            settings={"images": "every frame of every clip"},
            notes=(small_sample(min(frames), length, "frames"),) if few else (),
            device=self.real_features_sum.device,
        )
