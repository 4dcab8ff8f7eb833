"""VR-Bench's numbers of videos that a policy made of games, on the sprite track of the agent."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wan_r1.metrics.vr_bench import SCRIPT, measure
from wan_r1.trackers.sprite import SpriteTracker
from wan_r1.types import Task, Track

__all__ = ["GAME_NUMBERS", "game_results"]

GAME_NUMBERS = ("vr_bench_sr", "vr_bench_pr", "vr_bench_em", "vr_bench_sd")
"""The columns of `game_results`."""


def game_results(tasks: Sequence[Task], videos: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """The numbers GAME_NUMBERS of each task's video [n, 4]; NaN where there is no SD; n = 0 for first-person tasks."""
    if not all(task.objects and task.goals and task.solution.unit == "image" for task in tasks):
        return np.zeros((0, len(GAME_NUMBERS)))
    tracker, rows = SpriteTracker(), []
    for task, video in zip(tasks, videos, strict=True):
        found = measure(_without_gaps(tracker(video, task), task), [task.solution.points], task.goals[0], SCRIPT)
        deviation = np.nan if found.deviation is None else found.deviation
        rows.append([found.success, found.precision, found.exact, deviation])
    return np.asarray(rows, dtype=np.float64).reshape(-1, len(GAME_NUMBERS))


def _without_gaps(track: Track, task: Task) -> NDArray[np.float32]:
    """Points [T, 2] of the first object; a frame without it repeats the point before, as VR-Bench does."""
    points: NDArray[np.float32] = track.points[0].copy()
    last = np.asarray(next(iter(task.objects.values())).center, dtype=np.float32)
    for index, point in enumerate(points):
        if np.isfinite(point).all():
            last = point.copy()
        points[index] = last
    return points
