"""How a stream builds its head, and which heads it refuses because they could not be called."""

import inspect
from collections.abc import Callable, Mapping

from torch import nn

from stgan._factories import check_factory, factory_name, make
from stgan.discriminators.heads import Head

__all__ = ["build_head"]


def build_head(
    head: Callable[..., nn.Module],
    channels: int,
    size: tuple[int, ...] | None,
    *,
    num_classes: int,
    condition_dim: int,
    spectral_norm: bool,
    init_std: float | None,
) -> nn.Module:
    """Build a head for the label or the vector that a stream will pass to it; 0 for none.

    Raises:
        ValueError: If the head would refuse every call of the stream.
    """
    check_factory(head, "head")
    counts = {"num_classes": num_classes, "condition_dim": condition_dim}
    asked = {name: count for name, count in counts.items() if count}
    told = inspect.signature(head).parameters
    if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in told.values()):
        for name in asked:
            if name not in told:
                raise ValueError(_takes_none(factory_name(head), told, name, asked[name]))
    own = told.get("num_classes")
    if own is not None and own.default is own.empty and not num_classes:
        raise ValueError(
            f"{factory_name(head)} needs a number of classes of its own; pass "
            f"head=partial({factory_name(head)}, num_classes=K)"
        )
    built: nn.Module = make(
        head, "head", channels, size, spectral_norm=spectral_norm, init_std=init_std, **asked
    )
    # Of other modules nobody knows what they take.
    for name, count in counts.items() if isinstance(built, Head) else ():
        wanted = getattr(built, name)
        if count and not wanted:
            raise ValueError(_takes_none(type(built).__name__, told, name, count))
        if wanted != count:
            also = ", label_to='head'" if name == "num_classes" else ""
            raise ValueError(
                f"the head was built for {name}={wanted}, which the stream does not pass to it; "
                f"pass {name}={wanted}{also} to the stream"
            )
    return built


def _takes_none(head: str, told: Mapping[str, object], name: str, count: int) -> str:
    """Say that a head does not take a condition, and what to do instead."""
    if name == "condition_dim":
        return (
            f"{head} takes no vector as its condition; leave condition_dim at 0, or pass "
            f"head=ProjectionHead"
        )
    if name in told:
        return (
            f"{head} takes no label as its condition; pass head=partial({head}, "
            f"num_classes={count}) for the classes that it predicts, and to the stream no "
            f"num_classes, or label_to='stages'"
        )
    return f"{head} takes no label as its condition; pass label_to='stages', or head=ProjectionHead"
