"""Several processes as one: who am I, sums over all, gradients added up. On accelerate; started with `torchrun`.

Every loss divides by a *global* count, so gradients are summed, not averaged, and N processes give the same update as
one process with the same global batch.
"""

import atexit
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor

from wan_r1.errors import ConfigError

__all__ = ["World", "join_world", "leave_world"]

Item = TypeVar("Item")

WAIT = timedelta(hours=2)
"""How long processes wait for one another: one alone writes models of many GB, to disks that may be slow."""


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """This process among all: rank 0 .. size - 1, and its device."""

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and prints."""
        return self.rank == 0

    def share(self, total: int) -> range:
        """The items of 0 .. total - 1 that this process works on. ConfigError if they cannot be shared evenly."""
        if total % self.size:
            raise ConfigError(f"{total} items for {self.size} processes: must divide evenly; use a multiple")
        return range(self.rank * total // self.size, (self.rank + 1) * total // self.size)

    def sum(self, *numbers: float) -> list[float]:
        """Each number summed over all processes."""
        values = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        if self.size > 1:
            dist.all_reduce(values)
        return [float(value) for value in values]

    def any(self, flag: bool) -> bool:
        """Whether it holds in any process: a clock or a signal may say yes in one and no in another."""
        return self.sum(float(flag))[0] > 0

    def sum_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Add up gradients over all processes, in place; one that is missing everywhere stays missing.

        Those of sharded parameters have been added up by the backward pass.
        """
        wanted = [p for p in parameters if p.requires_grad and not isinstance(p, DTensor)]
        if self.size == 1 or not wanted:
            return
        given = torch.tensor([float(p.grad is not None) for p in wanted], device=self.device)
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in wanted])
        dist.all_reduce(given)
        dist.all_reduce(flat)
        pieces = torch.split(flat, [p.numel() for p in wanted])
        for parameter, piece, count in zip(wanted, pieces, given.tolist(), strict=True):
            parameter.grad = piece.view_as(parameter) if count else None

    def gather(self, rows: Tensor) -> Tensor:
        """Rows [n, ...] of all processes, in the order of ranks; every process must bring the same n."""
        if self.size == 1:
            return rows
        mine = rows.to(self.device).contiguous()
        parts = [torch.empty_like(mine) for _ in range(self.size)]
        dist.all_gather(parts, mine)
        return torch.cat([part.to(rows.device) for part in parts])

    def gather_items(self, items: list[Item]) -> list[Item]:
        """Small picklable items of all processes, in the order of ranks."""
        if self.size == 1:
            return items
        parts: list[list[Item]] = [[] for _ in range(self.size)]
        dist.all_gather_object(parts, items)
        return [item for part in parts for item in part]

    def barrier(self) -> None:
        """Wait for all processes."""
        if self.size > 1:
            dist.barrier()


def join_world(device: str | None = None) -> World:
    """The world that `torchrun` started, or a world of one. ConfigError if fewer processes came than were asked for."""
    from accelerate import PartialState

    _check_device(device)
    asked = int(os.environ.get("WORLD_SIZE", "1"))
    way_out = "start with `torchrun --nproc-per-node N -m wan_r1 ...`, or unset WORLD_SIZE for one process"
    try:
        state = PartialState(cpu=device == "cpu" or not torch.cuda.is_available(), timeout=WAIT)
    except ValueError as error:  # WORLD_SIZE is set, but what the processes need to find each other is not
        raise ConfigError(f"asked for {asked} processes, but they cannot meet ({error}); {way_out}") from error
    if state.num_processes != asked:
        raise ConfigError(f"asked for {asked} processes, but {state.num_processes} joined; {way_out}")
    if state.num_processes > 1:
        atexit.register(_destroy_groups)
    return World(rank=state.process_index, size=state.num_processes, device=device or str(state.device))


def _check_device(device: str | None) -> None:
    """ConfigError if there is no such device."""
    try:
        kind = torch.device(device or "cpu").type
        torch.empty(1, device="cpu" if kind == "meta" else device or "cpu")
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"device = {device!r}: {reason}; leave it out, or take cpu") from error


def leave_world(code: int) -> NoReturn:
    """End this process with an exit code, as sys.exit does; one of several ends without tearing Python down.

    Threads of gloo outlive the process group where a device mesh holds it (sharded weights). One that lets go of a
    tensor while Python is being torn down aborts the process (pytorch/pytorch issue 190489).
    """
    if not dist.is_initialized():
        sys.exit(code)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def _destroy_groups() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
