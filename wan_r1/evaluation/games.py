"""VR-Bench's numbers of videos that a policy made of games, on the sprite track of the agent and of the first box."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wan_r1.metrics.vr_bench import SCRIPT, measure
from wan_r1.trackers.resample import repeat_last
from wan_r1.trackers.sprite import SpriteTracker
from wan_r1.types import Task

__all__ = ["GAME_NUMBERS", "game_results"]

GAME_NUMBERS = ("vr_bench_sr", "vr_bench_pr", "vr_bench_em", "vr_bench_sd")
"""The columns of `game_results`."""


def game_results(tasks: Sequence[Task], videos: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """The numbers GAME_NUMBERS of each task's video [n, 4]; NaN where there is no SD; n = 0 for first-person tasks."""
    if not all(task.objects and task.goals and task.solution.unit == "image" for task in tasks):
        return np.zeros((0, len(GAME_NUMBERS)))
    tracker, rows = SpriteTracker(), []
    for task, video in zip(tasks, videos, strict=True):
        points = tracker(video, task).points
        agent, *boxes = (repeat_last(way, box.center) for way, box in zip(points, task.objects.values(), strict=True))
        found = measure(agent, [task.solution.points], task.goals[0], SCRIPT, boxes[0] if boxes else None)
        deviation = np.nan if found.deviation is None else found.deviation
        rows.append([found.success, found.precision, found.exact, deviation])
    return np.asarray(rows, dtype=np.float64).reshape(-1, len(GAME_NUMBERS))
