"""The sokoban solver against brute force, and its costs."""

import heapq
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wan_r1.errors import GenerationError
from wan_r1.tasks.sokoban.generate import draw_walls, place_freely
from wan_r1.tasks.sokoban.solve import live_cells, move, solution, solution_table, state_of

STEPS = ((-1, 0), (1, 0), (0, -1), (0, 1))


def board(*rows):
    """Grid, start, boxes and targets of a drawn level: A agent, B box, T target, # wall."""
    codes = np.asarray([list(row) for row in rows])
    start, boxes, targets = ([(int(r), int(c)) for r, c in np.argwhere(codes == mark)] for mark in "ABT")
    return (codes == "#").astype(np.int8), state_of(start[0], boxes), tuple(targets)


def brute_force(grid, start, targets):
    """(pushes, moves) of the best solution by looking at states in order of cost; None if there is none."""
    queue, done = [((0, 0), start)], set()
    while queue:
        (pushes, moves), (agent, boxes) = heapq.heappop(queue)
        if set(boxes) <= set(targets):
            return pushes, moves
        if (agent, boxes) in done:
            continue
        done.add((agent, boxes))
        for dr, dc in STEPS:
            ahead, beyond = (agent[0] + dr, agent[1] + dc), (agent[0] + 2 * dr, agent[1] + 2 * dc)
            if grid[ahead]:
                continue
            if ahead not in boxes:
                heapq.heappush(queue, ((pushes, moves + 1), (ahead, boxes)))
            elif beyond not in boxes and not grid[beyond]:
                moved = tuple(sorted([*(box for box in boxes if box != ahead), beyond]))
                heapq.heappush(queue, ((pushes + 1, moves + 1), (ahead, moved)))
    return None


def random_level(seed, side, num_boxes):
    """Walls and distinct places, solvable or not."""
    rng = np.random.default_rng(seed)
    while True:
        grid = draw_walls(rng, side, 0.2)
        floor = [(int(r), int(c)) for r, c in np.argwhere(grid == 0)]
        if len(floor) > 2 * num_boxes:
            cells = [floor[i] for i in rng.permutation(len(floor))[: 2 * num_boxes + 1]]
            return grid, state_of(cells[0], cells[1 : num_boxes + 1]), tuple(cells[num_boxes + 1 :])


@given(st.integers(0, 10**6), st.sampled_from([(5, 1), (6, 1), (7, 1), (5, 2), (6, 2), (5, 3)]))
@settings(max_examples=40, deadline=None)
def test_no_solution_has_fewer_pushes_or_as_many_pushes_and_fewer_moves(seed, kind):
    grid, start, targets = random_level(seed, *kind)
    best = brute_force(grid, start, targets)
    table = solution_table(grid, targets, kind[1])
    if best is None:
        assert table.moves(start) == np.inf
        assert solution(grid, start, targets) == []
    else:
        assert (table.pushes(start), table.moves(start)) == best


@given(st.integers(0, 10**6), st.sampled_from([(6, 1), (6, 2)]))
@settings(max_examples=30, deadline=None)
def test_a_solution_is_a_legal_way_of_the_best_cost_to_the_targets(seed, kind):
    grid, start, targets = random_level(seed, *kind)
    states = solution(grid, start, targets)
    for before, after in pairwise(states):
        assert after in [move(grid, before, step) for step in STEPS]
    if states:
        table = solution_table(grid, targets, kind[1])
        assert set(states[-1][1]) <= set(targets)
        assert len(states) - 1 == table.moves(start)
        assert sum(a[1] != b[1] for a, b in pairwise(states)) == table.pushes(start)


def test_fewer_pushes_are_better_than_fewer_moves():
    grid, start, targets = board(
        "########",
        "##.AT#.#",
        "#......#",
        "#..#...#",
        "##B.##.#",
        "#......#",
        "##....##",
        "########",
    )
    table = solution_table(grid, targets, 1)
    assert (table.pushes(start), table.moves(start)) == (5, 30)
    assert fewest_moves(grid, start, targets) == 24


def fewest_moves(grid, start, targets):
    """Moves of a solution with the fewest moves, however many of them are pushes."""
    front, done, moves = [start], {start}, 0
    while not any(set(boxes) <= set(targets) for _, boxes in front):
        front = [after for state in front for step in STEPS if (after := move(grid, state, step)) is not None]
        front = list(set(front) - done)
        done.update(front)
        moves += 1
    return moves


def test_corners_and_walls_without_a_target_are_dead():
    grid, _, targets = board("#####", "#..A#", "#.B.#", "#T..#", "#####")
    live = live_cells(grid, targets)
    assert np.argwhere(live).tolist() == [[2, 1], [2, 2], [3, 1], [3, 2]]
    assert solution_table(grid, targets, 1).moves(((2, 2), ((1, 1),))) == np.inf


def test_a_box_in_a_corner_has_no_solution():
    grid, start, targets = board("######", "#B..A#", "#...T#", "######")
    assert solution(grid, start, targets) == []


def test_a_push_needs_free_floor_behind_the_box():
    grid, _, _ = board("######", "#ABBT#", "######")
    assert move(grid, ((1, 1), ((1, 2), (1, 3))), (0, 1)) is None
    assert move(grid, ((1, 1), ((1, 3),)), (0, 1)) == ((1, 2), ((1, 3),))
    assert move(grid, ((1, 2), ((1, 3),)), (0, 1)) == ((1, 3), ((1, 4),))
    assert move(grid, ((1, 3), ((1, 4),)), (0, 1)) is None
    assert move(grid, ((1, 1), ()), (-1, 0)) is None


def test_a_solved_state_costs_nothing():
    grid, _, targets = board("#####", "#A.T#", "#.B.#", "#...#", "#####")
    assert solution_table(grid, targets, 1).cost(((1, 1), ((1, 3),))) == 0


def test_a_board_with_too_many_states_is_refused_with_the_way_out():
    grid = draw_walls(np.random.default_rng(0), 12, 0.0)
    with pytest.raises(GenerationError, match=r"3 boxes on a board of 12 x 12 .* fewer boxes or a smaller board"):
        solution_table(grid, ((2, 2), (3, 3), (4, 4)), 3)


def test_the_table_of_the_largest_benchmark_board_takes_a_tenth_of_a_second_at_most():
    rng = np.random.default_rng(3)
    placed = None
    while placed is None:
        grid = draw_walls(rng, 12, 0.1)
        placed = place_freely(rng, grid, 1)
    before = time.process_time()
    solution_table(grid.copy(), ((1, 1),), 1)
    assert time.process_time() - before < 0.1
