"""What VR-Bench's walking games share: a grid of free and blocked cells with a player and a goal."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import DatasetError
from wan_r1.tasks.grid import Cell, cell_box, shortest_path
from wan_r1.tasks.vr_bench.cutting import cells_of, cut_sprite, median_cell
from wan_r1.tasks.vr_bench.reading import StateReader, check_place, check_render, check_shape, read_cell, read_grid
from wan_r1.tasks.vr_bench.writing import VERSION, grid_entity
from wan_r1.types import Box, Sprite

__all__ = ["Board", "board_state", "read_board"]

BLOCKED, PLAYER, GOAL = 1, 2, 3  # VR-Bench's codes; 0 is floor

Picture = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Board:
    """A board that was read: grid [R, C] int8 (1 = blocked), start, goal and the cells of one shortest way.

    boxes and sprites: of "agent" and "goal".
    """

    grid: NDArray[np.int8]
    start: Cell
    goal: Cell
    cells: list[Cell]
    boxes: dict[str, Box]
    sprites: dict[str, Sprite]


def read_board(state: StateReader, picture: Picture, blocked: str) -> Board:
    """The board of a state; `blocked` is the word for a blocked cell. DatasetError if it is broken or not solvable."""
    check_render(state)
    codes = read_grid(state, highest=GOAL)
    check_shape(state, picture, codes.shape)
    start, goal = (read_cell(state, name, codes.shape) for name in ("player", "goal"))
    grid = (codes == BLOCKED).astype(np.int8)
    for name, cell, code in (("player", start, PLAYER), ("goal", goal, GOAL)):
        if grid[cell]:
            raise DatasetError(f"{state.path}: entities.{name}.grid_pos: {cell} is a {blocked} in grid.data")
        if codes[cell] != code:
            raise DatasetError(
                f"{state.path}: entities.{name}.grid_pos: {cell} has code {codes[cell]} in grid.data; expected {code}, "
                f"which stands at {cells_of(codes == code)}"
            )
        check_place(
            state, state.at("entities").at(name), cell_box(cell, grid.shape), f"the cell {cell} of its grid_pos"
        )
    cells = shortest_path(grid == 1, start, goal)
    if not cells or start == goal:
        raise DatasetError(f"{state.path}: grid.data: no way from the player {start} to the goal {goal}")
    boxes = {"agent": cell_box(start, grid.shape), "goal": cell_box(goal, grid.shape)}
    empty = [cell for cell in cells_of(grid == 0) if cell not in (start, goal)]
    background = median_cell(picture, empty or [start], grid.shape)
    sprites = {name: cut_sprite(picture, box, background) for name, box in boxes.items()}
    if sprites["agent"].alpha.max() < 0.5:
        raise DatasetError(f"{state.path}: its first picture shows only floor at the player's cell {start}")
    return Board(grid=grid, start=start, goal=goal, cells=cells, boxes=boxes, sprites=sprites)


def board_state(game: str, grid: NDArray[np.int8], start: Cell, goal: Cell, image_size: int) -> dict[str, Any]:
    """The state of a board whose picture has a longer side of `image_size` px."""
    rows, cols = grid.shape
    cell_px = max(1, image_size // max(rows, cols))
    codes = grid.astype(int)
    codes[start], codes[goal] = PLAYER, GOAL
    return {
        "version": VERSION,
        "game_type": game,
        "entities": {"player": grid_entity(start, cell_px), "goal": grid_entity(goal, cell_px), "boxes": []},
        "render": {"cell_size": cell_px, "image_width": cols * cell_px, "image_height": rows * cell_px},
        "metadata": {},
        "grid": {"data": codes.tolist(), "height": rows, "width": cols},
    }
