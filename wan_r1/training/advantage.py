"""Group-relative advantages: how much better a video is than the others of the same task (GRPO, arXiv 2402.03300)."""

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError

__all__ = [
    "ADVANTAGE_CLIP",
    "SPREAD_FLOOR",
    "group_advantages",
    "groups_with_spread",
    "part_advantages",
    "scaled_advantages",
    "weighted_advantages",
]

SPREAD_FLOOR = 1e-4
"""Added to the group's standard deviation, so that a group of nearly equal rewards does not explode."""

ADVANTAGE_CLIP = 5.0

Floats = NDArray[np.float64]


def groups_with_spread(rewards: Floats) -> NDArray[np.bool_]:
    """Which groups [P] of rewards [P, G] teach anything: not all rewards are equal."""
    _check(rewards)
    return np.asarray(np.ptp(rewards, axis=1) > SPREAD_FLOOR)


def group_advantages(rewards: Floats) -> Floats:
    """(R - mean) / (std + 1e-4) within each group, clipped to +-5; 0 in groups without spread. rewards: [P, G]."""
    _check(rewards)
    centred = rewards - rewards.mean(axis=1, keepdims=True)
    scaled = centred / (rewards.std(axis=1, keepdims=True) + SPREAD_FLOOR)
    return np.where(groups_with_spread(rewards)[:, None], np.clip(scaled, -ADVANTAGE_CLIP, ADVANTAGE_CLIP), 0.0)


def part_advantages(parts: dict[str, Floats], weights: dict[str, float]) -> Floats:
    """Each part normalised within its group, then weighted and summed (GDPO, as in Flow-Factory). name -> [P, G]."""
    total = sum((weights[name] * group_advantages(values) for name, values in parts.items()), start=np.zeros(()))
    return np.clip(np.asarray(total, dtype=np.float64), -ADVANTAGE_CLIP, ADVANTAGE_CLIP)


def scaled_advantages(advantages: Floats) -> Floats:
    """Advantages [P, G] divided by the largest of their group where that is above 1: their mean stays what it was.

    Clipping at +-1 does not keep the mean at 0: of rewards that are mostly low, with a few high ones, it cuts the few.
    """
    return np.asarray(advantages / np.maximum(1.0, np.abs(advantages).max(axis=1, keepdims=True)))


def weighted_advantages(
    rewards: Floats, parts: dict[str, Floats], weights: dict[str, float]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Advantages [P, G] and which groups [P] teach anything: by the rewards [P, G], or part by part with weights."""
    if not weights:
        return group_advantages(rewards), groups_with_spread(rewards)
    taught = [groups_with_spread(parts[name]) for name, weight in weights.items() if weight]
    return part_advantages(parts, weights), np.asarray(np.any(taught, axis=0))


def _check(rewards: Floats) -> None:
    if rewards.ndim != 2 or rewards.shape[1] < 2:
        raise ConfigError(f"rewards: must be [P, G] with at least 2 videos per task; got {rewards.shape}")
    if not np.isfinite(rewards).all():
        raise ConfigError("rewards: some are not finite; a reward must return a number for every video")
