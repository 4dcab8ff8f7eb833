"""Traces of videos that no camera made: cuts to a like view of another room, frames that show two moments at once."""

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["details", "tints", "unexplained"]

SIDE_PX, BLOCK_PX, REACH_PX = 40, 8, 10
"""Frames are looked at with this side; each block of a frame is sought in the one before within this reach."""
LEAST_SPREAD = 1000.0
"""Sum of squared grey levels, over all pixels, below which a frame counts as flat."""
DETAIL_SIGMA_PX, NEAR_SIGMA_PX, FAINT = 2.0, 4.0, 150.0
"""What is finer than the first counts as detail. It is divided by its root mean square within the second, so that faint
detail at the border counts as strong detail in the middle does; squared grey levels below the third count less."""
LEAST_DETAIL = 5.0
"""Length below which a frame counts as plain."""

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


def details(video: Video) -> NDArray[np.float32]:
    """The fine structure of each frame, of length 1 (less if it has hardly any): [T, D].

    Two frames have details alike only if something is at the same place in both: what stands still, or is mixed in.
    """
    frames = _small(video, SIDE_PX).astype(np.float32)
    fine = np.stack([frame - cv2.GaussianBlur(frame, (0, 0), DETAIL_SIGMA_PX) for frame in frames])
    near = [cv2.GaussianBlur((frame**2).sum(axis=2), (0, 0), NEAR_SIGMA_PX) for frame in fine]
    vectors = (fine / np.sqrt(np.stack(near) + FAINT)[..., None]).reshape(len(video), -1)
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), LEAST_DETAIL))


def tints(video: Video) -> NDArray[np.float64]:
    """How much redder, greener, bluer than grey each frame is, as shares of its brightness: [T, 3]."""
    colors = _small(video, 1).reshape(len(video), 3).astype(np.float64)
    brightness = colors.mean(axis=1, keepdims=True)
    return np.asarray((colors - brightness) / np.maximum(brightness, 1.0))


def _small(video: Video, side: int) -> Video:
    return np.stack([cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA) for frame in video])
