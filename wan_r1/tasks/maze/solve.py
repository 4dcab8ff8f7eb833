"""The way through a maze. A perfect maze has exactly one; a foreign maze may have several of equal length."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks import grid as boards
from wan_r1.tasks.grid import STEPS, Cell

__all__ = ["distances", "shortest_path", "walk_with_wrong_turns"]


def shortest_path(grid: NDArray[np.int8], start: Cell, goal: Cell) -> list[Cell]:
    """Cells of one shortest way, start and goal included; empty if there is none. grid: [R, C], 1 = wall."""
    return boards.shortest_path(grid == 1, start, goal)


def distances(grid: NDArray[np.int8], goal: Cell) -> NDArray[np.int64]:
    """Moves from each cell to the goal, [R, C]; -1 on walls and where there is no way. grid: [R, C], 1 = wall."""
    return boards.distances(grid == 1, goal)


def walk_with_wrong_turns(
    grid: NDArray[np.int8], start: Cell, goal: Cell, chance: float, rng: np.random.Generator
) -> list[Cell]:
    """Cells of a walker who knows the way but errs: at each junction it takes a wrong branch with this chance.

    A wrong branch is followed to its dead end, where the walker stays. grid: [R, C], 1 = wall.
    """
    way = shortest_path(grid, start, goal)
    walk = way[:1]
    for here, ahead in pairwise(way):
        branches = [cell for cell in _neighbours(grid, here) if cell != ahead and cell not in walk]
        if branches and rng.random() < chance:
            while branches:
                walk.append(branches[rng.integers(len(branches))])
                branches = [cell for cell in _neighbours(grid, walk[-1]) if cell not in walk]
            return walk
        walk.append(ahead)
    return walk


def _neighbours(grid: NDArray[np.int8], cell: Cell) -> list[Cell]:
    rows, cols = grid.shape
    around = [(cell[0] + dr, cell[1] + dc) for dr, dc in STEPS]
    return [(r, c) for r, c in around if 0 <= r < rows and 0 <= c < cols and grid[r, c] == 0]
