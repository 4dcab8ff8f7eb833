"""GRPO for flow models: stochastic early steps, clipped ratio, group-relative advantages.

Flow-GRPO (arXiv 2505.05470) with the unbiased ratio of GRPO-Guard, Flow-CPS steps, and one start noise for each group:
the advantage must come from the noise that the update sees (docs/training.md).
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from wan_r1.errors import ConfigError
from wan_r1.flow.loss import CLIP, grpo_loss, velocity_distance
from wan_r1.flow.replay import replay
from wan_r1.flow.schedule import SamplerSettings
from wan_r1.policies.policy import Policy, schedule_for, velocity_given
from wan_r1.training.algorithms.algorithm import Batch, Gradient
from wan_r1.training.gradient import add_gradients

__all__ = ["GRPO"]


@dataclass(frozen=True, kw_only=True, slots=True)
class GRPO:
    """Clipped policy gradient on the stochastic steps."""

    updates: int = 2
    clip: float = CLIP
    kl_weight: float = 0.0
    "weight of the mean squared distance to the reference model's velocity; 0 needs no reference"
    behaviour: Literal["trained"] = "trained"
    "the ratio is 1 before the first update only if the weights in training draw the rollouts"
    sampler: SamplerSettings = field(default_factory=SamplerSettings)

    def __post_init__(self) -> None:
        if self.updates < 1 or not self.clip >= 0 or not 0 <= self.kl_weight < math.inf:
            raise ConfigError(
                f"grpo: updates = {self.updates} must be at least 1, clip = {self.clip} and "
                f"kl_weight = {self.kl_weight} at least 0"
            )
        if not self.sampler.stochastic_steps:
            raise ConfigError(
                "grpo: the sampler has no stochastic steps, so there is nothing to learn from; "
                "set kernel, noise_level and sde_steps, or take the algorithm nft"
            )

    @property
    def off_policy(self) -> bool:
        """False: the ratio compares with the model that drew the videos."""
        return False

    def check(self, policy: Policy) -> None:
        """ConfigError if an expert that is not trained takes all stochastic steps."""
        steps = self.sampler.stochastic_steps
        sigmas = schedule_for(policy, self.sampler).sigmas[list(steps)]
        if not policy.trained_at(sigmas).any():
            raise ConfigError(
                f"grpo: an expert that is not trained takes all stochastic steps {steps}, at the noise levels "
                f"{[round(sigma, 3) for sigma in sigmas.tolist()]}, so there is nothing to learn from; "
                "set algorithm.sampler.sde_steps to steps of the trained expert, or policy.train_experts to both"
            )

    def backward(
        self,
        policy: Policy,
        batch: Batch,
        behaviour: dict[str, Tensor],
        count: float,
        generators: Sequence[torch.Generator],
    ) -> Gradient:
        """Gradients of one batch; every stochastic step is replayed once."""
        velocity = velocity_given(policy, batch.condition, self.sampler)
        steps = range(len(batch.trace.sde_steps))
        total, sums = 0.0, defaultdict[str, float](float)
        for position in steps:
            step = replay(velocity, batch.trace, position)
            result = grpo_loss(step.ratio, batch.advantages, clip=self.clip)
            loss = result.loss
            if self.kl_weight:
                reference = self._reference(policy, batch, position)
                moved = velocity_distance(step.velocity, reference, step.free)
                loss = loss + self.kl_weight * moved
                sums["reference_distance"] += float(moved.detach().sum()) / len(steps)
            total += add_gradients(loss.sum() / (count * len(steps)))
            sums["clipped"] += float(result.clipped.float().mean(dim=0)) * len(batch.advantages) / len(steps)
            sums["ratio_distance"] += float((step.ratio.detach() - 1).abs().sum()) / len(steps)
        return Gradient(loss=total, sums=sums)

    @torch.no_grad()
    def _reference(self, policy: Policy, batch: Batch, position: int) -> Tensor:
        trace, index = batch.trace, batch.trace.sde_steps[position]
        before = trace.at(index)
        with policy.reference():
            return velocity_given(policy, batch.condition, self.sampler)(
                before, trace.sigmas[index].expand(len(before)).to(before.device)
            )
