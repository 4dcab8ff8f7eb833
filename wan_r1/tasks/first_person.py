"""What every first-person task has, whether it was drawn by us or read from a file: anchor and reference video."""

import functools

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import DatasetError
from wan_r1.tasks.navigation import NavigationFamily, NavigationState
from wan_r1.tasks.target_bench import SegmentState
from wan_r1.types import Anchor, Task
from wan_r1.video import read_video, resize_video, subsample

__all__ = ["anchor_of", "is_first_person", "reference_video"]


def is_first_person(task: Task) -> bool:
    """Whether the video of this task is what a walking camera sees."""
    return isinstance(task.state, (NavigationState, SegmentState))


def anchor_of(task: Task) -> Anchor:
    """The earlier picture of a first-person task and the metres walked since. DatasetError for any other task."""
    if isinstance(task.state, SegmentState):
        return task.state.anchor
    if not isinstance(task.state, NavigationState):
        raise DatasetError(f"task of family {task.family!r}: its video is not what a walking camera sees")
    picture = NavigationFamily(**task.settings).anchor_frame(task)
    return Anchor(picture=picture, distance_m=task.state.anchor_distance_m)


def reference_video(task: Task, num_frames: int, height: int, width: int) -> NDArray[np.uint8]:
    """What the camera sees on the reference path, [num_frames, height, width, 3] uint8.

    Raises:
        DatasetError: the task has none: it is no first-person task, or was read without a reference video.
    """
    if isinstance(task.state, NavigationState):
        return resize_video(_drawn(_Hashed(task), num_frames, max(height, width)), height, width)
    if not isinstance(task.state, SegmentState) or task.state.reference_video is None:
        raise DatasetError(f"task {task.prompt!r}: has no reference video to compare with")
    return resize_video(subsample(read_video(task.state.reference_video), num_frames), height, width)


class _Hashed:
    """A task as a key: that of its room and settings."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._key = (task.state, repr(task.settings))

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashed) and self._key == other._key


@functools.lru_cache(maxsize=16)
def _drawn(key: _Hashed, num_frames: int, size: int) -> NDArray[np.uint8]:
    task = key.task
    video = NavigationFamily(**task.settings).render(task, task.solution, num_frames, size)
    video.setflags(write=False)
    return video
