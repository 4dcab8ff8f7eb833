"""VR-Bench's sokoban states as tasks, and tasks as states."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

from wan_r1.errors import DatasetError
from wan_r1.tasks import family_of, make_task
from wan_r1.tasks.vr_bench import read_state, write_state
from wan_r1.video import write_image

GOLDEN = Path(__file__).parents[3] / "shared" / "golden" / "vr_bench" / "sokoban"
LEVELS = ("easy_0003", "medium_0006", "hard_0001")


@pytest.fixture
def written(tmp_path) -> Path:
    """The state file of a task of two boxes, its picture beside it."""
    task = make_task("sokoban", seed=4, level="medium", num_boxes=2, size=160)
    write_state(tmp_path / "states" / "m.json", task)
    write_image(tmp_path / "images" / "m.png", task.first_frame)
    return tmp_path / "states" / "m.json"


@pytest.mark.parametrize(("num_boxes", "skin"), [(1, "plain"), (1, "meadow"), (3, "night")])
def test_a_task_written_and_read_again_is_the_same(tmp_path, num_boxes, skin) -> None:
    task = make_task("sokoban", seed=4, level="medium", num_boxes=num_boxes, skin=skin)
    write_state(tmp_path / "states" / "m.json", task)
    write_image(tmp_path / "images" / "m.png", task.first_frame)
    again = read_state(tmp_path / "states" / "m.json")
    for name in ("start", "boxes", "targets"):
        assert getattr(again.state, name) == getattr(task.state, name)
    assert (again.state.grid == task.state.grid).all()
    assert again.objects == task.objects
    assert again.goals == task.goals
    assert np.allclose(again.solution.points, task.solution.points)
    for name in ("agent", "box_0", "goal"):
        assert np.abs(again.sprites[name].alpha - task.sprites[name].alpha).mean() < 0.05


def test_the_grid_keeps_the_codes_of_player_boxes_and_targets(written) -> None:
    state = json.loads(written.read_text())
    codes = np.asarray(state["grid"]["data"])
    assert [(codes == code).sum() for code in (2, 3, 5)] == [2, 2, 1]
    assert state["metadata"]["symbols"]["player"] == 5
    player = state["entities"]["player"]["grid_pos"]
    assert codes[player["row"], player["col"]] == 5
    assert len(state["entities"]["boxes"]) == 2


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="the full golden set is not beside the repository")
@pytest.mark.parametrize("level", LEVELS)
def test_a_golden_state_is_read_solved_written_and_drawn_alike(level, tmp_path) -> None:
    path = GOLDEN / level.split("_")[0] / "states" / f"{level}.json"
    task = read_state(path)
    assert len(task.solution.points) - 1 == {"easy_0003": 2, "medium_0006": 6, "hard_0001": 13}[level]
    write_state(tmp_path / "s.json", task, task.first_frame.shape[0])
    assert json.loads((tmp_path / "s.json").read_text()) == json.loads(path.read_text())
    drawn = family_of(task).render(task, task.solution, 1, max(task.first_frame.shape))[0]
    assert np.abs(drawn.astype(int) - task.first_frame).mean() <= 6


def _broken(path: Path, keys: tuple[str | int, ...], value: object) -> None:
    state = copy.deepcopy(json.loads(path.read_text()))
    inner = state
    for key in keys[:-1]:
        inner = inner[key]
    if value is None:
        del inner[keys[-1]]
    else:
        inner[keys[-1]] = value
    path.write_text(json.dumps(state))


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("entities", "boxes"), None, r"entities\.boxes: missing"),
        (("entities", "boxes"), 3, r"entities\.boxes: expected a list"),
        (("entities", "boxes"), [], r"entities\.boxes: at \[\], but grid.data has"),
        (("entities", "boxes", 1, "grid_pos"), None, r"entities\.boxes\[1\]\.grid_pos: missing"),
        (("entities", "boxes", 1, "bbox", "x"), 0, r"boxes\[1\]\.bbox: expected about \[.*, which is the cell \("),
        (("entities", "boxes", 0, "grid_pos", "row"), "1", r"boxes\[0\]\.grid_pos\.row: expected a whole number"),
        (("entities", "player", "grid_pos", "row"), 7, r"entities\.player: at .* but grid.data has"),
        (("entities", "goal", "grid_pos"), {"row": 1, "col": 0}, r"entities\.goal: at \(1, 0\)"),
        (("metadata", "symbols"), {"box": 4}, r"metadata\.symbols: expected"),
        (("grid", "data"), [[7] * 8] * 8, "whole numbers from 0 to 6"),
        (("grid", "data"), [[0] * 8] * 8, "but grid.data has"),
    ],
)
def test_a_broken_state_names_file_key_and_what_was_expected(written, keys, value, message) -> None:
    _broken(written, keys, value)
    with pytest.raises(DatasetError, match=message) as caught:
        read_state(written)
    assert "m.json" in str(caught.value)


def _drawn(path: Path, *rows: str) -> None:
    """Replace the board of a state file: A agent, B box, T target, # wall, b box on target."""
    marks = {"#": 1, ".": 0, "B": 2, "T": 3, "b": 4, "A": 5}
    codes = [[marks[mark] for mark in row] for row in rows]
    state = json.loads(path.read_text())
    entity = state["entities"]["player"]

    def entities(mark: str) -> list[dict]:
        cells = [(r, c) for r, row in enumerate(rows) for c, m in enumerate(row) if m in mark]
        return [{**entity, "grid_pos": {"row": r, "col": c}} for r, c in cells]

    state["entities"] = {"player": entities("A")[0], "goal": entities("Tb")[0], "boxes": entities("Bb")}
    state["grid"] = {"data": codes, "height": len(rows), "width": len(rows[0])}
    path.write_text(json.dumps(state))


def test_a_level_without_a_solution_and_one_that_hides_its_target_are_refused(written) -> None:
    _drawn(written, "#####", "#B.A#", "#..T#", "#####")
    with pytest.raises(DatasetError, match="cannot be pushed to the targets"):
        read_state(written)
    _drawn(written, "######", "#.A..#", "#.bB.#", "#..T.#", "######")
    with pytest.raises(DatasetError, match=r"something stands on the target \(2, 2\)"):
        read_state(written)


def test_a_picture_without_the_player_is_refused(written) -> None:
    write_image(written.parents[1] / "white.png", np.full((160, 160, 3), 255, np.uint8))
    with pytest.raises(DatasetError, match="shows only floor at the player's cell"):
        read_state(written, written.parents[1] / "white.png")
