"""A weighted mixture of rewards."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError
from wan_r1.rewards.reward import Reward, score_each
from wan_r1.types import Score, Task

__all__ = ["MixReward"]


@dataclass(frozen=True, kw_only=True, slots=True)
class MixReward:
    """The weighted mean of several rewards; the parts of each carry its name, and the first verdict and
    the first route are passed on."""

    rewards: dict[str, Reward]
    """Name -> reward."""
    weights: dict[str, float]
    """Name -> weight; they add to 1."""

    def __post_init__(self) -> None:
        if set(self.rewards) != set(self.weights) or not self.rewards:
            raise ConfigError(
                f"weights for {sorted(self.weights)}, rewards {sorted(self.rewards)}: give each its weight"
            )
        if min(self.weights.values()) < 0 or abs(sum(self.weights.values()) - 1) > 1e-9:
            raise ConfigError(f"weights {self.weights}: must be >= 0 and add to 1")

    def __call__(self, task: Task, video: NDArray[np.uint8]) -> Score:
        """Score of video [T, H, W, 3] uint8."""
        return self._mixed({name: reward(task, video) for name, reward in self.rewards.items()})

    def score_many(self, tasks: Sequence[Task], videos: Sequence[NDArray[np.uint8]]) -> list[Score]:
        """One score for each video; each reward gets all videos at once, if it has a use for that."""
        each = {name: score_each(reward, tasks, videos) for name, reward in self.rewards.items()}
        return [self._mixed({name: scores[i] for name, scores in each.items()}) for i in range(len(tasks))]

    def _mixed(self, scores: dict[str, Score]) -> Score:
        parts = {f"{name}.{part}": value for name, score in scores.items() for part, value in score.parts.items()}
        value = sum(self.weights[name] * score.value for name, score in scores.items())
        verdicts = (score.verdict for score in scores.values() if score.verdict is not None)
        routes = (score.route for score in scores.values() if score.route is not None)
        return Score(
            value=float(np.clip(value, 0, 1)), parts=parts, verdict=next(verdicts, None), route=next(routes, None)
        )
