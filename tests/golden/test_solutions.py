"""VR-Bench's own solution videos as generated ones: right with our tracker, with optical flow as in its own runs."""

from functools import cache
from pathlib import Path

import golden_data
import pytest

from wan_r1.evaluation.datasets import Sample, find_levels
from wan_r1.evaluation.videos import Job, LevelResult, VideoSettings, evaluate_level
from wan_r1.metrics.vr_bench import CLI, SCRIPT
from wan_r1.trackers import TRACKERS

SLOW = pytest.mark.slow
RECIPE = "exact_512x512_193f_15fps"
LEVELS = [
    ("maze", "easy_0001"),
    ("maze", "medium_0004"),
    ("maze", "hard_0001"),
    ("trapfield", "easy_0001"),
    ("trapfield", "medium_0001"),
    ("trapfield", "hard_0002"),
    ("sokoban", "easy_0003"),
    ("sokoban", "medium_0006"),
    ("sokoban", "hard_0001"),
    ("pathfinder", "easy_0002"),
    ("pathfinder", "medium_0001"),
    ("maze3d", "easy_0001"),
    ("maze3d", "medium_0001"),
]
FAST = LEVELS[0], LEVELS[3], LEVELS[6]


def evaluated(game: str, level: str, variant: str, settings: VideoSettings) -> LevelResult:
    """The solution video of a level ("given") or a perturbed one as the generated video."""
    place = "core" if (game, level) in FAST else "full"
    root = golden_data.folder(place) / "vr_bench" / game
    (found,) = [each for each in found_levels(root) if each.stem == level]
    folder = found.state.parent.parent / "videos" if variant == "given" else root / "perturbed" / variant
    return evaluate_level(
        Job(level=found, samples=(Sample(path=folder / f"{level}.mp4", label=""),), settings=settings)
    )


@cache
def found_levels(root: Path):
    return find_levels(root)[0]


@pytest.mark.parametrize("variant", ["given", RECIPE])
@pytest.mark.parametrize(
    ("game", "level"), [pytest.param(*each, marks=() if each in FAST else SLOW) for each in LEVELS]
)
def test_a_solution_video_has_sr_and_em_1_with_the_sprite_tracker(game: str, level: str, variant: str) -> None:
    for options in (SCRIPT, CLI) if variant == "given" else (SCRIPT,):
        result = evaluated(game, level, variant, VideoSettings(options=options))
        assert (result.problems, result.notes) == ((), ())
        (video,) = result.videos
        print(game, level, variant, video.numbers, f"mf {video.fidelity:.4f}", video.score.verdict)
        assert (video.numbers.success, video.numbers.exact) == (True, True)
        assert video.score.verdict.solved


@pytest.mark.parametrize(
    ("game", "level", "right"),
    [
        ("maze", "easy_0001", True),
        pytest.param("maze", "hard_0001", False, marks=SLOW),
        ("trapfield", "easy_0001", True),
        pytest.param("trapfield", "medium_0001", True, marks=SLOW),
        pytest.param("trapfield", "hard_0002", True, marks=SLOW),
        pytest.param("sokoban", "hard_0001", False, marks=SLOW),
        pytest.param("maze3d", "easy_0001", False, marks=SLOW),
        pytest.param("maze3d", "medium_0001", False, marks=SLOW),
        pytest.param("pathfinder", "medium_0001", True, marks=SLOW),
    ],
)
def test_optical_flow_solves_the_levels_that_it_solves_in_vr_bench(game: str, level: str, right: bool) -> None:
    """SR and EM of VR-Bench's own run on these solution videos (no tracks of it are at hand)."""
    (video,) = evaluated(game, level, "given", VideoSettings(tracker=TRACKERS["optical_flow"]())).videos
    assert (video.numbers.success, video.numbers.exact) == (right, right)
