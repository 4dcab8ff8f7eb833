"""Small goals: is the marked place still what the conditioning image shows?

The changes of a scene come per tile (trackers/scene.py). A goal narrower than `SMALL_PX` fills part of a tile only, so
that a goal that is gone changes the tile's mean by little. Such goals are compared by what is seen of them alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wan_r1.trackers.linking import Found
from wan_r1.types import Task

__all__ = ["SmallGoal", "goal_change", "small_goals"]

SMALL_PX = 6.0
"""Width in work pixels below which a goal may fill less than one tile."""
LEAST_CONTRAST = 40.0
"""Grey levels of contrast that a goal is taken to have at least: grain changes faint goals too."""
AROUND_PX = 2
"""Pixels around a goal that its contrast is measured against."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SmallGoal:
    """Where a goal lies in the work picture, what is there [h, w, 3] float32, and how much of it each pixel shows.

    weight [h, w] adds to 1: larger where the picture differs from the ground around the goal; contrast: the mean
    difference from the ground in grey levels.
    """

    rows: slice
    cols: slice
    picture: NDArray[np.float32]
    weight: NDArray[np.float32]
    contrast: float


def small_goals(task: Task, background: NDArray[np.uint8], size: tuple[float, float]) -> tuple[SmallGoal | None, ...]:
    """One for each goal of a task; None for goals that are large enough for tiles.

    Args:
        task: the task.
        background: the conditioning image without its objects [h, w, 3].
        size: width and height of the picture in pixels of `background`, not rounded.
    """
    found: list[SmallGoal | None] = []
    for box in task.goals:
        if min(box.width * size[0], box.height * size[1]) >= SMALL_PX:
            found.append(None)
            continue
        cols, rows = (
            slice(max(0, int((middle - length / 2) * full)), max(1, int(np.ceil((middle + length / 2) * full))))
            for middle, length, full in zip(box.center, (box.width, box.height), size, strict=True)
        )
        wide = tuple(slice(max(0, part.start - AROUND_PX), part.stop + AROUND_PX) for part in (rows, cols))
        ground = np.median(background[wide].reshape(-1, 3), axis=0)
        picture = background[rows, cols].astype(np.float32)
        apart = np.linalg.norm(picture - ground, axis=2) + np.float32(1)
        weight = apart / apart.sum()
        contrast = max(LEAST_CONTRAST, float((weight * apart).sum()))
        found.append(SmallGoal(rows=rows, cols=cols, picture=picture, weight=weight, contrast=contrast))
    return tuple(found)


def goal_change(frame: NDArray[np.uint8], goal: SmallGoal | None, objects: Iterable[tuple[int, Found]]) -> float:
    """Change of a goal's mean colour as a share of its contrast; about 1 or more where it is gone.

    NaN where an object covers a part of the place, and for goals that are not small.

    Args:
        frame: work picture [h, w, 3] with the light of the conditioning image.
        goal: the goal.
        objects: reach in pixels and instances (x, y, score) of each kind of object.
    """
    if goal is None:
        return float("nan")
    for reach, instances in objects:
        for x, y, _ in instances:
            beside = goal.cols.start > x + reach or goal.cols.stop <= x - reach
            if not beside and goal.rows.start <= y + reach and goal.rows.stop > y - reach:
                return float("nan")
    changed = goal.weight.ravel() @ (frame[goal.rows, goal.cols] - goal.picture).reshape(-1, 3)
    return float(np.sqrt(changed @ changed)) / goal.contrast
