"""VR-Bench's own pathfinder videos and their perturbed variants: right is right and cheating does not pay."""

from functools import cache
from pathlib import Path

import pytest

from wan_r1.rewards import TrajectoryReward
from wan_r1.tasks.vr_bench import read_state
from wan_r1.types import Score, Verdict
from wan_r1.video import read_video

REPOSITORY = Path(__file__).parents[2]
FULL = REPOSITORY.parent / "shared" / "golden" / "vr_bench" / "pathfinder"
LEVELS = [pytest.param("easy_0002", marks=pytest.mark.slow), "medium_0001"]

HONEST = ("exact", "exact_512x512_193f_15fps", "fast4x", "brightness_shift8", "noise12_static")
CHEATS = {
    "teleport": "teleport",
    "frozen": None,
    "vanish50": "agent_lost",
    "clone_follow": "extra_agent",
    "walls_erased_straight": "scene_changed",
}
"""Cheat -> a violation that it shows."""


@cache
def _score(level: str, variant: str) -> Score:
    if not FULL.is_dir():
        pytest.skip("the full golden set is not beside the repository")
    folder = FULL / level.split("_")[0]
    video = folder / "videos" if variant == "given" else FULL / "perturbed" / variant
    return TrajectoryReward()(read_state(folder / "states" / f"{level}.json"), read_video(video / f"{level}.mp4"))


def _verdict(level: str, variant: str) -> Verdict:
    verdict = _score(level, variant).verdict
    assert verdict is not None
    return verdict


@pytest.mark.parametrize("variant", [pytest.param("given", marks=pytest.mark.slow), *HONEST])
@pytest.mark.parametrize("level", LEVELS)
def test_an_honest_video_scores_at_least_095_and_is_solved(level: str, variant: str) -> None:
    assert _score(level, variant).value >= 0.95
    assert (_verdict(level, variant).solved, _verdict(level, variant).optimal) == (True, True)


@pytest.mark.parametrize("level", LEVELS)
def test_60_per_cent_of_the_way_scores_between_025_and_08_and_above_every_cheat(level: str) -> None:
    part = _score(level, "truncated60").value
    assert 0.25 <= part <= 0.8
    assert max(_score(level, cheat).value for cheat in CHEATS) < min(0.3, part)


@pytest.mark.parametrize("level", LEVELS)
def test_a_detour_is_solved_and_scores_less_than_the_shortest_way(level: str) -> None:
    verdict = _verdict(level, "backtrack_detour")
    assert (verdict.solved, verdict.optimal) == (True, False)
    assert 0.7 < _score(level, "backtrack_detour").value < 0.85


@pytest.mark.parametrize(("variant", "kind"), [(name, kind) for name, kind in CHEATS.items() if kind])
def test_a_cheat_is_named(variant: str, kind: str) -> None:
    assert kind in {violation.kind for violation in _verdict("medium_0001", variant).violations}


def test_the_straight_line_is_off_road_on_the_medium_level() -> None:
    assert [v.kind for v in _verdict("medium_0001", "wall_shortcut").violations] == ["off_road"]
    assert _score("medium_0001", "wall_shortcut").value < 0.1


@pytest.mark.slow
def test_the_straight_line_of_the_easy_level_stays_on_the_road() -> None:
    # It leaves the middle of the road by 8 px at most, and the road is 60 px wide: that is no cheat.
    assert _verdict("easy_0002", "wall_shortcut").optimal
