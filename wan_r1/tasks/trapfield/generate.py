"""Trap fields: VR-Bench's, whose direct way is always free, and fields whose direct ways are all blocked."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.grid import Cell, distances, shortest_path

__all__ = ["TrapfieldState", "place_behind_traps", "place_far", "scatter"]

GOAL_CANDIDATES = 100  # VR-Bench takes the farthest of this many random cells as the goal
MIN_WAY_CELLS = 3  # VR-Bench rejects shorter ways, start and goal included

Grid = NDArray[np.int8]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TrapfieldState:
    """An open field: grid [R, C] int8 (1 trap, 0 floor), start and goal cells (row, col), and the name of its skin."""

    grid: Grid
    start: Cell
    goal: Cell
    skin: str


def place_far(rng: np.random.Generator, side: int) -> list[Cell]:
    """VR-Bench's placement on an empty field: the cells of the way, which no trap may take; empty if too short.

    The start is any cell, the goal the first farthest (Manhattan) of 100 random cells, and the way goes up or down
    first, then left or right: the shortest way that comes first in VR-Bench's order of directions.
    """
    start, *others = rng.integers(side, size=(1 + GOAL_CANDIDATES, 2))
    goal = others[int(np.abs(np.asarray(others) - start).sum(axis=1).argmax())]
    empty = np.zeros((side, side), dtype=bool)
    cells = shortest_path(empty, (int(start[0]), int(start[1])), (int(goal[0]), int(goal[1])))
    return cells if len(cells) >= MIN_WAY_CELLS else []


def scatter(rng: np.random.Generator, side: int, density: float, spared: list[Cell]) -> Grid:
    """A field [side, side] with traps on a share `density` of the cells that are not spared, rounded down."""
    free = np.ones((side, side), dtype=bool)
    for cell in spared:
        free[cell] = False
    places = rng.permutation(np.flatnonzero(free))
    grid = np.zeros(side * side, dtype=np.int8)
    grid[places[: int(len(places) * density)]] = 1
    return grid.reshape(side, side)


def place_behind_traps(
    rng: np.random.Generator, grid: Grid, min_moves: int, max_moves: int
) -> tuple[Cell, Cell] | None:
    """Start and goal whose shortest way has min_moves..max_moves moves, with a trap on each of the direct ways.

    The direct ways are the straight line, along the row and then the column, and the other way around. The length is
    drawn first, uniformly among the lengths that this field offers, so that long ways are not rare. None if the field
    offers none.
    """
    floor = [(int(r), int(c)) for r, c in np.argwhere(grid == 0)]
    pairs: dict[int, list[tuple[Cell, Cell]]] = {}
    for goal in floor:
        moves = distances(grid == 1, goal)
        for start in floor:
            if min_moves <= moves[start] <= max_moves:
                pairs.setdefault(int(moves[start]), []).append((start, goal))
    lengths = sorted(pairs)
    while lengths:
        length = lengths.pop(rng.integers(len(lengths)))
        for index in rng.permutation(len(pairs[length])):
            start, goal = pairs[length][index]
            if not any(_is_free(grid, way) for way in _direct_ways(start, goal)):
                return start, goal
    return None


def _direct_ways(start: Cell, goal: Cell) -> tuple[list[Cell], ...]:
    """The ways of one who sees no traps, as their corners."""
    return [start, goal], [start, (start[0], goal[1]), goal], [start, (goal[0], start[1]), goal]


def _is_free(grid: Grid, corners: list[Cell]) -> bool:
    """Whether no trap lies on a polyline between cell centres."""
    lines = [np.linspace(first, last, 20 * len(grid)) for first, last in pairwise(corners)]
    rows, cols = np.rint(np.concatenate(lines)).astype(int).T
    return not grid[rows, cols].any()
