"""Small changes of a scene: what stays is a changed scene, what passes is not."""

from dataclasses import replace

import numpy as np
import pytest

from wan_r1.errors import ConfigError
from wan_r1.rewards import TrajectoryReward
from wan_r1.rewards.cheats import zoo
from wan_r1.rewards.fidelity import FidelityCheck
from wan_r1.rewards.patches import cut, paint
from wan_r1.tasks import family_of, make_task, make_tasks
from wan_r1.trackers.scene import without_objects
from wan_r1.types import Box, Task

FRAMES = 17


def inner_wall(task: Task) -> Box:
    """The wall of a board farthest from the objects' way."""
    grid = task.state.grid
    rows, cols = grid.shape
    walls = [(r, c) for r, c in np.argwhere(grid == 1) if 0 < r < rows - 1 and 0 < c < cols - 1]
    away = [np.hypot(*(task.solution.points - ((c + 0.5) / cols, (r + 0.5) / rows)).T).min() for r, c in walls]
    row, col = walls[int(np.argmax(away))]
    return Box(x=col / cols, y=row / rows, width=1 / cols, height=1 / rows)


def without_wall(task: Task, frames: slice) -> np.ndarray:
    """The solution's video, the ground in place of one inner wall in some frames."""
    size = task.first_frame.shape[0]
    video = np.array(family_of(task).render(task, task.solution, FRAMES, size))
    ground = cut(without_objects(task), task.objects["agent"])
    for frame in video[frames]:
        paint(frame, inner_wall(task), ground)
    return video


@pytest.mark.parametrize("family", ["maze", "trapfield", "sokoban"])
def test_one_wall_that_is_gone_is_a_changed_scene(family):
    task = make_task(family, seed=3, level="tiny", size=160)
    score = TrajectoryReward()(task, without_wall(task, slice(1, None)))
    assert [violation.kind for violation in score.verdict.violations] == ["scene_changed"]
    assert score.value < 0.3


def test_one_wall_that_is_gone_for_two_frames_is_none():
    task = make_task("maze", seed=3, level="tiny", size=160)
    score = TrajectoryReward()(task, without_wall(task, slice(5, 7)))
    assert score.verdict.solved
    assert score.value > 0.95


def test_a_wall_that_is_gone_for_three_frames_is_a_changed_scene():
    task = make_task("maze", seed=3, level="tiny", size=160)
    (violation,) = TrajectoryReward()(task, without_wall(task, slice(5, 8))).verdict.violations
    assert (violation.kind, violation.frame) == ("scene_changed", 5)


def test_walls_that_blink_in_turns_are_a_changed_scene():
    task = make_task("maze", seed=3, level="tiny", size=160)
    video = np.array(family_of(task).render(task, task.solution, FRAMES, 160))
    walls = [(r, c) for r, c in np.argwhere(task.state.grid == 1) if 0 < r < 9 and 0 < c < 9]
    ground = cut(without_objects(task), task.objects["agent"])
    for number, frame in enumerate(video[1:]):
        row, col = walls[number // 2 % len(walls)]
        paint(frame, Box(x=col / 10, y=row / 10, width=0.1, height=0.1), ground)
    assert [each.kind for each in TrajectoryReward()(task, video).verdict.violations] == ["scene_changed"]


def test_a_wall_that_is_gone_from_the_middle_on_is_one_from_there():
    task = make_task("maze", seed=3, level="tiny", size=160)
    (violation,) = TrajectoryReward()(task, without_wall(task, slice(6, None))).verdict.violations
    assert violation.frame == 6


@pytest.mark.parametrize("family", ["maze", "trapfield", "sokoban", "maze3d", "irregular_maze"])
@pytest.mark.parametrize("name", ["exact", "noise12", "blur"])
def test_no_honest_video_has_a_changed_scene(family: str, name: str):
    for task in make_tasks(family, seed=60, num=2, level="tiny"):
        (example,) = (each for each in zoo(task, FRAMES, pairs=False) if each.name == name)
        assert not TrajectoryReward()(task, example.video).verdict.violations


def test_what_lies_below_the_first_place_of_an_object_is_not_judged():
    task = make_task("maze", seed=3, level="tiny", size=160)
    video = np.array(family_of(task).render(task, task.solution, FRAMES, 160))
    still = FidelityCheck(violation_share=1.0)
    start = task.objects["agent"]
    for frame in video[4:]:
        paint(frame, start, np.full((8, 8, 3), 90, np.uint8))
    assert not TrajectoryReward(scene=still)(task, video).verdict.violations


@pytest.mark.parametrize("family", ["maze", "trapfield", "sokoban", "maze3d", "irregular_maze"])
def test_half_of_the_walls_gone_earns_nothing(family):
    task = make_task(family, seed=4, level="tiny")
    (example,) = (each for each in zoo(task, FRAMES, pairs=False) if each.name == "half_walls_erased")
    assert TrajectoryReward()(task, example.video).value < 0.1


def test_settings_must_be_positive():
    with pytest.raises(ConfigError, match="steady_tiles 0"):
        replace(FidelityCheck(), steady_tiles=0)
