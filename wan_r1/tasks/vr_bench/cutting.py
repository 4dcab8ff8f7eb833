"""Sprites cut from a first picture: alpha is where the picture differs from the ground below."""

import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.grid import Cell, cell_box
from wan_r1.types import Box, Sprite

__all__ = ["cells_of", "crop", "cut_sprite", "median_cell"]

SOLID_DIFFERENCE = 60.0
"""Largest difference of a channel to the background, in grey levels, from which a pixel counts as solid."""
FAINT_ALPHA = 0.15
"""Opacity below which a pixel counts as background: grid lines that the median misses."""
FAINT_DIFFERENCE = 14.0
"""Difference below which a pixel is background: what H.264 leaves of a flat colour."""

Picture = NDArray[np.uint8]


def cells_of(mask: NDArray[np.bool_]) -> list[Cell]:
    """Cells (row, col) where a mask [R, C] is true."""
    return [(int(row), int(col)) for row, col in np.argwhere(mask)]


def crop(picture: Picture, box: Box) -> Picture:
    """The pixels of a box, at least one."""
    height, width = picture.shape[:2]
    top, left = round(box.y * height), round(box.x * width)
    bottom, right = round((box.y + box.height) * height), round((box.x + box.width) * width)
    return picture[top : max(bottom, top + 1), left : max(right, left + 1)]


def median_cell(picture: Picture, cells: list[Cell], shape: tuple[int, ...]) -> Picture:
    """What an empty cell looks like: the median over cells of the board."""
    crops = [crop(picture, cell_box(cell, (shape[0], shape[1]))) for cell in cells]
    height, width = min(c.shape[0] for c in crops), min(c.shape[1] for c in crops)
    return np.median([each[:height, :width] for each in crops], axis=0).astype(np.uint8)


def cut_sprite(picture: Picture, box: Box, background: Picture) -> Sprite:
    """What stands on a cell: alpha is the difference to the background, colours are the picture's."""
    shown = crop(picture, box)
    rows = np.minimum(np.arange(shown.shape[0]), background.shape[0] - 1)
    cols = np.minimum(np.arange(shown.shape[1]), background.shape[1] - 1)
    below = background[np.ix_(rows, cols)].astype(np.float32)
    difference = np.abs(shown - below).max(axis=2)
    solid = max(SOLID_DIFFERENCE, 0.0)
    if difference.max() < 2 * solid:  # a sprite of low contrast
        solid = max(0.5 * float(difference.max()), FAINT_DIFFERENCE + 1)
    alpha = np.clip((difference - FAINT_DIFFERENCE) / (solid - FAINT_DIFFERENCE), 0, 1).astype(np.float32)
    alpha[alpha < FAINT_ALPHA] = 0
    rgb = np.where(
        alpha[..., None] > 0.02, (shown - below * (1 - alpha[..., None])) / np.maximum(alpha[..., None], 0.02), shown
    )
    return Sprite(rgb=rgb.round().clip(0, 255).astype(np.uint8), alpha=alpha)
