"""What two players are trained for: every term of both losses by its name, with its weight."""

import copy
import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from stgan.augment import Augmentation
from stgan.discriminators import TwoStreamDiscriminator
from stgan.errors import ConfigError
from stgan.losses import AdversarialLoss, clip_singular_values_
from stgan.losses.terms import Takes
from stgan.registry import unknown_name
from stgan.training.lazy import LazySchedule, Schedules
from stgan.training.views import StreamOutputs, View

__all__ = ["Objective", "WeightedTerm"]

#: A term and its weight.
WeightedTerm = tuple[nn.Module, float]


class Objective(nn.Module):
    r"""The losses of a generator and its discriminators, as sums of named and weighted terms.

    With streams :math:`D_s`, the halves :math:`g` and :math:`d` of an adversarial family, further
    terms :math:`R_i` of the generator and :math:`P_j` of the discriminators,

    .. math::
        L_G = \sum_s w_s \, g(D_s(G)) + \sum_i w_i R_i, \qquad
        L_D = \sum_s d(D_s(x), D_s(G)) + \sum_j w_j P_j .

    What heads predict of a clip, such as its label, is a term of both. Terms say themselves whose
    they are and what they take (:class:`stgan.losses.LossTerm`), so those of other packages work as
    stgan's own. An objective computes; whoever calls it steps, as :class:`stgan.training.GANStep`.

    The state dict holds what terms and augmentation remember, such as the means of LeCam and the
    probability of ADA; ``schedules`` have the phase of what is not done in every step.

    Args:
        discriminator: The streams that are judged by.
        adversarial: The loss family.
        generator: Terms of the generator, with their weights, by names of your own.
        penalties: Terms of the discriminators, likewise.
        stream_weights: Weight of streams in the generator's loss, by name; others have that of the
            discriminator.
        prediction: Weight of what heads predict, in both losses.
        penalty_every: Penalties are due every so many steps, and so many times as heavy.
        clip_every: Singular values of the discriminators are brought down to one every so many
            steps (TGAN); 0 for never.
        augment: Changes all that the discriminators see, real and generated; ``None`` for nothing.
        logits: Names of the logits, as ``discriminator.output_shape`` lists them; ``None`` where
            every stream has one.

    Attributes:
        adversarial: As given.
        augment: As given.
        schedules: When penalties and clipping are due.
        detailed: Whether streams must tell more than logits.
        needs_real: Whether the generator's loss asks what streams say of real clips.
        needs_other: Whether a term compares clips of two noises.
        whole_batch: Whether what streams say of a clip depends on those beside it.
        with_image: Whether a stream sees the image beside the clip.
        steady: Whether the same is computed in every step, as a recorded step must.

    Raises:
        ConfigError: If a term says nothing of itself or belongs to the other player, a weight is
            negative or not finite, or a stream cannot tell what a term needs.

    Example:
        >>> from stgan.discriminators import VideoDiscriminator
        >>> from stgan.losses import HingeLoss, L1Loss, R1Penalty
        >>> from stgan.training import View, discriminate
        >>> video = VideoDiscriminator((4, 16, 16), base_channels=4)
        >>> discriminator = TwoStreamDiscriminator(video=video)
        >>> objective = Objective(
        ...     discriminator,
        ...     HingeLoss(),
        ...     generator={"reconstruction": (L1Loss(), 100.0)},
        ...     penalties={"r1": (R1Penalty(), 5.0)},
        ... )
        >>> real, fake = View(torch.ones(2, 3, 4, 16, 16)), View(torch.zeros(2, 3, 4, 16, 16))
        >>> said = discriminate(discriminator, fake)
        >>> sorted(objective.generator(said, fake=fake.video, real=real.video))
        ['generator/reconstruction', 'generator/total', 'generator/video']
    """

    def __init__(
        self,
        discriminator: TwoStreamDiscriminator,
        adversarial: AdversarialLoss,
        *,
        generator: Mapping[str, WeightedTerm] | None = None,
        penalties: Mapping[str, WeightedTerm] | None = None,
        stream_weights: Mapping[str, float] | None = None,
        prediction: float = 1.0,
        penalty_every: int = 1,
        clip_every: int = 0,
        augment: Augmentation | None = None,
        logits: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        # Not a module of its own: its weights are in no state of the objective.
        self._streams = [discriminator]
        self.adversarial = adversarial
        self.terms, self._term_weights = _checked(generator or {}, "generator")
        self.penalties, self._penalty_weights = _checked(penalties or {}, "discriminator")
        for stream in stream_weights or ():
            if stream not in discriminator.weights:
                raise unknown_name("stream_weights", stream, discriminator.weights, what="stream")
        self.stream_weights = discriminator.weights | dict(stream_weights or {})
        if not any((*self.stream_weights.values(), *self._term_weights.values())):
            raise ConfigError(
                "the generator has nothing to minimize; give a stream or a term a weight"
            )
        self.prediction = prediction
        self.schedules = Schedules(penalties=LazySchedule(penalty_every))
        if clip_every:
            self.schedules["clipping"] = LazySchedule(clip_every)
        self.augment = augment
        takes = {term.takes for term in (*self.terms.values(), *self.penalties.values())}
        self.detailed = discriminator.predicts or "features" in takes
        self.needs_real = adversarial.needs_real or "features" in takes
        self.needs_other = "two_samples" in takes
        self.whole_batch = discriminator.whole_batch
        self.with_image = discriminator.with_image
        self.steady = not self.penalties and not clip_every and augment is None
        if self.detailed:
            discriminator.check_detailed()
        if clip_every and any(map(parametrize.is_parametrized, discriminator.modules())):
            raise ConfigError(
                "clip_every brings down weights that are not normalized already; build the streams "
                "with spectral_norm=False, or leave it at 0"
            )
        names = discriminator.weights if logits is None else logits
        for name, penalty in self.penalties.items():
            if penalty.takes == "logits":  # which may remember those of one stream
                copies = {_key(stream): copy.deepcopy(penalty) for stream in names}
                self.penalties[name] = nn.ModuleDict(copies)

    def draw(self, num_clips: int, generator: torch.Generator) -> Tensor | None:
        """Draw the rows by which clips are augmented; ``None`` where they are not."""
        return None if self.augment is None else self.augment.draw(num_clips, generator=generator)

    def view(self, view: View, draws: Tensor | None = None) -> View:
        """Augment clips and their images alike, as all streams then see them."""
        if self.augment is None:
            return view
        image = view.image
        if image is not None:
            image = self.augment(image[:, :, None], draws)[:, :, 0]
        return view._replace(video=self.augment(view.video, draws), image=image)

    def generator(
        self,
        outputs: StreamOutputs,
        *,
        fake: Tensor,
        real: Tensor,
        label: Tensor | None = None,
        z: Tensor | None = None,
        real_outputs: StreamOutputs | None = None,
        other: tuple[Tensor, Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Return the generator's terms by name, and their weighted sum as ``"generator/total"``.

        Args:
            outputs: What the streams say of the generated clips.
            fake: Generated clips ``(N, 3, T, H, W)``, not augmented.
            real: The real clips of the same images.
            label: Their classes, for heads that predict them.
            z: Noise of the clips, for heads that predict it and terms that compare two.
            real_outputs: What the streams say of the real clips, where ``needs_real``.
            other: Clips of another noise, and that noise, where ``needs_other``.
        """
        beside = real_outputs or {}
        terms: dict[str, Tensor] = {}
        weights: dict[str, float] = {}
        for name, term in self.terms.items():
            if term.takes == "two_samples":
                clips, noise = other if other is not None else (None, None)
                terms[name] = term(fake=(fake, clips), z=(z, noise))
            elif term.takes == "features":
                terms[name] = _total(
                    term(fake=output.features, real=beside[stream].features)
                    for stream, output in outputs.items()
                )
            else:
                terms[name] = term(fake=fake, real=real)
            weights[name] = self._term_weights[name]
        for name, output in outputs.items():
            logits = beside[name].logits if self.adversarial.needs_real else None
            terms[name] = self.adversarial.generator(fake=output.logits, real=logits)
            weights[name] = self.stream_weights[name.partition(".")[0]]
        for name, loss in self._streams[0].prediction_losses(outputs, label=label, z=z).items():
            terms[name], weights[name] = loss, self.prediction
        return _weigh("generator", terms, weights)

    def discriminator(
        self,
        discriminator: nn.Module,
        real_outputs: StreamOutputs,
        fake_outputs: StreamOutputs,
        *,
        real: View,
        fake: View,
        z: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return a term for each stream, the penalties, and their sum, ``"discriminator/total"``.

        Args:
            discriminator: The streams as they are called, wrapped or not, whose slope may be
                penalized.
            real_outputs: What they say of the real clips.
            fake_outputs: What they say of the generated ones.
            real: The real clips as the streams saw them.
            fake: The generated ones, detached.
            z: Noise of the generated clips, for heads that predict it.
        """
        terms = {
            name: self.adversarial.discriminator(real=real_outputs[name].logits, fake=output.logits)
            for name, output in fake_outputs.items()
        }
        weights = dict.fromkeys(terms, 1.0)
        losses = self._streams[0].prediction_losses
        of_real = losses(real_outputs, label=real.label)
        for name, loss in losses(fake_outputs, label=fake.label, z=z).items():
            # Real clips have a label too, but no noise.
            terms[name] = loss + of_real[name] if name in of_real else loss
            weights[name] = self.prediction
        lazy = self.schedules["penalties"]
        for name, penalty in self.penalties.items() if lazy.due else ():
            if isinstance(penalty, nn.ModuleDict):
                terms[name] = _total(
                    penalty[_key(stream)](real=output.logits, fake=fake_outputs[stream].logits)
                    for stream, output in real_outputs.items()
                )
            elif penalty.takes == "weights":
                terms[name] = penalty(discriminator)
            else:  # of each stream by itself, so that the slopes of two do not mix
                side = fake if penalty.side == "fake" else real
                streams = dict.fromkeys(stream.partition(".")[0] for stream in real_outputs)
                terms[name] = _total(
                    penalty(
                        discriminator,
                        real=real.video,
                        fake=fake.video,
                        only=(stream,),
                        **side.condition(),
                    )
                    for stream in streams
                )
            weights[name] = lazy.scale * self._penalty_weights[name]
        return _weigh("discriminator", terms, weights)

    def advance(self, real_logits: Mapping[str, Tensor]) -> None:
        """Go on to the next step, after that of the discriminators' optimizer.

        Args:
            real_logits: What the streams said of real clips, the first of which ADA follows.
        """
        if "clipping" in self.schedules and self.schedules["clipping"].due:
            clip_singular_values_(self._streams[0])
        self.schedules.advance()
        if self.augment is not None:
            self.augment.update(next(iter(real_logits.values())).detach())


def _checked(
    terms: Mapping[str, WeightedTerm], player: str
) -> tuple[nn.ModuleDict, dict[str, float]]:
    """Refuse what is no term of this player, where it is given."""
    for name, (term, weight) in terms.items():
        if not 0 <= weight < math.inf:
            raise ConfigError(
                f"the term {name!r} must have a finite weight of at least 0, got {weight}"
            )
        told = getattr(term, "player", None), getattr(term, "takes", None)
        if told[0] != player or told[1] not in get_args(Takes):
            says = f"says {told[0]}" if told[0] else "says nothing; derive it from LossTerm"
            raise ConfigError(
                f"the term {name!r} of the {player} must be a loss or penalty that says so of "
                f"itself, got a {type(term).__name__}, which {says}"
            )
    return (
        nn.ModuleDict({name: term for name, (term, _) in terms.items()}),
        {name: weight for name, (_, weight) in terms.items()},
    )


def _weigh(
    player: str, terms: Mapping[str, Tensor], weights: Mapping[str, float]
) -> dict[str, Tensor]:
    # A term without weight is logged, costs no backward pass and cannot spoil the sum.
    shares = [weights[name] * term for name, term in terms.items() if weights[name]]
    named = {f"{player}/{name}": term for name, term in terms.items()}
    return named | {f"{player}/total": functools.reduce(torch.add, shares)}


def _total(values: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(values)).sum()


def _key(name: str) -> str:
    """Return a name that a module may have."""
    return name.replace(".", "_")
