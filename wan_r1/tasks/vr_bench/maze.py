"""VR-Bench's game `maze` (regular maze)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.grid import cells_to_path
from wan_r1.tasks.maze.generate import MazeState
from wan_r1.tasks.maze.render import maze_prompt
from wan_r1.tasks.vr_bench.board import board_state, read_board
from wan_r1.tasks.vr_bench.reading import StateReader
from wan_r1.types import Task

__all__ = ["read_maze", "write_maze"]


def read_maze(state: StateReader, picture: NDArray[np.uint8]) -> Task:
    """The task of a maze state. DatasetError if it breaks the format or has no solution."""
    board = read_board(state, picture, blocked="wall")
    maze = MazeState(grid=board.grid, start=board.start, goal=board.goal, skin="plain")
    return Task(
        family="maze",
        seed=0,
        settings={"level": _maze_level(board.grid), "size": max(picture.shape[:2])},
        prompt=maze_prompt(maze),
        first_frame=picture,
        objects={"agent": board.boxes["agent"]},
        sprites=board.sprites,
        goals=(board.boxes["goal"],),
        solution=cells_to_path(board.cells, board.grid.shape),
        state=maze,
    )


def _maze_level(grid: NDArray[np.int8]) -> str:
    """The level whose settings fit a foreign board best; its speed and pixels serve for rendering only."""
    side = max(grid.shape)
    return "easy" if side <= 7 else "medium" if side <= 11 else "hard"


def write_maze(task: Task, image_size: int) -> dict[str, Any]:
    """The state of a maze whose picture has a longer side of `image_size` px."""
    return board_state("maze", task.state.grid, task.state.start, task.state.goal, image_size)
