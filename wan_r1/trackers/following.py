"""What VR-Bench's trackers share: a box in frame 0 that is followed from frame to frame, each object by itself.

The box is the task's, in whole pixels of the video; what it holds is taken from the video's own frame 0, unseen. One
object is found at most once: clones go unnoticed. Source: extractor.py of github.com/ImYangC7/VR-Bench (89b29a9).
"""

from collections.abc import Callable, Iterable
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import TrackingError
from wan_r1.types import Box, Task, Track
from wan_r1.video import check_video

__all__ = ["BoxPx", "Follower", "Found", "follow_objects"]

BoxPx = tuple[int, int, int, int]
"""x, y, width, height in whole pixels."""

Found = tuple[bool, tuple[float, float], float]
"""Whether the object was found, the centre of its box in pixels, and the score."""

MIN_BOX_PX = 2
"""Least side of a box that holds something to follow."""

Video = NDArray[np.uint8]


class Follower(Protocol):
    """Follows one object through the frames after the first."""

    def update(self, frame: Video) -> Found:
        """Where the object is in the next frame [H, W, 3] uint8 RGB."""
        ...


def follow_objects(parts: Iterable[Video], task: Task, start: Callable[[Video, BoxPx], Follower]) -> Track:
    """Track of all objects of a task in a video that comes in parts; `start` takes frame 0 and a box in it.

    TrackingError if the task has no objects, or the video is too small to show one.
    """
    if not task.objects:
        raise TrackingError(f"task of {task.family}: it has no objects to follow; a tracker needs at least one box")
    found: list[list[Found]] = [[] for _ in task.objects]
    followers: list[Follower] = []
    height = width = 0
    for part in parts:
        check_video(part)
        for frame in part:
            try:
                if followers:
                    for row, follower in zip(found, followers, strict=True):
                        row.append(follower.update(frame))
                    continue
                height, width = frame.shape[:2]
                for row, (name, box) in zip(found, task.objects.items(), strict=True):
                    x, y, w, h = _box_px(name, box, task.first_frame.shape[1::-1], (width, height))
                    followers.append(start(frame, (x, y, w, h)))
                    row.append((True, (x + w / 2, y + h / 2), 1.0))
            except cv2.error as error:
                raise TrackingError(f"{width} x {height} px: the tracker cannot work on it ({error.err})") from error
    if not followers:
        raise TrackingError("a video without any part; it needs at least one frame")
    return _as_track(tuple(task.objects), found, (width, height))


def _as_track(names: tuple[str, ...], found: list[list[Found]], size: tuple[int, int]) -> Track:
    seen = np.asarray([[each[0] for each in row] for row in found])
    centers = np.asarray([[each[1] for each in row] for row in found], dtype=np.float64)
    return Track(
        objects=names,
        points=np.where(seen[..., None], centers / size, np.nan).astype(np.float32),
        seen=seen,
        copies=seen.astype(np.int64),
        scores=np.asarray([[each[2] for each in row] for row in found], dtype=np.float32),
        unit="image",
    )


def _box_px(name: str, box: Box, picture_size: tuple[int, ...], video_size: tuple[int, int]) -> BoxPx:
    """(x, y, width, height) in whole video pixels: VR-Bench scales whole picture pixels, truncates, and clamps.

    Boxes are whole pixels of the picture; rounding to 1e-3 px undoes the error of their division by its size.
    """
    values = (box.x, box.y, box.width, box.height)
    x, y, width, height = (
        int(round(value * picture, 3) * (pixels / picture))
        for value, picture, pixels in zip(values, picture_size * 2, video_size * 2, strict=True)
    )
    if min(width, height) < MIN_BOX_PX:
        raise TrackingError(
            f"{video_size[0]} x {video_size[1]} px: {name} has {width} x {height} px there, too few to be tracked; "
            "use larger videos"
        )
    x = max(0, min(x, video_size[0] - 1))
    y = max(0, min(y, video_size[1] - 1))
    width = max(1, min(width, video_size[0] - x))
    height = max(1, min(height, video_size[1] - y))
    return x, y, width, height
