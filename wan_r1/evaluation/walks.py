"""Target-Bench's numbers of videos that a policy made of first-person tasks."""

from collections.abc import Sequence
from dataclasses import astuple, fields

import numpy as np
from numpy.typing import NDArray

from wan_r1.metrics.target_bench import FAILURE, TargetBenchResult, measure
from wan_r1.tasks.first_person import anchor_of, is_first_person
from wan_r1.trackers.camera import CameraDecoder, Clip, decoded_points
from wan_r1.trackers.pose_regressor import PoseRegressor
from wan_r1.trackers.visual_odometry import VisualOdometry
from wan_r1.types import Task

__all__ = ["WALK_NUMBERS", "decoded_track", "decoder_for", "walk_results"]

WALK_NUMBERS = tuple(field.name for field in fields(TargetBenchResult))
"""The columns of `walk_results`."""
SMALL_PX = 96
"""Height up to which a video holds too few corners for visual odometry, and the pose regressor reads it."""


def decoder_for(height: int) -> CameraDecoder:
    """What reads the camera's way from videos of this height in px on a machine without a GPU."""
    return PoseRegressor() if height <= SMALL_PX else VisualOdometry()


def decoded_track(task: Task, video: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Where the camera of a video is in each of its frames [T, 2], in metres; NaN where it is not known."""
    track = decoder_for(video.shape[1])(Clip(video=video, anchor=anchor_of(task)))
    return np.asarray(track.points[0])


def walk_results(tasks: Sequence[Task], videos: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """The numbers WALK_NUMBERS of each task's video [n, 6], by Target-Bench's official constants; n = 0 for games.

    A video that cannot be decoded is a failure: infinite ade and fde, overall 0.
    """
    if not all(map(is_first_person, tasks)):
        return np.zeros((0, len(WALK_NUMBERS)))
    rows = [astuple(_result(task, video)) for task, video in zip(tasks, videos, strict=True)]
    return np.asarray(rows, dtype=np.float64).reshape(-1, len(WALK_NUMBERS))


def _result(task: Task, video: NDArray[np.uint8]) -> TargetBenchResult:
    points = decoded_points(decoder_for(video.shape[1])(Clip(video=video, anchor=anchor_of(task))))
    return FAILURE if points is None else measure(points, task.solution.points)
