"""Weights spread over processes (FSDP2): each holds a part of every weight and gathers a block just before it runs.

All processes must run the same forward and backward passes in the same order; otherwise they wait for each other.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from wan_r1.errors import ConfigError

__all__ = ["anywhere", "clip_gradients", "exchange", "gather_whole", "part_of", "shard", "whole"]


def shard(transformer: nn.Module, device: torch.device) -> None:
    """Spreads the weights of a transformer over all processes, block by block, and moves them to the device."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, fully_shard

    if not dist.is_initialized():
        raise ConfigError(
            "policy: sharding = 'fsdp2' needs several processes; start with "
            "`torchrun --nproc-per-node N -m wan_r1 ...`, or set policy.sharding=none"
        )
    if not hasattr(FSDPModule, "set_force_sum_reduction_for_comms"):
        raise ConfigError(f"policy: sharding = 'fsdp2' with torch {torch.__version__}: needs torch 2.8 or later")
    # Blocks return views; nothing writes into them.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view tensor")
    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    for module in (*transformer.blocks, transformer):  # type: ignore[misc]
        # Gathered weights would outlive an exchange of the parts they were gathered from.
        sharded = fully_shard(module, mesh=mesh, reshard_after_forward=True)
        # Losses divide by global counts, so gradients are summed.
        sharded.set_gradient_divide_factor(1.0)
        sharded.set_force_sum_reduction_for_comms(True)


def whole(tensor: Tensor) -> Tensor:
    """The tensor with its parts put together; every process must ask.

    A plain collective: DTensor.full_tensor waits through torch's registry of functional collectives, which has ended a
    process on gloo by a segmentation fault.
    """
    if not isinstance(tensor, DTensor):
        return tensor
    mine, group = tensor.to_local().detach(), tensor.device_mesh.get_group()
    rows = -(-len(tensor) // group.size())  # of every process but the last ones
    padded = mine.new_zeros((rows, *tensor.shape[1:]))
    padded[: len(mine)] = mine
    parts = [torch.empty_like(padded) for _ in range(group.size())]
    dist.all_gather(parts, padded, group=group)
    return torch.cat(parts)[: len(tensor)]


def clip_gradients(parameters: Iterable[nn.Parameter], max_norm: float) -> Tensor:
    """Scale all gradients so that their norm together is at most max_norm; returns the norm before, shape [].

    Every process must ask where weights are sharded; a gradient counts once, whoever holds its parts.
    """
    weights = list(parameters)
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    parts = [gradient.to_local() for gradient in gradients if isinstance(gradient, DTensor)]
    others = [gradient for gradient in gradients if not isinstance(gradient, DTensor)]
    norm = torch.nn.utils.get_total_norm(others)
    if any(isinstance(weight, DTensor) for weight in weights):
        square = torch.nn.utils.get_total_norm(parts).square().to(weights[0].device)
        dist.all_reduce(square)
        norm = (square + norm.to(square.device).square()).sqrt()
    scale = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    for gradient in (*parts, *others):
        gradient.mul_(scale.to(gradient.device))
    return norm


def gather_whole(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Sharded tensors put together on the CPU of process 0, and left out in the others; every process must ask.

    Tensors that are not sharded come back as they are.
    """
    gathered = {}
    for name, tensor in tensors.items():
        full = whole(tensor)
        if not isinstance(tensor, DTensor):
            gathered[name] = tensor
        elif dist.get_rank() == 0:
            gathered[name] = full.detach().cpu()
    return gathered


def part_of(full: Tensor, like: Tensor) -> Tensor:
    """This process's part of a tensor that all have, as `like` is sharded; the tensor itself where that is not."""
    if isinstance(full, DTensor) or not isinstance(like, DTensor):
        return full.to(like.device)
    full = full.to(like.device_mesh.device_type)
    return distribute_tensor(full, like.device_mesh, like.placements, src_data_rank=None)


@torch.no_grad()
def exchange(parameter: nn.Parameter, value: Tensor) -> Tensor:
    """Puts a value into a parameter and returns what was there: by reference, or by copy where it is sharded."""
    if not isinstance(parameter, DTensor):
        before = parameter.data
        parameter.data = value.to(parameter)
        return before
    before = parameter.detach().clone()
    parameter.copy_(part_of(value, parameter))
    return before


def anywhere(names: Sequence[str], known: Sequence[str], device: torch.device) -> list[str]:
    """Those of the known names that some process has among its names."""
    flags = torch.tensor([name in names for name in known], dtype=torch.uint8, device=device)
    dist.all_reduce(flags, dist.ReduceOp.MAX)
    return [name for name, flag in zip(known, flags.tolist(), strict=True) if flag]
