"""Goals are compared by what is seen of them alone."""

from dataclasses import replace

import numpy as np
import pytest

from wan_r1.tasks import make_task
from wan_r1.trackers.goals import Covered, GoalLook, goal_changes, goal_looks
from wan_r1.types import Box, Task

GROUND, GOAL, SIZE = 60, 200, (32.0, 24.0)


def _task(width: float) -> tuple[Task, np.ndarray]:
    """A task with a goal `width` x 4 pixels around (16, 12) of a grey picture, and that picture."""
    box = Box(x=0.5 - width / 2 / 32, y=10 / 24, width=width / 32, height=4 / 24)
    picture = np.full((24, 32, 3), GROUND, np.uint8)
    picture[10:14, int(16 - width / 2) : int(16 + width / 2)] = GOAL
    return replace(make_task("maze", 1), goals=(box,)), picture


def _goal(width: float = 4) -> tuple[GoalLook, np.ndarray]:
    task, picture = _task(width)
    (goal,) = goal_looks(task, picture, SIZE)
    return goal, picture


def _change(frame: np.ndarray, goal: GoalLook, objects: list[Covered]) -> float:
    return float(goal_changes([frame], [goal], [objects])[0, 0])


@pytest.mark.parametrize(("kept", "change"), [(1.0, 0.0), (0.5, 0.5), (0.0, 1.0)])
def test_the_change_is_a_share_of_the_contrast(kept: float, change: float) -> None:
    goal, picture = _goal()
    faded = (GROUND + kept * (picture.astype(float) - GROUND)).astype(np.uint8)
    assert _change(faded, goal, []) == pytest.approx(change, abs=0.01)


def test_a_goal_as_dark_as_the_ground_is_not_lost_by_grain() -> None:
    task, picture = _task(4)
    picture[:] = GROUND
    (goal,) = goal_looks(task, picture, SIZE)
    grain = np.random.default_rng(0).normal(GROUND, 40, picture.shape).clip(0, 255).astype(np.uint8)
    assert _change(grain, goal, []) < 0.5


@pytest.mark.parametrize(("x", "hidden"), [(16.0, True), (18.0, True), (20.5, False), (22.0, False), (10.0, False)])
def test_nothing_is_said_while_objects_cover_most_of_it(x: float, hidden: bool) -> None:
    goal, picture = _goal()
    assert np.isnan(_change(picture, goal, [((3, 3), [(x, 12.0, 1.0)])])) == hidden


def test_what_is_free_of_a_covered_goal_tells_of_it() -> None:
    goal, picture = _goal(8)
    gone = np.full_like(picture, GROUND)
    assert _change(gone, goal, [((3, 3), [(22.0, 12.0, 1.0)])]) == pytest.approx(1.0, abs=0.01)


def test_frames_and_goals_are_told_apart() -> None:
    goal, picture = _goal(8)
    gone, hidden = np.full_like(picture, GROUND), [((9.0, 9.0), [(16.0, 12.0, 1.0)])]
    changes = goal_changes([picture, gone, gone], [goal, goal], [[], [], hidden])
    np.testing.assert_allclose(changes, [[0, 0], [1, 1], [np.nan, np.nan]], atol=0.01)
    assert goal_changes([picture], [], [[]]).shape == (1, 0)


@pytest.mark.parametrize(("reach", "hidden"), [((3, 9), True), ((9, 3), False)])
def test_objects_of_stretched_pictures_cover_more_in_one_direction(reach: tuple[float, float], hidden: bool) -> None:
    goal, picture = _goal()
    assert np.isnan(_change(picture, goal, [(reach, [(23.0, 12.0, 1.0)])])) == hidden
