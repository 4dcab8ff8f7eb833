"""Does a video go on where its last frame was, in the same room? Cuts to a like view of another room do not."""

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["tints", "unexplained"]

SIDE_PX, BLOCK_PX, REACH_PX = 40, 8, 10
"""Frames are looked at with this side; each block of a frame is sought in the one before within this reach."""
LEAST_SPREAD = 1000.0
"""Sum of squared grey levels, over all pixels, below which a frame counts as flat."""

Video = NDArray[np.uint8]


def unexplained(video: Video) -> NDArray[np.float64]:
    """What the frame before, its blocks moved, does not explain of each frame but the first: [T - 1].

    A share of the frame's squared distance to its mean colour: 0 for a still camera, 1 and more for something else.
    """
    soft = [cv2.GaussianBlur(frame, (0, 0), 0.7).astype(np.float32) for frame in _small(video, SIDE_PX)]
    return np.asarray([_left(before, after) for before, after in pairwise(soft)], np.float64)


def _left(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    left = 0.0
    for top in range(0, SIDE_PX, BLOCK_PX):
        for side in range(0, SIDE_PX, BLOCK_PX):
            block = after[top : top + BLOCK_PX, side : side + BLOCK_PX]
            rows = slice(max(0, top - REACH_PX), top + BLOCK_PX + REACH_PX)
            columns = slice(max(0, side - REACH_PX), side + BLOCK_PX + REACH_PX)
            left += max(0.0, float(cv2.matchTemplate(before[rows, columns], block, cv2.TM_SQDIFF).min()))
    return left / max(float(((after - after.mean(axis=(0, 1))) ** 2).sum()), LEAST_SPREAD)


def tints(video: Video) -> NDArray[np.float64]:
    """How much redder, greener, bluer than grey each frame is, as shares of its brightness: [T, 3]."""
    colors = _small(video, 1).reshape(len(video), 3).astype(np.float64)
    brightness = colors.mean(axis=1, keepdims=True)
    return np.asarray((colors - brightness) / np.maximum(brightness, 1.0))


def _small(video: Video, side: int) -> Video:
    return np.stack([cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA) for frame in video])
