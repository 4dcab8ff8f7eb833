"""Small goals are compared by what is seen of them alone."""

from dataclasses import replace

import numpy as np
import pytest

from wan_r1.tasks import make_task
from wan_r1.trackers.goals import SmallGoal, goal_change, small_goals
from wan_r1.types import Box, Task

GROUND, GOAL, SIZE = 60, 200, (32.0, 24.0)


def _task(width: float) -> tuple[Task, np.ndarray]:
    """A task with a goal `width` x 4 pixels around (16, 12) of a grey picture, and that picture."""
    box = Box(x=0.5 - width / 2 / 32, y=10 / 24, width=width / 32, height=4 / 24)
    picture = np.full((24, 32, 3), GROUND, np.uint8)
    picture[10:14, int(16 - width / 2) : int(16 + width / 2)] = GOAL
    return replace(make_task("maze", 1), goals=(box,)), picture


def _goal(width: float = 4) -> tuple[SmallGoal, np.ndarray]:
    task, picture = _task(width)
    (goal,) = small_goals(task, picture, SIZE)
    assert goal is not None
    return goal, picture


def test_a_goal_is_small_by_its_narrower_side() -> None:
    task, picture = _task(8)
    assert small_goals(task, picture, SIZE)[0] is not None
    assert small_goals(task, picture, (64.0, 48.0)) == (None,)


@pytest.mark.parametrize(("kept", "change"), [(1.0, 0.0), (0.5, 0.5), (0.0, 1.0)])
def test_the_change_is_a_share_of_the_contrast(kept: float, change: float) -> None:
    goal, picture = _goal()
    faded = (GROUND + kept * (picture.astype(float) - GROUND)).astype(np.uint8)
    assert goal_change(faded, goal, []) == pytest.approx(change, abs=0.01)


def test_a_goal_as_dark_as_the_ground_is_not_lost_by_grain() -> None:
    task, picture = _task(4)
    picture[:] = GROUND
    (goal,) = small_goals(task, picture, SIZE)
    grain = np.random.default_rng(0).normal(GROUND, 40, picture.shape).clip(0, 255).astype(np.uint8)
    assert goal_change(grain, goal, []) < 0.5


@pytest.mark.parametrize(("x", "hidden"), [(16.0, True), (20.5, True), (22.0, False), (10.0, False)])
def test_nothing_is_said_while_an_object_covers_a_part(x: float, hidden: bool) -> None:
    goal, picture = _goal()
    assert np.isnan(goal_change(picture, goal, [(3, [(x, 12.0, 1.0)])])) == hidden


def test_nothing_is_said_of_a_large_goal() -> None:
    assert np.isnan(goal_change(np.zeros((4, 4, 3), np.uint8), None, []))
