"""Goals: is the marked place still what the conditioning image shows?

The changes of a scene come per tile (trackers/scene.py), and objects hide whole tiles. A goal may fill a part of a tile
only, or lie on tiles that objects nearby hide all along, so it is compared by those of its own pixels that are free.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wan_r1.trackers.linking import Found
from wan_r1.types import Box, Task

__all__ = ["Covered", "GoalLook", "goal_changes", "goal_looks"]

LEAST_VISIBLE = 0.8
"""Share of what is seen of a goal that must be free for a comparison."""
LEAST_CONTRAST = 40.0
"""Grey levels of contrast that a goal is taken to have at least: grain changes faint goals too."""
AROUND_PX = 2
"""Pixels around a goal that its contrast is measured against."""

Covered = tuple[tuple[float, float], Found]
"""Pixels that a kind of object covers up or down and to each side, and its instances (x, y, score)."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class GoalLook:
    """Where a goal lies in the work picture, what is there [h, w, 3] float32, and how much of it each pixel shows.

    weight [h, w] adds to 1: larger where the picture differs from the ground; contrast: grey levels between its mean
    colour and the ground. The ground is what lies around the goal, or below an object's first place, if that is less
    different: a goal among traps that is erased looks like floor.
    """

    rows: slice
    cols: slice
    picture: NDArray[np.float32]
    weight: NDArray[np.float32]
    contrast: float


def goal_looks(task: Task, background: NDArray[np.uint8], size: tuple[float, float]) -> tuple[GoalLook, ...]:
    """One for each goal of a task.

    Args:
        task: the task.
        background: the conditioning image without its objects [h, w, 3].
        size: width and height of the picture in pixels of `background`, not rounded.
    """
    found: list[GoalLook] = []
    floors = [np.median(background[_part(box, size)], axis=(0, 1)) for box in task.objects.values()]
    for box in task.goals:
        rows, cols = _part(box, size)
        around = np.zeros(background.shape[:2], bool)
        around[tuple(slice(max(0, part.start - AROUND_PX), part.stop + AROUND_PX) for part in (rows, cols))] = True
        around[rows, cols] = False
        ground = np.median(background[around], axis=0) if around.any() else background.mean(axis=(0, 1))
        picture = background[rows, cols].astype(np.float32)
        looks = [_compared(picture, each) for each in (ground, *floors)]
        weight, contrast = min(looks, key=lambda look: look[1])
        found.append(GoalLook(rows=rows, cols=cols, picture=picture, weight=weight, contrast=contrast))
    return tuple(found)


def _part(box: Box, size: tuple[float, float]) -> tuple[slice, slice]:
    """Rows and columns of a box in a picture of so many pixels, width and height; at least one of each."""
    cols, rows = (
        slice(max(0, int((middle - length / 2) * full)), max(1, int(np.ceil((middle + length / 2) * full))))
        for middle, length, full in zip(box.center, (box.width, box.height), size, strict=True)
    )
    return rows, cols


def _compared(picture: NDArray[np.float32], ground: NDArray[np.float64]) -> tuple[NDArray[np.float32], float]:
    """How much each pixel [h, w] of a goal differs from a ground of one colour (adds to 1), and the whole difference.

    That is what erasing it changes of its mean colour: lighter and darker parts of a goal partly cancel in it.
    """
    difference = picture - ground
    apart = (np.linalg.norm(difference, axis=2) + 1).astype(np.float32)
    weight = apart / apart.sum()
    return weight, max(LEAST_CONTRAST, float(np.linalg.norm((weight[..., None] * difference).sum(axis=(0, 1)))))


def goal_changes(
    frames: Sequence[NDArray[np.uint8]], goals: Sequence[GoalLook], covered: Sequence[list[Covered]]
) -> NDArray[np.float32]:
    """Change of each goal's mean colour as a share of its contrast [T, G]; about 1 or more where it is gone.

    NaN where objects cover most of it.

    Args:
        frames: T work pictures [h, w, 3] with the light of the conditioning image.
        goals: the G goals.
        covered: per frame, what objects cover.
    """
    changes = np.empty((len(frames), len(goals)), np.float32)
    for index, goal in enumerate(goals):
        free = np.stack([_free(goal, objects).ravel() for objects in covered])
        visible = free.sum(axis=1)
        there = np.stack([frame[goal.rows, goal.cols] for frame in frames]) - goal.picture
        apart = (free[:, None] @ there.reshape(len(frames), -1, 3))[:, 0] / np.maximum(visible, LEAST_VISIBLE)[:, None]
        changes[:, index] = np.sqrt((apart * apart).sum(axis=1)) / goal.contrast
        changes[visible < LEAST_VISIBLE, index] = np.nan
    return changes


def _free(goal: GoalLook, objects: Iterable[Covered]) -> NDArray[np.float32]:
    """The weight [h, w] of a goal without what objects cover."""
    weight = goal.weight
    for (reach_y, reach_x), instances in objects:
        for x, y, _ in instances:
            beside = goal.cols.start > x + reach_x or goal.cols.stop <= x - reach_x
            if not beside and goal.rows.start <= y + reach_y and goal.rows.stop > y - reach_y:
                far_x = np.abs(np.arange(goal.cols.start, goal.cols.start + weight.shape[1]) - x) > reach_x
                far_y = np.abs(np.arange(goal.rows.start, goal.rows.start + weight.shape[0]) - y) > reach_y
                weight = weight * (far_y[:, None] | far_x)
    return weight
