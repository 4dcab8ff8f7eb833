from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wan_r1.tasks.grid import canonical_layout, cell_box, cells_to_path, distances, shortest_path

BLOCKED = np.array([[0, 0, 0], [1, 1, 0], [0, 0, 0]], dtype=bool)


def walks(blocked, start):
    """All cells by the number of moves from start, found by spreading one move at a time."""
    reached = [{start}]
    while reached[-1]:
        around = {(r + dr, c + dc) for r, c in reached[-1] for dr, dc in ((1, 0), (-1, 0), (0, 1), (0, -1))}
        inside = {(r, c) for r, c in around if 0 <= r < blocked.shape[0] and 0 <= c < blocked.shape[1]}
        reached.append({cell for cell in inside if not blocked[cell]} - set().union(*reached))
    return reached


def test_distances_count_moves_around_walls():
    assert distances(BLOCKED, (0, 0)).tolist() == [[0, 1, 2], [-1, -1, 3], [6, 5, 4]]


def test_a_shortest_path_goes_around_the_wall():
    assert shortest_path(BLOCKED, (0, 0), (2, 1)) == [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1)]


def test_there_is_no_path_through_a_closed_wall():
    blocked = np.array([[0, 1, 0]], dtype=bool)
    assert shortest_path(blocked, (0, 0), (0, 2)) == []


def test_a_path_to_where_one_stands_is_one_cell():
    assert shortest_path(BLOCKED, (0, 1), (0, 1)) == [(0, 1)]


boards = arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.booleans())


@given(boards, st.data())
@settings(deadline=None)
def test_a_shortest_path_is_legal_and_as_short_as_brute_force_finds(blocked, data):
    cell = st.tuples(st.integers(0, blocked.shape[0] - 1), st.integers(0, blocked.shape[1] - 1))
    start, goal = data.draw(cell), data.draw(cell)
    blocked[start] = blocked[goal] = False
    lengths = [moves for moves, cells in enumerate(walks(blocked, start)) if goal in cells]
    cells = shortest_path(blocked, start, goal)
    if not lengths:
        assert cells == []
        return
    assert len(cells) == lengths[0] + 1
    assert (cells[0], cells[-1]) == (start, goal)
    assert not any(blocked[cell] for cell in cells)
    assert all(abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1 for a, b in pairwise(cells))


def test_a_cell_box_is_its_share_of_the_picture():
    box = cell_box((1, 2), (4, 5))
    assert (box.x, box.y, box.width, box.height) == (0.4, 0.25, 0.2, 0.25)
    assert box.center == pytest.approx((0.5, 0.375))


def test_a_cell_path_goes_through_cell_centres():
    path = cells_to_path([(0, 0), (0, 1), (1, 1)], (2, 4))
    assert path.unit == "image"
    np.testing.assert_allclose(path.points, [[0.125, 0.25], [0.375, 0.25], [0.375, 0.75]])


layouts = arrays(np.int8, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.integers(0, 2))


@given(layouts)
@settings(deadline=None)
def test_the_key_of_a_layout_is_that_of_its_eight_symmetric_boards(layout):
    turned = [np.rot90(board, k) for board in (layout, layout.T, layout[::-1], layout[:, ::-1]) for k in range(4)]
    assert len({canonical_layout(board) for board in turned}) == 1


def test_layouts_of_two_by_two_cells_fall_into_six_classes():
    # Burnside: 16 boards of 2 x 2 blocks have 6 classes under the 8 symmetries of the square.
    boards = [np.array([[a, b], [c, d]], np.int8) for a in (0, 1) for b in (0, 1) for c in (0, 1) for d in (0, 1)]
    assert len({canonical_layout(board) for board in boards}) == 6


def test_boards_of_other_shapes_have_other_keys():
    assert canonical_layout(np.zeros((1, 4), np.int8)) != canonical_layout(np.zeros((2, 2), np.int8))
