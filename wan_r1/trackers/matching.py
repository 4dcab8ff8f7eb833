"""How much of a change a sprite explains, at all places of a window of a frame or at one place; trackers/sprite.py.

Places are (row, col) of the middle of a template, in pixels of the shrunken frame.
"""

import math
from collections.abc import Iterable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.trackers.changed import Look
from wan_r1.trackers.scene import MIN_CONTRAST, SUM, Template

__all__ = [
    "RING_WEIGHT",
    "around",
    "beside",
    "erase",
    "forbid",
    "has_hue",
    "match",
    "moved",
    "overlap",
    "peak_offset",
    "settled",
]

RING_WEIGHT = 2.0
"""A ring full of the sprite's colour costs twice what the sprite explains: it is a part of a larger thing."""
RING_FAINT, RING_FULL = 0.15, 0.65  # shares of the sprite's contrast: less is blur around it, more is its colour
HUE_COSINE = 0.87  # 30 degrees between the change of colour that is seen and the one that the sprite makes
LEAST_HUE = 40.0  # grey levels between sprite and background, on the mean, below which noise tells the direction

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]
Place = tuple[int, int]
Window = tuple[slice, slice]


def match(look: Look, template: Template, window: Window, least: float) -> tuple[Floats, Floats]:
    """Share of the contrast explained, and amplitude times contrast, for each centre pixel of a window.

    The share is -1 where the amplitude is below `least` or the background hides the sprite.
    """
    difference = cv2.subtract(look.frame[window], look.background[window], dtype=cv2.CV_32F)
    matched: Floats = _correlate(difference * template.aims[0][window], template.kernels[0])
    for kernel, aim in zip(template.kernels[1:], template.aims[1:], strict=True):
        matched += _correlate(difference * aim[window], kernel)
    within = _correlate(difference * difference, template.inside)
    if look.noise > 0:
        within = np.maximum(within - np.float32(3 * look.noise**2 * template.area), 0)
    energy = template.energy[window]
    score = matched + matched
    score -= within
    score /= energy
    np.putmask(score, matched < least * energy, -1)
    if template.may_hide:
        np.putmask(score, energy < template.least, -1)
    return score, matched


def _correlate(picture: Floats, kernel: Floats) -> Floats:
    """The sum over the channels of a picture [h, w, 3], correlated with a kernel; nothing beyond the border."""
    channels = cv2.transform(picture, SUM)
    return np.asarray(cv2.filter2D(channels, cv2.CV_32F, kernel, borderType=cv2.BORDER_CONSTANT))


def settled(look: Look, over: Picture, template: Template, place: Place) -> tuple[Place, tuple[float, float], float]:
    """Where around a place the score less the cost of the ring is highest: that place, its offset, and how high.

    At the border of ground that looks much like the sprite, a place partly on that ground explains as large a share as
    the true one, but leaves a part of the sprite out.
    """
    down, right = (int(gap / 2) for gap in template.gap)
    rows, cols = (
        slice(max(0, center - reach - template.half), center + reach + template.half + 1)
        for center, reach in zip(place, (down, right), strict=True)
    )
    score = match(look, template, (rows, cols), 0.0)[0]
    top, left = max(0, place[0] - down), max(0, place[1] - right)
    below, beyond = place[0] + down + 1, place[1] + right + 1
    quality = score[top - rows.start : below - rows.start, left - cols.start : beyond - cols.start]
    for y, x in np.ndindex(*quality.shape):
        quality[y, x] -= RING_WEIGHT * around(over, (top + y, left + x), template)
    y, x = divmod(int(quality.argmax()), quality.shape[1])
    return (top + y, left + x), peak_offset(quality, y, x), float(quality[y, x])


def has_hue(look: Look, template: Template, place: Place) -> bool:
    """Whether the mean colour at a place changed from the background towards the mean colour of the sprite."""
    expected = template.tint[place]
    aim = float(expected @ expected)
    if aim < (LEAST_HUE * template.weight) ** 2:
        return True
    here, part = overlap(look.frame, place, template.alpha.shape)
    difference = cv2.subtract(look.frame[here], look.background[here], dtype=cv2.CV_32F)
    changed = template.alpha[part].ravel() @ difference.reshape(-1, 3)
    return bool(changed @ expected >= HUE_COSINE * math.sqrt(float(changed @ changed) * aim))


def around(over: Picture, place: Place, template: Template) -> float:
    """Share of the ring around an instance that changed as much as the sprite's colour would change it."""
    here, part = overlap(over, place, template.alpha.shape)
    weight = template.ring[part]
    ring = weight > 0
    changed = over[here][ring]
    if not changed.any():
        return 0.0
    likeness = np.square(changed, dtype=np.float32) @ SUM[0]
    likeness /= template.contrast[here][ring]
    likeness = (np.sqrt(likeness, out=likeness) - RING_FAINT) / (RING_FULL - RING_FAINT)
    return float(likeness.clip(0, 1) @ weight[ring])


def beside(look: Look, template: Template, place: Place, others: Iterable[tuple[Place, Template]]) -> float:
    """Share of the contrast explained by what can be seen of an instance beside others; 0 if that is little of it."""
    free = np.ones(look.busy.shape, np.uint8)
    for other, kind in others:
        erase(free, other, kind)
    here, part = overlap(look.frame, place, template.alpha.shape)
    below, alpha = look.background[here].astype(np.float32), template.layers[part][..., 3:]
    sprite = template.layers[part][..., :3] - alpha * below
    weight = free[here] * (alpha[..., 0] > 0)
    wrong = np.square(look.frame[here] - below - sprite).sum(axis=2) - 3 * look.noise**2
    energy = float((weight * np.square(sprite).sum(axis=2)).sum())
    return 1 - float((weight * wrong).sum()) / energy if energy > MIN_CONTRAST * template.energy[place] else 0.0


def overlap(picture: NDArray[Any], place: Place, shape: tuple[int, ...]) -> tuple[Window, Window]:
    """What a template of an odd shape around a place covers of a picture, and which part of the template that is."""
    (row, col), (height, width) = place, picture.shape[:2]
    down, across = shape[0] // 2, shape[1] // 2
    top, below = max(0, row - down), min(height, row + down + 1)
    left, right = max(0, col - across), min(width, col + across + 1)
    part = slice(top - row + down, below - row + down), slice(left - col + across, right - col + across)
    return (slice(top, below), slice(left, right)), part


def forbid(score: Floats, place: Place, window: Window, template: Template) -> None:
    """No second instance near a place that was looked at already; changes `score`, of a window, in place."""
    here, part = overlap(score, (place[0] - window[0].start, place[1] - window[1].start), template.too_near.shape)
    np.putmask(score[here], template.too_near[part], -1)


def erase(picture: Picture, place: Place, template: Template) -> None:
    """Clear what an instance at a place and one pixel around it cover in a picture of changes, in place."""
    here, part = overlap(picture, place, template.alpha.shape)
    picture[here][template.near[part]] = 0


def moved(inner: slice, outer: slice) -> slice:
    """A part of a whole picture as a part of another part of it."""
    return slice(inner.start - outer.start, inner.stop - outer.start)


def peak_offset(score: Floats, y: int, x: int) -> tuple[float, float]:
    """Sub-pixel position (x, y) of a peak relative to its pixel, by a parabola through its neighbours."""
    inside_x, inside_y = 0 < x < score.shape[1] - 1, 0 < y < score.shape[0] - 1
    return (
        _vertex(*score[y, x - 1 : x + 2].tolist()) if inside_x else 0.0,
        _vertex(*score[y - 1 : y + 2, x].tolist()) if inside_y else 0.0,
    )


def _vertex(before: float, here: float, after: float) -> float:
    """Where the parabola through values at -1, 0 and 1 is highest, at most half a pixel away."""
    bend = before - 2 * here + after
    return min(max(0.5 * (before - after) / bend, -0.5), 0.5) if bend < 0 else 0.0
