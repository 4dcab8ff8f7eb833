"""The reward on 3D mazes: encoded solutions, their prefixes, and the zoo with its flights and false scenes."""

import numpy as np
import pytest

from wan_r1.rewards import TrajectoryReward
from wan_r1.rewards.audit import audit
from wan_r1.rewards.cheats import zoo
from wan_r1.tasks import family_of, make_task, make_tasks
from wan_r1.tasks.draw import draw_sprites, walk_positions
from wan_r1.trackers import TRACKERS
from wan_r1.trackers.scene import without_objects
from wan_r1.types import Score, Task
from wan_r1.video import read_video, write_video


def _encoded_score(task: Task, video: np.ndarray, path) -> Score:
    write_video(path, video, crf=23)
    return TrajectoryReward()(task, read_video(path)[:, : video.shape[1], : video.shape[2]])


@pytest.mark.parametrize(
    ("level", "size", "num_frames", "skin"),
    [
        ("tiny", 64, 17, "plain"),
        ("tiny", 80, 17, "night"),
        ("tiny", 80, 33, "brick"),
        ("tiny", 512, 17, "slate"),
        ("easy", 256, 49, "meadow"),
        ("hard", 256, 33, "candy"),
    ],
)
def test_an_encoded_solution_scores_at_least_095(tmp_path, level, size, num_frames, skin) -> None:
    task = make_task("maze3d", 14, level=level, size=size, skin=skin)
    video = family_of(task).render(task, task.solution, num_frames, size)
    score = _encoded_score(task, video, tmp_path / "video.mp4")
    assert score.value >= 0.95
    assert score.verdict is not None
    assert (score.verdict.solved, score.verdict.optimal) == (True, True)


@pytest.mark.parametrize("seed", [2, 21])
def test_no_cheat_pays_on_a_tiny_maze(seed: int) -> None:
    report = audit(TrajectoryReward(), "maze3d", num_tasks=1, seed=seed, num_frames=17)
    assert report.passed, [row for row in report.rows if row.kind == "cheat" and row.highest > 0.2]


def test_the_zoo_shows_the_flights_and_false_scenes_of_the_family() -> None:
    task = next(t for t in make_tasks("maze3d", 1, 20) if family_of(t).false_ways(t))
    names = {example.name for example in zoo(task, 17, pairs=False)}
    assert {"flight", "goal_swapped", "walls_erased"} <= names


@pytest.mark.parametrize("number", [8, 14, 16])
def test_a_goal_narrower_than_a_tile_that_is_gone_is_seen(number: int) -> None:
    task = make_tasks("maze3d", 9, 1, start=number, level="hard", skin="slate", size=192)[0]
    examples = {e.name: e.video for e in zoo(task, 17, pairs=False) if e.name in ("goal_swapped", "exact", "crf35")}
    scores = {name: TrajectoryReward()(task, video) for name, video in examples.items()}
    assert scores["exact"].value >= 0.95
    assert scores["goal_swapped"].value <= 0.3
    verdict = scores["goal_swapped"].verdict
    assert verdict is not None
    assert "goal_moved" in {violation.kind for violation in verdict.violations}


def test_a_ball_of_another_colour_is_not_the_ball() -> None:
    task = make_task("maze3d", 22)
    points = walk_positions(task.solution.points, 17, None)
    red = np.full_like(task.sprites["agent"].rgb, (255, 68, 68))
    sprite = type(task.sprites["agent"])(rgb=red, alpha=task.sprites["agent"].alpha)
    track = TRACKERS["sprite"]()(draw_sprites(without_objects(task), [(sprite, points)]), task)
    assert track.seen.mean() < 0.5


def test_a_ball_that_begins_at_the_border_of_the_picture_is_taken_out_of_the_scene() -> None:
    task = make_task("maze3d", 15, size=512)
    gap = np.abs(without_objects(task).astype(int) - task.first_frame).max(axis=2)
    x, y = task.objects["agent"].center
    assert gap[int(y * 512), int(x * 512)] > 60
