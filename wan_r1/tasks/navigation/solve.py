"""The reference path: from the start to the front of the target, around everything, with smooth turns."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.navigation.room import (
    CELL_M,
    ROBOT_RADIUS_M,
    NavigationState,
    clearance,
    goal_pose,
    is_clear_line,
    to_start,
    walking_distance,
)
from wan_r1.types import Path

__all__ = ["NUM_POINTS", "headings_of", "path_length", "plan_path", "walked_part"]

NUM_POINTS = 97
"""Points of a reference path, evenly spaced in time."""
PLAN_MARGIN_M = 0.12
"""What the planner keeps beyond the robot's radius, since smoothing cuts corners."""
LEAD_M = 0.3
"""The path begins and ends with a straight piece this long, along the heading there."""
BEND_M = 0.4
"""Length over which a corner is bent."""
MAX_TURN = np.radians(4.0)
"""Sharpest turn from one of the NUM_POINTS to the next: 8 degrees per frame of a video of 49."""
SPACING_M = 0.05
SLOW_SHARE = 0.25
"""Share of the time in which the robot slows down to its stop."""

Points = NDArray[np.float64]


def plan_path(state: NavigationState) -> Path | None:
    """The reference path in the frame of the start pose, points evenly spaced in time; None if there is none."""
    walked = _shortest(state)
    if walked is None:
        return None
    smooth = _smoothed(_with_leads(state, _pulled(state, walked)))
    if clearance(state, smooth).min() < ROBOT_RADIUS_M:
        return None
    timed = _along(smooth, _progress(NUM_POINTS) * path_length(smooth))
    points = to_start(state.start, timed)
    headings = headings_of(points)
    if np.abs(np.diff(headings)).max() > MAX_TURN:
        return None
    return Path(points=points.astype(np.float32), unit="metre", headings=headings.astype(np.float32))


def walked_part(path: Path, share: float) -> Path:
    """The first share of a path in the same time, slower and slower to a stop as the whole path is."""
    points, headings = path.points.astype(np.float64), path.headings
    assert headings is not None
    steps = np.hypot(*np.diff(points, axis=0).T)
    walked = np.concatenate([[0.0], np.cumsum(steps)])
    columns = [np.interp(share * walked, walked, column) for column in (*points.T, headings)]
    return Path(
        points=np.stack(columns[:2], axis=1).astype(np.float32), unit="metre", headings=columns[2].astype(np.float32)
    )


def headings_of(points: NDArray[np.floating[Any]]) -> Points:
    """Direction [N] of travel at each point [N, 2], without jumps of a whole turn; a rest keeps the last one."""
    steps = np.gradient(np.asarray(points, np.float64), axis=0) if len(points) > 1 else np.zeros((1, 2))
    moving = np.hypot(*steps.T) > 1e-6
    last = np.maximum.accumulate(np.where(moving, np.arange(len(steps)), 0))
    angles = np.where(moving[last], np.arctan2(steps[last, 1], steps[last, 0]), 0.0)
    return np.unwrap(angles)


def path_length(points: NDArray[np.floating[Any]]) -> float:
    """Length of a polyline [N, 2]."""
    return float(np.hypot(*np.diff(points, axis=0).T).sum())


def _shortest(state: NavigationState) -> Points | None:
    """Downhill on the walking distance, from cell to cell."""
    field = walking_distance(state, ROBOT_RADIUS_M + PLAN_MARGIN_M)
    row, col = int(state.start[1] / CELL_M), int(state.start[0] / CELL_M)
    if not (0 <= row < field.shape[0] and 0 <= col < field.shape[1]) or not np.isfinite(field[row, col]):
        return None
    cells = [(row, col)]
    while field[row, col] > 0:
        near = [(r, c) for r in range(row - 2, row + 3) for c in range(col - 2, col + 3) if (r, c) != (row, col)]
        inside = [(r, c) for r, c in near if 0 <= r < field.shape[0] and 0 <= c < field.shape[1]]
        row, col = min(inside, key=lambda cell: field[cell] + np.hypot(cell[0] - row, cell[1] - col) * CELL_M * 0.999)
        if (row, col) in cells[-3:]:
            return None
        cells.append((row, col))
    places = (np.asarray(cells, np.float64)[:, ::-1] + 0.5) * CELL_M
    places[0], places[-1] = state.start[:2], goal_pose(state)[:2]
    return places


def _pulled(state: NavigationState, places: Points) -> Points:
    """The same way with as few corners as clear lines allow."""
    kept, margin = [0], ROBOT_RADIUS_M + 0.8 * PLAN_MARGIN_M
    while kept[-1] < len(places) - 1:
        ahead = range(len(places) - 1, kept[-1], -1)
        clear = (i for i in ahead if is_clear_line(state, places[kept[-1]], places[i], margin))
        kept.append(next(clear, kept[-1] + 1))
    return places[kept]


def _with_leads(state: NavigationState, places: Points) -> Points:
    """Start and end along the headings there."""
    x, y, yaw = state.start
    goal_x, goal_y, goal_yaw = goal_pose(state)
    first = (x + LEAD_M * np.cos(yaw), y + LEAD_M * np.sin(yaw))
    last = (goal_x - LEAD_M * np.cos(goal_yaw), goal_y - LEAD_M * np.sin(goal_yaw))
    return np.concatenate([[(x, y), first], places[1:-1], [last, (goal_x, goal_y)]])


def _smoothed(corners: Points) -> Points:
    """Corners become turns: the way P with the least |P - Q|^2 + BEND_M^4 |P''|^2, Q the corners, both ends fixed.

    Two points are fixed at each end, so that it begins and ends along the headings there without a kink.
    """
    num = max(12, int(path_length(corners) / SPACING_M))
    given = _along(corners, np.linspace(0, path_length(corners), num))
    second = np.diff(np.eye(num), n=2, axis=0)
    system = np.eye(num) + (BEND_M / SPACING_M) ** 4 * second.T @ second
    ends = np.asarray([0, 1, num - 2, num - 1])
    system[ends] = np.eye(num)[ends]
    return np.asarray(np.linalg.solve(system, given))


def _along(points: Points, distances: Points) -> Points:
    """Points at these distances along a polyline."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    return np.stack([np.interp(distances, along, column) for column in points.T], axis=1)


def _progress(num: int) -> Points:
    """Share of the way done at `num` even times: constant speed, then slower and slower to the stop."""
    time = np.linspace(0, 1, num)
    brake = 1 - SLOW_SHARE
    braking = np.clip((time - brake) / SLOW_SHARE, 0, 1)
    way = np.minimum(time, brake) + SLOW_SHARE * (braking - 0.5 * braking**2)
    return np.asarray(way / way[-1])
