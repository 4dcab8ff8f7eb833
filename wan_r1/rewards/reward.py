"""The protocol that every reward implements."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError
from wan_r1.types import Score, Task

__all__ = ["BatchReward", "Reward", "score_each"]


class Reward(Protocol):
    """Scores a video of a task. A reward is a frozen, picklable dataclass that is called."""

    def __call__(self, task: Task, video: NDArray[np.uint8]) -> Score:
        """Score of video [T, H, W, 3] uint8. A bad video gets a low score; only a broken program raises."""
        ...


@runtime_checkable
class BatchReward(Protocol):
    """A reward that is faster on many videos than on one at a time, because it waits for others; the scores are the
    same."""

    def score_many(self, tasks: Sequence[Task], videos: Sequence[NDArray[np.uint8]]) -> list[Score]:
        """One Score for each video, in order."""
        ...


def score_each(reward: Reward, tasks: Sequence[Task], videos: Sequence[NDArray[np.uint8]]) -> list[Score]:
    """One Score for each video, in this process: all at once if the reward can, else one after the other.

    ConfigError if the reward gives something else.
    """
    if isinstance(reward, BatchReward):
        scores = list(reward.score_many(tasks, videos))
    else:
        scores = [reward(task, video) for task, video in zip(tasks, videos, strict=True)]
    name = getattr(reward, "__qualname__", type(reward).__qualname__)
    for score in scores:
        if not isinstance(score, Score):
            raise ConfigError(
                f"reward {name}: returned {score!r} for a video; return wan_r1.types.Score(value=..., parts={{...}})"
            )
    if len(scores) != len(videos):
        raise ConfigError(f"reward {name}: score_many returned {len(scores)} scores for {len(videos)} videos")
    return scores
