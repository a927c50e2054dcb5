"""Networks of which every process keeps a part (FSDP2)."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.optim import Optimizer

from stgan.training._entries import entry_of, refused

__all__ = [
    "load_optimizer_state",
    "optimizer_state",
    "own_part",
    "shard_stages",
    "whole",
    "whole_state",
]

# Entry of a state that names the parameters of which there is nothing to keep.
_WITHOUT = "without"


def shard_stages(network: nn.Module, mesh: DeviceMesh) -> nn.Module:
    """Keep a part of every parameter on each process, and gather a stage's while it computes.

    Weights, gradients and the moments of an optimizer then take, on each of W processes, a W-th of
    their memory. Every stage (an element of an ``nn.ModuleList``) is gathered by itself, the rest
    of the network as a whole. Spectral normalization, frozen discriminators, several forward passes
    before one backward pass, accumulation, :class:`~stgan.training.FiniteGuard` and
    :class:`~stgan.training.HealthMonitor` work as without; buffers stay whole on every process.

    It has the signature that Fabric asks for::

        strategy = ModelParallelStrategy(
            shard_stages, data_parallel_size=8, tensor_parallel_size=1
        )
        fabric = Fabric(devices=8, strategy=strategy)
        fabric.launch()
        generator = fabric.setup_module(generator)  # load weights before
        optimizer = fabric.setup_optimizers(torch.optim.Adam(generator.parameters()))

    Every process must take part in each call of the network, in evaluation too.

    Args:
        network: On its device already, and loaded; changed in place.
        mesh: The processes; of a mesh with several axes, that named ``"data_parallel"``.

    Returns:
        The network, whose parameters are of ``torch.distributed.tensor.DTensor``.

    Raises:
        RuntimeError: If torch is older than 2.6.

    Example:
        >>> import torch.distributed as dist
        >>> from torch.distributed.device_mesh import init_device_mesh
        >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
        >>> network = shard_stages(nn.Linear(2, 1), init_device_mesh("cpu", (1,)))
        >>> type(network.weight).__name__
        'DTensor'
        >>> dist.destroy_process_group()

    References:
        Zhao et al., PyTorch FSDP: Experiences on Scaling Fully Sharded Data Parallel, VLDB 2023;
        the PyTorch documentation, ``torch.distributed.fsdp.fully_shard``.
    """
    try:
        from torch.distributed.fsdp import fully_shard
    except ImportError as error:
        raise RuntimeError(
            f"shard_stages needs torch 2.6 or newer, got {torch.__version__}; update torch, or "
            f"train with DistributedDataParallel"
        ) from error
    along = mesh["data_parallel"] if mesh.ndim > 1 else mesh
    # What lies inside another stage comes first, and the outer one takes what is left.
    for module in reversed(list(network.modules())):
        if isinstance(module, nn.ModuleList):
            for stage in module:
                if any(True for _ in stage.parameters()):
                    fully_shard(stage, mesh=along)
    fully_shard(network, mesh=along)
    return network


def whole(tensor: Tensor) -> Tensor:
    """Gather a tensor from all processes if it is sharded; every process must call."""
    full: Tensor = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
    return full


def own_part(tensor: Tensor) -> Tensor:
    """Return the part of a sharded tensor that lies on this process; else the tensor."""
    local: Tensor = tensor.to_local() if hasattr(tensor, "to_local") else tensor
    return local


def whole_state(state: Any) -> Any:
    """Gather what is sharded in a state dict of a network or an optimizer; every process must call.

    What comes out is the state dict of the same network or optimizer that is not sharded: give it
    to :func:`~stgan.training.save_checkpoint`. Without anything sharded it is a copy of the
    dictionaries, with the tensors as they are.

    Args:
        state: Tensors and anything else, in mappings, lists and tuples.

    Example:
        >>> whole_state(nn.Linear(2, 1).state_dict()).keys()
        dict_keys(['weight', 'bias'])
    """
    if isinstance(state, Tensor):
        return whole(state.detach())
    if isinstance(state, Mapping):
        return {key: whole_state(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(map(whole_state, state))
    return state


def optimizer_state(optimizer: Optimizer) -> dict[str, Any]:
    """Return the whole state of an optimizer; every process must call.

    It names the parameters that have had no gradient yet, whose moments are not missing. Give it to
    :func:`~stgan.training.save_checkpoint`, and later to :func:`load_optimizer_state`.

    Args:
        optimizer: Of parameters that may be sharded.

    Returns:
        As ``optimizer.state_dict()``, and under ``"without"`` the numbers of those parameters.

    Example:
        >>> layer, unused = nn.Linear(2, 1), nn.Linear(2, 1, bias=False)
        >>> optimizer = torch.optim.Adam([*layer.parameters(), *unused.parameters()])
        >>> layer(torch.ones(1, 2)).sum().backward()
        >>> optimizer.step()
        >>> optimizer_state(optimizer)["without"]
        [2]
    """
    state: dict[str, Any] = whole_state(optimizer.state_dict())
    numbers = (number for group in state["param_groups"] for number in group["params"])
    return state | {_WITHOUT: [number for number in numbers if not state["state"].get(number)]}


def load_optimizer_state(optimizer: Optimizer, state: Mapping[str, Any]) -> None:
    """Load the whole state of an optimizer, and shard it as its parameters are.

    Args:
        optimizer: Of parameters that may be sharded.
        state: As :func:`optimizer_state` or the optimizer returned it; equal on all processes. That
            of Adam is compared with the parameters entry by entry.

    Raises:
        CheckpointError: If it is the state of other parameters or of another optimizer, has
            settings or entries that cannot be, or lacks an entry of a parameter that learns and
            that it does not name as one without; the optimizer is as before then.

    Example:
        >>> layer = nn.Linear(2, 1)
        >>> optimizer = torch.optim.Adam(layer.parameters())
        >>> load_optimizer_state(optimizer, optimizer_state(optimizer))
    """
    _check_optimizer_state(optimizer, state)
    try:
        optimizer.load_state_dict(dict(state))
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        # Whatever optimizers of others stumble over.
        raise refused(type(optimizer).__name__, "is not one that it can load") from None
    like: Any
    for like, own in optimizer.state.items():
        if not hasattr(like, "full_tensor"):
            continue
        from torch.distributed.tensor import distribute_tensor

        for name, value in own.items():
            if isinstance(value, Tensor) and value.shape == like.shape:
                own[name] = distribute_tensor(value, like.device_mesh, like.placements)


def _check_optimizer_state(optimizer: Optimizer, state: Any) -> None:
    what = type(optimizer).__name__
    groups = entry_of(state, "param_groups", list, what)
    if len(groups) != len(optimizer.param_groups):
        raise refused(what, f"has {len(groups)} groups, not {len(optimizer.param_groups)}")
    by_number: dict[Any, Tensor] = {}
    for group, own in zip(groups, optimizer.param_groups, strict=True):
        numbers = entry_of(group, "params", list, what)
        if len(numbers) != len(own["params"]) or not all(type(n) is int for n in numbers):
            raise refused(what, f"does not number the {len(own['params'])} parameters of a group")
        by_number |= dict(zip(numbers, own["params"], strict=True))
        for name, value in own.items():
            if name == "params" or name not in group:
                continue
            # How it is computed is a choice of the machine, what is computed is not.
            fixed = isinstance(value, bool) and name not in ("capturable", "foreach", "fused")
            if not _is_like(group[name], value) or (fixed and group[name] != value):
                raise refused(what, f"has another {name}, or one that cannot be")
    entries = entry_of(state, "state", Mapping, what)
    is_adam = isinstance(optimizer, torch.optim.Adam | torch.optim.AdamW)
    for number, kept in entries.items():
        if number not in by_number or not isinstance(kept, Mapping):
            raise refused(what, "has entries of parameters that there are not")
        if kept and is_adam:
            _check_adam(by_number[number], kept, what)
    lacking = [number for number in by_number if not entries.get(number)]
    if _WITHOUT in state:
        without = [n for n in entry_of(state, _WITHOUT, list, what) if type(n) is int]
    elif is_adam and any(entries.values()):
        without = [n for n in lacking if not by_number[n].requires_grad]
    else:  # before the first step, or of an optimizer that may keep nothing of some
        without = lacking
    for number in lacking:
        if number not in without:
            shape = tuple(by_number[number].shape)
            raise refused(
                what,
                f"has no entry for a parameter of shape {shape}, and does not name it as one that "
                f"never had any, as optimizer_state does",
            )


def _is_like(value: Any, own: Any) -> bool:
    """Whether a setting could stand where another one does."""
    if isinstance(value, tuple | list):
        return (
            isinstance(own, tuple | list)
            and len(value) == len(own)
            and all(map(_is_like, value, own))
        )
    if isinstance(value, Tensor):  # a learning rate of a captured step
        return value.numel() == 1 and _is_like(value.item(), own)
    if isinstance(own, Tensor):
        own = own.item()
    if isinstance(value, bool) or value is None:
        return isinstance(own, bool) or own is None
    if isinstance(value, int | float):
        return isinstance(own, int | float) and not isinstance(own, bool) and isfinite(value)
    return isinstance(value, type(own))


def _check_adam(parameter: Tensor, kept: Mapping[str, Any], what: str) -> None:
    """Refuse moments that a step of Adam, compiled as it is, would stumble over or read beyond."""
    wanted = {"step", "exp_avg", "exp_avg_sq"}
    if not wanted <= kept.keys() <= {*wanted, "max_exp_avg_sq"}:
        raise refused(what, "lacks a moment of a parameter, or has others")
    for name, value in kept.items():
        shape = torch.Size() if name == "step" else parameter.shape
        number = name == "step" and type(value) in (int, float) and isfinite(value)
        if not number and not (
            isinstance(value, Tensor)
            and value.is_floating_point()
            and value.shape == shape
            and bool(value.isfinite().all())
        ):
            raise refused(what, f"has a {name} that no parameter {tuple(parameter.shape)} can have")
        if name != "exp_avg" and bool(torch.as_tensor(value).min() < 0):
            raise refused(what, f"has {name} below 0")
