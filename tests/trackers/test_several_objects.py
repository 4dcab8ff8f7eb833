"""The sprite tracker on objects of several kinds, and on objects that look alike."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from wan_r1.tasks import make_task
from wan_r1.tasks.skins import SKINS
from wan_r1.tasks.sokoban import SokobanFamily
from wan_r1.tasks.sokoban.generate import SokobanState
from wan_r1.tasks.sokoban.render import draw_objects
from wan_r1.trackers.scene import without_objects
from wan_r1.trackers.sprite import SpriteTracker
from wan_r1.types import Task, Track

TASK = make_task("sokoban", 1, level="medium", num_boxes=2, size=128)


def _track(task: Task, points: NDArray[np.float32]) -> Track:
    return SpriteTracker()(draw_objects(task.state, points, 128), task)


def _at(*cells: tuple[float, float], num_frames: int = 3) -> NDArray[np.float32]:
    """Points [T, O, 2] of objects that rest at cells (row, col) of a board of 8 x 8."""
    points = (np.asarray(cells, np.float32)[:, ::-1] + 0.5) / 8
    return np.repeat(points[None], num_frames, axis=0)


@pytest.mark.parametrize("skin", list(SKINS))
def test_objects_that_touch_are_all_found_where_they_are(skin: str) -> None:
    task = make_task("sokoban", 1, level="medium", num_boxes=2, size=128, skin=skin)
    points = _at((4, 3), (4, 4), (5, 3))
    track = _track(task, points)
    assert (track.copies == 1).all()
    assert np.abs(track.points.swapaxes(0, 1) - points).max() < 0.1 / 8


@pytest.mark.parametrize("skin", list(SKINS))
def test_a_box_is_not_taken_for_a_lost_agent(skin: str) -> None:
    task = make_task("sokoban", 1, level="medium", num_boxes=2, size=128, skin=skin)
    points = _at((4, 3), (4, 5), (5, 3))
    points[:, 0] = np.nan
    assert _track(task, points).seen.tolist() == [[False] * 3, [True] * 3, [True] * 3]


def test_boxes_that_look_alike_keep_their_names_while_they_move() -> None:
    level = replace(TASK.state, grid=np.pad(np.zeros((6, 6), np.int8), 1, constant_values=1), start=(5, 2))
    level = replace(level, boxes=((3, 3), (3, 5)), targets=((4, 4), (5, 5)))
    task = SokobanFamily(level="medium", size=128).task(level)
    points = np.repeat(_at((5, 2), (3, 3), (3, 5), num_frames=1), 5, axis=0)
    points[:, 1, 0] = np.linspace(3.5, 4.5, 5) / 8  # up to the other box
    points[:, 2, 1] = np.linspace(3.5, 5.5, 5) / 8
    track = _track(task, points)
    assert np.abs(track.of("box_0") - points[:, 1]).max() < 0.1 / 8
    assert np.abs(track.of("box_1") - points[:, 2]).max() < 0.1 / 8


def test_a_box_on_its_way_from_floor_to_a_chequered_goal_beside_a_hedge_is_one_box() -> None:
    grid = np.ones((5, 5), np.int8)
    grid[1:4, 1] = 0
    level = SokobanState(grid=grid, start=(3, 1), boxes=((2, 1),), targets=((1, 1),), skin="meadow")
    task = SokobanFamily(level="easy", size=256).task(level)
    points = np.repeat(np.asarray([[(0.3, 0.7), (0.3, 0.5)]], np.float32), 17, axis=0)
    points[..., 1] -= np.linspace(0, 0.2, 17)[:, None]  # one push up
    track = SpriteTracker()(draw_objects(level, points, 256), task)
    assert (track.copies == 1).all()
    assert np.abs(track.points.swapaxes(0, 1) - points).max() < 0.1 / 5


def test_one_box_less_is_not_seen_and_one_more_is_a_copy_of_each() -> None:
    points = _at((5, 2), (3, 3), (3, 5))
    points[:, 2] = np.nan
    seen = _track(TASK, points).seen
    assert seen[0].all()
    assert seen[1:].sum(axis=0).tolist() == [1, 1, 1]
    third = replace(TASK.state, boxes=((3, 3), (3, 5), (5, 5)))
    video = draw_objects(third, _at((5, 2), (3, 3), (3, 5), (5, 5)), 128)
    assert SpriteTracker()(video, TASK).copies.tolist() == [[1] * 3, [2] * 3, [2] * 3]


@pytest.mark.parametrize("skin", list(SKINS))
def test_objects_stand_on_the_floor_that_the_task_names(skin: str) -> None:
    task = make_task("sokoban", 7, level="easy", size=64, skin=skin)  # cells of 12.8 px
    board = draw_objects(task.state, np.full((1, 2, 2), np.nan, np.float32), 64)[0]
    assert np.abs(without_objects(task).astype(int) - board).mean() < 0.5
