"""Best solutions: fewest pushes first, then fewest moves. One table holds their costs from every state of a board.

A state is (agent cell, box cells in sorted order). Boxes never enter dead cells, from which no push leads to a target
(corners are the simplest), so the table leaves those states out: they have no solution.
"""

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import GenerationError
from wan_r1.tasks.grid import STEPS, Cell

__all__ = ["SolutionTable", "State", "branches", "live_cells", "move", "solution", "solution_table", "state_of"]

MAX_STATES = 1_500_000
"""Largest table; three boxes on a board of 10 x 10 blocks fit, on 12 x 12 they do not."""

PUSH = 2.0**21
"""Cost of a push beside its move: more than the moves of any solution, so that pushes count first."""

Boxes = tuple[Cell, ...]
State = tuple[Cell, Boxes]
"""Cell of the agent, and the cells of the boxes in sorted order: boxes look alike."""

Grid = NDArray[np.int8]
Indices = NDArray[np.int64]
Edges = tuple[Indices, Indices, float]


def state_of(agent: Cell, boxes: Sequence[Cell]) -> State:
    """The state with the agent and the boxes on these cells."""
    return agent, tuple(sorted(boxes))


def move(grid: Grid, state: State, step: Cell) -> State | None:
    """The state after one step of the agent, which pushes a box that stands there; None if that is not possible."""
    (row, col), boxes = state
    ahead = (row + step[0], col + step[1])
    if not _is_floor(grid, ahead):
        return None
    if ahead not in boxes:
        return ahead, boxes
    beyond = (ahead[0] + step[0], ahead[1] + step[1])
    if beyond in boxes or not _is_floor(grid, beyond):
        return None
    return ahead, tuple(sorted(beyond if box == ahead else box for box in boxes))


def branches(grid: Grid, state: State) -> list[State]:
    """The states after each step that is possible."""
    after = (move(grid, state, step) for step in STEPS)
    return [each for each in after if each is not None]


def _is_floor(grid: Grid, cell: Cell) -> bool:
    return 0 <= cell[0] < grid.shape[0] and 0 <= cell[1] < grid.shape[1] and bool(grid[cell] == 0)


def live_cells(grid: Grid, targets: Sequence[Cell]) -> NDArray[np.bool_]:
    """Cells [R, C] from which pushes can bring a lone box to a target; all others, for example corners, are dead."""
    live = np.zeros(grid.shape, dtype=bool)
    front = list(targets)
    while front:
        row, col = cell = front.pop()
        live[cell] = True
        for d_row, d_col in STEPS:  # a box one step away comes here if the agent can stand behind it
            before, behind = (row + d_row, col + d_col), (row + 2 * d_row, col + 2 * d_col)
            if _is_floor(grid, before) and _is_floor(grid, behind) and not live[before]:
                front.append(before)
    return live


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SolutionTable:
    """Costs of the best solutions from all states of a board.

    cells: floor cell -> column; placements: box cells in sorted order -> row; costs [rows, columns]: pushes * PUSH +
    moves, infinite where there is no solution.
    """

    cells: dict[Cell, int]
    placements: dict[Boxes, int]
    costs: NDArray[np.float64]

    def cost(self, state: State) -> float:
        """Pushes * PUSH + moves of the best solution from a state; infinite if there is none."""
        row, column = self.placements.get(state[1]), self.cells.get(state[0])
        return np.inf if row is None or column is None else float(self.costs[row, column])

    def moves(self, state: State) -> float:
        """Moves, pushes included, of the best solution from a state; infinite if there is none."""
        cost = self.cost(state)
        return cost % PUSH if np.isfinite(cost) else np.inf

    def pushes(self, state: State) -> float:
        """Pushes of the best solution from a state; infinite if there is none."""
        cost = self.cost(state)
        return cost // PUSH if np.isfinite(cost) else np.inf

    def lengths(self) -> NDArray[np.int64]:
        """Moves of the best solution from every state, [rows, columns]; 0 where there is none or it is solved."""
        return (np.where(np.isfinite(self.costs), self.costs, 0) % PUSH).astype(np.int64)


def solution(grid: Grid, state: State, targets: Sequence[Cell]) -> list[State]:
    """The states of one best solution, the given one included; empty if there is none. It turns as late as it can."""
    table = solution_table(grid, targets, len(state[1]))
    if not np.isfinite(table.cost(state)):
        return []
    states, step = [state], STEPS[0]
    while table.cost(states[-1]) > 0:
        step, after = next(_best_moves(grid, table, states[-1], step))
        states.append(after)
    return states


def _best_moves(grid: Grid, table: SolutionTable, state: State, last: Cell) -> Iterator[tuple[Cell, State]]:
    for step in (last, *STEPS):
        after = move(grid, state, step)
        if after is not None:
            price = 1 + PUSH * (after[1] != state[1])
            if table.cost(after) + price == table.cost(state):
                yield step, after


def solution_table(grid: Grid, targets: Sequence[Cell], num_boxes: int) -> SolutionTable:
    """The table of a board [R, C] (1 = wall); all boxes must come to targets. It is kept for the next call.

    Raises:
        GenerationError: the board has more states than the table can hold.
    """
    return _table(np.ascontiguousarray(grid).tobytes(), grid.shape, tuple(sorted(targets)), num_boxes)


@functools.lru_cache(maxsize=32)
def _table(board: bytes, shape: Cell, targets: tuple[Cell, ...], num_boxes: int) -> SolutionTable:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    grid = np.frombuffer(board, dtype=np.int8).reshape(shape)
    floor = np.argwhere(grid == 0)
    cells = {(int(row), int(col)): index for index, (row, col) in enumerate(floor)}
    live = live_cells(grid, targets)[grid == 0]
    num_states = math.comb(int(live.sum()), num_boxes) * len(cells)
    if num_states > MAX_STATES:
        raise GenerationError(
            f"sokoban: {num_boxes} boxes on a board of {shape[0]} x {shape[1]} have {num_states:,} states, more than "
            f"{MAX_STATES:,}; take fewer boxes or a smaller board"
        )
    placed = np.asarray(list(combinations(np.flatnonzero(live), num_boxes)), dtype=np.int64).reshape(-1, num_boxes)
    edges = [*_walks(cells, placed), *_pushes(cells, placed, live)]
    before, after = (np.concatenate([edge[side] for edge in edges]) for side in (0, 1))
    price = np.concatenate([np.full(len(edge[0]), edge[2]) for edge in edges])
    size = len(placed) * len(cells)
    backward = csr_array((price, (after, before)), shape=(size, size))
    solved = np.flatnonzero(np.isin(placed, [cells[target] for target in targets]).all(axis=1))
    ends = (solved[:, None] * len(cells) + np.arange(len(cells))).ravel()
    costs: Any = dijkstra(backward, indices=ends, min_only=True) if len(ends) else np.full(size, np.inf)
    costs = costs.reshape(len(placed), len(cells))
    np.put_along_axis(costs, placed, np.inf, axis=1)  # no agent where a box is
    names = list(cells)
    return SolutionTable(
        cells=cells,
        placements={tuple(names[index] for index in row): number for number, row in enumerate(placed.tolist())},
        costs=costs,
    )


def _walks(cells: dict[Cell, int], placed: Indices) -> Iterator[Edges]:
    """All moves without a push: state numbers before and after, and the price."""
    num = len(cells)
    taken = _taken(placed, num)
    for step in STEPS:
        here = np.flatnonzero(_next(cells, step) >= 0)
        there = _next(cells, step)[here]
        row, column = np.nonzero(~taken[:, here] & ~taken[:, there])
        yield row * num + here[column], row * num + there[column], 1.0


def _pushes(cells: dict[Cell, int], placed: Indices, live: NDArray[np.bool_]) -> Iterator[Edges]:
    """All pushes onto live cells: state numbers before and after, and the price."""
    num, num_boxes = len(cells), placed.shape[1]
    taken = np.pad(_taken(placed, num), ((0, 0), (0, 1)), constant_values=True)  # index -1: no floor there
    weights = num ** np.arange(num_boxes)[::-1]
    keys = placed @ weights
    rows, lives = np.arange(len(placed)), np.append(live, False)
    for step in STEPS:
        onward, backward = _next(cells, step), _next(cells, (-step[0], -step[1]))
        for number in range(num_boxes):
            box = placed[:, number]
            beyond, behind = onward[box], backward[box]
            fits = lives[beyond] & ~taken[rows, beyond] & ~taken[rows, behind]
            moved = placed[fits].copy()
            moved[:, number] = beyond[fits]
            row = np.searchsorted(keys, np.sort(moved, axis=1) @ weights)
            yield rows[fits] * num + behind[fits], row * num + box[fits], PUSH + 1


def _taken(placed: Indices, num_cells: int) -> NDArray[np.bool_]:
    taken = np.zeros((len(placed), num_cells), dtype=bool)
    np.put_along_axis(taken, placed, True, axis=1)
    return taken


def _next(cells: dict[Cell, int], step: Cell) -> Indices:
    """Number of the floor cell one step from each floor cell; -1 where there is none."""
    return np.asarray([cells.get((row + step[0], col + step[1]), -1) for row, col in cells], dtype=np.int64)
