"""The way through a maze. A perfect maze has exactly one; a foreign maze may have several of equal length."""

import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks import grid as boards
from wan_r1.tasks.grid import STEPS, Cell

__all__ = ["branches", "distances", "shortest_path"]


def shortest_path(grid: NDArray[np.int8], start: Cell, goal: Cell) -> list[Cell]:
    """Cells of one shortest way, start and goal included; empty if there is none. grid: [R, C], 1 = wall."""
    return boards.shortest_path(grid == 1, start, goal)


def distances(grid: NDArray[np.int8], goal: Cell) -> NDArray[np.int64]:
    """Moves from each cell to the goal, [R, C]; -1 on walls and where there is no way. grid: [R, C], 1 = wall."""
    return boards.distances(grid == 1, goal)


def branches(grid: NDArray[np.int8], cell: Cell) -> list[Cell]:
    """The floor cells beside a cell. grid: [R, C], 1 = wall."""
    rows, cols = grid.shape
    around = [(cell[0] + dr, cell[1] + dc) for dr, dc in STEPS]
    return [(r, c) for r, c in around if 0 <= r < rows and 0 <= c < cols and grid[r, c] == 0]
