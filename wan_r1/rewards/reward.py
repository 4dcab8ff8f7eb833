"""The protocol that every reward implements."""

import math
from collections.abc import Sequence
from numbers import Real
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

    ConfigError if the reward gives something else, a number that is none, or ends the program.
    """
    name = getattr(reward, "__qualname__", type(reward).__qualname__)
    try:
        if isinstance(reward, BatchReward):
            scores = list(reward.score_many(tasks, videos))
        else:
            scores = [reward(task, video) for task, video in zip(tasks, videos, strict=True)]
    except SystemExit as error:  # its code would become that of the command
        raise ConfigError(f"reward {name}: ended the program (SystemExit {error.code}); raise an error") from error
    for score in scores:
        _check(score, name)
    if len(scores) != len(videos):
        raise ConfigError(f"reward {name}: score_many returned {len(scores)} scores for {len(videos)} videos")
    return scores


def _check(score: object, name: str) -> None:
    if not isinstance(score, Score):
        raise ConfigError(
            f"reward {name}: returned {score!r} for a video; return wan_r1.types.Score(value=..., parts={{...}})"
        )
    for key, number in (("value", score.value), *score.parts.items()):
        if not isinstance(number, Real) or not math.isfinite(number):
            raise ConfigError(f"reward {name}: returned {key} = {number!r} for a video; it must be a finite number")
