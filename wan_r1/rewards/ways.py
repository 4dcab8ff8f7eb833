"""Ways of the agent in the zoo: places along them, their lengths in agent sizes, and whether they break a rule."""

from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.types import Task

__all__ = ["in_sizes", "is_legal", "sizes_per_frame", "until"]

TOUCH = np.asarray([(-0.05, -0.05), (-0.05, 0.05), (0.05, -0.05), (0.05, 0.05)])
"""Cells by which an agent's centre may miss a blocked cell and yet clearly break a rule: half of it is there."""

DENSE = 256
"""Places of the solution that a way is compared with."""

BESIDE = 0.6
"""Agent sizes from the solution up to which an agent may well be on its road: roads are wider than agents."""

NEXT_TO = 1.1
"""Agent sizes from a box at which the agent may begin to push it."""

LONGEST_STEP = 2.0
"""A step along the solution may be this much longer than the mean one."""

Points = NDArray[np.float32]


def is_legal(task: Task, points: Points) -> bool:
    """Whether an agent at points [T, 2] may well break no rule.

    On a board no frame shows it on a blocked cell or outside. Without a board (`state.grid`), it goes along the
    solution, never back, within BESIDE of its size, at most LONGEST_STEP times as fast. With boxes to move, it is
    near each place of the solution from where it first comes to a box, and else near the solution or on free floor.
    """
    grid = getattr(task.state, "grid", None)
    if grid is not None and len(task.objects) == 1:
        return _is_free(grid, points)
    way = until(np.linspace(0, 1, DENSE), task.solution.points)
    away = in_sizes(task, (points[:, None] - way[None]).reshape(-1, 2)).reshape(len(points), -1)
    if len(task.objects) > 1:
        board = np.asarray(grid if grid is not None else np.ones((1, 1))).copy()
        boxes = np.asarray([box.center for name, box in task.objects.items() if name != "agent"])
        board[tuple((boxes[:, ::-1] * board.shape).astype(int).T)] = 1
        apart = in_sizes(task, (way[:, None] - boxes[None]).reshape(-1, 2)).reshape(len(way), -1).min(axis=1)
        pushes = away[:, int((apart < NEXT_TO).argmax()) :].min(axis=0)
        return bool(pushes.max() < 0.5 and _is_free(board, points[away.min(axis=1) >= 0.5]))
    at, step = 0, ceil(LONGEST_STEP * DENSE / max(1, len(points) - 1))
    for here in away:
        at += int(here[at : at + step + 1].argmin())
        if not here[at] < BESIDE:
            return False
    return True


def _is_free(grid: NDArray[Any], points: Points) -> bool:
    """Whether an agent at points [N, 2] touches no cell of a board that is not 0, nor what is outside."""
    cells = points[:, ::-1] * grid.shape - 0.5
    touched = np.rint(cells[:, None] + TOUCH).astype(int).reshape(-1, 2)
    inside = (touched >= 0) & (touched < grid.shape)
    return bool(inside.all() and not grid[tuple(touched.T)].any())


def sizes_per_frame(task: Task, num_frames: int) -> float:
    """Agent sizes that the solution goes in each frame of a video."""
    return float(in_sizes(task, np.diff(task.solution.points, axis=0)).sum() / max(1, num_frames - 1))


def in_sizes(task: Task, steps: Points) -> NDArray[np.float64]:
    """Lengths [N] of steps [N, 2] in sizes of the agent."""
    box = task.objects["agent"]
    return np.asarray(np.hypot(steps[:, 0] / box.width, steps[:, 1] / box.height))


def until(shares: NDArray[np.float64], points: Points) -> Points:
    """Points [T, 2 O], the agent's first, at shares [T] in [0, 1] of its way along a polyline [N, 2 O]."""
    along = np.concatenate([[0.0], np.hypot(*np.diff(points[:, :2], axis=0).T).cumsum()])
    return np.stack([np.interp(shares * along[-1], along, column) for column in points.T], axis=1).astype(np.float32)
