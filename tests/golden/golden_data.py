"""Where the golden numbers lie and how VR-Bench's levels become tasks. Read by the tests of this folder."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wan_r1.trackers import TRACKERS
from wan_r1.trackers.resample import pixel_trajectory, resize_linear
from wan_r1.types import Box, Task
from wan_r1.types import Path as Way
from wan_r1.video import read_video

REPOSITORY = Path(__file__).parents[2]
CORE = REPOSITORY / "tests" / "data"
FULL = REPOSITORY.parent / "shared" / "golden"


def folder(name: str) -> Path:
    """The core or the full golden folder; skips the test where the full one is not there."""
    if name == "core":
        return CORE
    if not FULL.is_dir():
        pytest.skip(f"the full golden set is not at {FULL.relative_to(REPOSITORY.parent)} beside the repository")
    return FULL


def rows(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@cache
def level_task(root: Path, game: str, level: str) -> Task:
    """The task of a VR-Bench state: agent and boxes, the goal, and a black first frame of the rendered size."""
    state = rows(root / "vr_bench" / game / level.split("_")[0] / "states" / f"{level}.json")
    width, height = state["render"]["image_width"], state["render"]["image_height"]

    def box(entity: dict[str, Any]) -> Box:
        px = entity["bbox"]
        return Box(x=px["x"] / width, y=px["y"] / height, width=px["width"] / width, height=px["height"] / height)

    entities = state["entities"]
    boxes = {f"box_{index}": box(entity) for index, entity in enumerate(entities["boxes"])}
    return Task(
        family=game,
        seed=0,
        settings={},
        prompt="",
        first_frame=np.zeros((height, width, 3), dtype=np.uint8),
        objects={"agent": box(entities["player"]), **boxes},
        sprites={},
        goals=(box(entities["goal"]),),
        solution=Way(points=np.zeros((1, 2), dtype=np.float32), unit="image"),
        state=None,
    )


def level_video(root: Path, game: str, level: str, variant: str) -> NDArray[np.uint8]:
    """A perturbed video, or the level's own video for the variant "GT"."""
    games = root / "vr_bench" / game
    if variant == "GT":
        return read_video(games / level.split("_")[0] / "videos" / f"{level}.mp4")
    return read_video(games / "perturbed" / variant / f"{level}.mp4")


@cache
def trajectories(
    root: Path, game: str, level: str, variant: str, tracker: str, size: tuple[int, int] | None = None
) -> dict[str, NDArray[np.float32]]:
    """VR-Bench's trajectories {"agent": [T, 2] px, "box_0": ...} by one of our trackers; `size` (width, height)
    resizes.
    """
    task = level_task(root, game, level)
    video = level_video(root, game, level, variant)
    if size is not None:
        video = resize_linear(video, size[1], size[0])
    track = TRACKERS[tracker]()(video, task)
    return {
        name: pixel_trajectory(track, name, box, video.shape[2], video.shape[1]) for name, box in task.objects.items()
    }
