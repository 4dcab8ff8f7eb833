"""The light of a frame against the conditioning image: a gain, an offset for each colour channel, and the contrast."""

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["contrast_of", "fit_light", "relight", "tile_changes"]

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


def fit_light(tiles: Floats, reference: Floats) -> Floats:
    """Gain, and offset of each channel [n, 4], so that tiles = gain * reference + offset for most tiles of each frame.

    Least squares on all tiles, then twice without those that fit worst: objects and changed places are outliers. Where
    that leaves out much of the ground, a plain shift explains more of the picture, and is taken.
    tiles: [n, 3, r, c]; reference: [3, r, c].
    """
    stride = max(1, reference.shape[1] // LIGHT_ROWS)
    y = tiles[..., ::stride, ::stride].reshape(len(tiles), 3, -1) - np.float32(MIDDLE_GREY)
    x = reference[:, ::stride, ::stride].reshape(3, -1) - np.float32(MIDDLE_GREY)
    products, squares = (x * y).sum(axis=1), (x * x).sum(axis=0)
    weight = np.ones((len(y), x.shape[1]), np.float32)
    for _ in range(3):
        total = weight.sum(axis=1, keepdims=True)
        mean_x, mean_y = weight @ x.T / total, np.matmul(y, weight[..., None])[..., 0] / total
        spread = weight @ squares - total[:, 0] * (mean_x**2).sum(axis=1)
        shared = (weight * products).sum(axis=1) - total[:, 0] * (mean_x * mean_y).sum(axis=1)
        gain = ((shared + total[:, 0]) / (spread + total[:, 0])).clip(1 / MAX_GAIN, MAX_GAIN)[:, None]
        offset = mean_y - gain * mean_x
        away = np.abs(y - gain[..., None] * x - offset[..., None]).max(axis=1)
        middle = away.shape[1] // 2
        limit = np.maximum(2 * np.partition(away, middle, axis=1)[:, middle : middle + 1], 6.0)
        weight = (away <= limit).astype(np.float32)
    apart = y - x
    shift = np.median(apart, axis=2)
    left = np.abs(apart - shift[..., None]).max(axis=1)
    plain = (np.minimum(left, LOST).sum(axis=1) < np.minimum(away, LOST).sum(axis=1))[:, None]
    gain, offset = np.where(plain, 1, gain), np.where(plain, shift, offset)
    offset = (offset + MIDDLE_GREY * (1 - gain)).clip(-MAX_OFFSET, MAX_OFFSET)
    return np.concatenate([gain, offset], axis=1).astype(np.float32)


def tile_changes(tiles: Floats, reference: Floats, light: Floats) -> Floats:
    """Largest difference over the channels to the reference in its light [n, r, c].

    tiles: [n, 3, r, c]; reference: [3, r, c]; light: [n, 4], gain and offset of each channel.
    """
    rest = tiles - light[:, 1:, None, None]
    rest /= light[:, :1, None, None]
    rest -= reference
    return np.asarray(np.abs(rest, out=rest).max(axis=1))


def contrast_of(tiles: Floats, reference: Floats, visible: NDArray[np.bool_]) -> Floats:
    """How much of the contrast between the visible tiles of `reference` each frame shows [n]: a slope.

    1 for the picture itself, whatever the offset of each channel; about 0 where nothing of it is left. 1 also where the
    visible tiles differ by less than LEAST_CONTRAST, so that there is nothing to lose.
    tiles: [n, 3, r, c]; reference: [3, r, c]; visible: [n, r, c].
    """
    weight = visible.reshape(len(tiles), -1).astype(np.float32)
    x = (reference - reference.mean(axis=(1, 2), keepdims=True)).reshape(3, -1)  # small sums in float32
    y = tiles.reshape(len(tiles), 3, -1)
    total = np.maximum(weight.sum(axis=1), 1)
    sum_x, sum_y = weight @ x.T, np.matmul(y, weight[..., None])[..., 0]
    spread = weight @ (x * x).sum(axis=0) - (sum_x * sum_x).sum(axis=1) / total
    shared = (np.einsum("ncp,cp->np", y, x) * weight).sum(axis=1) - (sum_x * sum_y).sum(axis=1) / total
    shown = spread > LEAST_CONTRAST**2 * total
    return np.where(shown, shared / np.maximum(spread, 1), 1).astype(np.float32)


def relight(frame: Picture, light: Floats) -> Picture:
    """A frame [h, w, 3] with its light, gain and offset of each channel [4], taken back."""
    gain, *offset = light.tolist()
    if abs(gain - 1) < 0.02 and max(map(abs, offset)) < 2:
        return frame
    levels = (np.arange(256, dtype=np.float32)[:, None] - light[1:]) / light[0]
    return np.asarray(cv2.LUT(frame, levels.round().clip(0, 255).astype(np.uint8)[None]))
