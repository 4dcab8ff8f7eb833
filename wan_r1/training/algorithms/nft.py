"""Forward-process reinforcement learning as in DiffusionNFT (arXiv 2509.16117): no ratio, no stored trajectory.

The finished videos are noised again and the model learns to move towards the good ones and away from the bad ones,
relative to the model that draws the videos of the iteration. That model follows the trained one slowly: it is the
running average. With rl.buffer.steps, videos that it drew in earlier iterations are learned from too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from wan_r1.errors import ConfigError
from wan_r1.flow.loss import NFT_BETA, nft_loss, optimality, velocity_distance
from wan_r1.flow.sample import draw_noise
from wan_r1.flow.schedule import SamplerSettings, interpolate, shift_sigmas
from wan_r1.policies.policy import Policy, shift_for, velocity_given
from wan_r1.training.algorithms.algorithm import Batch, Gradient
from wan_r1.training.gradient import add_gradients

__all__ = ["NFT"]


@dataclass(frozen=True, kw_only=True, slots=True)
class NFT:
    """Positive and negative velocity targets, weighted by the advantage."""

    updates: int = 2
    "optimiser steps for each set of rollouts, each with other noise"
    beta: float = NFT_BETA
    max_advantage: float = 2.0
    "advantage that counts as fully good"
    adaptive: bool = False
    "evens out the noise levels as the authors do"
    kl_weight: float = 0.0
    "weight of the mean squared distance to the reference model's velocity; 0 needs no reference"
    behaviour: Literal["trained", "average"] = "average"
    "which weights draw the rollouts; the average is the slowly following model of the paper"
    sampler: SamplerSettings = field(
        default_factory=lambda: SamplerSettings(kernel="ode", noise_level=0.0, sde_steps=())
    )

    def __post_init__(self) -> None:
        positive = all(0 < value < math.inf for value in (self.beta, self.max_advantage))
        if self.updates < 1 or not positive or not 0 <= self.kl_weight < math.inf:
            raise ConfigError(
                f"nft: updates = {self.updates} must be at least 1, beta = {self.beta} and max_advantage = "
                f"{self.max_advantage} > 0, kl_weight = {self.kl_weight} at least 0"
            )

    @property
    def off_policy(self) -> bool:
        """True: the loss needs finished videos only, whoever drew them."""
        return True

    def check(self, policy: Policy) -> None:
        """Nothing: the noise levels of the loss reach every expert."""

    def backward(
        self,
        policy: Policy,
        batch: Batch,
        behaviour: dict[str, Tensor],
        count: float,
        generators: Sequence[torch.Generator],
    ) -> Gradient:
        """Gradients of one batch at fresh random noise levels."""
        clean = batch.trace.result
        levels = torch.cat([torch.rand(1, generator=generator) for generator in generators])
        sigmas = shift_sigmas(levels, shift_for(policy, self.sampler)).to(clean.device)
        noise = draw_noise(clean.shape[1:], generators, clean.device)
        noisy = policy.pin(interpolate(clean, noise, sigmas), batch.condition)
        velocity_of = velocity_given(policy, batch.condition, self.sampler)
        with torch.no_grad(), policy.weights(behaviour):
            before = velocity_of(noisy, sigmas)
        velocity = velocity_of(noisy, sigmas)
        loss = nft_loss(
            velocity,
            before,
            noise - clean,
            optimality(batch.advantages, max_advantage=self.max_advantage),
            sigmas,
            policy.free_mask,
            beta=self.beta,
            adaptive=self.adaptive,
        )
        sums = {"velocity_moved": float(velocity_distance(velocity.detach(), before, policy.free_mask).sum())}
        if self.kl_weight:
            with torch.no_grad(), policy.reference():
                reference = velocity_of(noisy, sigmas)
            distance = velocity_distance(velocity, reference, policy.free_mask)
            loss = loss + self.kl_weight * distance
            sums["reference_distance"] = float(distance.detach().sum())
        return Gradient(loss=add_gradients(loss.sum() / count), sums=sums)
