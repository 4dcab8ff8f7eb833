"""The protocol that every tracker implements."""

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wan_r1.types import Task, Track

__all__ = ["Tracker"]


class Tracker(Protocol):
    """Finds a task's objects in a video. A tracker is a frozen dataclass that is called."""

    def __call__(self, video: NDArray[np.uint8], task: Task) -> Track:
        """Track of the task's objects in video [T, H, W, 3] uint8. What is not found is `seen = False`."""
        ...

    def track(self, parts: Iterable[NDArray[np.uint8]], task: Task) -> Track:
        """The same for a video that comes in parts [t, H, W, 3] uint8, so that it may be longer than the memory."""
        ...
