"""Videos in which nothing can be seen: much smaller than the picture they should go on from.

Such a video is bad and scores like one without its agent. Where the task's own picture is as small, it is the program
that asks for what cannot be told, and the tracker's error stands.
"""

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import TrackingError
from wan_r1.trackers.scene import make_scene
from wan_r1.types import Task, Track
from wan_r1.video import check_video

__all__ = ["too_small", "unseen"]


def too_small(task: Task, video: NDArray[np.uint8]) -> bool:
    """Whether the objects in a video [T, H, W, 3] are too small to be told, and those of the task's picture are not."""
    check_video(video)
    shown, asked = video.shape[1:3], task.first_frame.shape[:2]
    if min(shown) >= min(asked) or not task.objects:
        return False
    try:
        make_scene(task, *shown)
    except TrackingError:
        make_scene(task, *asked)
        return True
    return False


def unseen(task: Task, num_frames: int) -> Track:
    """The track of a task's objects that are in no frame."""
    names = tuple(task.objects)
    shape = (len(names), num_frames)
    return Track(
        objects=names,
        points=np.full((*shape, 2), np.nan, np.float32),
        seen=np.zeros(shape, np.bool_),
        copies=np.zeros(shape, np.int64),
        scores=np.zeros(shape, np.float32),
        unit="image",
    )
