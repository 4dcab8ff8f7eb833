"""How VR-Bench's camera sees a 3D maze: matplotlib's perspective of a box, from 20 degrees above and 45 degrees aside.

matplotlib scales the box to sides a = BOX_SCALE * grid / |grid|, looks at its middle from EYE_DISTANCE along w, and
divides by the distance along w (mplot3d, focal length 1). VR-Bench cuts MARGIN_PX off each side of its 800 px figure.
"""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cube", "ball_size", "depths", "line_width", "project", "standing", "step_length"]

Cube = tuple[int, int, int]
"""(x, y, z): the unit cube from (x, y, z) to (x + 1, y + 1, z + 1); also the size of a grid."""

ELEVATION, AZIMUTH = np.deg2rad([20.0, 45.0])  # VR-Bench
EYE_DISTANCE = 10.0  # mplot3d
BOX_SCALE = 1.8294640721620434 * 25 / 24  # mplot3d: set_box_aspect
VIEW_LOW, VIEW_SIZE = -0.095, 0.185  # mplot3d: limits of the picture plane, from -0.095 to 0.09
FIGURE_PX, DPI = 800, 100  # VR-Bench: 8 inches
MARGIN_PX = 30  # VR-Bench: pad_inches = -0.3
PICTURE_PX = FIGURE_PX - 2 * MARGIN_PX
BALL_HEIGHT = 1.35  # VR-Bench: its ball stands this high above the ground of its cube
BALL_AREA_PT = 1200.0  # VR-Bench: area of the marker in square points on a grid of 8 x 8

Floats = NDArray[np.float64]


@functools.lru_cache(maxsize=32)
def _camera(grid: Cube) -> tuple[float, Floats, Floats]:
    """Length of a cube, middle of the box, and the camera's axes [3, 3] (right, up, towards the eye)."""
    size = np.asarray(grid, dtype=np.float64)
    box = BOX_SCALE * size / np.linalg.norm(size)
    toward = np.asarray([np.cos(ELEVATION) * np.cos(AZIMUTH), np.cos(ELEVATION) * np.sin(AZIMUTH), np.sin(ELEVATION)])
    right = np.asarray([-np.sin(AZIMUTH), np.cos(AZIMUTH), 0.0])
    return float(box[0] / size[0]), box / 2, np.stack([right, np.cross(toward, right), toward])


def _seen(grid: Cube, points: NDArray[Any]) -> Floats:
    cube, middle, axes = _camera(grid)
    seen: Floats = (np.asarray(points, dtype=np.float64) * cube - middle) @ axes.T
    return seen


def depths(grid: Cube, points: NDArray[Any]) -> Floats:
    """Distances [...] along the line of sight of points [..., 3] in cubes; what is nearer hides what is farther."""
    return EYE_DISTANCE - _seen(grid, points)[..., 2]


def project(grid: Cube, points: NDArray[Any]) -> Floats:
    """Where points [..., 3] in cubes appear, [..., 2] in image units."""
    seen = _seen(grid, points)
    scale = FIGURE_PX / VIEW_SIZE
    plane = scale * (seen[..., :2] / (EYE_DISTANCE - seen[..., 2:]) - VIEW_LOW)
    plane[..., 1] = FIGURE_PX - plane[..., 1]
    return np.asarray((plane - MARGIN_PX) / PICTURE_PX)


def standing(cubes: NDArray[Any]) -> Floats:
    """Where the ball's centre is when it stands on cubes [..., 3]."""
    return np.asarray(np.add(cubes, (0.5, 0.5, BALL_HEIGHT)))


def ball_size(grid: Cube) -> float:
    """Diameter of VR-Bench's ball, without its rim, in image units."""
    diameter_pt = np.sqrt(BALL_AREA_PT) * 8 / ((grid[0] + grid[1]) / 2)
    return float(diameter_pt) * line_width(1.0)


def step_length(grid: Cube) -> float:
    """Length in image units of a step in the middle of a grid, across and down added: equal for walks and rungs."""
    ends = project(grid, np.add(np.asarray(grid) / 2, [(0, 0, 0), (1, 0, 0)]))
    return float(np.abs(ends[1] - ends[0]).sum())


def line_width(points: float) -> float:
    """Width in image units of a line that is so many points (1/72 inch) wide in VR-Bench's figure."""
    return points * DPI / 72 / PICTURE_PX
