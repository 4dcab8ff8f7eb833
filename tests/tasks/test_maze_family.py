from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from wan_r1.errors import ConfigError, GenerationError
from wan_r1.tasks import family_of, make_family, make_task, make_tasks, task_seed
from wan_r1.tasks.difficulty import MAZE_LEVELS
from wan_r1.tasks.maze import MazeFamily, MazeState
from wan_r1.tasks.maze.generate import carve_depth_first, carve_uniform, place_far
from wan_r1.tasks.skins import SKINS
from wan_r1.types import Path

LEVELS = list(MAZE_LEVELS)
seeds = st.integers(0, 2**63 - 1)


def cells_of(task):
    """The solution as board cells (row, col)."""
    rows, cols = task.state.grid.shape
    return [(round(y * rows - 0.5), round(x * cols - 0.5)) for x, y in task.solution.points.tolist()]


def is_perfect(grid) -> bool:
    """One way between any two floor blocks: connected, and as many links as blocks less one."""
    floor = {(int(r), int(c)) for r, c in np.argwhere(grid == 0)}
    links = sum(((r + 1, c) in floor) + ((r, c + 1) in floor) for r, c in floor)
    seen, front = set(), [next(iter(floor))]
    while front:
        cell = front.pop()
        if cell in floor and cell not in seen:
            seen.add(cell)
            front += [(cell[0] + dr, cell[1] + dc) for dr, dc in ((1, 0), (-1, 0), (0, 1), (0, -1))]
    return seen == floor and links == len(floor) - 1


def assert_same_task(first, second):
    assert first.first_frame.tobytes() == second.first_frame.tobytes()
    assert first.solution.points.tobytes() == second.solution.points.tobytes()
    assert first.state.grid.tobytes() == second.state.grid.tobytes()
    assert (first.prompt, first.settings, first.objects, first.goals) == (
        second.prompt,
        second.settings,
        second.objects,
        second.goals,
    )


@pytest.mark.parametrize("level", LEVELS)
def test_the_same_seed_gives_the_same_bytes(level):
    assert_same_task(make_task("maze", 11, level=level), make_task("maze", 11, level=level))


def test_task_i_depends_on_the_seed_and_i_only():
    alone = make_tasks("maze", 4, 1, start=9, level="tiny")[0]
    assert_same_task(make_tasks("maze", 4, 10, level="tiny")[9], alone)
    assert_same_task(make_task("maze", task_seed(4, 9), level="tiny"), alone)


@pytest.mark.parametrize("seed", [-1, 1.5, "1", True])
def test_a_seed_that_is_no_whole_number_is_refused(seed):
    for make in (lambda: make_task("maze", seed), lambda: make_tasks("maze", seed, 1)):
        with pytest.raises(ConfigError, match="seed = "):
            make()


def test_other_seeds_and_other_numbers_give_other_tasks():
    tasks = make_tasks("maze", 4, 20, level="tiny") + make_tasks("maze", 5, 20, level="tiny")
    assert len({task.first_frame.tobytes() for task in tasks}) == 40


def test_the_family_of_a_task_has_its_settings():
    family = MazeFamily(level="easy", skin="night", size=120, split="train")
    assert family_of(family.generate(3)) == family


@pytest.mark.parametrize(
    ("level", "blocks"), [("easy", 7), ("medium", 11), ("hard", 15), ("tiny", 10), ("tiny_long", 10)]
)
def test_a_level_has_its_number_of_blocks(level, blocks):
    assert make_task("maze", 0, level=level).state.grid.shape == (blocks, blocks)


@pytest.mark.parametrize("carve", [carve_depth_first, carve_uniform])
@given(seed=seeds, blocks=st.sampled_from([3, 5, 7, 9, 11, 15]))
@settings(max_examples=40, deadline=None)
def test_a_maze_is_perfect_and_closed(carve, seed, blocks):
    grid = carve(np.random.default_rng(seed), blocks)
    assert is_perfect(grid)
    assert grid[1::2, 1::2].max() == 0
    assert min(grid[0].min(), grid[-1].min(), grid[:, 0].min(), grid[:, -1].min()) == 1


def test_wilson_draws_each_of_the_192_trees_of_3_by_3_cells_equally_often():
    rng = np.random.default_rng(0)
    counts = Counter(carve_uniform(rng, 7).tobytes() for _ in range(192 * 30))
    assert len(counts) == 192
    assert chisquare(list(counts.values())).pvalue > 1e-3


def test_depth_first_search_does_not_draw_all_trees_equally_often():
    rng = np.random.default_rng(0)
    counts = Counter(carve_depth_first(rng, 7).tobytes() for _ in range(2000))
    assert chisquare([counts[key] for key in counts] + [0] * (192 - len(counts))).pvalue < 1e-6


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_the_goal_lies_at_the_third_largest_manhattan_distance(seed):
    rng = np.random.default_rng(seed)
    grid = carve_depth_first(rng, 11)
    start, goal = place_far(rng, grid)
    away = {abs(int(r) - start[0]) + abs(int(c) - start[1]) for r, c in np.argwhere(grid == 0)}
    assert grid[start] == grid[goal] == 0
    assert abs(goal[0] - start[0]) + abs(goal[1] - start[1]) == sorted(away, reverse=True)[2]


@given(seeds, st.sampled_from(LEVELS))
@settings(max_examples=40, deadline=None)
def test_the_solution_walks_on_floor_and_is_the_only_way(seed, level):
    task = make_task("maze", seed, level=level)
    cells, grid = cells_of(task), task.state.grid
    assert (cells[0], cells[-1]) == (task.state.start, task.state.goal)
    assert all(grid[cell] == 0 for cell in cells)
    assert all(abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1 for a, b in pairwise(cells))
    assert len(set(cells)) == len(cells)  # in a perfect maze, the only way that visits no block twice


@pytest.mark.parametrize(("level", "least", "most"), [("tiny", 4, 16), ("tiny_long", 18, 30)])
def test_ways_have_the_lengths_of_their_level(level, least, most):
    moves = Counter(len(task.solution.points) - 1 for task in make_tasks("maze", 0, 150, level=level))
    assert least <= min(moves)
    assert max(moves) <= most
    assert all(count % 2 == 0 for count in moves)  # start and goal are cell centres
    assert len(moves) >= 4


def test_no_length_is_rare_among_tiny_mazes():
    moves = Counter(len(task.solution.points) - 1 for task in make_tasks("maze", 0, 210, level="tiny"))
    assert min(moves[length] for length in range(4, 18, 2)) > 10


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("skin", ["plain", "brick"])
def test_a_video_begins_with_the_first_frame_and_rests_at_the_goal(level, skin):
    task = make_task("maze", 2, level=level, skin=skin)
    video = family_of(task).render(task, task.solution, 33, max(task.first_frame.shape))
    assert video.shape == (33, *task.first_frame.shape)
    np.testing.assert_array_equal(video[0], task.first_frame)
    np.testing.assert_array_equal(video[-1], video[-2])
    assert (video[-1] != video[0]).any()


def test_a_tiny_agent_walks_one_block_in_each_frame():
    task = make_task("maze", 5, level="tiny")
    video, empty = family_of(task).render(task, task.solution, 17, 80), None
    cells = cells_of(task)
    for frame, picture in enumerate(video):
        row, col = cells[min(frame, len(cells) - 1)]
        block = picture[8 * row : 8 * row + 8, 8 * col : 8 * col + 8]
        assert block[3:5, 3:5].tolist() == [[[255, 0, 0]] * 2] * 2
        red = (picture == (255, 0, 0)).all(axis=2).sum()
        empty = red if empty is None else empty
        assert red == empty


@pytest.mark.parametrize("size", [64, 80, 83, 240, 333])
def test_a_task_can_have_any_size(size):
    task = make_task("maze", 1, level="tiny", size=size)
    assert task.first_frame.shape == (size, size, 3)
    assert max(task.sprites["agent"].rgb.shape) == round(size / 10)
    assert family_of(task).render(task, task.solution, 5, size).shape == (5, size, size, 3)


@pytest.mark.parametrize("num_frames", [1, 5, 17, 81, 121])
def test_a_solution_video_can_have_any_number_of_frames(num_frames):
    task = make_task("maze", 1, level="easy", size=70)
    assert len(family_of(task).render(task, task.solution, num_frames, 70)) == num_frames


def test_boxes_name_the_blocks_of_agent_and_goal():
    task = make_task("maze", 3, level="tiny")
    (row, col), (goal_row, goal_col) = task.state.start, task.state.goal
    box, goal = task.objects["agent"], task.goals[0]
    assert (box.x, box.y) == pytest.approx((col / 10, row / 10))
    assert (goal.x, goal.y, goal.width) == pytest.approx((goal_col / 10, goal_row / 10, 0.1))
    assert set(task.sprites) == {"agent", "goal"}


@pytest.mark.parametrize("skin", list(SKINS))
def test_the_prompt_names_what_the_picture_shows(skin):
    task = make_task("maze", 0, skin=skin)
    for look in (SKINS[skin].agent, SKINS[skin].goal, SKINS[skin].wall):
        assert look.word in task.prompt


def test_pictures_of_two_skins_differ_and_their_mazes_do_not():
    plain, night = (make_task("maze", 8, skin=skin) for skin in ("plain", "night"))
    assert (plain.first_frame != night.first_frame).any()
    np.testing.assert_array_equal(plain.state.grid, night.state.grid)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"level": "giant"}, "level 'giant'.*tiny"),
        ({"skin": "neon"}, "skin 'neon'.*plain"),
        ({"split": "dev"}, "split 'dev'.*validation"),
        ({"size": 5}, "10 x 10 blocks: 5 x 5 px"),
        ({"size": -80}, "-80 x -80 px"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_setting_that_does_not_exist_names_those_that_do(wrong, message):
    with pytest.raises(ConfigError, match=message):
        make_task("maze", 0, **wrong)


def test_an_unknown_family_names_the_known_ones():
    with pytest.raises(ConfigError, match=r"family 'mace'.*maze"):
        make_family("mace")


def test_a_goal_that_cannot_be_reached_is_a_generation_error():
    grid = np.ones((5, 5), dtype=np.int8)
    grid[1, 1] = grid[3, 3] = 0
    with pytest.raises(GenerationError, match=r"no way from \(1, 1\) to \(3, 3\)"):
        MazeFamily(level="easy").task(MazeState(grid=grid, start=(1, 1), goal=(3, 3), skin="plain"))


def test_a_maze_of_one_block_has_no_place_for_a_goal():
    with pytest.raises(GenerationError, match="one floor cell"):
        place_far(np.random.default_rng(0), carve_depth_first(np.random.default_rng(0), 3))


def test_bounds_that_no_maze_meets_are_a_generation_error(monkeypatch):
    level = replace(MAZE_LEVELS["tiny"], blocks=5, min_moves=10, max_moves=16)
    monkeypatch.setitem(MAZE_LEVELS, "impossible", level)
    with pytest.raises(GenerationError, match=r"level 'impossible'.*1000 tries"):
        make_task("maze", 0, level="impossible")


def test_a_demonstrator_without_wrong_turns_solves_and_one_with_many_ends_in_a_dead_end() -> None:
    family = MazeFamily(level="tiny")
    solved = 0
    for index in range(40):
        task = family.generate(task_seed(5, index))
        assert family.errant_walk(task, 0.0).points.tobytes() == task.solution.points.tobytes()
        walk = family.errant_walk(task, 0.5).points
        assert np.array_equal(walk, family.errant_walk(task, 0.5).points)
        assert walk[0] == pytest.approx(task.solution.points[0])
        solved += np.array_equal(walk[-1], task.solution.points[-1])
        cells = cells_of(replace(task, solution=Path(points=walk, unit="image")))
        assert all(task.state.grid[cell] == 0 for cell in cells)
        assert all(abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1 for a, b in pairwise(cells))
        assert len(set(cells)) == len(cells)
    assert 2 <= solved <= 25
