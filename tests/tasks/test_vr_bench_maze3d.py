"""VR-Bench's maze3d states as tasks, and 3D mazes as state files."""

import copy
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from wan_r1.errors import DatasetError
from wan_r1.rewards import TrajectoryReward
from wan_r1.tasks import make_task
from wan_r1.tasks.maze3d import Maze3DFamily
from wan_r1.tasks.vr_bench import read_state, write_state
from wan_r1.video import write_image

TASK = make_task("maze3d", seed=4, level="easy")


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("maze3d")
    write_state(folder / "states" / "easy_0001.json", TASK)
    write_image(folder / "images" / "easy_0001.png", TASK.first_frame)
    return folder / "states" / "easy_0001.json"


def test_a_task_written_and_read_again_is_the_same(written) -> None:
    again = read_state(written)
    assert (again.family, again.state, again.prompt) == ("maze3d", TASK.state, TASK.prompt)
    assert np.allclose(again.solution.points, TASK.solution.points)
    assert again.goals[0].center == pytest.approx(TASK.goals[0].center, abs=1.5 / 740)
    assert again.goals[1] == TASK.goals[1]


def test_the_ball_is_cut_out_as_a_disk(written) -> None:
    ball = read_state(written).sprites["agent"]
    middle = ball.alpha.shape[0] // 2
    assert ball.rgb[middle, middle].tolist() == [255, 215, 0]
    assert ball.alpha[0, 0] == 0
    assert ball.alpha.mean() == pytest.approx(np.pi / 4, abs=0.02)


def test_a_written_state_has_all_keys_of_vr_bench(written) -> None:
    state = json.loads(written.read_text())
    assert set(state) == {"version", "game_type", "entities", "render", "metadata"}
    assert set(state["metadata"]) == {"qa_data", "grid_size", "cubes", "start_pos", "goal_pos", "ladders", "path"}
    player = state["entities"]["player"]
    assert player["pixel_pos"] == {"x": 380, "y": 562}
    assert player["bbox"] == {"x": 349, "y": 531, "width": 63, "height": 63, "center_x": 380, "center_y": 562}
    assert state["render"] == {"cell_size": 63, "image_width": 740, "image_height": 740}
    path = state["metadata"]["path"]
    assert (path[0]["start"], path[-1]["end"]) == (state["metadata"]["start_pos"], state["metadata"]["goal_pos"])
    assert all(a["end"] == b["start"] for a, b in pairwise(path))
    assert len(path) == 5
    assert {segment["type"] for segment in path} == {"walk", "ladder"}


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("metadata", "cubes"), None, r"metadata\.cubes: missing"),
        (("metadata", "cubes"), [[1, 2]], r"metadata\.cubes\[0\].*three whole numbers"),
        (("metadata", "cubes"), [[1, 2, 99]], r"below \[6, 6, 5\]"),
        (("metadata", "cubes"), 5, r"metadata\.cubes: expected a list"),
        (("metadata", "grid_size"), [6, 6], r"metadata\.grid_size: expected three whole numbers"),
        (("metadata", "grid_size"), [6, 6, 10**9], r"metadata\.grid_size"),
        (("metadata", "grid_size"), [0, 6, 5], r"metadata\.grid_size: expected whole numbers >= 1"),
        (("metadata", "start_pos"), [0, 0, 4], r"no way from \(0, 0, 4\)"),
        (("metadata", "goal_pos"), [5, 5, 0], "are the same cube"),
        (("metadata", "ladders"), [], "no way from"),
        (("metadata", "ladders"), [3], r"metadata\.ladders\[0\]: expected an object"),
        (("metadata", "ladders"), [{"base_pos": [0, 0, 0], "direction": "+x", "height": 3}], "between two cubes"),
        (("entities", "goal", "bbox", "width"), 0, r"entities\.goal\.bbox\.width: expected a whole number >= 1"),
        (("render", "image_width"), "wide", r"render\.image_width"),
    ],
)
def test_a_broken_state_names_file_key_and_what_was_expected(written, tmp_path, keys, value, message) -> None:
    state = copy.deepcopy(json.loads(written.read_text()))
    inner = state
    for key in keys[:-1]:
        inner = inner[key]
    if value is None:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = value
    path = tmp_path / "easy_0001.json"
    path.write_text(json.dumps(state))
    with pytest.raises(DatasetError, match=message) as caught:
        read_state(path, written.parents[1] / "images" / "easy_0001.png")
    assert "easy_0001.json" in str(caught.value)


def test_a_picture_too_small_to_show_the_ball_is_refused(written, tmp_path) -> None:
    write_image(tmp_path / "small.png", TASK.first_frame[:20, :20])
    with pytest.raises(DatasetError, match="20 px, too few to see the ball"):
        read_state(written, tmp_path / "small.png")


@pytest.mark.parametrize("size", [150, 200, 240])
def test_solutions_of_small_hard_levels_are_solved_for_the_task_that_was_read_again(tmp_path, size) -> None:
    for seed in range(5):
        family = Maze3DFamily(level="hard", size=size)
        task = family.generate(seed)
        write_state(tmp_path / "states" / f"{seed}.json", task)
        write_image(tmp_path / "images" / f"{seed}.png", task.first_frame)
        again = read_state(tmp_path / "states" / f"{seed}.json")
        score = TrajectoryReward()(again, family.render(task, task.solution, 33, size))
        assert score.value >= 0.99, (seed, score)


def test_the_agent_keeps_the_whole_pixels_from_which_the_trackers_of_vr_bench_start(written) -> None:
    box = read_state(written).objects["agent"]
    assert np.multiply((box.x, box.y, box.width, box.height), 740) == pytest.approx((349, 531, 63, 63), abs=1e-9)


@pytest.mark.parametrize("size", [48, 150, 740])
@pytest.mark.parametrize(("name", "key"), [("player", "start_pos"), ("goal", "goal_pos")])
def test_a_bbox_in_whole_pixels_is_near_enough_and_one_elsewhere_is_refused(tmp_path, size, name, key) -> None:
    task = make_task("maze3d", seed=4, level="easy", size=size)
    path = tmp_path / "states" / "easy_0001.json"
    write_state(path, task)
    write_image(tmp_path / "images" / "easy_0001.png", task.first_frame)
    read_state(path)
    state = json.loads(path.read_text())
    state["entities"][name]["bbox"]["x"] += size // 5
    path.write_text(json.dumps(state))
    with pytest.raises(DatasetError, match=rf"entities\.{name}\.bbox: expected about \[.*{key}"):
        read_state(path)
