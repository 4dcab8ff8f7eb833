"""VR-Bench's trapfield states as tasks, and tasks as state files."""

import json
from pathlib import Path

import numpy as np
import pytest

from wan_r1.errors import DatasetError
from wan_r1.tasks import make_task
from wan_r1.tasks.trapfield.render import draw_positions
from wan_r1.tasks.vr_bench import read_state, write_state
from wan_r1.video import write_image

GOLDEN = Path(__file__).parents[3] / "shared" / "golden" / "vr_bench" / "trapfield"
LEVELS = [("easy_0001", (1, 1), (4, 4), 6), ("medium_0001", (4, 2), (1, 6), 7), ("hard_0002", (3, 5), (9, 10), 11)]


def _golden(level: str) -> Path:
    if not GOLDEN.is_dir():
        pytest.skip("the full golden set is not beside the repository")
    return GOLDEN / level.split("_")[0] / "states" / f"{level}.json"


@pytest.mark.parametrize(("level", "start", "goal", "moves"), LEVELS)
def test_a_level_of_vr_bench_is_read_and_solved(level, start, goal, moves) -> None:
    task = read_state(_golden(level))
    assert (task.family, task.state.start, task.state.goal) == ("trapfield", start, goal)
    assert task.settings["level"] == level.split("_")[0]
    assert len(task.solution.points) == moves + 1


@pytest.mark.parametrize("level", [level[0] for level in LEVELS])
def test_the_plain_skin_looks_like_vr_benchs(level) -> None:
    task = read_state(_golden(level))
    start = np.asarray([task.objects["agent"].center], np.float32)
    drawn = draw_positions(task.state, start, max(task.first_frame.shape))[0]
    assert np.abs(drawn.astype(int) - task.first_frame).mean() < 4


@pytest.mark.parametrize("level", [level[0] for level in LEVELS])
def test_a_written_state_is_exactly_vr_benchs(tmp_path, level) -> None:
    task = read_state(_golden(level))
    write_state(tmp_path / "s.json", task, 64 * max(task.state.grid.shape))
    assert json.loads((tmp_path / "s.json").read_text()) == json.loads(_golden(level).read_text())


@pytest.mark.parametrize("skin", ["plain", "slate"])
def test_a_task_written_and_read_again_is_the_same(tmp_path, skin) -> None:
    task = make_task("trapfield", seed=4, level="medium", skin=skin)
    write_state(tmp_path / "states" / "medium_0001.json", task)
    write_image(tmp_path / "images" / "medium_0001.png", task.first_frame)
    again = read_state(tmp_path / "states" / "medium_0001.json")
    assert (again.state.grid == task.state.grid).all()
    assert (again.state.start, again.state.goal) == (task.state.start, task.state.goal)
    np.testing.assert_allclose(again.solution.points, task.solution.points)
    assert np.abs(again.sprites["agent"].alpha - task.sprites["agent"].alpha).mean() < 0.05


def test_a_player_on_a_trap_is_refused(tmp_path) -> None:
    task = make_task("trapfield", seed=4, level="easy")
    write_state(tmp_path / "s.json", task)
    write_image(tmp_path / "p.png", task.first_frame)
    state = json.loads((tmp_path / "s.json").read_text())
    row, col = task.state.start
    state["grid"]["data"][row][col] = 1
    (tmp_path / "s.json").write_text(json.dumps(state))
    with pytest.raises(DatasetError, match=r"s\.json: entities\.player\.grid_pos: .* is a trap in grid\.data"):
        read_state(tmp_path / "s.json", tmp_path / "p.png")
