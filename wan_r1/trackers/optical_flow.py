"""VR-Bench's optical-flow tracker, bug for bug: for comparison with its published numbers, not for rewards.

Corners inside the object's box in frame 0, background included, are followed by pyramidal Lucas-Kanade, and the box
moves by their median step. Lost corners are never replaced; a frame in which fewer than four are found counts as a
failure, and the next one is compared with the last good one. Source: advanced_trackers.py of
github.com/ImYangC7/VR-Bench (89b29a9).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.trackers.following import BoxPx, Found, follow_objects
from wan_r1.types import Task, Track

__all__ = ["OpticalFlowTracker"]

# All of VR-Bench.
CORNERS: dict[str, Any] = {"maxCorners": 100, "qualityLevel": 0.3, "minDistance": 7, "blockSize": 7}
FLOW: dict[str, Any] = {
    "winSize": (15, 15),
    "maxLevel": 2,
    "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.03),
}
LEAST_POINTS = 4
GRID_POINTS, GRID_MARGIN_PX = 5, 5  # without corners enough: a grid of 5 x 5 points, 5 px inside the box

Video = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True)
class OpticalFlowTracker:
    """Median motion of corners inside the object's box; each object of the task by itself."""

    def __call__(self, video: Video, task: Task) -> Track:
        """Track of all objects of the task in video [T, H, W, 3] uint8; frame 0 is taken from the task unseen."""
        return self.track([video], task)

    def track(self, parts: Iterable[Video], task: Task) -> Track:
        """The same for a video that comes in parts [t, H, W, 3] uint8."""
        return follow_objects(parts, task, _Flow)


class _Flow:
    """The points of one object, where they were last seen, and the box that moves with them."""

    def __init__(self, frame: Video, box: BoxPx) -> None:
        self._grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        x, y, width, height = box
        self._center: tuple[float, float] = (x + width / 2, y + height / 2)
        inside = np.zeros_like(self._grey)
        inside[y : y + height, x : x + width] = 255
        corners = cv2.goodFeaturesToTrack(self._grey, mask=inside, **CORNERS)
        self._points = corners if corners is not None and len(corners) >= LEAST_POINTS else _grid(box)

    def update(self, frame: Video) -> Found:
        grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        points, status, _ = cv2.calcOpticalFlowPyrLK(self._grey, grey, self._points, None, **FLOW)
        kept = status.ravel() == 1
        share = float(kept.mean())
        if kept.sum() < LEAST_POINTS:
            return False, self._center, share
        dx, dy = np.median((points - self._points)[kept].reshape(-1, 2), axis=0)
        self._center = (self._center[0] + float(dx), self._center[1] + float(dy))
        self._grey, self._points = grey, points[kept]
        return True, self._center, share


def _grid(box: BoxPx) -> NDArray[np.float32]:
    """Points [25, 1, 2]."""
    x, y, width, height = box
    columns = np.linspace(x + GRID_MARGIN_PX, x + width - GRID_MARGIN_PX, GRID_POINTS)
    rows = np.linspace(y + GRID_MARGIN_PX, y + height - GRID_MARGIN_PX, GRID_POINTS)
    return np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 1, 2).astype(np.float32)
