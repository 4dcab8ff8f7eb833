"""VR-Bench's own levels: read, solved as VR-Bench does, and drawn again like its pictures."""

from pathlib import Path

import cv2
import golden_data
import numpy as np
import pytest

from wan_r1.tasks import family_of
from wan_r1.tasks.vr_bench import read_state
from wan_r1.tasks.vr_bench.timing import solution_frames

GAMES = ("maze", "trapfield", "sokoban", "pathfinder", "maze3d")
MAX_DIFFERENCE = 6.0
"""Mean difference in grey levels between VR-Bench's picture, which went through H.264, and ours."""
PLACES = [
    *(pytest.param("core", game, id=f"core-{game}") for game in GAMES),
    *(pytest.param("full", game, id=f"full-{game}") for game in GAMES),
]


def levels(place: str, game: str) -> list[Path]:
    found = sorted((golden_data.folder(place) / "vr_bench" / game).glob("*/states/*.json"))
    assert found
    return found


@pytest.mark.parametrize(("place", "game"), PLACES)
def test_every_level_is_drawn_again_like_its_picture(place: str, game: str) -> None:
    for path in levels(place, game):
        task = read_state(path)
        ours = family_of(task).task(task.state).first_frame  # type: ignore[attr-defined]
        assert ours.shape == task.first_frame.shape
        difference = float(np.abs(ours.astype(int) - task.first_frame).mean())
        print(f"{game} {path.stem}: {difference:.2f} grey levels")
        assert difference <= MAX_DIFFERENCE


@pytest.mark.parametrize(("place", "game"), PLACES)
def test_every_level_is_solved_by_a_way_as_long_as_vr_benchs(place: str, game: str) -> None:
    for path in levels(place, game):
        task = read_state(path)
        video = cv2.VideoCapture(str(path.parent.parent / "videos" / f"{path.stem}.mp4"))
        shown = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        ours = solution_frames(task)
        print(f"{game} {path.stem}: {ours} frames, VR-Bench {shown}")
        assert ours == shown
