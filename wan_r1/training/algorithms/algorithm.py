"""What the RL loop asks of an algorithm: a loss for one batch of rollouts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from wan_r1.flow.sample import Trace
from wan_r1.flow.schedule import SamplerSettings
from wan_r1.policies.policy import Condition, Policy

__all__ = ["Algorithm", "Batch", "Gradient"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Batch:
    """Rollouts whose group has spread: how they were sampled, what they were asked for, advantages [B]."""

    trace: Trace
    condition: Condition
    advantages: Tensor
    rows: tuple[int, ...]
    "number of each video among those of all processes"
    counts: bool = True
    "false for a video that is only run because the other processes, which share the weights, run one"


@dataclass(frozen=True, kw_only=True, slots=True)
class Gradient:
    """What one batch added to the gradients: its loss and numbers for the log, as sums over videos."""

    loss: float
    sums: dict[str, float] = field(default_factory=dict)


class Algorithm(Protocol):
    """Turns advantages into gradients. A frozen dataclass of settings."""

    updates: int
    "optimiser steps for each set of rollouts"
    behaviour_decay: float
    "how slowly the model that draws the rollouts follows the trained one; 0 is the trained one itself"
    sampler: SamplerSettings
    "how rollouts are drawn"

    def backward(
        self,
        policy: Policy,
        batch: Batch,
        behaviour: dict[str, Tensor],
        count: float,
        generators: Sequence[torch.Generator],
    ) -> Gradient:
        """Add the gradients of one batch, divided by `count` (videos with spread, over all processes; infinite
        where they do not count).

        generators: one CPU generator for each video of the batch.
        """
        ...
