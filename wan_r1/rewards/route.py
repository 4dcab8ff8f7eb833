"""Where the agent went, in a form that can be compared between videos of a task whatever their timing."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wan_r1.types import Route, Task, Track

__all__ = ["num_distinct", "route_of", "way_gone"]

NUM_POINTS = 32
WINDOW = NUM_POINTS // 6
"""Points may be that many places apart: a track of few frames cuts corners, so its way is shorter."""
MIN_STEP = 0.5
"""Steps below this share of the agent's size are jitter of the tracker."""
SAME_WITHIN = 0.75
"""Routes whose points lie this near to each other, in sizes of the agent, are one: a cell is at least one size."""


def way_gone(task: Task, track: Track) -> NDArray[np.float64]:
    """Points [M, 2] of the way of the task's first object in units of its size; M = 0 if it was never seen."""
    box = next(iter(task.objects.values()))
    points = track.points[0][track.seen[0]].astype(np.float64) / (box.width, box.height)
    way = list(points[:1])
    for point in points[1:]:
        if np.hypot(*(point - way[-1])) >= MIN_STEP:
            way.append(point)
    return np.asarray(way).reshape(-1, 2)


def route_of(task: Task, track: Track) -> Route:
    """The way gone as 32 points at equal distances along it; empty if the object was never seen."""
    way = way_gone(task, track)
    if not len(way):
        return ()
    walked = np.concatenate([[0.0], np.linalg.norm(np.diff(way, axis=0), axis=1).cumsum()])
    at = np.linspace(0, walked[-1], NUM_POINTS)
    return tuple(zip(*(np.interp(at, walked, way[:, axis]).round(3).tolist() for axis in (0, 1)), strict=True))


def num_distinct(routes: Sequence[Route]) -> int:
    """How many of the routes are apart: each counts unless it is the same as one counted before."""
    seen = np.asarray([route for route in routes if route], dtype=np.float64).reshape(-1, NUM_POINTS, 2)
    same, counted = _same(seen), list[int]()
    for index in range(len(seen)):
        if not same[index, counted].any():
            counted.append(index)
    return len(counted) + (len(seen) < len(routes))


def _same(routes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of the routes [R, N, 2] are the same, [R, R]: each point of either lies near one of the other.

    That point must come at about the same share of the way, so there and back again is not the same as there.
    """
    gaps = np.linalg.norm(routes[:, None, :, None] - routes[None, :, None], axis=-1)
    place = np.arange(NUM_POINTS)
    gaps[..., np.abs(place[:, None] - place) > WINDOW] = np.inf
    near = gaps.min(axis=-1, initial=np.inf).max(axis=-1, initial=0) < SAME_WITHIN
    return np.asarray(near & near.T)
