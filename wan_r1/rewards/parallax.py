"""Does a camera move, or does a picture only grow? Near things pass far ones when a camera walks, never in a zoom."""

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["steps_beyond_zoom", "zoom_matches"]

SIDE_PX = 56
SIDES_PX = tuple(sorted({round(SIDE_PX / 1.05**step) for step in range(27)}))
"""Sides of the part of the first frame that is enlarged: zooms up to 3.5 in steps of 5 % or a pixel."""
STEP_SIDES_PX = tuple(sorted({round(SIDE_PX / 1.04**step) for step in range(12)}))
"""The same between neighbours: zooms up to 1.5."""
LEAST_CHANGE = 2.0
"""Grey levels, on the mean, from which on a frame has moved against the one before."""


def zoom_matches(first: NDArray[np.uint8], frames: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How well a part of the first frame [H, W, 3], enlarged, explains frames [N, H, W, 3]: correlations [N]."""
    begin, *gray = map(_gray, (first, *frames))
    return np.asarray([max(_match(begin, frame, side) for side in SIDES_PX) for frame in gray])


def steps_beyond_zoom(video: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What an enlargement of the frame before does not explain of each frame, for each grey level of change: [T - 1].

    NaN for frames of video [T, H, W, 3] that do not move. A walk in stills, each enlarged, has a fifth of what a walk
    has, whatever its pace.
    """
    frames, found = [_gray(frame) for frame in video], []
    for before, after in pairwise(frames):
        change = float(cv2.absdiff(before, after).mean())
        left = 1 - max(_match(before, after, side) for side in STEP_SIDES_PX) if change > LEAST_CHANGE else np.nan
        found.append(left / max(change, LEAST_CHANGE))
    return np.asarray(found, np.float64)


def _gray(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    small = cv2.resize(frame, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def _match(first: NDArray[np.uint8], frame: NDArray[np.uint8], side: int) -> float:
    small = cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA)
    # A flat picture has no correlation; OpenCV then gives 1 or an infinite number.
    if small.std() < 1:
        return 0.0
    return float(np.clip(cv2.matchTemplate(first, small, cv2.TM_CCOEFF_NORMED).max(), -1, 1))
