"""VR-Bench's game `maze` (regular maze)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import DatasetError
from wan_r1.tasks.grid import cell_box, cells_to_path
from wan_r1.tasks.maze.generate import MazeState
from wan_r1.tasks.maze.render import maze_prompt
from wan_r1.tasks.maze.solve import shortest_path
from wan_r1.tasks.vr_bench.cutting import cells_of, cut_sprite, median_cell
from wan_r1.tasks.vr_bench.reading import StateReader, check_render, check_shape, read_cell, read_grid
from wan_r1.tasks.vr_bench.writing import VERSION, grid_entity
from wan_r1.types import Task

__all__ = ["read_maze", "write_maze"]

WALL, PLAYER, GOAL = 1, 2, 3  # VR-Bench's codes; 0 is floor

Picture = NDArray[np.uint8]


def read_maze(state: StateReader, picture: Picture) -> Task:
    """The task of a maze state. DatasetError if it breaks the format or has no solution."""
    check_render(state)
    codes = read_grid(state, highest=GOAL)
    check_shape(state, picture, codes.shape)
    start, goal = (read_cell(state, name, codes.shape) for name in ("player", "goal"))
    grid = (codes == WALL).astype(np.int8)
    for name, cell in (("player", start), ("goal", goal)):
        if grid[cell]:
            raise DatasetError(f"{state.path}: entities.{name}.grid_pos: {cell} is a wall in grid.data")
    cells = shortest_path(grid, start, goal)
    if not cells or start == goal:
        raise DatasetError(f"{state.path}: grid.data: no way from the player {start} to the goal {goal}")
    boxes = {"agent": cell_box(start, grid.shape), "goal": cell_box(goal, grid.shape)}
    empty = [cell for cell in cells_of(grid == 0) if cell not in (start, goal)]
    background = median_cell(picture, empty or [start], grid.shape)
    looks = {name: cut_sprite(picture, box, background) for name, box in boxes.items()}
    if looks["agent"].alpha.max() < 0.5:
        raise DatasetError(f"{state.path}: its first picture shows only floor at the player's cell {start}")
    maze = MazeState(grid=grid, start=start, goal=goal, skin="plain")
    return Task(
        family="maze",
        seed=0,
        settings={"level": _maze_level(grid), "size": max(picture.shape[:2])},
        prompt=maze_prompt(maze),
        first_frame=picture,
        objects={"agent": boxes["agent"]},
        sprites=looks,
        goals=(boxes["goal"],),
        solution=cells_to_path(cells, grid.shape),
        state=maze,
    )


def _maze_level(grid: NDArray[np.int8]) -> str:
    """The level whose settings fit a foreign board best; its speed and pixels serve for rendering only."""
    side = max(grid.shape)
    return "easy" if side <= 7 else "medium" if side <= 11 else "hard"


def write_maze(task: Task, image_size: int) -> dict[str, Any]:
    """The state of a maze whose picture has a longer side of `image_size` px."""
    maze: MazeState = task.state
    rows, cols = maze.grid.shape
    cell_px = max(1, image_size // max(rows, cols))
    codes = maze.grid.astype(int)
    codes[maze.start], codes[maze.goal] = PLAYER, GOAL
    return {
        "version": VERSION,
        "game_type": "maze",
        "entities": {
            "player": grid_entity(maze.start, cell_px),
            "goal": grid_entity(maze.goal, cell_px),
            "boxes": [],
        },
        "render": {"cell_size": cell_px, "image_width": cols * cell_px, "image_height": rows * cell_px},
        "metadata": {},
        "grid": {"data": codes.tolist(), "height": rows, "width": cols},
    }
