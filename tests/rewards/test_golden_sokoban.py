"""VR-Bench's own sokoban videos and their perturbed variants: right is right and cheating does not pay."""

from functools import cache
from pathlib import Path

import pytest

from wan_r1.rewards import TrajectoryReward
from wan_r1.tasks.vr_bench import read_state
from wan_r1.types import Score
from wan_r1.video import read_video

ROOT = Path(__file__).parents[3] / "shared" / "golden" / "vr_bench" / "sokoban"
LEVELS = ["easy_0003", *(pytest.param(level, marks=pytest.mark.slow) for level in ("medium_0006", "hard_0001"))]

HONEST = ("exact", "exact_512x512_193f_15fps", "fast4x", "brightness_shift8", "noise12_static")
CHEATS = (
    "wall_shortcut",
    "teleport",
    "frozen",
    "vanish50",
    "clone_follow",
    "walls_erased_straight",
    "box_only",
    "player_only",
)


@cache
def _score(level: str, variant: str) -> Score:
    if not ROOT.is_dir():
        pytest.skip("the full golden set is not beside the repository")
    folder = ROOT / level.split("_")[0]
    video = folder / "videos" if variant == "given" else ROOT / "perturbed" / variant
    return TrajectoryReward()(read_state(folder / "states" / f"{level}.json"), read_video(video / f"{level}.mp4"))


@pytest.mark.parametrize("variant", ["given", *HONEST])
@pytest.mark.parametrize("level", LEVELS)
def test_an_honest_video_scores_at_least_095_and_is_solved(level: str, variant: str) -> None:
    score = _score(level, variant)
    assert score.value >= 0.95
    assert score.verdict is not None
    assert score.verdict.solved


@pytest.mark.parametrize("level", LEVELS)
def test_60_per_cent_of_the_way_scores_between_025_and_08_and_above_every_cheat(level: str) -> None:
    part = _score(level, "truncated60").value
    assert 0.25 <= part <= 0.8
    assert max(_score(level, cheat).value for cheat in CHEATS) < min(0.3, part)


@pytest.mark.parametrize(
    ("variant", "kind"),
    [("box_only", "box_moved_alone"), ("teleport", "box_moved_alone"), ("vanish50", "agent_lost")],
)
def test_the_first_violation_is_named(variant: str, kind: str) -> None:
    verdict = _score("easy_0003", variant).verdict
    assert verdict is not None
    assert verdict.violations[0].kind == kind


@pytest.mark.slow
def test_a_box_that_is_taken_back_is_pulled_and_a_detour_without_it_is_only_longer() -> None:
    pulled, longer = (_score(level, "backtrack_detour") for level in ("medium_0006", "hard_0001"))
    assert pulled.verdict is not None
    assert longer.verdict is not None
    assert pulled.verdict.violations[0].kind == "box_moved_alone"
    assert (longer.verdict.solved, longer.verdict.optimal) == (True, False)
    assert 0.7 < longer.value < 0.85
