"""The states that we write are VR-Bench's: the same keys, the same kinds of values, numbers that fit each other."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wan_r1.tasks import make_family, make_task, task_seed
from wan_r1.tasks.vr_bench import WRITERS, write_state
from wan_r1.tasks.vr_bench.timing import solution_frames

LEVELS = ("tiny", "easy", "medium", "hard")
GAMES = {family: "pathfinder" if family == "irregular_maze" else family for family in WRITERS}
GOLDEN = Path(__file__).parents[1] / "data" / "vr_bench"


def kinds(value: Any, key: str = "") -> Any:
    """The value with all texts and numbers replaced by their kind, and lists by the kinds of what they hold."""
    if key == "qa_data":  # a quiz for text models, which no video needs
        return "quiz"
    if isinstance(value, dict):
        return {name: kinds(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return sorted({json.dumps(kinds(each), sort_keys=True) for each in value})
    return type(value).__name__


def written(task: Any, tmp_path: Path) -> dict[str, Any]:
    write_state(tmp_path / "s.json", task)
    values: dict[str, Any] = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    return values


@pytest.mark.parametrize("family", list(WRITERS))
def test_keys_and_kinds_are_those_of_vr_benchs_own_states(family, tmp_path):
    golden = json.loads(next((GOLDEN / GAMES[family] / "easy" / "states").glob("*.json")).read_text(encoding="utf-8"))
    assert kinds(written(make_task(family, seed=2, level="easy"), tmp_path)) == kinds(golden)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("family", list(WRITERS))
def test_boxes_positions_and_grid_fit_each_other_and_the_picture(family, level, tmp_path):
    task = make_family(family, level=level).generate(task_seed(8, 1))
    state = written(task, tmp_path)
    assert (state["version"], state["game_type"]) == ("1.0", GAMES[family])
    width, height = state["render"]["image_width"], state["render"]["image_height"]
    assert (height, width) == task.first_frame.shape[:2]
    named = state["entities"]
    entities = [named["player"], named["goal"], *named["boxes"]]
    for entity in entities:
        box, middle = entity["bbox"], entity["pixel_pos"]
        assert 0 <= box["x"] < box["x"] + box["width"] <= width
        assert 0 <= box["y"] < box["y"] + box["height"] <= height
        assert box["center_x"] == box["x"] + box["width"] // 2
        assert abs(middle["x"] - box["center_x"]) <= 1
        assert abs(middle["y"] - box["center_y"]) <= 1
    player = named["player"]["bbox"]
    center = ((player["x"] + player["width"] / 2) / width, (player["y"] + player["height"] / 2) / height)
    assert np.abs(np.subtract(center, task.objects["agent"].center)).max() * width <= 1.5
    if "grid" in state:
        grid = np.asarray(state["grid"]["data"])
        assert grid.shape == (state["grid"]["height"], state["grid"]["width"])
        codes = (5, 3, 2) if family == "sokoban" else (2, 3)
        places = [tuple(entity["grid_pos"].values()) for entity in entities]
        assert [int(grid[place]) for place in places] == list(codes)


def test_the_length_of_a_solution_is_that_of_vr_benchs_videos():
    # 12 frames for each move and the last one; 12 for each cube; 24 for 100 px of road, counted from pixel to pixel
    maze, field, box, cubes = (
        make_task(name, seed=2, level="easy") for name in ("maze", "trapfield", "sokoban", "maze3d")
    )
    for task in (maze, field, box):
        assert solution_frames(task) == 12 * len(task.solution.points) - 11
    assert solution_frames(cubes) == 12 * (len(cubes.solution.points) - 1)
    road = make_task("irregular_maze", seed=2, level="easy")
    way_px = 1024 * float(np.hypot(*np.diff(road.solution.points, axis=0).T).sum())
    assert 1.0 < solution_frames(road) / (0.24 * way_px) < 2**0.5
