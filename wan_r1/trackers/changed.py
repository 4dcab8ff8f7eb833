"""What changed in a frame: how noisy it is, where something changed, and the window around it."""

import functools

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["busy_pixels", "noise_of", "window_around"]

Video = NDArray[np.uint8]


def noise_of(changed: Video, flat: NDArray[np.int64]) -> float:
    """Standard deviation of the noise of a frame: from the median of its differences [h, w, 3] at flat places."""
    sample = changed.reshape(-1).take(flat)
    middle = sample.size // 2
    return float(np.partition(sample, middle)[middle]) / 0.6745 if sample.size > 60 else 0.0


def busy_pixels(over: Video) -> Video:
    """How much changed around each pixel: [h, w, 3] added up and averaged over 3 x 3; most of a frame has not."""
    height, width = over.shape[:2]
    x, y, w, h = cv2.boundingRect(over.reshape(height, -1))
    top, left = max(0, y - 2), max(0, x // 3 - 2)
    part = (slice(top, y + h + 2), slice(left, (x + w + 2) // 3 + 2))
    busy = np.zeros((height, width), np.uint8)
    if w:
        busy[part] = cv2.blur(functools.reduce(cv2.add, cv2.split(over[part])), (3, 3))
    return busy


def window_around(busy: Video, reach: int) -> tuple[slice, slice]:
    """Rows and columns of what is not 0 in a picture [h, w], and `reach` pixels around that."""
    x, y, w, h = cv2.boundingRect(busy)
    return slice(max(0, y - reach), y + h + reach), slice(max(0, x - reach), x + w + reach)
