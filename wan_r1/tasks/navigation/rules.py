"""What a camera's track through a room is worth: no collision, no jump, and a stop in front of the target."""

import math

import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.navigation.room import (
    CELL_M,
    ROBOT_RADIUS_M,
    NavigationState,
    clearance,
    goal_pose,
    to_room,
    walking_distance,
)
from wan_r1.tasks.navigation.solve import path_length
from wan_r1.types import Task, Track, Verdict, Violation

__all__ = ["judge"]

ARRIVED_M = 0.35
"""A stop within this distance of the reference's end has arrived: well within the 0.5 m of Target-Bench's sigma."""
ARRIVED_SHARE = 0.2
"""On a short path, this share of it counts instead."""
TOUCH_M = 0.8 * ROBOT_RADIUS_M
"""A camera nearer to a wall or a piece than this has hit it; a fifth of the radius is left to decoders."""
MAX_STEP = 4.0
"""Times the reference's mean step that a camera may move from one frame to the next."""
MIN_STEP_M = 0.3
MAX_LOST = 1 / 8
"""Share of the video after which the camera must be seen again: Target-Bench decodes nine frames, evenly spread."""
OPTIMAL = 1.1
"""Length up to which a solved way counts as a shortest one, as a multiple of the reference's."""


def judge(task: Task, track: Track) -> Verdict:
    """The facts about a track in metres, in the frame of the start pose; the camera must be seen to the last frame."""
    state: NavigationState = task.state
    points = track.points[0].astype(np.float64)
    seen = np.flatnonzero(track.seen[0])
    if len(seen) < 2:
        return Verdict(solved=False, optimal=False, progress=0.0, violations=(Violation(kind="agent_lost", frame=0),))
    walked = points[seen]
    cap = max(MIN_STEP_M, MAX_STEP * path_length(task.solution.points) / max(len(points) - 1, 1))
    found = [each for each in (_first_violation(state, walked, seen, cap), _lost(seen, len(points))) if each]
    violation = min(found, key=lambda each: each.frame, default=None)
    legal = walked if violation is None else walked[seen < violation.frame]
    progress = _progress(state, task.solution.points.astype(np.float64), legal)
    reach = min(ARRIVED_M, ARRIVED_SHARE * path_length(task.solution.points))
    arrived = float(np.hypot(*(walked[-1] - task.solution.points[-1]))) <= reach
    solved = arrived and violation is None
    optimal = solved and path_length(walked) <= OPTIMAL * path_length(task.solution.points)
    violations = () if violation is None else (violation,)
    return Verdict(solved=solved, optimal=optimal, progress=progress, violations=violations)


def _first_violation(
    state: NavigationState, walked: NDArray[np.float64], frames: NDArray[np.int64], cap: float
) -> Violation | None:
    free = clearance(state, to_room(state.start, walked))
    steps = np.concatenate([[0.0], np.hypot(*np.diff(walked, axis=0).T)])
    allowed = cap * np.concatenate([[1], np.diff(frames)])
    wrong = np.flatnonzero((free < TOUCH_M) | (steps > allowed))
    if not len(wrong):
        return None
    index = int(wrong[0])
    kind = "teleport" if steps[index] > allowed[index] else "through_wall"
    x, y = walked[index]
    return Violation(kind=kind, frame=int(frames[index]), point=(float(x), float(y)))


def _lost(seen: NDArray[np.int64], num_frames: int) -> Violation | None:
    """Where a camera that is seen in these frames is lost for too long, or for good."""
    longest = math.ceil(MAX_LOST * (num_frames - 1))
    before = np.concatenate([[0], seen])
    long = np.flatnonzero(np.diff(before) > longest)
    if not len(long) and seen[-1] == num_frames - 1:
        return None
    last = before[long[0]] if len(long) else seen[-1]
    return Violation(kind="agent_lost", frame=int(last) + 1)


def _progress(state: NavigationState, solution: NDArray[np.float64], legal: NDArray[np.float64]) -> float:
    """Share of the walking distance to the goal that is done at the last legal point."""
    if not len(legal):
        return 0.0
    left, whole = (_distance_left(state, point) for point in (legal[-1], solution[0]))
    return float(np.clip(1 - left / max(whole, 1e-6), 0, 1))


def _distance_left(state: NavigationState, point: NDArray[np.float64]) -> float:
    x, y = to_room(state.start, point[None])[0]
    field = walking_distance(state, TOUCH_M)
    straight = float(np.hypot(*(np.asarray(goal_pose(state)[:2]) - (x, y))))
    row, col = int(y / CELL_M), int(x / CELL_M)
    if not (0 <= row < field.shape[0] and 0 <= col < field.shape[1]) or not np.isfinite(field[row, col]):
        return float("inf")
    # Cells are coarse: within one of the goal the straight line is the better measure.
    return straight if straight < 2 * CELL_M else max(straight, float(field[row, col]))
