from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wan_r1.errors import ConfigError, GenerationError
from wan_r1.tasks import family_of, make_family, make_task, make_tasks, task_seed
from wan_r1.tasks.difficulty import TRAPFIELD_LEVELS
from wan_r1.tasks.skins import SKINS
from wan_r1.tasks.split import SPLITS
from wan_r1.tasks.trapfield import TrapfieldFamily, TrapfieldState
from wan_r1.tasks.trapfield.generate import place_behind_traps, place_far, scatter
from wan_r1.tasks.trapfield.render import looks
from wan_r1.tasks.trapfield.solve import shortest_path

LEVELS = list(TRAPFIELD_LEVELS)
seeds = st.integers(0, 2**63 - 1)


def cells_of(task):
    """The solution as board cells (row, col)."""
    rows, cols = task.state.grid.shape
    return [(round(y * rows - 0.5), round(x * cols - 0.5)) for x, y in task.solution.points.tolist()]


@pytest.mark.parametrize("level", LEVELS)
def test_the_same_seed_gives_the_same_bytes(level):
    first, second = (make_task("trapfield", 11, level=level) for _ in range(2))
    assert first.first_frame.tobytes() == second.first_frame.tobytes()
    assert first.solution.points.tobytes() == second.solution.points.tobytes()
    assert first.state.grid.tobytes() == second.state.grid.tobytes()


def test_task_i_depends_on_the_seed_and_i_only():
    alone = make_tasks("trapfield", 4, 1, start=3)[0]
    assert make_tasks("trapfield", 4, 4)[3].first_frame.tobytes() == alone.first_frame.tobytes()
    assert make_task("trapfield", task_seed(4, 3)).first_frame.tobytes() == alone.first_frame.tobytes()


def test_the_family_of_a_task_has_its_settings():
    family = TrapfieldFamily(level="easy", skin="night", size=120, split="train")
    assert family_of(family.generate(3)) == family


@pytest.mark.parametrize(
    ("level", "side", "px", "traps"),
    [("tiny", 10, 80, {35}), ("easy", 5, 320, {3, 4}), ("medium", 7, 448, None), ("hard", 11, 704, None)],
)
def test_a_level_has_its_size_and_its_traps(level, side, px, traps):
    tasks = make_tasks("trapfield", 0, 12, level=level)
    assert {task.state.grid.shape for task in tasks} == {(side, side)}
    assert {task.first_frame.shape for task in tasks} == {(px, px, 3)}
    if traps:
        assert {int(task.state.grid.sum()) for task in tasks} <= traps


@given(seeds, st.sampled_from([("easy", 0.20), ("medium", 0.30), ("hard", 0.35)]))
@settings(max_examples=40, deadline=None)
def test_vr_benchs_levels_protect_a_direct_way_and_fill_a_share_of_the_rest(seed, named):
    level, density = named
    task = make_task("trapfield", seed, level=level)
    (row, col), (goal_row, goal_col), way = task.state.start, task.state.goal, cells_of(task)
    assert len(way) - 1 == abs(row - goal_row) + abs(col - goal_col) >= 2
    assert (goal_row, col) in way  # up or down first: the first of the shortest ways in VR-Bench's order
    assert task.state.grid.sum() == int((task.state.grid.size - len(way)) * density)


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_the_goal_is_the_farthest_of_a_hundred_random_cells(seed):
    cells = place_far(np.random.default_rng(seed), 5)
    (row, col), goal = cells[0], cells[-1]
    away = abs(row - goal[0]) + abs(col - goal[1])
    farthest = max(row, 4 - row) + max(col, 4 - col)
    assert farthest - 2 <= away <= farthest
    assert away == len(cells) - 1


def test_every_cell_that_is_not_spared_gets_a_trap_as_often():
    rng = np.random.default_rng(0)
    fields = np.stack([scatter(rng, 4, 0.25, spared=[(0, 0), (0, 1), (1, 1), (3, 3)]) for _ in range(3000)])
    assert set(fields.sum(axis=(1, 2))) == {3}
    share = fields.mean(axis=0)
    assert share[0, 0] == share[0, 1] == share[1, 1] == share[3, 3] == 0
    np.testing.assert_allclose(share[share > 0], 0.25, atol=0.03)
    assert (share > 0).sum() == 12


@given(seeds, st.sampled_from(LEVELS))
@settings(max_examples=40, deadline=None)
def test_the_solution_goes_from_start_to_goal_and_meets_no_trap(seed, level):
    task = make_task("trapfield", seed, level=level)
    cells, grid = cells_of(task), task.state.grid
    assert (cells[0], cells[-1]) == (task.state.start, task.state.goal)
    assert all(grid[cell] == 0 for cell in cells)
    assert all(abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1 for a, b in pairwise(cells))


boards = arrays(np.int8, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.integers(0, 1))


def brute_force_lengths(grid, start, goal):
    """Lengths of all ways from start to goal that visit no cell twice."""
    lengths, stack = [], [(start,)]
    while stack:
        way = stack.pop()
        row, col = way[-1]
        if (row, col) == goal:
            lengths.append(len(way) - 1)
            continue
        for cell in ((row + 1, col), (row - 1, col), (row, col + 1), (row, col - 1)):
            inside = 0 <= cell[0] < grid.shape[0] and 0 <= cell[1] < grid.shape[1]
            if inside and not grid[cell] and cell not in way and len(way) <= 9:
                stack.append((*way, cell))
    return lengths


@given(boards, st.data())
@settings(max_examples=40, deadline=None)
def test_no_way_that_brute_force_finds_is_shorter_than_the_solvers(grid, data):
    cell = st.tuples(st.integers(0, grid.shape[0] - 1), st.integers(0, grid.shape[1] - 1))
    start, goal = data.draw(cell), data.draw(cell)
    grid[start] = grid[goal] = 0
    lengths = brute_force_lengths(grid, start, goal)
    cells = shortest_path(grid, start, goal)
    assert len(cells) - 1 == min(lengths) if lengths else len(cells) == 0 or len(cells) - 1 > 9


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_on_a_tiny_field_every_direct_way_meets_a_trap(seed):
    task = make_task("trapfield", seed)
    grid, (row, col), (goal_row, goal_col) = task.state.grid, task.state.start, task.state.goal
    rows, cols = slice(min(row, goal_row), max(row, goal_row) + 1), slice(min(col, goal_col), max(col, goal_col) + 1)
    assert grid[rows, col].any() or grid[goal_row, cols].any()
    assert grid[row, cols].any() or grid[rows, goal_col].any()
    line = np.linspace((row, col), (goal_row, goal_col), 500).round().astype(int)
    assert grid[tuple(line.T)].any()


@pytest.mark.parametrize(("level", "least", "most"), [("tiny", 4, 9), ("tiny_long", 10, 14)])
def test_on_small_fields_no_length_is_rare_and_half_of_the_ways_are_detours(level: str, least: int, most: int) -> None:
    tasks = make_tasks("trapfield", 0, 100, level=level)
    moves = Counter(len(task.solution.points) - 1 for task in tasks)
    assert set(moves) == set(range(least, most + 1))
    assert min(moves.values()) >= 5
    direct = [np.abs(np.subtract(task.state.start, task.state.goal)).sum() for task in tasks]
    detours = [len(task.solution.points) - 1 > away for task, away in zip(tasks, direct, strict=True)]
    assert np.mean(detours) > 0.45


def test_a_field_without_traps_has_no_place_behind_them():
    assert place_behind_traps(np.random.default_rng(0), np.zeros((4, 4), np.int8), 2, 6) is None


def test_sides_have_no_layout_in_common_up_to_symmetry():
    for level, num in (("tiny", 15), ("easy", 60)):
        keys = {}
        for side in SPLITS:
            family = TrapfieldFamily(level=level, split=side)
            keys[side] = {family.layout_key(family.generate(seed)) for seed in range(num)}
        assert keys["train"].isdisjoint(keys["validation"] | keys["test"])
        assert keys["validation"].isdisjoint(keys["test"])


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("skin", ["plain", "brick"])
def test_a_video_begins_with_the_first_frame_and_rests_at_the_goal(level, skin):
    task = make_task("trapfield", 2, level=level, skin=skin)
    video = family_of(task).render(task, task.solution, 17, max(task.first_frame.shape))
    assert video.shape == (17, *task.first_frame.shape)
    np.testing.assert_array_equal(video[0], task.first_frame)
    np.testing.assert_array_equal(video[-1], video[-2])
    assert (video[-1] != video[0]).any()


def test_a_tiny_agent_walks_one_cell_in_each_frame_and_cells_lie_on_the_latent_grid():
    task = make_task("trapfield", 5)
    video, cells = family_of(task).render(task, task.solution, 17, 80), cells_of(task)
    for frame, picture in enumerate(video):
        row, col = cells[min(frame, len(cells) - 1)]
        assert picture[8 * row + 3 : 8 * row + 5, 8 * col + 3 : 8 * col + 5].tolist() == [[[68, 68, 255]] * 2] * 2
        assert (picture == (68, 68, 255)).all(axis=2).sum() == (video[0] == (68, 68, 255)).all(axis=2).sum()


@pytest.mark.parametrize("size", [64, 83, 333])
def test_a_task_can_have_any_size_and_a_video_any_length(size):
    task = make_task("trapfield", 1, size=size)
    assert task.first_frame.shape == (size, size, 3)
    for num_frames in (1, 5):
        assert family_of(task).render(task, task.solution, num_frames, size).shape == (num_frames, size, size, 3)


def test_boxes_name_the_cells_of_agent_and_goal():
    task = make_task("trapfield", 3)
    (row, col), (goal_row, goal_col) = task.state.start, task.state.goal
    box, goal = task.objects["agent"], task.goals[0]
    assert (box.x, box.y) == pytest.approx((col / 10, row / 10))
    assert (goal.x, goal.y, goal.width) == pytest.approx((goal_col / 10, goal_row / 10, 0.1))
    assert set(task.sprites) == {"agent", "goal"}


@pytest.mark.parametrize("skin", list(SKINS))
def test_things_of_a_skin_can_be_told_apart_and_the_prompt_names_them(skin):
    shown = looks(skin)
    away = [np.abs(np.subtract(a.color, b.color)).max() for a in shown.values() for b in shown.values() if a is not b]
    assert min(away) > 40
    prompt = make_task("trapfield", 0, skin=skin).prompt
    assert prompt.startswith("trapfield: ")
    assert all(look.word in prompt for look in shown.values())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"level": "giant"}, "level 'giant'.*tiny"),
        ({"skin": "neon"}, "skin 'neon'.*plain"),
        ({"split": "dev"}, "split 'dev'.*validation"),
        ({"size": 5}, "10 x 10 blocks: 5 x 5 px"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_setting_that_does_not_exist_names_those_that_do(wrong, message):
    with pytest.raises(ConfigError, match=message):
        make_task("trapfield", 0, **wrong)


def test_a_goal_that_cannot_be_reached_is_a_generation_error():
    grid = np.array([[0, 1, 0]], np.int8)
    with pytest.raises(GenerationError, match=r"no way from \(0, 0\) to \(0, 2\)"):
        make_family("trapfield").task(TrapfieldState(grid=grid, start=(0, 0), goal=(0, 2), skin="plain"))


def test_a_level_without_a_fitting_field_is_a_generation_error(monkeypatch):
    monkeypatch.setattr("wan_r1.tasks.trapfield.MAX_TRIES", 5)
    monkeypatch.setitem(
        TRAPFIELD_LEVELS, "bare", type(TRAPFIELD_LEVELS["tiny"])(side=4, density=0.0, cell_px=8, moves=(2, 6))
    )
    with pytest.raises(GenerationError, match=r"level 'bare'.*5 tries"):
        make_task("trapfield", 0, level="bare")
