"""VR-Bench's state files as tasks, and tasks as state files."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

from wan_r1.errors import DatasetError
from wan_r1.tasks import make_task
from wan_r1.tasks.vr_bench import WRITERS, image_path_of, read_state, write_state
from wan_r1.video import write_image

EASY = Path(__file__).parents[1] / "data" / "vr_bench_videos" / "maze" / "easy" / "states" / "easy_0001.json"


def test_the_easy_level_is_read() -> None:
    task = read_state(EASY)
    assert (task.family, task.state.start, task.state.goal) == ("maze", (3, 1), (5, 3))
    assert task.first_frame.shape == (210, 210, 3)
    assert task.state.grid[0].tolist() == [1] * 7
    assert np.allclose(task.solution.points * 7 - 0.5, [(1, 3), (1, 4), (1, 5), (2, 5), (3, 5)], atol=1e-5)
    assert task.goals[0].center == pytest.approx((3.5 / 7, 5.5 / 7))


def test_sprites_are_cut_out_of_the_picture_without_floor() -> None:
    sprites = read_state(EASY).sprites
    assert sprites["agent"].alpha.shape == (30, 30)
    assert sprites["agent"].alpha[15, 15] == 1
    assert sprites["agent"].alpha[:2].max() == 0
    assert abs(int(sprites["agent"].rgb[15, 15, 0]) - 255) < 12
    assert sprites["goal"].alpha[2:-2, 2:-2].min() == 1


def test_a_task_written_and_read_again_is_the_same(tmp_path) -> None:
    task = make_task("maze", seed=4, level="medium")
    write_state(tmp_path / "states" / "medium_0001.json", task)
    write_image(tmp_path / "images" / "medium_0001.png", task.first_frame)
    again = read_state(tmp_path / "states" / "medium_0001.json")
    assert (again.state.grid == task.state.grid).all()
    assert (again.state.start, again.state.goal) == (task.state.start, task.state.goal)
    assert np.allclose(again.solution.points, task.solution.points)
    assert (again.first_frame == task.first_frame).all()
    assert np.abs(again.sprites["agent"].alpha - task.sprites["agent"].alpha).mean() < 0.05


def test_a_written_state_is_exactly_vr_benchs(tmp_path) -> None:
    write_state(tmp_path / "s.json", read_state(EASY), 210)
    assert json.loads((tmp_path / "s.json").read_text()) == json.loads(EASY.read_text())


def test_the_picture_may_have_another_size(tmp_path) -> None:
    task = make_task("maze", seed=4, level="easy", size=512)
    write_state(tmp_path / "s.json", task, 210)
    write_image(tmp_path / "p.png", task.first_frame)
    assert read_state(tmp_path / "s.json", tmp_path / "p.png").first_frame.shape == (512, 512, 3)


def test_the_picture_lies_beside_the_states() -> None:
    assert image_path_of("d/states/easy_0007.json") == Path("d/images/easy_0007.png")


def _broken(tmp_path: Path, keys: tuple[str, ...], value: object) -> Path:
    state = copy.deepcopy(json.loads(EASY.read_text()))
    inner = state
    for key in keys[:-1]:
        inner = inner[key]
    if value is None:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = value
    path = tmp_path / "states" / "easy_0001.json"
    path.parent.mkdir()
    path.write_text(json.dumps(state))
    return path


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("game_type",), None, "game_type: missing"),
        (("game_type",), "chess", "game_type: expected one of .*maze.* got 'chess'"),
        (("version",), None, "version: missing"),
        (("entities",), None, "entities: missing"),
        (("entities",), [], "entities: expected an object"),
        (("entities", "player"), None, r"entities\.player: missing"),
        (("entities", "goal", "grid_pos"), None, r"entities\.goal\.grid_pos: missing"),
        (("entities", "player", "grid_pos", "row"), "3", r"entities\.player\.grid_pos\.row: expected a whole number"),
        (("entities", "player", "grid_pos", "row"), 99, "a cell inside the grid of 7 x 7"),
        (("entities", "player", "grid_pos", "row"), 0, "is a wall"),
        (("entities", "player", "bbox", "x"), None, r"entities\.player\.bbox\.x: missing"),
        (
            ("entities", "goal", "grid_pos", "col"),
            5,
            r"entities\.goal\.grid_pos: \(5, 5\) has code 0 in grid\.data; expected 3, which stands at \[\(5, 3\)\]",
        ),
        (
            ("entities", "player", "grid_pos", "col"),
            2,
            r"entities\.player\.grid_pos: \(3, 2\) has code 0 in grid\.data",
        ),
        (
            ("entities", "goal", "bbox", "x"),
            0,
            r"entities\.goal\.bbox: expected about \[90, 150, 30, 30\], which is the cell \(5, 3\) of its grid_pos",
        ),
        (("render",), None, "render: missing"),
        (("render", "image_width"), 2.5, r"render\.image_width: expected a whole number"),
        (("metadata",), 3, "metadata: expected an object"),
        (("grid",), None, "grid: missing"),
        (("grid", "width"), 6, r"grid\.data\[0\]: expected 6 codes"),
        (("grid", "data"), "x", r"grid\.data: expected 7 rows"),
        (("grid", "data"), [[0, 0, 0, 0, 0, 0, "a"]] * 7, r"grid\.data\[0\]: expected whole numbers from 0 to 3"),
        (("grid", "data"), [[0, 0, 0, 0, 0, 0, 9]] * 7, "whole numbers from 0 to 3"),
    ],
)
def test_a_broken_state_names_file_key_and_what_was_expected(tmp_path, keys, value, message) -> None:
    path = _broken(tmp_path, keys, value)
    with pytest.raises(DatasetError, match=message) as caught:
        read_state(path, EASY.parents[1] / "images" / "easy_0001.png")
    assert "easy_0001.json" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_what_is_not_a_state_is_refused(tmp_path, content) -> None:
    (tmp_path / "s.json").write_bytes(content)
    with pytest.raises(DatasetError, match=r"s\.json"):
        read_state(tmp_path / "s.json")


def test_missing_files_are_named(tmp_path) -> None:
    with pytest.raises(DatasetError, match="cannot be read"):
        read_state(tmp_path / "none.json")
    with pytest.raises(DatasetError, match="first picture"):
        read_state(EASY, tmp_path / "none.png")


def test_a_picture_without_the_player_is_refused(tmp_path) -> None:
    write_image(tmp_path / "white.png", np.full((210, 210, 3), 255, np.uint8))
    with pytest.raises(DatasetError, match="shows only floor at the player's cell"):
        read_state(EASY, tmp_path / "white.png")


@pytest.mark.parametrize("family", list(WRITERS))
def test_a_state_keeps_the_prompt_of_its_skin_however_often_it_is_read_and_written(tmp_path, family) -> None:
    task = make_task(family, seed=4, level="easy", skin="night")
    write_image(tmp_path / "p.png", task.first_frame)
    write_state(tmp_path / "s.json", task)
    own = json.loads((tmp_path / "s.json").read_text())["metadata"]["wan_r1"]
    assert own == {"skin": "night", "prompt": task.prompt}
    write_state(tmp_path / "again.json", read_state(tmp_path / "s.json", tmp_path / "p.png"))
    again = read_state(tmp_path / "again.json", tmp_path / "p.png")
    assert again.prompt == task.prompt != make_task(family, seed=4, level="easy").prompt


@pytest.mark.parametrize("family", list(WRITERS))
def test_a_state_of_the_plain_skin_has_no_keys_of_ours(tmp_path, family) -> None:
    write_state(tmp_path / "s.json", make_task(family, seed=4, level="easy"))
    assert "wan_r1" not in json.loads((tmp_path / "s.json").read_text())["metadata"]


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (3, r"metadata\.wan_r1: expected an object"),
        ({}, r"metadata\.wan_r1\.prompt: missing"),
        ({"prompt": 3}, r"metadata\.wan_r1\.prompt: expected a string"),
    ],
)
def test_a_broken_prompt_of_a_state_names_file_and_key(tmp_path, own, message) -> None:
    path = _broken(tmp_path, ("metadata", "wan_r1"), own)
    with pytest.raises(DatasetError, match=message):
        read_state(path, EASY.parents[1] / "images" / "easy_0001.png")
