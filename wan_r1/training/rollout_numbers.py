"""What is logged about the rollouts of one iteration, on numpy."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from wan_r1.metrics.statistics import pass_at_k
from wan_r1.rewards.route import num_distinct
from wan_r1.types import Score

__all__ = ["mean_numbers", "rollout_numbers"]

Floats = NDArray[np.float64]


def rollout_numbers(scores: Sequence[Score], rewards: Floats, kept: NDArray[np.bool_]) -> dict[str, float]:
    """Means over videos and groups; of a part, over the videos that have it.

    Args:
        scores: of the videos, group by group.
        rewards: [P, G], what the advantages are made of.
        kept: [P * G], whether a video's group has spread.
    """
    group_size = rewards.shape[1]
    verdicts = [score.verdict for score in scores if score.verdict is not None]
    exact = np.asarray([verdict.optimal for verdict in verdicts], dtype=np.int64)
    numbers = {
        "reward/mean": float(np.mean([score.value for score in scores])),
        "reward/spread": float(rewards.std(axis=1).mean()),
        "rollout/em": float(exact.mean()) if verdicts else 0.0,
        "rollout/sr": float(np.mean([verdict.solved for verdict in verdicts])) if verdicts else 0.0,
        "rollout/groups_kept": float(kept.mean()),
    }
    if len(verdicts) == len(scores):
        counts = exact.reshape(rewards.shape).sum(axis=1)
        for k in _powers_and(group_size):
            numbers[f"rollout/pass_at_{k}"] = float(pass_at_k(counts, group_size, k).mean())
    routes = [score.route for score in scores if score.route is not None]
    if len(routes) == len(scores):
        groups = [routes[first : first + group_size] for first in range(0, len(routes), group_size)]
        numbers["rollout/distinct_paths"] = float(np.mean([num_distinct(group) / group_size for group in groups]))
    for part in dict.fromkeys(name for score in scores for name in score.parts):
        numbers[f"part/{part}"] = float(np.mean([score.parts[part] for score in scores if part in score.parts]))
    return numbers


def mean_numbers(everywhere: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each number over the processes that have it."""
    names = dict.fromkeys(name for each in everywhere for name in each)
    found = {name: [each[name] for each in everywhere if name in each] for name in names}
    return {name: sum(values) / len(values) for name, values in found.items()}


def _powers_and(last: int) -> list[int]:
    """1, 2, 4 .. below `last`, and `last`."""
    return [1 << power for power in range((last - 1).bit_length())] + [last]
