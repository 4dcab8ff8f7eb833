"""The light of a frame against the conditioning image: a gain, an offset for each colour channel, and the contrast."""

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["contrast_of", "fit_light", "largest_channel", "relight"]

LIGHT_ROWS = 10
"""Rows of tiles, at least, that the light is fitted to; more tiles say little more."""

MAX_GAIN = 1.35
MIDDLE_GREY = 128.0
MAX_OFFSET = 48.0
"""Bounds of a light change in grey levels; what lies beyond counts as a change of the scene."""

LOST = 24.0
"""Grey levels from which it does not matter how far a tile is off: it shows something else."""

LEAST_CONTRAST = 5.0
"""Standard deviation of the visible tiles, in grey levels of all channels, below which they have no contrast."""

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]


def largest_channel(values: Floats) -> Floats:
    """Maximum over the last axis of [..., 3]; several times as fast as max(axis=-1) there."""
    return np.asarray(np.maximum(np.maximum(values[..., 0], values[..., 1]), values[..., 2]))


def fit_light(tiles: Floats, reference: Floats) -> tuple[Floats, Floats]:
    """Gain [n, 1, 1, 1] and offset [n, 1, 1, 3] of each frame so that tiles = gain * reference + offset for most tiles.

    Least squares on all tiles, then twice without those that fit worst: objects and changed places are outliers. Where
    that leaves out much of the ground, a plain shift explains more of the picture, and is taken.
    tiles: [n, r, c, 3]; reference: [r, c, 3].
    """
    stride = max(1, reference.shape[0] // LIGHT_ROWS)
    y = _by_channel(tiles[:, ::stride, ::stride])
    x = _by_channel(reference[None, ::stride, ::stride])[0]
    products, squares = (x * y).sum(axis=1), (x * x).sum(axis=0)
    weight = np.ones((len(y), x.shape[1]), np.float32)
    for _ in range(3):
        total = weight.sum(axis=1, keepdims=True)
        mean_x, mean_y = weight @ x.T / total, np.matmul(y, weight[..., None])[..., 0] / total
        spread = weight @ squares - total[:, 0] * (mean_x**2).sum(axis=1)
        shared = (weight * products).sum(axis=1) - total[:, 0] * (mean_x * mean_y).sum(axis=1)
        gain = ((shared + total[:, 0]) / (spread + total[:, 0])).clip(1 / MAX_GAIN, MAX_GAIN)[:, None]
        offset = mean_y - gain * mean_x
        rest = np.abs(y - gain[..., None] * x - offset[..., None])
        away = np.maximum(np.maximum(rest[:, 0], rest[:, 1]), rest[:, 2])
        middle = away.shape[1] // 2
        limit = np.maximum(2 * np.partition(away, middle, axis=1)[:, middle : middle + 1], 6.0)
        weight = (away <= limit).astype(np.float32)
    shift = np.median(y - x, axis=2)
    left = largest_channel(np.abs(y - x - shift[..., None]).swapaxes(1, 2))
    plain = np.minimum(left, LOST).sum(axis=1) < np.minimum(away, LOST).sum(axis=1)
    gain, offset = np.where(plain[:, None], 1, gain), np.where(plain[:, None], shift, offset)
    offset = (offset + MIDDLE_GREY * (1 - gain)).clip(-MAX_OFFSET, MAX_OFFSET)
    return gain[:, None, None], offset[:, None, None]


def contrast_of(tiles: Floats, reference: Floats, visible: NDArray[np.bool_]) -> Floats:
    """How much of the contrast between the visible tiles of `reference` each frame shows [n]: a slope.

    1 for the picture itself, whatever the offset of each channel; about 0 where nothing of it is left. 1 also where the
    visible tiles differ by less than LEAST_CONTRAST, so that there is nothing to lose.
    tiles: [n, r, c, 3]; reference: [r, c, 3]; visible: [n, r, c].
    """
    weight = visible.reshape(len(tiles), 1, -1).astype(np.float32)
    y, x = _by_channel(tiles), _by_channel(reference[None])
    x = (x - (weight * x).sum(axis=2, keepdims=True) / np.maximum(weight.sum(axis=2, keepdims=True), 1)) * weight
    spread = (x * x).sum(axis=(1, 2))
    shown = spread > LEAST_CONTRAST**2 * weight.sum(axis=(1, 2))
    return np.where(shown, (y * x).sum(axis=(1, 2)) / np.maximum(spread, 1), 1).astype(np.float32)


def relight(frame: Picture, light: Floats) -> Picture:
    """A frame [h, w, 3] with its light, gain and offset of each channel [4], taken back."""
    gain, offset = light[0], light[1:]
    if abs(gain - 1) < 0.02 and np.abs(offset).max() < 2:
        return frame
    levels = (np.arange(256, dtype=np.float32)[:, None] - offset) / gain
    return np.asarray(cv2.LUT(frame, levels.round().clip(0, 255).astype(np.uint8)[None]))


def _by_channel(tiles: Floats) -> Floats:
    """Tiles [n, r, c, 3] as [n, 3, r * c], centred on MIDDLE_GREY so that sums of squares stay small."""
    return np.ascontiguousarray(tiles.reshape(len(tiles), -1, 3).swapaxes(1, 2)) - np.float32(MIDDLE_GREY)
