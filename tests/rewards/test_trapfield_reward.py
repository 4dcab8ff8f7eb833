"""The trajectory reward on trap fields, drawn and encoded, and what the zoo of cheats earns there."""

from pathlib import Path as FilePath

import numpy as np
import pytest

from wan_r1.rewards import TrajectoryReward
from wan_r1.rewards.audit import audit
from wan_r1.rewards.cheats import zoo
from wan_r1.tasks import family_of, make_task
from wan_r1.tasks.skins import SKINS
from wan_r1.tasks.trapfield import TrapfieldFamily, TrapfieldState
from wan_r1.types import Path, Task
from wan_r1.video import read_video, write_video

REWARD = TrajectoryReward()


@pytest.mark.parametrize("skin", list(SKINS))
@pytest.mark.parametrize(("level", "size", "num_frames"), [("tiny", 80, 17), ("easy", 64, 33), ("hard", 160, 49)])
def test_an_encoded_solution_scores_at_least_095(
    tmp_path: FilePath, level: str, size: int, num_frames: int, skin: str
) -> None:
    task = make_task("trapfield", 7, level=level, size=size, skin=skin)
    write_video(tmp_path / "v.mp4", family_of(task).render(task, task.solution, num_frames, size), crf=23)
    score = REWARD(task, read_video(tmp_path / "v.mp4")[:, :size, :size])
    assert score.value >= 0.95
    assert score.verdict is not None
    assert (score.verdict.solved, score.verdict.optimal) == (True, True)


def test_a_longer_legal_prefix_always_scores_more() -> None:
    task = make_task("trapfield", 4)
    points = task.solution.points
    prefixes = [Path(points=points[:end], unit="image") for end in range(1, len(points) + 1)]
    values = [REWARD(task, family_of(task).render(task, way, 17, 80)).value for way in prefixes]
    assert values[0] == 0
    assert values[-1] == pytest.approx(1)
    assert all(np.diff(values) > 0.03)


def _task(*field: str) -> Task:
    codes = np.asarray([list(row) for row in field])
    start, goal = (tuple(int(v) for v in np.argwhere(codes == mark)[0]) for mark in "AG")
    grid = (codes == "#").astype(np.int8)
    return TrapfieldFamily(level="easy", size=100).task(TrapfieldState(grid=grid, start=start, goal=goal, skin="plain"))


def test_the_straight_and_the_direct_way_are_cheats_only_where_a_trap_lies_on_them() -> None:
    free = _task("A....", ".....", ".....", ".....", "#...G")
    names = {example.name for example in zoo(free, 17)}
    assert {"straight", "straight+clone_at_goal"}.isdisjoint(names)
    assert "direct" in names  # down and across, over the trap
    blocked = _task("A..#.", ".....", "..#..", ".....", "...#G")
    assert {"straight", "direct"} <= {example.name for example in zoo(blocked, 17)}
    assert "direct" not in {example.name for example in zoo(_task("A....", ".....", "..#..", ".....", "....G"), 17)}


def test_a_straight_line_is_paid_in_full_over_open_floor_and_not_past_the_corner_of_a_trap() -> None:
    task = _task("A....", ".....", "...#.", ".....", "##..G")
    line = Path(points=task.solution.points[[0, -1]], unit="image")
    assert REWARD(task, family_of(task).render(task, line, 33, 100)).value < 0.1
    task = _task("A....", ".....", "#....", ".....", "##..G")
    assert REWARD(task, family_of(task).render(task, line, 33, 100)).value >= 0.95


def test_erased_traps_are_a_changed_scene() -> None:
    task = make_task("trapfield", 4)
    video = family_of(task).render(task, task.solution, 17, 80)
    video[3:, np.kron(task.state.grid == 1, np.ones((8, 8), bool))] = 230
    verdict = REWARD(task, video).verdict
    assert verdict is not None
    assert (verdict.violations[0].kind, verdict.violations[0].frame) == ("scene_changed", 3)


@pytest.mark.parametrize(
    "skin", ["plain", *(pytest.param(skin, marks=pytest.mark.slow) for skin in SKINS if skin != "plain")]
)
def test_no_cheat_pays_on_a_tiny_field(skin: str) -> None:
    report = audit(REWARD, "trapfield", num_tasks=1, seed=5, num_frames=17, skin=skin)
    assert report.passed, report.checks
    assert report.roc_area == 1
    assert max(row.highest for row in report.rows if row.kind == "cheat") < 0.25


@pytest.mark.parametrize("name", ["goal_erased", "goal_moved"])
def test_a_goal_among_traps_that_becomes_floor_has_moved(name: str) -> None:
    task = make_task("trapfield", 8410493410110907748, level="tiny")
    (example,) = (each for each in zoo(task, 17, pairs=False) if each.name == name)
    verdict = REWARD(task, example.video).verdict
    assert verdict is not None
    assert "goal_moved" in {violation.kind for violation in verdict.violations}
