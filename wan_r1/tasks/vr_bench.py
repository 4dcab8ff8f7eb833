"""VR-Bench's state JSON <-> Task. The format: https://github.com/ImYangC7/VR-Bench (core/schema), MIT.

Another game is one more function in READERS and one in WRITERS.
"""

import json
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import DatasetError, VideoError
from wan_r1.tasks.grid import Cell, cell_box, cells_to_path
from wan_r1.tasks.maze.generate import MazeState
from wan_r1.tasks.maze.render import maze_prompt
from wan_r1.tasks.maze.solve import shortest_path
from wan_r1.types import Box, Sprite, Task
from wan_r1.video import read_image

__all__ = ["READERS", "WRITERS", "image_path_of", "read_state", "write_state"]

VERSION = "1.0"
WALL, PLAYER, GOAL = 1, 2, 3  # VR-Bench's codes of the maze; 0 is floor
MAX_CELLS = 1000  # rows or columns; far above any benchmark board

SOLID_DIFFERENCE = 60.0
"""Largest difference of a channel to the background, in grey levels, from which a pixel counts as solid."""
FAINT_ALPHA = 0.15
"""Opacity below which a pixel counts as background: grid lines that the median misses."""
FAINT_DIFFERENCE = 14.0
"""Difference below which a pixel is background: what H.264 leaves of a flat colour."""

Picture = NDArray[np.uint8]


class _Reader:
    """Reads typed values from a JSON object and names file and key when something is wrong."""

    def __init__(self, path: FilePath, values: Any, key: str = "") -> None:
        self.path, self.values, self.key = path, values, key
        if not isinstance(values, dict):
            raise self.error("", "an object", values)

    def error(self, key: str, expected: str, value: Any) -> DatasetError:
        place = ".".join(part for part in (self.key, key) if part) or "the file"
        shown = json.dumps(value, default=str)
        return DatasetError(f"{self.path}: {place}: expected {expected}; got {shown[:60]}")

    def get(self, key: str) -> Any:
        if key not in self.values:
            place = f"{self.key}.{key}" if self.key else key
            raise DatasetError(f"{self.path}: {place}: missing; found {', '.join(map(str, self.values)) or 'nothing'}")
        return self.values[key]

    def at(self, key: str) -> "_Reader":
        return _Reader(self.path, self.get(key), f"{self.key}.{key}" if self.key else key)

    def integer(self, key: str, least: int = 0) -> int:
        value = self.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.error(key, f"a whole number >= {least}", value)
        return value

    def text(self, key: str) -> str:
        value = self.get(key)
        if not isinstance(value, str):
            raise self.error(key, "a string", value)
        return value


def read_state(path: str | FilePath, image_path: str | FilePath | None = None) -> Task:
    """The task of a VR-Bench state file and its first picture (default: ../images/<stem>.png beside the state).

    Raises:
        DatasetError: the file is missing, not JSON, not of this format, or does not fit its picture.
    """
    path = FilePath(path)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error})") from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise DatasetError(f"{path}: not valid JSON ({error})") from error
    state = _Reader(path, values)
    game = state.text("game_type")
    if game not in READERS:
        raise DatasetError(f"{path}: game_type: expected one of {', '.join(READERS)}; got {game!r}")
    try:
        picture = read_image(image_path or image_path_of(path))
    except VideoError as error:
        raise DatasetError(f"{path}: its first picture: {error}") from error
    return READERS[game](state, picture)


def image_path_of(state_path: str | FilePath) -> FilePath:
    """Where VR-Bench keeps the first picture of a state."""
    state_path = FilePath(state_path)
    return state_path.parent.parent / "images" / f"{state_path.stem}.png"


def write_state(path: str | FilePath, task: Task, image_size: int | None = None) -> None:
    """Write a task as VR-Bench state JSON; `image_size`: longer picture side in px (default: the first frame's)."""
    if task.family not in WRITERS:
        raise DatasetError(f"family {task.family!r}: VR-Bench has no such game; known are {', '.join(WRITERS)}")
    values = WRITERS[task.family](task, image_size or max(task.first_frame.shape[:2]))
    path = FilePath(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values, indent=2), encoding="utf-8")
    except OSError as error:
        raise DatasetError(f"{path}: cannot be written ({error})") from error


def _read_maze(state: _Reader, picture: Picture) -> Task:
    _check_render(state)
    codes = _read_grid(state, highest=GOAL)
    _check_shape(state, picture, codes.shape)
    start, goal = (_read_cell(state, name, codes.shape) for name in ("player", "goal"))
    grid = (codes == WALL).astype(np.int8)
    for name, cell in (("player", start), ("goal", goal)):
        if grid[cell]:
            raise DatasetError(f"{state.path}: entities.{name}.grid_pos: {cell} is a wall in grid.data")
    cells = shortest_path(grid, start, goal)
    if not cells or start == goal:
        raise DatasetError(f"{state.path}: grid.data: no way from the player {start} to the goal {goal}")
    boxes = {"agent": cell_box(start, grid.shape), "goal": cell_box(goal, grid.shape)}
    empty = [cell for cell in _cells_of(grid == 0) if cell not in (start, goal)]
    background = _median_cell(picture, empty or [start], grid.shape)
    looks = {name: _cut_sprite(picture, box, background) for name, box in boxes.items()}
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


def _check_render(state: _Reader) -> None:
    """The keys that a state of every game has."""
    state.text("version")
    state.at("metadata")
    for key in ("cell_size", "image_width", "image_height"):
        state.at("render").integer(key, least=1)
    for name in ("player", "goal"):
        entity = state.at("entities").at(name)
        for key in ("x", "y", "width", "height"):
            entity.at("bbox").integer(key)
        for key in ("x", "y"):
            entity.at("pixel_pos").integer(key)


def _check_shape(state: _Reader, picture: Picture, shape: tuple[int, ...]) -> None:
    height, width = picture.shape[:2]
    if min(height / shape[0], width / shape[1]) < 2:
        raise DatasetError(
            f"{state.path}: its first picture has {width} x {height} px, too few for {shape[1]} x {shape[0]} cells"
        )


def _read_grid(state: _Reader, highest: int) -> NDArray[np.int64]:
    grid = state.at("grid")
    rows, cols, data = grid.integer("height", least=1), grid.integer("width", least=1), grid.get("data")
    if max(rows, cols) > MAX_CELLS:
        raise grid.error("height, width", f"at most {MAX_CELLS}", [rows, cols])
    if not isinstance(data, list) or len(data) != rows:
        raise grid.error("data", f"{rows} rows (grid.height)", data)
    for index, row in enumerate(data):
        if not isinstance(row, list) or len(row) != cols:
            raise grid.error(f"data[{index}]", f"{cols} codes (grid.width)", row)
        for code in row:
            if isinstance(code, bool) or not isinstance(code, int) or not 0 <= code <= highest:
                raise grid.error(f"data[{index}]", f"whole numbers from 0 to {highest}", code)
    return np.asarray(data, dtype=np.int64)


def _read_cell(state: _Reader, name: str, shape: tuple[int, ...]) -> Cell:
    place = state.at("entities").at(name).at("grid_pos")
    row, col = place.integer("row"), place.integer("col")
    if row >= shape[0] or col >= shape[1]:
        raise place.error("", f"a cell inside the grid of {shape[0]} x {shape[1]}", place.values)
    return row, col


def _cells_of(mask: NDArray[np.bool_]) -> list[Cell]:
    return [(int(row), int(col)) for row, col in np.argwhere(mask)]


def _maze_level(grid: NDArray[np.int8]) -> str:
    """The level whose settings fit a foreign board best; its speed and pixels serve for rendering only."""
    side = max(grid.shape)
    return "easy" if side <= 7 else "medium" if side <= 11 else "hard"


def _crop(picture: Picture, box: Box) -> Picture:
    height, width = picture.shape[:2]
    top, left = round(box.y * height), round(box.x * width)
    bottom, right = round((box.y + box.height) * height), round((box.x + box.width) * width)
    return picture[top : max(bottom, top + 1), left : max(right, left + 1)]


def _median_cell(picture: Picture, cells: list[Cell], shape: tuple[int, ...]) -> Picture:
    """What an empty cell looks like: the median over cells of the board."""
    crops = [_crop(picture, cell_box(cell, (shape[0], shape[1]))) for cell in cells]
    height, width = min(c.shape[0] for c in crops), min(c.shape[1] for c in crops)
    return np.median([crop[:height, :width] for crop in crops], axis=0).astype(np.uint8)


def _cut_sprite(picture: Picture, box: Box, background: Picture) -> Sprite:
    """What stands on a cell: alpha is the difference to the background, colours are the picture's."""
    crop = _crop(picture, box)
    rows = np.minimum(np.arange(crop.shape[0]), background.shape[0] - 1)
    cols = np.minimum(np.arange(crop.shape[1]), background.shape[1] - 1)
    below = background[np.ix_(rows, cols)].astype(np.float32)
    difference = np.abs(crop - below).max(axis=2)
    solid = max(SOLID_DIFFERENCE, 0.0)
    if difference.max() < 2 * solid:  # a sprite of low contrast
        solid = max(0.5 * float(difference.max()), FAINT_DIFFERENCE + 1)
    alpha = np.clip((difference - FAINT_DIFFERENCE) / (solid - FAINT_DIFFERENCE), 0, 1).astype(np.float32)
    alpha[alpha < FAINT_ALPHA] = 0
    rgb = np.where(
        alpha[..., None] > 0.02, (crop - below * (1 - alpha[..., None])) / np.maximum(alpha[..., None], 0.02), crop
    )
    return Sprite(rgb=rgb.round().clip(0, 255).astype(np.uint8), alpha=alpha)


def _write_maze(task: Task, image_size: int) -> dict[str, Any]:
    maze: MazeState = task.state
    rows, cols = maze.grid.shape
    cell_px = max(1, image_size // max(rows, cols))
    codes = maze.grid.astype(int)
    codes[maze.start], codes[maze.goal] = PLAYER, GOAL
    return {
        "version": VERSION,
        "game_type": "maze",
        "entities": {
            "player": _grid_entity(maze.start, cell_px),
            "goal": _grid_entity(maze.goal, cell_px),
            "boxes": [],
        },
        "render": {"cell_size": cell_px, "image_width": cols * cell_px, "image_height": rows * cell_px},
        "metadata": {},
        "grid": {"data": codes.tolist(), "height": rows, "width": cols},
    }


def _grid_entity(cell: Cell, cell_px: int) -> dict[str, Any]:
    row, col = cell
    x, y = col * cell_px, row * cell_px
    center_x, center_y = x + cell_px // 2, y + cell_px // 2
    box = {"x": x, "y": y, "width": cell_px, "height": cell_px, "center_x": center_x, "center_y": center_y}
    return {"pixel_pos": {"x": center_x, "y": center_y}, "bbox": box, "grid_pos": {"row": row, "col": col}}


READERS: dict[str, Callable[[_Reader, Picture], Task]] = {"maze": _read_maze}
"""Game of a state file -> how to read it."""

WRITERS: dict[str, Callable[[Task, int], dict[str, Any]]] = {"maze": _write_maze}
"""Family of a task -> how to write it."""
