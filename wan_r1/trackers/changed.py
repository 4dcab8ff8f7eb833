"""What changed in a frame: how noisy it is, where something changed, and the window around it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.trackers.scene import Scene

__all__ = ["Look", "look_at", "window_around"]

Picture = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Look:
    """A frame [h, w, 3] uint8 beside the background of its scene [h, w, 3].

    noise: standard deviation of its noise in grey levels. over [h, w, 3]: by how much each value differs beyond noise
    and tolerance; busy [h, w]: the same added up and averaged over 3 x 3.
    """

    frame: Picture
    background: Picture
    noise: float
    over: Picture
    busy: Picture


def look_at(frame: Picture, scene: Scene) -> Look:
    """What changed in a frame with the light of the scene."""
    changed = cv2.absdiff(frame, scene.background)
    noise = _noise_of(changed, scene.flat)
    over = cv2.subtract(changed, scene.tolerance)
    if noise > 0:
        over = cv2.subtract(over, np.full(4, 2 * noise))
    return Look(frame=frame, background=scene.background, noise=noise, over=over, busy=_busy_pixels(over, scene.faint))


def _noise_of(changed: Picture, flat: NDArray[np.int64]) -> float:
    """Standard deviation of the noise of a frame: from the median of its differences [h, w, 3] at flat places."""
    sample = changed.reshape(-1).take(flat)
    middle = sample.size // 2
    if sample.size <= 60 or cv2.countNonZero(sample) < sample.size - middle:  # the median is 0
        return 0.0
    return float(np.partition(sample, middle)[middle]) / 0.6745


def _busy_pixels(over: Picture, faint: float) -> Picture:
    """How much changed around each pixel: [h, w, 3] added up and averaged over 3 x 3; most of a frame has not.

    0 far from where a channel exceeds `faint`: residue below an object's first place would make the part large.
    """
    height, width = over.shape[:2]
    clear = cv2.threshold(over.reshape(height, -1), faint, 255, cv2.THRESH_TOZERO)[1]
    x, y, w, h = cv2.boundingRect(clear)
    part = (slice(max(0, y - 2), y + h + 2), slice(max(0, x // 3 - 2), (x + w + 2) // 3 + 2))
    busy = np.zeros((height, width), np.uint8)
    if w:
        red, green, blue = (over[part][..., channel] for channel in range(3))
        busy[part] = cv2.blur(cv2.add(cv2.add(red, green), blue), (3, 3))
    return busy


def window_around(busy: Picture, reach: int) -> tuple[slice, slice]:
    """Rows and columns of what is not 0 in a picture [h, w], and `reach` pixels around that."""
    x, y, w, h = cv2.boundingRect(busy)
    return slice(max(0, y - reach), y + h + reach), slice(max(0, x - reach), x + w + reach)
