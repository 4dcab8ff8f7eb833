"""VR-Bench's CSRT tracker, the one of its paper: for comparison with its published numbers, not for rewards.

OpenCV's discriminative correlation filter with channel and spatial reliability (https://arxiv.org/abs/1611.08461) with
its own settings, started on the object's box in the video's own frame 0. It jitters at rest, which adds length to a
path, and it follows what it learns: a clone that comes by may become the object. Source: extractor.py of
github.com/ImYangC7/VR-Bench (89b29a9), which without OpenCV's contrib modules silently takes another tracker.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import TrackingError
from wan_r1.trackers.following import BoxPx, Found, follow_objects
from wan_r1.types import Task, Track

__all__ = ["CsrtTracker"]

Video = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True)
class CsrtTracker:
    """OpenCV's CSRT with its own settings, each object of the task by itself."""

    def __post_init__(self) -> None:
        if not hasattr(cv2, "TrackerCSRT_create"):
            raise TrackingError(
                "csrt: this OpenCV has no CSRT tracker; pip uninstall opencv-python opencv-python-headless, "
                "then pip install --force-reinstall opencv-contrib-python-headless"
            )

    def __call__(self, video: Video, task: Task) -> Track:
        """Track of all objects of the task in video [T, H, W, 3] uint8; frame 0 is taken from the task unseen."""
        return self.track([video], task)

    def track(self, parts: Iterable[Video], task: Task) -> Track:
        """The same for a video that comes in parts [t, H, W, 3] uint8."""
        return follow_objects(parts, task, _Csrt)


class _Csrt:
    """One object; colours in the order that VR-Bench's reader gives, because the filter weighs them by channel."""

    def __init__(self, frame: Video, box: BoxPx) -> None:
        self._tracker = cv2.TrackerCSRT_create()  # type: ignore[attr-defined]
        self._tracker.init(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), box)

    def update(self, frame: Video) -> Found:
        found, (x, y, width, height) = self._tracker.update(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        return bool(found), (x + width / 2, y + height / 2), float(found)
