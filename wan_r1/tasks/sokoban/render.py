"""Pictures and videos of sokoban: board with targets, boxes that move as the agent pushes them, agent on top."""

import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.draw import draw_sprites, look_sprite, paint_board, walk_positions
from wan_r1.tasks.grid import Cell
from wan_r1.tasks.skin_folders import skin_of
from wan_r1.tasks.skins import Look
from wan_r1.tasks.sokoban.generate import SokobanState
from wan_r1.types import Path, Sprite

__all__ = [
    "box_name",
    "draw_board",
    "draw_objects",
    "draw_walk",
    "follow_boxes",
    "picture_shape",
    "sokoban_prompt",
    "sprites",
]

FLOOR, WALL, TARGET = 0, 1, 2

TOUCHING = 0.5
"""A box less than this far ahead, in cells, is below the agent rather than before it: it is not pushed."""

PRECISION = 1e-3
"""Cells by which float32 points of a path may be off."""

Points = NDArray[np.float32]
Places = NDArray[np.float64]


def box_name(number: int) -> str:
    """Name of a box among the objects of a task."""
    return f"box_{number}"


def picture_shape(state: SokobanState, size: int) -> tuple[int, int]:
    """(height, width) in px of a picture whose longer side is `size`."""
    rows, cols = state.grid.shape
    longer = max(rows, cols)
    return round(size * rows / longer), round(size * cols / longer)


def _looks(state: SokobanState) -> dict[str, Look]:
    """The looks of this game: a skin may have some of its own for it, as VR-Bench's plain one has."""
    skin = skin_of(state.skin)
    shared = {"floor": skin.floor, "wall": skin.wall, "goal": skin.goal, "agent": skin.agent, "box": skin.extra["box"]}
    return {name: skin.extra.get(f"sokoban_{name}", look) for name, look in shared.items()}


def draw_board(state: SokobanState, size: int) -> NDArray[np.uint8]:
    """The level without agent and boxes, [H, W, 3] uint8."""
    looks = _looks(state)
    codes = state.grid.astype(np.int64)
    for target in state.targets:
        codes[target] = TARGET
    return paint_board((looks["floor"], looks["wall"], looks["goal"]), codes, *picture_shape(state, size))


def sprites(state: SokobanState, size: int) -> dict[str, Sprite]:
    """The looks of agent, boxes and goal on a cell at this picture size, and of the floor below them."""
    looks = _looks(state)
    px = max(1, round(size / max(state.grid.shape)))
    boxes = {box_name(number): looks["box"] for number in range(len(state.boxes))}
    named = {"agent": looks["agent"], **boxes, "goal": looks["goal"], "floor": looks["floor"]}
    return {name: look_sprite(look, px) for name, look in named.items()}


def draw_objects(state: SokobanState, points: Points, size: int) -> NDArray[np.uint8]:
    """Video [T, H, W, 3] with the centres of the agent and of each box at points [T, 1 + boxes, 2] in image units.

    NaN hides an object.
    """
    looks = sprites(state, size)
    names = [box_name(number) for number in range(len(state.boxes))]
    layers = [(looks[name], points[:, number + 1]) for number, name in enumerate(names)]
    return draw_sprites(draw_board(state, size), [*layers, (looks["agent"], points[:, 0])])


def draw_walk(
    state: SokobanState, path: Path, num_frames: int, size: int, blocks_per_frame: float | None
) -> NDArray[np.uint8]:
    """Video of the agent walking a path at constant speed (None: spread over the video) and resting at its end.

    Boxes move as the rules have it; between two points of the path they move along with the agent.
    """
    rows, cols = state.grid.shape
    step = None if blocks_per_frame is None else blocks_per_frame / cols
    points = _with_crossings(path.points, state.grid.shape)
    joint = np.concatenate([points[:, None], follow_boxes(state, points)], axis=1)
    walk = walk_positions(joint.reshape(len(joint), -1), num_frames, step, rows / cols)
    return draw_objects(state, walk.reshape(num_frames, -1, 2), size)


def follow_boxes(state: SokobanState, points: Points) -> Points:
    """Centres [N, boxes, 2] of the boxes while the agent goes from point to point of [N, 2], all in image units.

    Where the agent goes straight up, down, left or right, the box before it keeps one cell ahead until a wall or
    another box stops it. An agent that goes on walks over it, which is against the rules but can be drawn.
    """
    shape = np.asarray(state.grid.shape)
    cells = points[:, ::-1].astype(np.float64) * shape - 0.5
    places = np.repeat(np.asarray(state.boxes, np.float64)[None], len(cells), axis=0)
    for index in range(1, len(cells)):
        places[index] = _carried(state.grid, places[index - 1], cells[index - 1], cells[index])
    return np.asarray(((places + 0.5) / shape)[..., ::-1], dtype=np.float32)


def _carried(grid: NDArray[np.int8], boxes: Places, start: Places, end: Places) -> Places:
    """Where boxes [K, 2] are after the agent has gone in a straight line from start to end, in cells (row, col)."""
    way = end - start
    axis = int(np.abs(way).argmax())
    sign = np.sign(way[axis])
    if np.abs(way[1 - axis]) > PRECISION or sign == 0:
        return boxes
    ahead = (boxes[:, axis] - start[axis]) * sign
    before = (ahead > TOUCHING) & (np.abs(boxes[:, 1 - axis] - end[1 - axis]) < TOUCHING)
    if not before.any():
        return boxes
    number = int(np.where(before, ahead, np.inf).argmin())
    place = max(ahead[number], min((end[axis] - start[axis]) * sign + 1, _stop(grid, boxes, number, axis, sign, start)))
    moved = boxes.copy()
    moved[number, axis] = start[axis] + sign * place
    return moved


def _stop(grid: NDArray[np.int8], boxes: Places, number: int, axis: int, sign: np.floating, start: Places) -> float:
    """How far from the start of the agent a wall or another box stops a box that is pushed along an axis."""
    cell = np.rint(boxes[number]).astype(int)
    while 0 <= cell[axis] < grid.shape[axis] and grid[tuple(cell)] == 0:
        cell[axis] += int(sign)
    others = np.delete(boxes, number, axis=0)
    beside = np.abs(others[:, 1 - axis] - boxes[number, 1 - axis]) < 1 - PRECISION
    beyond = (others[:, axis] - boxes[number, axis]) * sign > 0
    obstacles = [float(cell[axis]), *others[beside & beyond, axis]]
    return float(min((place - start[axis]) * sign for place in obstacles) - 1)


def _with_crossings(points: Points, shape: Cell) -> Points:
    """The same polyline with a point wherever it crosses the row or column of cell centres: pushes begin there."""
    cells = points[:, ::-1].astype(np.float64) * shape - 0.5
    pieces = [points[:1]]
    for index in range(1, len(points)):
        start, end = cells[index - 1], cells[index]
        shares = [1.0]
        for axis in (0, 1):
            low, high = sorted((start[axis], end[axis]))
            lines = np.arange(np.ceil(low + 1e-4), high - 1e-4)
            shares += [float((line - start[axis]) / (end[axis] - start[axis])) for line in lines]
        along = np.asarray(sorted(shares), dtype=np.float32)[:, None]
        pieces.append(points[index - 1] + along * (points[index] - points[index - 1]))
    return np.concatenate(pieces).astype(np.float32)


def sokoban_prompt(state: SokobanState) -> str:
    """The text for the video model: what moves, where to, and what must not happen."""
    looks = _looks(state)
    boxes = f"the {looks['box'].word}" if len(state.boxes) == 1 else f"each {looks['box'].word}"
    return (
        f"sokoban: the {looks['agent'].word} walks behind {boxes}, pushes it over the {looks['floor'].word} to the "
        f"{looks['goal'].word} and never crosses the {looks['wall'].word}"
    )
