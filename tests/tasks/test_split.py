import numpy as np
import pytest

from wan_r1.tasks import make_tasks
from wan_r1.tasks.grid import canonical_layout
from wan_r1.tasks.maze import MazeFamily
from wan_r1.tasks.split import SPLITS, split_of


def test_a_tenth_of_the_layouts_is_held_out_for_validation_and_for_test_each():
    sides = [split_of(bytes([index % 256, index // 256])) for index in range(5000)]
    shares = {side: sides.count(side) / 5000 for side in SPLITS}
    assert shares["validation"] == pytest.approx(0.1, abs=0.015)
    assert shares["test"] == pytest.approx(0.1, abs=0.015)
    assert shares["train"] == pytest.approx(0.8, abs=0.02)


def test_the_side_of_a_layout_never_changes():
    assert [split_of(bytes([index])) for index in range(12)] == [split_of(bytes([index])) for index in range(12)]
    assert split_of(b"a wall") == "train"


@pytest.mark.parametrize("level", ["tiny", "tiny_long", "medium"])
def test_sides_have_no_layout_in_common_up_to_symmetry(level):
    keys = {}
    for side in SPLITS:
        family = MazeFamily(level=level, split=side)
        keys[side] = {family.layout_key(task) for task in make_tasks("maze", 5, 40, level=level, split=side)}
        assert len(keys[side]) > 15
    assert keys["train"].isdisjoint(keys["validation"] | keys["test"])
    assert keys["validation"].isdisjoint(keys["test"])


def test_a_turned_or_mirrored_maze_stays_on_its_side():
    for task in make_tasks("maze", 1, 10, level="tiny", split="test"):
        grid = task.state.grid[:9, :9]
        for board in (grid, grid.T, grid[::-1], np.rot90(grid)):
            assert split_of(canonical_layout(board)) == "test"
