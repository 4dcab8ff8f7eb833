"""The trajectory reward on sokoban, drawn and encoded, and what the zoo of cheats earns there."""

from pathlib import Path as FilePath

import numpy as np
import pytest

from wan_r1.rewards import TrajectoryReward
from wan_r1.rewards.audit import audit
from wan_r1.rewards.box_cheats import BOX_MOTIONS
from wan_r1.rewards.cheats import BOX_STAGES, zoo
from wan_r1.tasks import family_of, make_task
from wan_r1.tasks.skins import SKINS
from wan_r1.tasks.sokoban import SokobanFamily, SokobanState
from wan_r1.types import Path
from wan_r1.video import read_video, write_video

REWARD = TrajectoryReward()
SLOW_SKINS = [pytest.param(skin, marks=pytest.mark.slow) for skin in SKINS if skin != "plain"]


@pytest.mark.parametrize("skin", list(SKINS))
@pytest.mark.parametrize(("level", "size", "num_frames"), [("tiny", 80, 17), ("easy", 64, 33), ("hard", 160, 49)])
def test_an_encoded_solution_scores_at_least_095(
    tmp_path: FilePath, level: str, size: int, num_frames: int, skin: str
) -> None:
    task = make_task("sokoban", 7, level=level, size=size, skin=skin)
    write_video(tmp_path / "v.mp4", family_of(task).render(task, task.solution, num_frames, size), crf=23)
    score = REWARD(task, read_video(tmp_path / "v.mp4")[:, :size, :size])
    assert score.value >= 0.95
    assert score.verdict is not None
    assert (score.verdict.solved, score.verdict.optimal) == (True, True)


@pytest.mark.parametrize("num_boxes", [2, 3])
def test_several_boxes_score_one(num_boxes: int) -> None:
    task = make_task("sokoban", 2, level="medium", size=160, num_boxes=num_boxes)
    score = REWARD(task, family_of(task).render(task, task.solution, 49, 160))
    assert score.value == pytest.approx(1)


def test_a_longer_legal_prefix_always_scores_more() -> None:
    task = make_task("sokoban", 4)
    points = task.solution.points
    prefixes = [Path(points=points[:end], unit="image") for end in range(1, len(points) + 1)]
    values = [REWARD(task, family_of(task).render(task, way, 17, 80)).value for way in prefixes]
    assert values[0] == 0
    assert values[-1] == pytest.approx(1)
    assert all(np.diff(values) > 0.03)


def test_the_zoo_has_the_motions_and_stages_of_boxes_where_there_are_boxes_only() -> None:
    boxes = {example.name for example in zoo(make_task("sokoban", 3), 17)}
    assert {*BOX_MOTIONS, *BOX_STAGES, "player_only+clone_at_goal"} <= boxes
    assert set(BOX_MOTIONS).isdisjoint(example.name for example in zoo(make_task("maze", 3), 17))


def _names(*rows: str) -> set[str]:
    """The zoo of a drawn level: A agent, B box, T target."""
    codes = np.asarray([list(row) for row in rows])
    start, box, target = (tuple(int(v) for v in np.argwhere(codes == mark)[0]) for mark in "ABT")
    grid = (codes == "#").astype(np.int8)
    state = SokobanState(grid=grid, start=start, boxes=(box,), targets=(target,), skin="plain")
    return {example.name for example in zoo(SokobanFamily(level="easy", size=100).task(state), 17, pairs=False)}


def test_what_a_short_or_straight_solution_makes_legal_is_no_cheat() -> None:
    quick = {"straight", "direct", "teleport", "two_jumps", "through_the_box"}
    assert quick.isdisjoint(_names("#####", "#...#", "#ABT#", "#...#", "#####"))
    turned = _names("######", "#A...#", "#.B..#", "#...T#", "#....#", "######")
    assert quick <= turned


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("box_alone", {"box_moved_alone"}),
        ("box_jumps", {"teleport", "box_moved_alone"}),
        ("box_vanishes", {"agent_lost"}),
        ("pulled", {"box_moved_alone", "box_overlap", "teleport", "through_wall"}),
        ("box_at_goal", {"extra_agent"}),
    ],
)
def test_a_cheat_is_named_by_the_rule_that_it_breaks(name: str, kinds: set[str]) -> None:
    task = make_task("sokoban", 4)
    video = next(example.video for example in zoo(task, 33, pairs=False) if example.name == name)
    verdict = REWARD(task, video).verdict
    assert verdict is not None
    assert verdict.violations[0].kind in kinds


@pytest.mark.parametrize("skin", ["plain", *SLOW_SKINS])
def test_no_cheat_pays_on_a_tiny_level(skin: str) -> None:
    report = audit(REWARD, "sokoban", num_tasks=1, seed=5, num_frames=17, skin=skin)
    assert report.passed, report.checks
    assert report.roc_area == 1
    assert max(row.highest for row in report.rows if row.kind == "cheat") < 0.25


@pytest.mark.slow
@pytest.mark.parametrize(("level", "num_boxes", "size"), [("medium", 1, 160), ("hard", 1, 160), ("medium", 2, 160)])
def test_no_cheat_pays_on_larger_levels(level: str, num_boxes: int, size: int) -> None:
    report = audit(REWARD, "sokoban", num_tasks=1, seed=6, num_frames=49, level=level, num_boxes=num_boxes, size=size)
    assert report.passed, report.checks


def test_an_agent_that_is_now_here_and_now_there_does_not_run_to_and_fro() -> None:
    task = make_task("sokoban", 6683432171098126949, level="tiny")
    video = next(example.video for example in zoo(task, 17) if example.name == "flickers+faint_clone")
    assert REWARD(task, video).value < 0.05
