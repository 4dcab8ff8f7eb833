"""Pictures and videos of a maze: board with goal, agent on top."""

import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.draw import draw_sprites, look_sprite, paint_board, walk_positions
from wan_r1.tasks.maze.generate import MazeState
from wan_r1.tasks.skin_folders import skin_of
from wan_r1.types import Path, Sprite

__all__ = ["draw_board", "draw_positions", "draw_walk", "maze_prompt", "picture_shape", "sprites"]

FLOOR, WALL, GOAL = 0, 1, 2


def picture_shape(state: MazeState, size: int) -> tuple[int, int]:
    """(height, width) in px of a picture whose longer side is `size`."""
    rows, cols = state.grid.shape
    longer = max(rows, cols)
    return round(size * rows / longer), round(size * cols / longer)


def draw_board(state: MazeState, size: int) -> NDArray[np.uint8]:
    """The maze without its agent, [H, W, 3] uint8."""
    skin = skin_of(state.skin)
    codes = state.grid.astype(np.int64)
    codes[state.goal] = GOAL
    return paint_board((skin.floor, skin.wall, skin.goal), codes, *picture_shape(state, size))


def sprites(state: MazeState, size: int) -> dict[str, Sprite]:
    """The looks of agent and goal on a cell at this picture size."""
    skin = skin_of(state.skin)
    px = max(1, round(size / max(state.grid.shape)))
    return {"agent": look_sprite(skin.agent, px), "goal": look_sprite(skin.goal, px)}


def draw_positions(state: MazeState, points: NDArray[np.float32], size: int) -> NDArray[np.uint8]:
    """Video [T, H, W, 3] with the agent's centre at points [T, 2] in image units; NaN hides the agent."""
    return draw_sprites(draw_board(state, size), [(sprites(state, size)["agent"], points)])


def draw_walk(
    state: MazeState, path: Path, num_frames: int, size: int, blocks_per_frame: float | None
) -> NDArray[np.uint8]:
    """Video of the agent walking a path at constant speed (None: spread over the video) and resting at its end."""
    rows, cols = state.grid.shape
    step = None if blocks_per_frame is None else blocks_per_frame / cols
    return draw_positions(state, walk_positions(path.points, num_frames, step, rows / cols), size)


def maze_prompt(state: MazeState) -> str:
    """The text for the video model: what moves, where to, and what must not happen."""
    skin = skin_of(state.skin)
    return (
        f"maze: the {skin.agent.word} walks on the {skin.floor.word} to the {skin.goal.word} "
        f"and never crosses the {skin.wall.word}"
    )
