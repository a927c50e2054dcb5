"""Fabric as GANs need it: one process or several, a copy of the networks on each or a part."""

import warnings
from collections.abc import Sequence
from typing import Any

from torch import nn

from stgan._checks import check_positive
from stgan.errors import ConfigError
from stgan.training.distributed import ddp_settings
from stgan.training.precision import precision_settings

__all__ = ["open_fabric"]


def open_fabric(
    *,
    accelerator: str = "auto",
    devices: int = 1,
    nodes: int = 1,
    precision: str = "32-true",
    shard: bool = False,
    loggers: Any = (),
) -> Any:
    """Return a Fabric for GANs, which is to be launched.

    Several processes share gradients by ``DistributedDataParallel`` with :func:`ddp_settings`, or
    each keeps a part of the networks (FSDP2). A precision of ``"bf16-mixed"`` lets penalties ask
    for gradients by themselves (:func:`precision_settings`).

    Args:
        accelerator: ``"cpu"``, ``"cuda"``, ``"mps"`` or ``"auto"``.
        devices: Processes on each machine, one for each device.
        nodes: Machines; the program is started on each.
        precision: ``"32-true"``, ``"bf16-mixed"``, or another that Fabric knows.
        shard: Whether each process keeps a part of the networks only. Shard them yourself, once
            their weights are loaded: ``shard_stages(network, fabric.strategy.device_mesh)``.
        loggers: Of Fabric, such as TensorBoard's; one, or a sequence.

    Returns:
        A ``lightning_fabric.Fabric``.

    Raises:
        ConfigError: If this machine has not what is asked for; gives Fabric's reason.
        ValueError: If ``devices`` or ``nodes`` is not positive.
        ModuleNotFoundError: If lightning-fabric is not installed; names the extra.

    Example:
        >>> fabric = open_fabric(accelerator="cpu")
        >>> fabric.launch()
        >>> fabric.device, fabric.world_size
        (device(type='cpu'), 1)
    """
    try:
        from lightning_fabric import Fabric
        from lightning_fabric.strategies.ddp import DDPStrategy
        from lightning_fabric.strategies.model_parallel import ModelParallelStrategy
        from lightning_fabric.utilities.exceptions import MisconfigurationException
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "open_fabric needs lightning-fabric; pip install 'stgan[recipes]'"
        ) from error
    processes = check_positive(devices, "devices") * check_positive(nodes, "nodes")
    strategy: Any = "auto"
    if shard:
        strategy = ModelParallelStrategy(
            _unchanged, data_parallel_size=processes, tensor_parallel_size=1
        )
        # Logits are views of what a network computes last, and nothing writes into them.
        warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view")
    elif processes > 1:
        strategy = DDPStrategy(**ddp_settings())
    try:
        return Fabric(
            accelerator=accelerator,
            devices=devices,
            num_nodes=nodes,
            strategy=strategy,
            loggers=list(loggers) if isinstance(loggers, Sequence) else loggers,
            **precision_settings(precision, accelerator),
        )
    # What this machine has not is each of these, by the kind of device.
    except (RuntimeError, ValueError, ImportError, MisconfigurationException) as error:
        reason = str(error).partition(". ")[0]
        raise ConfigError(
            f"accelerator {accelerator} with devices {devices} is not to be had here; choose auto, "
            f"cpu or fewer devices (Fabric says: {reason})"
        ) from error


def _unchanged(network: nn.Module, mesh: Any) -> nn.Module:
    """Leave the sharding to the loop: weights of a resumed run are loaded whole, before it."""
    return network
