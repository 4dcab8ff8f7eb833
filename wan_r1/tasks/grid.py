"""What board games share: cells, shortest ways, cell paths. Cells are `(row, col)` and stay in `tasks/`."""

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wan_r1.types import Box, Path

__all__ = ["Cell", "canonical_layout", "cell_box", "cells_to_path", "distances", "shortest_path"]

Cell = tuple[int, int]

STEPS: tuple[Cell, ...] = ((-1, 0), (1, 0), (0, -1), (0, 1))  # up, down, left, right: VR-Bench's order


def distances(blocked: NDArray[np.bool_], goal: Cell) -> NDArray[np.int64]:
    """Moves from each cell to `goal` over free cells, [R, C]; -1 where there is no way. blocked: [R, C] bool."""
    rows, cols = blocked.shape
    result = np.full(blocked.shape, -1, dtype=np.int64)
    result[goal] = 0
    queue = deque([goal])
    while queue:
        row, col = queue.popleft()
        for d_row, d_col in STEPS:
            r, c = row + d_row, col + d_col
            if 0 <= r < rows and 0 <= c < cols and not blocked[r, c] and result[r, c] < 0:
                result[r, c] = result[row, col] + 1
                queue.append((r, c))
    return result


def shortest_path(blocked: NDArray[np.bool_], start: Cell, goal: Cell) -> list[Cell]:
    """One shortest way from start to goal, both included; empty if there is none. Ties: up, down, left, right."""
    remaining = distances(blocked, goal)
    if remaining[start] < 0:
        return []
    cells = [start]
    while cells[-1] != goal:
        row, col = cells[-1]
        here = remaining[row, col]
        cells.append(
            next(
                (row + dr, col + dc)
                for dr, dc in STEPS
                if 0 <= row + dr < blocked.shape[0]
                and 0 <= col + dc < blocked.shape[1]
                and remaining[row + dr, col + dc] == here - 1
            )
        )
    return cells


def cell_box(cell: Cell, shape: tuple[int, int]) -> Box:
    """The box of a cell on a board of `shape` (rows, cols), in image units."""
    rows, cols = shape
    return Box(x=cell[1] / cols, y=cell[0] / rows, width=1 / cols, height=1 / rows)


def cells_to_path(cells: Sequence[Cell], shape: tuple[int, int]) -> Path:
    """Cell centres as a Path in image units."""
    rows, cols = shape
    points = [((col + 0.5) / cols, (row + 0.5) / rows) for row, col in cells]
    return Path(points=np.asarray(points, dtype=np.float32), unit="image")


def canonical_layout(layout: NDArray[np.int8]) -> bytes:
    """A key that is equal for the 8 rotations and reflections of a board [R, C], and for no other board."""
    turned = [np.rot90(board, k) for board in (layout, layout.T) for k in range(4)]
    return min(bytes(board.shape) + np.ascontiguousarray(board).tobytes() for board in turned)
