"""The protocol that every reward implements."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wan_r1.types import Score, Task

__all__ = ["Reward"]


class Reward(Protocol):
    """Scores a video of a task. A reward is a frozen, picklable dataclass that is called."""

    def __call__(self, task: Task, video: NDArray[np.uint8]) -> Score:
        """Score of video [T, H, W, 3] uint8. A bad video gets a low score; only a broken program raises."""
        ...
