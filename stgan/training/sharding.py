"""Networks of which every process keeps a part (FSDP2)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.optim import Optimizer

__all__ = ["load_optimizer_state", "own_part", "shard_stages", "whole", "whole_state"]


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


def load_optimizer_state(optimizer: Optimizer, state: Mapping[str, Any]) -> None:
    """Load the whole state of an optimizer, and shard it as its parameters are.

    Args:
        optimizer: Of parameters that may be sharded.
        state: As :func:`whole_state` or the optimizer returned it; equal on all processes.

    Example:
        >>> layer = nn.Linear(2, 1)
        >>> optimizer = torch.optim.Adam(layer.parameters())
        >>> load_optimizer_state(optimizer, whole_state(optimizer.state_dict()))
    """
    optimizer.load_state_dict(dict(state))
    like: Any
    for like, own in optimizer.state.items():
        if not hasattr(like, "full_tensor"):
            continue
        from torch.distributed.tensor import distribute_tensor

        for name, value in own.items():
            if isinstance(value, Tensor) and value.shape == like.shape:
                own[name] = distribute_tensor(value, like.device_mesh, like.placements)
