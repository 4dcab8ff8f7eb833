"""What every first-person task has, whether it was drawn by us or read from a file: anchor and reference video."""

import functools
import hashlib

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import DatasetError
from wan_r1.tasks.navigation import NavigationFamily, NavigationState
from wan_r1.tasks.target_bench import SegmentState
from wan_r1.types import Anchor, Task
from wan_r1.video import read_video, resize_video, subsample

__all__ = ["TaskKey", "anchor_of", "is_first_person", "reference_video"]


class TaskKey:
    """A task that can be a key of a cache: equal for tasks with the same first picture, path and settings."""

    def __init__(self, task: Task) -> None:
        self.task = task
        film = task.state.reference_video if isinstance(task.state, SegmentState) else None
        text = repr((task.family, task.seed, task.settings, film)).encode()
        parts = text + task.first_frame.tobytes() + task.solution.points.tobytes()
        self._digest = hashlib.blake2b(parts, digest_size=16).digest()

    def __hash__(self) -> int:
        return hash(self._digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TaskKey) and self._digest == other._digest


def is_first_person(task: Task) -> bool:
    """Whether the video of this task is what a walking camera sees."""
    return isinstance(task.state, (NavigationState, SegmentState))


def anchor_of(task: Task) -> Anchor:
    """The earlier picture of a first-person task and the metres walked since. DatasetError for any other task."""
    return task.state.anchor if isinstance(task.state, SegmentState) else _anchor(TaskKey(task))


def reference_video(task: Task, num_frames: int, height: int, width: int) -> NDArray[np.uint8]:
    """What the camera sees on the reference path, [num_frames, height, width, 3] uint8, not to be written to.

    Raises:
        DatasetError: the task has none: it is no first-person task, or was read without a reference video.
    """
    return _video(TaskKey(task), num_frames, height, width)


@functools.lru_cache(maxsize=64)
def _anchor(key: TaskKey) -> Anchor:
    task = key.task
    if not isinstance(task.state, NavigationState):
        raise DatasetError(f"task of family {task.family!r}: its video is not what a walking camera sees")
    picture = NavigationFamily(**task.settings).anchor_frame(task)
    return Anchor(picture=picture, distance_m=task.state.anchor_distance_m)


@functools.lru_cache(maxsize=16)
def _video(key: TaskKey, num_frames: int, height: int, width: int) -> NDArray[np.uint8]:
    task = key.task
    if isinstance(task.state, NavigationState):
        # Drawn at the task's own size: a video of another size then differs from it by its scaling only.
        size = max(task.first_frame.shape[:2])
        video = NavigationFamily(**task.settings).render(task, task.solution, num_frames, size)
    elif isinstance(task.state, SegmentState) and task.state.reference_video is not None:
        video = subsample(read_video(task.state.reference_video), num_frames)
    else:
        raise DatasetError(f"task {task.prompt!r}: has no reference video to compare with")
    video = resize_video(video, height, width)
    video.setflags(write=False)
    return video
