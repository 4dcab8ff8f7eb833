"""Losses for each video [B]; the caller sums them and divides by the number of videos that count.

Every loss takes `free`, the mask [1 or B, 1, F, 1, 1] bool of sampled latents: given latents (a clean first frame) add
nothing to it and get a gradient of exactly 0.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from wan_r1.errors import ConfigError
from wan_r1.flow.step import masked_mean

__all__ = [
    "CLIP",
    "MAX_OPTIMALITY_ADVANTAGE",
    "NFT_BETA",
    "PolicyLoss",
    "flow_matching_loss",
    "grpo_loss",
    "log_ratio",
    "nft_loss",
    "optimality",
    "velocity_distance",
]

CLIP = 0.2
"""PPO clip of the ratio; the ratio does not depend on the number of latents, so one value serves every size."""

NFT_BETA = 1.0
"""Guidance strength b of DiffusionNFT; its authors use 0.1 to 1 and find 1 stable."""

MAX_OPTIMALITY_ADVANTAGE = 1.0
"""Advantage that counts as fully optimal in DiffusionNFT (its clip[(r - mean) / Z, -1, 1])."""

SMALLEST_ERROR = 1e-5
"""Floor of the adaptive weight's denominator (DiffusionNFT)."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PolicyLoss:
    """loss [B] with gradient; clipped [B] bool: the ratio was outside its range and gives no gradient."""

    loss: Tensor
    clipped: Tensor


def log_ratio(sample: Tensor, mean_before: Tensor, mean: Tensor, std: Tensor, free: Tensor) -> Tensor:
    """Log of the probability ratio z [B], zero-mean and free of dimension.

    z = sqrt(D) * mean(eps * delta / std), eps = (sample - mean_before) / std, delta = mean - mean_before, over the D
    counted elements. The exact log-ratio divided by sqrt(D) has the bias -|delta|^2 / (2 std^2), which GRPO-Guard
    (https://arxiv.org/abs/2510.22319) removes; times sqrt(D) it has the size of delta / std at every resolution.
    """
    _check_same_shape(sample=sample, mean_before=mean_before, mean=mean)
    if bool((std <= 0).any()):
        raise ConfigError("log_ratio: std is 0: a deterministic step has no ratio; leave it out of sde_steps")
    std = std.to(mean.device)
    eps = ((sample - mean_before) / std).detach()
    counted = free.expand_as(mean).flatten(1).sum(dim=1)
    return counted.sqrt() * masked_mean(eps * (mean - mean_before.detach()) / std, free)


def grpo_loss(ratio: Tensor, advantages: Tensor, *, clip: float = CLIP) -> PolicyLoss:
    """Clipped policy loss max(-A * r, -A * clamp(r, 1 - clip, 1 + clip)) for each video; ratio, advantages [B]."""
    _check_same_shape(ratio=ratio, advantages=advantages)
    free_loss = -advantages * ratio
    bounded_loss = -advantages * ratio.clamp(1 - clip, 1 + clip)
    return PolicyLoss(loss=torch.maximum(free_loss, bounded_loss), clipped=(bounded_loss > free_loss).detach())


def velocity_distance(velocity: Tensor, reference: Tensor, free: Tensor) -> Tensor:
    """Mean squared distance [B] to the reference model's velocity; the penalty that keeps a policy near it."""
    _check_same_shape(velocity=velocity, reference=reference)
    return masked_mean((velocity - reference.detach()) ** 2, free)


def flow_matching_loss(velocity: Tensor, target: Tensor, free: Tensor) -> Tensor:
    """Mean squared error [B] against the target velocity noise - video (https://arxiv.org/abs/2210.02747)."""
    _check_same_shape(velocity=velocity, target=target)
    return masked_mean((velocity - target.detach()) ** 2, free)


def optimality(advantages: Tensor, *, max_advantage: float = MAX_OPTIMALITY_ADVANTAGE) -> Tensor:
    """Probability [B] in [0, 1] that a video is a good one: 0.5 at advantage 0, linear, clipped at +-max_advantage."""
    return 0.5 + 0.5 * (advantages / max_advantage).clamp(-1.0, 1.0)


def nft_loss(
    velocity: Tensor,
    rollout_velocity: Tensor,
    target: Tensor,
    optimality: Tensor,
    sigmas: Tensor,
    free: Tensor,
    *,
    beta: float = NFT_BETA,
    adaptive: bool = True,
) -> Tensor:
    """Forward-process loss [B] of DiffusionNFT (https://arxiv.org/abs/2509.16117).

    r * |v+ - target|^2 + (1 - r) * |v- - target|^2 with v+ = (1 - b) * v_rollout + b * v and
    v- = (1 + b) * v_rollout - b * v, where v_rollout is the model that draws videos and target = noise - video.

    Args:
        velocity: of the model in training [B, C, F, h, w].
        rollout_velocity: of the model that draws the videos of this iteration (earlier ones may have been drawn by
            its earlier weights), same shape.
        target: noise - video, same shape.
        optimality: r [B] in [0, 1].
        sigmas: noise levels [B] of the inputs.
        free: mask of sampled latents.
        beta: strength b.
        adaptive: measures the error of the predicted video and divides it by its own mean size, as the authors do;
            evens out the noise levels.
    """
    _check_same_shape(velocity=velocity, rollout_velocity=rollout_velocity, target=target)
    _check_same_shape(optimality=optimality, sigmas=sigmas)
    fixed, target = rollout_velocity.detach(), target.detach()
    step = beta * (velocity - fixed)
    positive = _weighted_error(fixed + step - target, sigmas, free, adaptive)
    negative = _weighted_error(fixed - step - target, sigmas, free, adaptive)
    return optimality * positive + (1 - optimality) * negative


def _weighted_error(error: Tensor, sigmas: Tensor, free: Tensor, adaptive: bool) -> Tensor:
    """Mean square [B] of a velocity error; adaptive: that of the video error sigma * error over its mean size."""
    square = masked_mean(error**2, free)
    if not adaptive:
        return square
    size = (sigmas * masked_mean(error.detach().abs(), free)).clamp_min(SMALLEST_ERROR)
    return sigmas**2 * square / size


def _check_same_shape(**tensors: Tensor) -> None:
    if len({tensor.shape for tensor in tensors.values()}) != 1:
        found = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in tensors.items())
        raise ConfigError(f"loss: shapes must agree; got {found}")
