"""A reward for the study of noise: right or wrong by the rules, and the answer is turned round for some videos."""

import hashlib
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError
from wan_r1.rewards import TrajectoryReward
from wan_r1.types import Score, Task

__all__ = ["FlippedVerdicts"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FlippedVerdicts:
    """1 for an exact solution and 0 for all else, turned round for a share of the videos; which, their pixels say."""

    share: float = 0.1
    """Of the videos, in [0, 1]; at .5 the reward says nothing."""
    facts: TrajectoryReward = field(default_factory=TrajectoryReward)
    """What knows the truth; its verdict stays with the score, so that true success is logged."""

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ConfigError(f"share: {self.share}; must lie in [0, 1]")

    def __call__(self, task: Task, video: NDArray[np.uint8]) -> Score:
        """Score of video [T, H, W, 3] uint8."""
        score = self.facts(task, video)
        right = score.verdict is not None and score.verdict.optimal
        number = int.from_bytes(hashlib.blake2b(np.ascontiguousarray(video), digest_size=8).digest()) / 2**64
        flipped = number < self.share
        return replace(score, value=float(right != flipped), parts={**score.parts, "flipped": float(flipped)})
