"""The way between the traps; often there are several of equal length, and each of them is right."""

import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks import grid as boards
from wan_r1.tasks.grid import STEPS, Cell

__all__ = ["branches", "shortest_path"]


def shortest_path(grid: NDArray[np.int8], start: Cell, goal: Cell) -> list[Cell]:
    """Cells of one shortest way, start and goal included; empty if there is none. grid: [R, C], 1 = trap.

    Of several it is the first in VR-Bench's order of directions: up, down, left, right.
    """
    return boards.shortest_path(grid == 1, start, goal)


def branches(grid: NDArray[np.int8], cell: Cell) -> list[Cell]:
    """The cells beside a cell, traps too; none beside a trap, where a walk ends. grid: [R, C], 1 = trap."""
    rows, cols = grid.shape
    around = [(cell[0] + dr, cell[1] + dc) for dr, dc in STEPS]
    return [] if grid[cell] else [(r, c) for r, c in around if 0 <= r < rows and 0 <= c < cols]
