"""Honesty pays: the zoo on two small mazes, drawn and encoded."""

import numpy as np
import pytest

from wan_r1.errors import ConfigError
from wan_r1.rewards import PaperReward, TrajectoryReward
from wan_r1.rewards.audit import audit
from wan_r1.rewards.cheats import MOTIONS, STAGES, zoo
from wan_r1.rewards.ways import is_legal
from wan_r1.tasks import make_task, make_tasks
from wan_r1.tasks.draw import walk_positions
from wan_r1.tasks.skins import SKINS


def test_the_zoo_has_each_false_motion_each_false_stage_and_their_pairs() -> None:
    names = [example.name for example in zoo(make_task("maze", seed=5), 17)]
    assert len(names) == len(set(names))
    assert {"exact", "dark8", "noise12", "waits", "prefix25", "prefix50", "prefix75"} <= set(names)
    false = [name for name in MOTIONS if name != "exact"] + [name for name in STAGES if name != "plain"]
    assert set(false) <= set(names)
    assert "straight+walls_erased" in names


def test_another_way_to_the_box_is_no_cheat_if_the_agent_pushes() -> None:
    task = make_tasks("sokoban", 97, 1, level="tiny")[0]
    start, beside, *pushes = task.solution.points[:, :2].tolist()
    corner = [start[0] + pushes[0][0] - beside[0], start[1]]  # the solution goes up and then right
    around = walk_positions(np.asarray([start, corner, *pushes]), 17, None, 1.0)
    assert is_legal(task, around)
    assert not is_legal(task, around[:8])  # it does not push to the end
    assert not is_legal(task, around - np.float32([0.06, 0]))  # nor is it behind the box


def test_a_straight_way_is_no_cheat_where_the_solution_is_straight() -> None:
    task = make_task("maze", seed=0, level="tiny")
    straight = next(t for t in (make_task("maze", seed=s) for s in range(200)) if _one_direction(t))
    assert "straight" in {example.name for example in zoo(task, 17)} or _one_direction(task)
    assert "straight" not in {example.name for example in zoo(straight, 17)}


def _one_direction(task) -> bool:
    spread = task.solution.points.max(axis=0) - task.solution.points.min(axis=0)
    return bool(spread.min() < 1e-6)


@pytest.mark.parametrize(
    "skin", ["plain", *(pytest.param(skin, marks=pytest.mark.slow) for skin in SKINS if skin != "plain")]
)
def test_no_cheat_pays_on_a_tiny_maze(skin: str) -> None:
    report = audit(TrajectoryReward(), "maze", num_tasks=1, seed=5, num_frames=17, skin=skin)
    assert report.passed, report.checks
    assert report.roc_area == 1
    assert max(row.highest for row in report.rows if row.kind == "cheat") < 0.25


@pytest.mark.parametrize(
    "skin", ["plain", *(pytest.param(skin, marks=pytest.mark.slow) for skin in SKINS if skin != "plain")]
)
def test_no_cheat_pays_on_tiny_roads(skin: str) -> None:
    report = audit(TrajectoryReward(), "irregular_maze", num_tasks=1, seed=5, num_frames=17, skin=skin)
    assert report.passed, report.checks
    assert max(row.highest for row in report.rows if row.kind == "cheat") < 0.25


def test_erased_walls_are_the_ground_beside_the_roads() -> None:
    task = make_task("irregular_maze", seed=3)
    walk = walk_positions(task.solution.points, 17, None)
    erased = STAGES["walls_erased"](task, walk).background
    assert np.abs(erased.astype(int) - 255).max(axis=2).mean() < 40  # white but for the goal and edges of roads


def test_a_step_aside_is_square_to_a_way_that_leads_down_to_the_right() -> None:
    task = make_task("irregular_maze", seed=3)
    walk = np.stack([np.linspace(0.2, 0.8, 9)] * 2, axis=1).astype(np.float32)
    aside = MOTIONS["in_the_wall"](task, walk)[1:-1] - walk[1:-1]
    assert np.allclose(aside @ (1, 1), 0, atol=1e-6)
    assert np.allclose(np.hypot(*aside.T), task.objects["agent"].width / 2**0.5)


def test_the_benchmarks_own_metrics_are_caught() -> None:
    task = make_task("maze", seed=4)
    values = {e.name: PaperReward()(task, e.video).value for e in zoo(task, 17, pairs=False) if e.kind == "cheat"}
    assert values["clone_at_goal"] > 0.9
    assert values["walls_erased"] > 0.9
    assert values["straight"] > 0.4


def test_too_few_frames_or_tasks_are_refused() -> None:
    with pytest.raises(ConfigError, match="num_frames: 5"):
        list(zoo(make_task("maze", seed=0), 5))
    with pytest.raises(ConfigError, match="num_tasks: 0"):
        audit(TrajectoryReward(), num_tasks=0)
