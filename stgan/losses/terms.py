"""What a term of a GAN's loss says of itself, so that a loop can use one it has never seen."""

from typing import ClassVar, Literal, TypeAlias

from torch import nn

__all__ = ["LossTerm", "PlayerName", "Takes"]

#: Whose loss a term belongs to.
PlayerName: TypeAlias = Literal["generator", "discriminator"]
#: What a term is called with; see :class:`LossTerm`.
Takes: TypeAlias = Literal["clips", "two_samples", "features", "logits", "slopes", "weights"]


class LossTerm(nn.Module):
    """A term that says whose loss it belongs to and what it is called with.

    :class:`stgan.training.Objective` asks nothing else of a term, so a term of your own works in a
    loop as those of stgan do once its class says both. ``takes`` is one of

    - ``"clips"``: ``term(fake=video, real=video)``;
    - ``"two_samples"``: ``term(fake=(video, video), z=(z, z))``, clips of two noises for the same
      images and labels;
    - ``"features"``: ``term(fake=features, real=features)``, the features of a stream; once for
      each stream;
    - ``"logits"``: ``term(fake=logits, real=logits)``; once for each stream, by a copy of its own,
      which may remember what it saw;
    - ``"slopes"``: ``term(discriminator, fake=video, real=video, **condition)``; once for each
      stream. The condition is that of the samples on the ``side`` that the term looks at;
    - ``"weights"``: ``term(discriminator)``.

    A term returns a scalar, without a weight.

    Attributes:
        player: ``"generator"`` or ``"discriminator"``.
        takes: What the term is called with.
        side: Whose condition a term on slopes is given, ``"real"`` or ``"fake"``.

    Example:
        >>> class Brightness(LossTerm):
        ...     player, takes = "generator", "clips"
        ...     def forward(self, *, fake, real):
        ...         return (fake.mean() - real.mean()).abs()
        >>> Brightness()(fake=torch.ones(1, 3, 2, 4, 4), real=torch.zeros(1, 3, 2, 4, 4))
        tensor(1.)
    """

    player: ClassVar[PlayerName]
    takes: ClassVar[Takes]
    side: ClassVar[Literal["real", "fake"]] = "real"

    def __init__(self) -> None:
        super().__init__()
