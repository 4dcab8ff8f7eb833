"""What the RL loop asks of an algorithm: a loss for one batch of rollouts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wan_r1.flow.sample import Trace
from wan_r1.flow.schedule import SamplerSettings
from wan_r1.policies.policy import Condition, Policy
from wan_r1.rollout import RolloutBatch

__all__ = ["Algorithm", "Batch", "Gradient", "with_advantages"]


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
    behaviour: Literal["trained", "average"]
    "which weights draw the rollouts: those in training, or their running average"
    sampler: SamplerSettings
    "how rollouts are drawn"
    kl_weight: float
    "weight of the distance to the model before training; with 0 no copy of that model is kept"

    @property
    def off_policy(self) -> bool:
        """Whether videos of earlier iterations may be trained on."""
        ...

    def check(self, policy: Policy) -> None:
        """ConfigError if this policy cannot learn with these settings; asked before anything is drawn."""
        ...

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


def with_advantages(
    batches: Sequence[RolloutBatch],
    advantages: NDArray[np.float64],
    kept: NDArray[np.bool_],
    device: torch.device,
    first_row: int,
    pad: bool = False,
) -> list[Batch]:
    """The rows of each batch whose group has spread, with their advantages; whole batches keep their layout.

    advantages, kept: one for each video of the batches; first_row: number of the first among those of all processes.
    With `pad`, a batch without such rows takes one that does not count, so that all processes train on as many batches.
    """
    chosen, first = [], 0
    for batch in batches:
        rows = np.flatnonzero(kept[first : first + len(batch)])
        counts = len(rows) > 0
        if pad and not counts:
            rows = np.zeros(1, dtype=np.int64)
        values = torch.as_tensor(advantages[first : first + len(batch)][rows], dtype=torch.float32, device=device)
        whole = len(rows) == len(batch)
        chosen.append(
            Batch(
                trace=batch.trace if whole else batch.trace.select(rows.tolist()),
                condition=batch.condition if whole else batch.condition.select(rows.tolist()),
                advantages=values,
                rows=tuple((first_row + first + rows).tolist()),
                counts=counts,
            )
        )
        first += len(batch)
    return chosen
