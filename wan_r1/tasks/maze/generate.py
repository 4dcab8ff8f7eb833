"""Regular mazes: VR-Bench's (depth-first search), and uniform spanning trees (Wilson) for the tiny level."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import GenerationError
from wan_r1.tasks.grid import Cell, distances

__all__ = ["MazeState", "carve_depth_first", "carve_uniform", "place_by_length", "place_far"]

GOAL_DISTANCE_RANK = 3  # VR-Bench puts the goal at the third largest Manhattan distance from the player

Grid = NDArray[np.int8]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class MazeState:
    """A maze: grid [R, C] int8 (1 wall, 0 floor), start and goal cells (row, col), and the name of its skin."""

    grid: Grid
    start: Cell
    goal: Cell
    skin: str


def carve_depth_first(rng: np.random.Generator, blocks: int) -> Grid:
    """A perfect maze [blocks, blocks] by randomized depth-first search from (1, 1), as VR-Bench does."""
    grid = np.ones((blocks, blocks), dtype=np.int8)
    grid[1, 1] = 0
    stack = [(1, 1)]
    while stack:
        row, col = stack[-1]
        ahead = [(row + dr, col + dc) for dr, dc in ((-2, 0), (2, 0), (0, -2), (0, 2))]
        ahead = [(r, c) for r, c in ahead if 0 < r < blocks and 0 < c < blocks and grid[r, c] == 1]
        if not ahead:
            stack.pop()
            continue
        r, c = ahead[rng.integers(len(ahead))]
        grid[(row + r) // 2, (col + c) // 2] = 0
        grid[r, c] = 0
        stack.append((r, c))
    return grid


def carve_uniform(rng: np.random.Generator, blocks: int) -> Grid:
    """A uniform spanning tree of the (blocks // 2)^2 cells as a maze [blocks, blocks].

    Wilson's algorithm (1996): loop-erased random walks; every tree is equally likely. 4x4 cells: 100,352 trees.
    """
    side = blocks // 2
    grid = np.ones((blocks, blocks), dtype=np.int8)
    in_tree = np.zeros((side, side), dtype=bool)
    in_tree[tuple(rng.integers(side, size=2))] = True
    for first in np.ndindex(side, side):
        leave: dict[Cell, Cell] = {}
        cell: Cell = (int(first[0]), int(first[1]))
        while not in_tree[cell]:
            leave[cell] = _random_neighbour(rng, cell, side)
            cell = leave[cell]
        cell = (int(first[0]), int(first[1]))
        while not in_tree[cell]:
            in_tree[cell] = True
            _open(grid, cell, leave[cell])
            cell = leave[cell]
    for row, col in np.ndindex(side, side):
        grid[2 * row + 1, 2 * col + 1] = 0
    return grid


def _random_neighbour(rng: np.random.Generator, cell: Cell, side: int) -> Cell:
    around = [(cell[0] + dr, cell[1] + dc) for dr, dc in ((-1, 0), (1, 0), (0, -1), (0, 1))]
    inside = [(r, c) for r, c in around if 0 <= r < side and 0 <= c < side]
    return inside[rng.integers(len(inside))]


def _open(grid: Grid, cell: Cell, neighbour: Cell) -> None:
    grid[cell[0] + neighbour[0] + 1, cell[1] + neighbour[1] + 1] = 0


def place_far(rng: np.random.Generator, grid: Grid) -> tuple[Cell, Cell]:
    """VR-Bench's placement: the start on any floor cell, the goal at the third largest Manhattan distance from it."""
    floor = np.argwhere(grid == 0)
    start = floor[rng.integers(len(floor))]
    away = np.abs(floor - start).sum(axis=1)
    ranked = np.unique(away[away > 0])[::-1]
    if len(ranked) == 0:
        raise GenerationError(f"maze of {grid.shape}: one floor cell only; there is no place for a goal")
    candidates = floor[away == ranked[min(GOAL_DISTANCE_RANK, len(ranked)) - 1]]
    goal = candidates[rng.integers(len(candidates))]
    return (int(start[0]), int(start[1])), (int(goal[0]), int(goal[1]))


def place_by_length(rng: np.random.Generator, grid: Grid, min_moves: int, max_moves: int) -> tuple[Cell, Cell] | None:
    """Start and goal on cell centres (odd rows and columns) whose way has min_moves..max_moves moves.

    The length is drawn first, uniformly among the lengths that this maze offers, so that long ways are not rare.
    None if the maze offers none.
    """
    centres = [(int(r), int(c)) for r, c in np.argwhere(grid == 0) if r % 2 == 1 and c % 2 == 1]
    pairs: dict[int, list[tuple[Cell, Cell]]] = {}
    for goal in centres:
        moves = distances(grid == 1, goal)
        for start in centres:
            if min_moves <= moves[start] <= max_moves:
                pairs.setdefault(int(moves[start]), []).append((start, goal))
    if not pairs:
        return None
    lengths = sorted(pairs)
    chosen = pairs[lengths[rng.integers(len(lengths))]]
    return chosen[rng.integers(len(chosen))]
