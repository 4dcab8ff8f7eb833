"""Target-Bench's numbers of videos that a policy made."""

import numpy as np
import pytest

from wan_r1.evaluation.walks import WALK_NUMBERS, decoder_for, walk_results
from wan_r1.tasks import make_tasks
from wan_r1.trackers.pose_regressor import PoseRegressor
from wan_r1.trackers.visual_odometry import VisualOdometry
from wan_r1.training.data import solver_videos

NUMBER = {name: index for index, name in enumerate(WALK_NUMBERS)}


def test_the_reference_is_near_the_highest_score_and_a_still_video_is_not() -> None:
    tasks = make_tasks("navigation", 5, 3, split="test")
    walks = solver_videos(tasks, 17, 80)
    still = np.repeat(walks[:, :1], 17, axis=1)
    good, bad = walk_results(tasks, list(walks)), walk_results(tasks, list(still))
    assert good.shape == (3, 6)
    assert (good[:, NUMBER["overall"]] > 0.8).all()
    assert (bad[:, NUMBER["overall"]] < good[:, NUMBER["overall"]] - 0.3).all()
    assert (good[:, NUMBER["fde"]] < 0.2).all()


def test_small_videos_are_read_by_the_regressor_and_large_ones_by_geometry() -> None:
    assert isinstance(decoder_for(80), PoseRegressor)
    assert isinstance(decoder_for(128), VisualOdometry)


def test_a_video_that_cannot_be_decoded_is_a_failure() -> None:
    (task,) = make_tasks("navigation", 5, 1)
    noise = np.random.default_rng(0).integers(0, 255, (17, 128, 128, 3)).astype(np.uint8)
    (row,) = walk_results([task], [noise])
    assert (row[NUMBER["overall"]], row[NUMBER["miss_rate"]]) == (0.0, 100.0)
    assert np.isinf(row[NUMBER["fde"]])


@pytest.mark.parametrize("family", ["maze", "sokoban"])
def test_games_have_no_such_numbers(family: str) -> None:
    tasks = make_tasks(family, 1, 1)
    assert walk_results(tasks, list(solver_videos(tasks, 17, 80))).shape == (0, 6)
