"""What the networks are trained for: every term of both losses by its name, with its weight.

With x the real clip, x_0 its image, c the label and t frames of the clip,

    L_G  = w_rec mean|G(x_0, z, c) - x| + w_V g(D_V(G, c)) + w_I g(D_I(G[t])) + more terms
    L_D  = d(D_V(x, c), D_V(G, c)) + d(D_I(x[t']), D_I(G[t])) + penalties of both streams

where g and d are the two halves of an adversarial loss, by default -log D and cross-entropy.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrize

from examples.imaginator.config import DiscriminatorSettings, LossSettings
from examples.imaginator.draws import Draws, Frames, Shown
from examples.imaginator.terms import build_augmentation, build_terms
from stgan.augment import AdaptiveAugmentation, Augmentation
from stgan.discriminators import StreamOutput, TwoStreamDiscriminator
from stgan.errors import ConfigError
from stgan.layers import MinibatchStddev
from stgan.losses import (
    CriticPenalty,
    FeatureMatchingPenalty,
    L1Loss,
    LecamPenalty,
    MeanFeatureMatchingPenalty,
    ModeSeekingPenalty,
    OrthogonalPenalty,
    R2Penalty,
    ReconstructionLoss,
    WeightedTerms,
    clip_singular_values_,
    create_family,
)
from stgan.training import LazySchedule

__all__ = ["Objective", "Opinions"]

#: What every stream says of a batch.
Opinions: TypeAlias = Mapping[str, StreamOutput]

_MATCHING = (FeatureMatchingPenalty, MeanFeatureMatchingPenalty)
_OF_GENERATOR = (ReconstructionLoss, ModeSeekingPenalty, *_MATCHING)
_OF_DISCRIMINATOR = (CriticPenalty, LecamPenalty, OrthogonalPenalty)
# What these say of a clip depends on those beside it.
_OF_WHOLE_BATCHES = (_BatchNorm, MinibatchStddev)


class Objective(nn.Module):
    """Terms, penalties and weights of both losses, and what they remember from step to step.

    Its state dict holds the means of LeCam and the probability of ADA; the phase of what is not
    done at every step is in :meth:`schedule_state`.

    Args:
        settings: Terms and weights.
        discriminator: Augmentation, and heads that predict.
        critic: The streams.
        names: Of their logits, such as ``("video", "image")``.
        trust: Whether files that the settings name may be run, see :func:`stgan.build`.

    Attributes:
        adversarial: The loss family.
        augment: What changes all that the discriminators see; ``None`` for nothing.
        lazy: When penalties are due.
        detailed: Whether streams must tell more than logits.
        one_call: Whether streams may be shown real and generated clips side by side.
        needs_other: Whether the generator must run twice, on two noises.

    Raises:
        ConfigError: If a term is none of its loss, or a weight is not positive.
        UnknownNameError: If a name is not registered; suggests the nearest.
    """

    def __init__(
        self,
        settings: LossSettings,
        discriminator: DiscriminatorSettings,
        critic: TwoStreamDiscriminator,
        names: Sequence[str],
        *,
        trust: bool = False,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.adversarial = create_family(settings.family)
        self.reconstruction = L1Loss()
        self.terms, self._term_weights = build_terms(
            settings.generator_terms, "loss.generator_terms", _OF_GENERATOR, trust=trust
        )
        self.penalties, self._penalty_weights = build_terms(
            settings.penalties, "loss.penalties", _OF_DISCRIMINATOR, trust=trust
        )
        for name, penalty in self.penalties.items():
            if isinstance(penalty, LecamPenalty):  # which remembers the logits of one stream
                copies = {_key(stream): LecamPenalty(penalty.decay) for stream in names}
                self.penalties[name] = nn.ModuleDict(copies)
        self.lazy = LazySchedule(settings.penalty_every)
        self.clipping: LazySchedule | None = None
        if settings.clip_singular_values_every:
            self.clipping = LazySchedule(settings.clip_singular_values_every)
            if any(parametrize.is_parametrized(module) for module in critic.modules()):
                raise ConfigError(
                    "loss.clip_singular_values_every is for weights that are not normalized; tell "
                    "the streams so, such as '{name: video, spectral_norm: false}'"
                )
        self.augment = build_augmentation(discriminator, trust=trust)
        heads = (discriminator.video_head or "", discriminator.image_head or "")
        predicting = any(name in text for text in heads for name in ("auxiliary", "infogan"))
        self.matching = any(isinstance(term, _MATCHING) for term in self.terms.values())
        self.detailed = predicting or self.matching
        self.one_call = discriminator.one_call and not any(
            isinstance(module, _OF_WHOLE_BATCHES) for module in critic.modules()
        )
        self.needs_other = any(isinstance(x, ModeSeekingPenalty) for x in self.terms.values())
        for stream, network in critic.named_children():
            told = inspect.signature(network.forward).parameters
            if self.detailed and "detailed" not in told:
                raise ConfigError(
                    f"the {stream} stream, a {type(network).__name__}, tells nothing but logits; "
                    f"leave out feature matching and heads that predict, or choose another"
                )

    @property
    def needs_real(self) -> bool:
        """Whether the generator's loss asks what the streams say of real clips."""
        return self.adversarial.needs_real or self.matching

    @property
    def steady(self) -> bool:
        """Whether the same is computed in every step."""
        return not self.penalties and self.clipping is None and self.augment is None

    def draw(self, num_clips: int, generator: torch.Generator) -> Tensor:
        """Draw the rows by which clips are augmented."""
        augment = self.augment
        if isinstance(augment, AdaptiveAugmentation):
            augment = augment.augment
        assert isinstance(augment, Augmentation)
        return augment.draw(num_clips, generator=generator)

    def show(self, video: Tensor, image: Tensor, frames: Frames, draws: Tensor | None) -> Shown:
        """Augment clips and images alike, as all streams then see them."""
        if self.augment is None:
            return Shown(video, image, frames)
        return Shown(
            self.augment(video, draws), self.augment(image[:, :, None], draws)[:, :, 0], frames
        )

    def generator(
        self,
        fake: Tensor,
        said: Opinions,
        batch: Mapping[str, Tensor],
        draws: Draws,
        *,
        said_real: Opinions | None = None,
        other: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return the generator's terms by name, and their weighted sum as ``"generator/total"``.

        Args:
            fake: Generated clips ``(N, 3, T, H, W)``, not augmented.
            said: What the streams say of them.
            batch: The real ``"video"`` of the same images, and ``"label"``.
            draws: The noise of the clips.
            said_real: What the streams say of the real clips, where :attr:`needs_real`.
            other: Clips of the other noise, where :attr:`needs_other`.
        """
        real, against = batch["video"], said_real or {}
        terms = {"reconstruction": self.reconstruction(fake=fake, real=real)}
        weights = {"reconstruction": self.settings.reconstruction} | self._term_weights
        for name, opinion in said.items():
            beside = against[name].logits if self.adversarial.needs_real else None
            terms[name] = self.adversarial.generator(fake=opinion.logits, real=beside)
            weights[name] = getattr(self.settings, _owner(name))
        for name, term in _predicted(said, batch["label"], draws.z).items():
            terms[name], weights[name] = term, self.settings.prediction
        for name, loss in self.terms.items():
            if isinstance(loss, ModeSeekingPenalty):
                terms[name] = loss(fake=(fake, other), z=(draws.z, draws.other_z))
            elif isinstance(loss, _MATCHING):
                terms[name] = _total(
                    loss(real=against[stream].features, fake=opinion.features)
                    for stream, opinion in said.items()
                )
            else:
                terms[name] = loss(fake=fake, real=real)
        return _weigh("generator", terms, weights)

    def discriminator(
        self,
        critic: Callable[..., Any],
        batch: Mapping[str, Tensor],
        draws: Draws,
        *,
        real: Shown,
        fake: Shown,
        said_real: Opinions,
        said_fake: Opinions,
    ) -> dict[str, Tensor]:
        """Return a term for each stream, the penalties, and their sum as ``"discriminator/total"``.

        Args:
            critic: The discriminator, whose slope may be penalized.
            batch: The ``"label"`` of both.
            draws: The noise of the generated clips.
            real: What the streams were shown of real clips.
            fake: What they were shown of generated clips, detached.
            said_real: What they say of the real ones.
            said_fake: What they say of the generated ones.
        """
        terms = {
            name: self.adversarial.discriminator(real=said_real[name].logits, fake=opinion.logits)
            for name, opinion in said_fake.items()
        }
        weights = dict.fromkeys(terms, 1.0)
        label = batch["label"]
        of_fake, of_real = (_predicted(said, label, draws.z) for said in (said_fake, said_real))
        for name, term in of_fake.items():
            # Real clips have a label too, but no noise.
            terms[name] = term + of_real[name] if name.endswith("_label") else term
            weights[name] = self.settings.prediction
        if self.lazy.due:
            for name, penalty in self.penalties.items():
                if isinstance(penalty, nn.ModuleDict):
                    terms[name] = _total(
                        penalty[_key(stream)](real=said.logits, fake=said_fake[stream].logits)
                        for stream, said in said_real.items()
                    )
                elif isinstance(penalty, OrthogonalPenalty):
                    terms[name] = penalty(critic)
                else:
                    terms[name] = _slopes(penalty, critic, real, fake, label, list(said_real))
                weights[name] = self.lazy.scale * self._penalty_weights[name]
        return _weigh("discriminator", terms, weights)

    def advance(self, critic: nn.Module, real_logits: Mapping[str, Tensor]) -> None:
        """Go on to the next step, after that of the discriminator's optimizer.

        Args:
            critic: The discriminator, whose singular values may be clipped.
            real_logits: What its streams said of real clips, the first of which ADA follows.
        """
        self.lazy.advance()
        if self.clipping is not None:
            if self.clipping.due:
                clip_singular_values_(critic)
            self.clipping.advance()
        if isinstance(self.augment, AdaptiveAugmentation):
            self.augment.update(next(iter(real_logits.values())).detach())

    def schedule_state(self) -> dict[str, dict[str, int]]:
        """Return the phases of all that is not done at every step, for a checkpoint."""
        return {name: schedule.state_dict() for name, schedule in self._schedules().items()}

    def load_schedule_state(self, state: Mapping[str, Mapping[str, int]]) -> None:
        """Go on at the phases that :meth:`schedule_state` returned."""
        given = state if isinstance(state, Mapping) else {}
        for name, schedule in self._schedules().items():
            schedule.load_state_dict(given.get(name, {}))

    def _schedules(self) -> dict[str, LazySchedule]:
        return {"penalties": self.lazy} | ({"clipping": self.clipping} if self.clipping else {})


def _slopes(
    penalty: nn.Module,
    critic: Callable[..., Any],
    real: Shown,
    fake: Shown,
    label: Tensor,
    names: Sequence[str],
) -> Tensor:
    """Add up a penalty of all streams, each by itself, so that the slopes of two do not mix."""
    side = fake if isinstance(penalty, R2Penalty) else real
    condition = {"label": label, "image": side.image, "indices": side.frames}
    return _total(
        penalty(critic, real=real.video, fake=fake.video, only=(stream,), **condition)
        for stream in dict.fromkeys(_owner(name) for name in names)
    )


def _predicted(said: Opinions, label: Tensor, z: Tensor) -> dict[str, Tensor]:
    """How wrong the heads are about what a clip was made from."""
    terms: dict[str, Tensor] = {}
    for stream, opinion in said.items():
        found = {name: value.float() for name, value in opinion.predictions.items()}
        if "label" in found:
            terms[f"{stream}_label"] = F.cross_entropy(found["label"], label)
        if "code" in found:
            code = z[:, : found["code"].shape[1]].float()
            spread = found.get("code_log_variance", torch.zeros_like(code)).exp()
            terms[f"{stream}_code"] = F.gaussian_nll_loss(found["code"], code, spread)
    return terms


def _weigh(
    player: str, terms: Mapping[str, Tensor], weights: Mapping[str, float]
) -> dict[str, Tensor]:
    named = {f"{player}/{name}": term for name, term in terms.items()}
    weigh = WeightedTerms({f"{player}/{name}": weight for name, weight in weights.items()})
    return named | {f"{player}/total": weigh(named).total}


def _total(values: Any) -> Tensor:
    return torch.stack(list(values)).sum()


def _owner(name: str) -> str:
    """Return the stream of a logit, which may have several."""
    return name.partition(".")[0]


def _key(name: str) -> str:
    """Return a name that a module may have."""
    return name.replace(".", "_")
