"""Sokoban levels: VR-Bench's (random walls, random places), and boards of a given solution length."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.grid import Cell
from wan_r1.tasks.sokoban.solve import live_cells, solution_table

__all__ = ["Placement", "SokobanState", "draw_walls", "place_by_length", "place_freely"]

Grid = NDArray[np.int8]
Placement = tuple[Cell, tuple[Cell, ...], tuple[Cell, ...]]
"""Cell of the agent, cells of the boxes, cells of the targets."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SokobanState:
    """A level: grid [R, C] int8 (1 wall, 0 floor), cells (row, col) of agent, boxes and targets, name of its skin."""

    grid: Grid
    start: Cell
    boxes: tuple[Cell, ...]
    targets: tuple[Cell, ...]
    skin: str


def draw_walls(rng: np.random.Generator, blocks: int, wall_share: float) -> Grid:
    """A board [blocks, blocks] with walls around it, on which each inner cell is a wall with this probability."""
    grid = np.ones((blocks, blocks), dtype=np.int8)
    grid[1:-1, 1:-1] = rng.random((blocks - 2, blocks - 2)) < wall_share
    return grid


def place_freely(rng: np.random.Generator, grid: Grid, num_boxes: int) -> Placement | None:
    """VR-Bench's placement: everything on random floor cells, no two on one. None if that has no solution."""
    floor = np.argwhere(grid == 0)
    if len(floor) < 2 * num_boxes + 1:
        return None
    drawn = floor[rng.permutation(len(floor))[: 2 * num_boxes + 1]]
    agent, *things = [(int(row), int(col)) for row, col in drawn]
    boxes, targets = tuple(sorted(things[:num_boxes])), tuple(sorted(things[num_boxes:]))
    if not live_cells(grid, targets)[tuple(np.transpose(boxes))].all():
        return None
    solvable = np.isfinite(solution_table(grid, targets, num_boxes).cost((agent, boxes)))
    return (agent, boxes, targets) if solvable else None


def place_by_length(
    rng: np.random.Generator, grid: Grid, num_boxes: int, min_moves: int, max_moves: int
) -> Placement | None:
    """Random targets; agent and boxes on other cells such that the best solution has min_moves..max_moves moves.

    The length is drawn first, uniformly among the lengths that this board offers, so that long solutions are not rare.
    None if it offers none.
    """
    floor = np.argwhere(grid == 0)
    if len(floor) < 2 * num_boxes + 1:
        return None
    drawn = floor[rng.permutation(len(floor))[:num_boxes]]
    targets = tuple(sorted((int(row), int(col)) for row, col in drawn))
    table = solution_table(grid, targets, num_boxes)
    lengths = table.lengths()
    cells, placements = list(table.cells), list(table.placements)
    covered = [table.cells[target] for target in targets]
    lengths[:, covered] = 0  # every target is to be seen in the first picture
    lengths[[not set(boxes).isdisjoint(targets) for boxes in placements]] = 0
    offered = np.unique(lengths[(lengths >= min_moves) & (lengths <= max_moves)])
    if not len(offered):
        return None
    fitting = np.argwhere(lengths == offered[rng.integers(len(offered))])
    row, column = fitting[rng.integers(len(fitting))]
    return cells[column], placements[row], targets
