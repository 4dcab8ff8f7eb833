"""A room seen from above, with paths in it."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.navigation.furniture import COLORS, KINDS
from wan_r1.tasks.navigation.room import NavigationState, to_room

__all__ = ["draw_map"]

PAPER, WALL, OWN = (250, 248, 244), (60, 60, 66), (150, 150, 155)
PATHS = ((15, 118, 110), (200, 60, 40), (90, 90, 200))
"""Colours of the paths: the first is the reference."""
FINE = 16  # OpenCV's fixed-point fractions of a pixel
FINE_BITS = 4


def draw_map(state: NavigationState, paths: Sequence[NDArray[np.floating[Any]]], size: int) -> NDArray[np.uint8]:
    """The floor plan [size, size, 3] uint8 with paths [N, 2] in metres from the start pose; the target has a ring."""
    scale = (size - 20) / max(state.size)
    canvas = np.full((size, size, 3), PAPER, np.uint8)
    corners = np.asarray([(0, 0), (state.size[0], 0), state.size, (0, state.size[1])])
    cv2.polylines(canvas, [_px(corners, scale, size)], True, WALL, 3, cv2.LINE_AA, FINE_BITS)
    for x, y, half_x, half_y in state.partitions:
        cv2.fillPoly(canvas, [_px(_corners(x, y, half_x, half_y, 0.0), scale, size)], WALL, cv2.LINE_AA, FINE_BITS)
    for index, piece in enumerate(state.furniture):
        outline = _px(_corners(piece.x, piece.y, *KINDS[piece.kind].half_size, piece.yaw), scale, size)
        cv2.fillPoly(canvas, [outline], COLORS.get(piece.color, OWN), cv2.LINE_AA, FINE_BITS)
        if index == state.target:
            cv2.polylines(canvas, [outline], True, PATHS[0], 4, cv2.LINE_AA, FINE_BITS)
        place = _px(np.asarray([(piece.x, piece.y)]), scale, size)[0] // FINE
        cv2.putText(canvas, piece.kind, (int(place[0]) - 20, int(place[1])), cv2.FONT_HERSHEY_SIMPLEX, 0.4, WALL, 1)
    for index, path in enumerate(paths):
        line = _px(to_room(state.start, path), scale, size)
        cv2.polylines(canvas, [line], False, PATHS[index % len(PATHS)], 2, cv2.LINE_AA, FINE_BITS)
    start = _px(np.asarray([state.start[:2]]), scale, size)[0]
    cv2.circle(canvas, (int(start[0]), int(start[1])), 5 * FINE, PATHS[0], -1, cv2.LINE_AA, FINE_BITS)
    return canvas


def _corners(x: float, y: float, half_x: float, half_y: float, yaw: float) -> NDArray[np.float64]:
    local = np.asarray([(half_x, half_y), (-half_x, half_y), (-half_x, -half_y), (half_x, -half_y)])
    return to_room((x, y, yaw), local)


def _px(points: NDArray[np.float64], scale: float, size: int) -> NDArray[np.int32]:
    """Fixed-point pixels of points in the room frame, y upwards."""
    placed = 10 + points * scale
    flipped = np.stack([placed[:, 0], size - placed[:, 1]], axis=1)
    return np.asarray((flipped * FINE).round().astype(np.int32))
