"""VR-Bench's game `trapfield`."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.grid import cells_to_path
from wan_r1.tasks.trapfield.generate import TrapfieldState
from wan_r1.tasks.trapfield.render import trapfield_prompt
from wan_r1.tasks.vr_bench.board import board_state, read_board
from wan_r1.tasks.vr_bench.reading import StateReader
from wan_r1.types import Task

__all__ = ["read_trapfield", "write_trapfield"]


def read_trapfield(state: StateReader, picture: NDArray[np.uint8]) -> Task:
    """The task of a trapfield state. DatasetError if it breaks the format or has no solution."""
    board = read_board(state, picture, blocked="trap")
    field = TrapfieldState(grid=board.grid, start=board.start, goal=board.goal, skin="plain")
    return Task(
        family="trapfield",
        seed=0,
        settings={"level": _trapfield_level(board.grid), "size": max(picture.shape[:2])},
        prompt=trapfield_prompt(field),
        first_frame=picture,
        objects={"agent": board.boxes["agent"]},
        sprites=board.sprites,
        goals=(board.boxes["goal"],),
        solution=cells_to_path(board.cells, board.grid.shape),
        state=field,
    )


def _trapfield_level(grid: NDArray[np.int8]) -> str:
    """The level whose settings fit a foreign board best; its speed and pixels serve for rendering only."""
    side = max(grid.shape)
    return "easy" if side <= 5 else "medium" if side <= 7 else "hard"


def write_trapfield(task: Task, image_size: int) -> dict[str, Any]:
    """The state of a trapfield whose picture has a longer side of `image_size` px."""
    return board_state("trapfield", task.state.grid, task.state.start, task.state.goal, image_size)
