"""VR-Bench's own 3D mazes: pictures, states and perturbed videos. Needs the golden set beside the repository."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from wan_r1.rewards import TrajectoryReward
from wan_r1.tasks.maze3d import Maze3DFamily
from wan_r1.tasks.vr_bench import read_state, write_state
from wan_r1.types import Score, Task
from wan_r1.video import read_video

ROOT = Path(__file__).parents[3] / "shared" / "golden" / "vr_bench" / "maze3d"
LEVELS = ("easy_0001", pytest.param("medium_0001", marks=pytest.mark.slow))

HONEST = ("given", "exact", "exact_512x512_193f_15fps", "fast4x", "brightness_shift8", "noise12_static")
CHEATS = {
    "wall_shortcut": "off_road",
    "teleport": "teleport",
    "vanish50": "agent_lost",
    "clone_follow": "extra_agent",
    "walls_erased_straight": "scene_changed",
    "frozen": None,
}
"""Variant -> one of the violations that it shows in its first bad frame."""


@cache
def _task(level: str) -> Task:
    if not ROOT.is_dir():
        pytest.skip("the full golden set is not beside the repository")
    return read_state(ROOT / level.split("_")[0] / "states" / f"{level}.json")


@cache
def _score(level: str, variant: str) -> Score:
    task = _task(level)
    folder = ROOT / level.split("_")[0] / "videos" if variant == "given" else ROOT / "perturbed" / variant
    return TrajectoryReward()(task, read_video(folder / f"{level}.mp4"))


@pytest.mark.parametrize("level", LEVELS)
def test_our_drawing_is_vr_benchs_picture_within_2_grey_levels(level: str) -> None:
    task = _task(level)
    drawn = Maze3DFamily(level=level.split("_")[0]).task(task.state)
    gap = np.abs(drawn.first_frame.astype(int) - task.first_frame)
    assert gap.mean() < 1
    assert gap[(task.first_frame < 255).any(axis=2)].mean() < 2
    ours, theirs = (t.objects["agent"].center for t in (drawn, task))
    np.testing.assert_allclose(ours, theirs, atol=1.5 / 740)


@pytest.mark.parametrize("level", LEVELS)
def test_a_written_state_is_exactly_vr_benchs_but_for_the_quiz(level: str, tmp_path: Path) -> None:
    write_state(tmp_path / "s.json", _task(level), 740)
    ours = json.loads((tmp_path / "s.json").read_text())
    theirs = json.loads((ROOT / level.split("_")[0] / "states" / f"{level}.json").read_text())
    for state in (ours, theirs):
        state["metadata"]["cubes"].sort()
        state["metadata"]["qa_data"] = {}
    assert ours == theirs


@pytest.mark.parametrize("variant", HONEST)
@pytest.mark.parametrize("level", LEVELS)
def test_an_honest_video_scores_at_least_095_and_is_solved(level: str, variant: str) -> None:
    score = _score(level, variant)
    assert score.value >= 0.95
    assert score.verdict is not None
    assert (score.verdict.solved, score.verdict.optimal) == (True, True)


@pytest.mark.parametrize("level", LEVELS)
def test_60_per_cent_of_the_way_scores_between_025_and_08_and_above_every_cheat(level: str) -> None:
    part = _score(level, "truncated60").value
    assert 0.25 <= part <= 0.8
    assert max(_score(level, cheat).value for cheat in CHEATS) < min(0.3, part)


@pytest.mark.parametrize("level", LEVELS)
def test_a_detour_is_solved_and_scores_less_than_the_shortest_way(level: str) -> None:
    score = _score(level, "backtrack_detour")
    assert score.verdict is not None
    assert (score.verdict.solved, score.verdict.optimal) == (True, False)
    assert 0.7 < score.value < 0.85


@pytest.mark.parametrize("variant", [variant for variant, kind in CHEATS.items() if kind])
@pytest.mark.parametrize("level", LEVELS)
def test_the_first_violation_is_named(level: str, variant: str) -> None:
    verdict = _score(level, variant).verdict
    assert verdict is not None
    first = verdict.violations[0].frame
    assert CHEATS[variant] in {violation.kind for violation in verdict.violations if violation.frame == first}
