"""How long VR-Bench's solution videos are: 24 frames per second at a constant speed."""

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import DatasetError
from wan_r1.tasks.irregular_maze.solve import CURVE_POINTS
from wan_r1.types import Task

__all__ = ["FPS", "solution_frames"]

FPS = 24
FRAMES_PER_MOVE = 12  # from one cell to the next
ROAD_PICTURE_PX, ROAD_PX_PER_SECOND, LEAST_ROAD_SECONDS = 1024, 100, 2
ROAD_STEPS = 400  # by which VR-Bench follows a curve
CUBES_PER_SECOND, LEAST_CUBE_FRAMES = 2, 10


def solution_frames(task: Task) -> int:
    """Frames of VR-Bench's video of a task's solution. DatasetError if it has no such game."""
    points = task.solution.points
    if task.family in ("maze", "trapfield", "sokoban"):
        return FRAMES_PER_MOVE * (len(points) - 1) + 1
    if task.family == "irregular_maze":
        return max(int(_road_length_px(points) / ROAD_PX_PER_SECOND * FPS), LEAST_ROAD_SECONDS * FPS)
    if task.family == "maze3d":  # one point for each cube of the way
        return max(FPS * (len(points) - 1) // CUBES_PER_SECOND, LEAST_CUBE_FRAMES)
    raise DatasetError(f"family {task.family!r}: VR-Bench has no such game")


def _road_length_px(points: NDArray[np.float32]) -> float:
    """Length of a way over roads [N, 2] as VR-Bench measures it: between whole pixels, which makes it a staircase."""
    num_roads = (len(points) - 1) // (CURVE_POINTS - 1)
    along = np.linspace(0, len(points) - 1, ROAD_STEPS * num_roads + 1)
    pixels = [
        (np.interp(along, np.arange(len(points)), column) * ROAD_PICTURE_PX).astype(np.int64) for column in points.T
    ]
    return float(np.hypot(*np.diff(pixels, axis=1)).sum())
