"""Does a camera move, or does a picture only grow? Near things pass far ones when a camera walks, never in a zoom."""

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["zoom_matches"]

SIDE_PX = 56
SIDES_PX = tuple(sorted({round(SIDE_PX / 1.05**step) for step in range(27)}))
"""Sides of the part of the first frame that is enlarged: zooms up to 3.5 in steps of 5 % or a pixel."""


def zoom_matches(first: NDArray[np.uint8], frames: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How well a part of the first frame [H, W, 3], enlarged, explains frames [N, H, W, 3]: correlations [N]."""
    size = (SIDE_PX, SIDE_PX)
    begin, *gray = (
        cv2.cvtColor(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        for frame in (first, *frames)
    )
    return np.asarray([max(_match(begin, frame, side) for side in SIDES_PX) for frame in gray])


def _match(first: NDArray[np.uint8], frame: NDArray[np.uint8], side: int) -> float:
    small = cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA)
    # A flat picture has no correlation; OpenCV then gives 1 or an infinite number.
    if small.std() < 1:
        return 0.0
    return float(np.clip(cv2.matchTemplate(first, small, cv2.TM_CCOEFF_NORMED).max(), -1, 1))
