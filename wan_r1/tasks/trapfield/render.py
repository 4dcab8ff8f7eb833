"""Pictures and videos of a trap field: floor, traps and goal, agent on top."""

import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.draw import draw_sprites, look_sprite, paint_board, walk_positions
from wan_r1.tasks.skin_folders import skin_of
from wan_r1.tasks.skins import Look
from wan_r1.tasks.trapfield.generate import TrapfieldState
from wan_r1.types import Path, Sprite

__all__ = ["draw_board", "draw_positions", "draw_walk", "looks", "picture_shape", "sprites", "trapfield_prompt"]

GOAL = 2  # beside 0 floor and 1 trap


def looks(skin_name: str) -> dict[str, Look]:
    """The looks of floor, trap, goal and agent in a skin; a theme may have its own for this game."""
    skin = skin_of(skin_name)
    shown = {"floor": skin.floor, "goal": skin.goal, "agent": skin.agent, "trap": skin.extra["trap"]}
    return {name: skin.extra.get(f"trapfield_{name}", look) for name, look in shown.items()}


def picture_shape(state: TrapfieldState, size: int) -> tuple[int, int]:
    """(height, width) in px of a picture whose longer side is `size`."""
    rows, cols = state.grid.shape
    longer = max(rows, cols)
    return round(size * rows / longer), round(size * cols / longer)


def draw_board(state: TrapfieldState, size: int) -> NDArray[np.uint8]:
    """The field without its agent, [H, W, 3] uint8."""
    shown = looks(state.skin)
    codes = state.grid.astype(np.int64)
    codes[state.goal] = GOAL
    return paint_board((shown["floor"], shown["trap"], shown["goal"]), codes, *picture_shape(state, size))


def sprites(state: TrapfieldState, size: int) -> dict[str, Sprite]:
    """The looks of agent and goal on a cell at this picture size."""
    shown = looks(state.skin)
    px = max(1, round(size / max(state.grid.shape)))
    return {name: look_sprite(shown[name], px) for name in ("agent", "goal")}


def draw_positions(state: TrapfieldState, points: NDArray[np.float32], size: int) -> NDArray[np.uint8]:
    """Video [T, H, W, 3] with the agent's centre at points [T, 2] in image units; NaN hides the agent."""
    return draw_sprites(draw_board(state, size), [(sprites(state, size)["agent"], points)])


def draw_walk(
    state: TrapfieldState, path: Path, num_frames: int, size: int, blocks_per_frame: float | None
) -> NDArray[np.uint8]:
    """Video of the agent walking a path at constant speed (None: spread over the video) and resting at its end."""
    rows, cols = state.grid.shape
    step = None if blocks_per_frame is None else blocks_per_frame / cols
    return draw_positions(state, walk_positions(path.points, num_frames, step, rows / cols), size)


def trapfield_prompt(state: TrapfieldState) -> str:
    """The text for the video model: what moves, where to, and what must not happen."""
    shown = looks(state.skin)
    return (
        f"trapfield: the {shown['agent'].word} walks on the {shown['floor'].word} to the {shown['goal'].word} "
        f"and never touches a {shown['trap'].word}"
    )
