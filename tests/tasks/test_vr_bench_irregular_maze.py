"""VR-Bench's pathfinder states as tasks, and tasks as pathfinder states."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

from wan_r1.errors import DatasetError
from wan_r1.tasks import family_of, make_task
from wan_r1.tasks.vr_bench import image_path_of, read_state, write_state
from wan_r1.types import Task
from wan_r1.video import write_image

EASY = Path(__file__).parents[1] / "data" / "vr_bench" / "pathfinder" / "easy" / "states" / "easy_0002.json"
MEDIUM = Path(__file__).parents[3] / "shared/golden/vr_bench/pathfinder/medium/states/medium_0001.json"


@pytest.fixture(params=[EASY, MEDIUM], ids=["easy", "medium"])
def state_file(request) -> Path:
    if not request.param.is_file():
        pytest.skip("the full golden set is not beside the repository")
    return request.param


def test_the_easy_level_is_read() -> None:
    task = read_state(EASY)
    net = task.state.net
    assert (task.family, task.settings["level"], len(net.nodes), len(net.roads)) == ("irregular_maze", "easy", 8, 8)
    assert net.width == 60 / 1024
    assert task.objects["agent"].center == pytest.approx((746 / 1024, 490 / 1024))
    assert task.goals[0].center == pytest.approx((451 / 1024, 139 / 1024))
    assert task.solution.points[0] * 1024 == pytest.approx((746.97, 490.30), abs=0.01)


def test_our_way_is_vr_benchs_way(state_file) -> None:
    metadata = json.loads(state_file.read_text())["metadata"]
    task = read_state(state_file)
    passed = np.asarray(metadata["solution_path"]) / 1024
    assert all(np.hypot(*(task.solution.points - node).T).min() < 1e-6 for node in passed)
    assert len(task.solution.points) == 16 * len(metadata["solution_segments"]) + 1


def test_a_written_state_is_exactly_vr_benchs(state_file, tmp_path) -> None:
    write_state(tmp_path / "s.json", read_state(state_file))
    assert json.loads((tmp_path / "s.json").read_text()) == json.loads(state_file.read_text())


def test_the_plain_skin_looks_like_vr_benchs_picture(state_file) -> None:
    task = read_state(state_file)
    drawn = family_of(task).render(task, task.solution, 1, 1024)[0]
    assert np.abs(drawn.astype(int) - task.first_frame).mean() < 1.5
    agent, goal = (np.asarray(box.center) * 1024 for box in (task.objects["agent"], task.goals[0]))
    for x, y in (agent.astype(int), goal.astype(int)):
        assert np.abs(drawn[y, x].astype(int) - task.first_frame[y, x]).max() < 12


def test_sprites_are_cut_out_of_the_picture_without_road_and_ground(state_file) -> None:
    for sprite, color in zip(read_state(state_file).sprites.values(), ((20, 255, 0), (255, 0, 0)), strict=True):
        px = sprite.alpha.shape[0]
        assert np.abs(sprite.rgb[px // 2, px // 2].astype(int) - color).max() < 12
        y, x = np.mgrid[:px, :px] - (px - 1) / 2
        away = np.hypot(x, y) / px
        assert sprite.alpha[away < 0.37].min() > 0.9
        assert (sprite.alpha[away > 0.43] > 0).mean() < 0.01  # H.264 spreads colour by a pixel or two


def test_a_sprite_on_a_textured_road_has_no_road_in_it(tmp_path) -> None:
    task = make_task("irregular_maze", seed=4, level="easy", size=512)
    picture, px = task.first_frame.copy(), 30
    stripes = np.where(np.arange(512) // 3 % 2 == 0, 0, 60)[None, :, None]
    road = (picture == 255).all(axis=2, keepdims=True)
    picture = np.where(road, picture - stripes, picture).astype(np.uint8)
    write_state(tmp_path / "s.json", task, 512)
    write_image(tmp_path / "p.png", picture)
    alpha = read_state(tmp_path / "s.json", tmp_path / "p.png").sprites["agent"].alpha
    y, x = np.mgrid[:px, :px] - (px - 1) / 2
    assert alpha[np.hypot(x, y) < 0.36 * px].min() > 0.9
    assert alpha[np.hypot(x, y) > 0.46 * px].max() < 0.2


def _written(tmp_path: Path, **settings) -> tuple[Task, Path]:
    task, path = make_task("irregular_maze", **settings), tmp_path / "states" / "any_0001.json"
    write_state(path, task)
    write_image(image_path_of(path), task.first_frame)
    return task, path


def test_a_task_written_and_read_again_is_the_same(tmp_path) -> None:
    for settings in ({"level": "medium", "size": 512}, {"level": "tiny"}):
        task, path = _written(tmp_path, seed=4, **settings)
        again = read_state(path)
        assert np.allclose(again.state.net.nodes[again.state.net.roads], task.state.net.nodes[task.state.net.roads])
        assert np.allclose(again.solution.points, task.solution.points, atol=1e-6)
        assert (again.first_frame == task.first_frame).all()
        assert again.state.net.width == pytest.approx(task.state.net.width, rel=0.02)


def _broken(tmp_path: Path, keys: tuple[str | int, ...], value: object) -> Path:
    state = copy.deepcopy(json.loads(EASY.read_text()))
    inner = state
    for key in keys[:-1]:
        inner = inner[key]
    if value is None:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = value
    path = tmp_path / "states" / "easy_0002.json"
    path.parent.mkdir()
    path.write_text(json.dumps(state))
    return path


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("metadata", "segments"), None, r"metadata\.segments: missing"),
        (("metadata", "segments"), [], r"metadata\.segments: expected a list of 1 to 1000 segments"),
        (("metadata", "segments", 0), [[1, 2], [3, 4]], r"segments\[0\]: expected 3 points"),
        (("metadata", "segments", 1), "road", r"segments\[1\]: expected 3 points"),
        (("metadata", "segments", 0), [[1, 2], [3, float("nan")], [5, 6]], r"segments\[0\]: expected 3 points"),
        (("metadata", "segments", 0), [[1, 2], [3, 4], [5, 6000]], "numbers from 0 to 1024"),
        (("metadata", "road_width"), "60", "road_width: expected a number between 0 and 1024"),
        (("metadata", "road_width"), 1, r"road_width: roads of 1\.0 px in its first picture"),
        (("metadata", "start_point"), None, "start_point: missing"),
        (("metadata", "end_point"), [5, 5], "end_point: expected an end of one of the segments"),
        (("metadata", "end_point"), 7, "end_point: expected 1 points"),
        (("metadata", "end_point"), [746.97, 490.3], "no way from start_point to end_point"),
        (("render", "image_width"), 900, "expected a square"),
        (("entities", "player", "bbox", "x"), 1000, "a box inside the picture of 1024 x 1024 px"),
    ],
)
def test_a_broken_state_names_file_key_and_what_was_expected(tmp_path, keys, value, message) -> None:
    path = _broken(tmp_path, keys, value)
    with pytest.raises(DatasetError, match=message) as caught:
        read_state(path, EASY.parents[1] / "images" / "easy_0002.png")
    assert "easy_0002.json" in str(caught.value)


def test_a_first_picture_that_is_no_square_is_refused(tmp_path) -> None:
    write_image(tmp_path / "wide.png", np.zeros((100, 200, 3), np.uint8))
    with pytest.raises(DatasetError, match="200 x 100 px; expected a square"):
        read_state(EASY, tmp_path / "wide.png")


def test_a_picture_without_the_player_is_refused(tmp_path) -> None:
    write_image(tmp_path / "white.png", np.full((1024, 1024, 3), 255, np.uint8))
    with pytest.raises(DatasetError, match="shows only road at the player's place"):
        read_state(EASY, tmp_path / "white.png")


@pytest.mark.parametrize(("name", "key"), [("player", "start_point"), ("goal", "end_point")])
def test_a_bbox_far_from_its_end_of_the_way_is_refused(tmp_path, name, key) -> None:
    state = json.loads(EASY.read_text())
    state["entities"][name]["bbox"]["x"] -= 100
    (tmp_path / "s.json").write_text(json.dumps(state))
    with pytest.raises(DatasetError, match=rf"entities\.{name}\.bbox: expected about \[.* around metadata\.{key}"):
        read_state(tmp_path / "s.json", image_path_of(EASY))
