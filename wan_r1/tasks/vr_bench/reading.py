"""Typed values out of a VR-Bench state file; what is wrong is named with file and key."""

import json
from pathlib import Path as FilePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import DatasetError
from wan_r1.tasks.grid import Cell
from wan_r1.types import Box

__all__ = [
    "StateReader",
    "cell_at",
    "check_place",
    "check_render",
    "check_shape",
    "open_state",
    "read_cell",
    "read_grid",
]

MAX_CELLS = 1000  # rows or columns; far above any benchmark board
MAX_AWAY = 0.5
"""Share of a thing's width by which its bbox may lie beside the place that the map gives it."""
MAX_ROUNDING_PX = 3
"""What whole pixels alone may add to that."""

Picture = NDArray[np.uint8]


class StateReader:
    """Reads typed values from a JSON object and names file and key when something is wrong."""

    def __init__(self, path: FilePath, values: Any, key: str = "") -> None:
        self.path, self.values, self.key = path, values, key
        if not isinstance(values, dict):
            raise self.error("", "an object", values)

    def error(self, key: str, expected: str, value: Any) -> DatasetError:
        """An error that says what was expected at a key, and what is there."""
        place = ".".join(part for part in (self.key, key) if part) or "the file"
        shown = json.dumps(value, default=str)
        return DatasetError(f"{self.path}: {place}: expected {expected}; got {shown[:60]}")

    def get(self, key: str) -> Any:
        """The value of a key; DatasetError if it is missing."""
        if key not in self.values:
            place = f"{self.key}.{key}" if self.key else key
            raise DatasetError(f"{self.path}: {place}: missing; found {', '.join(map(str, self.values)) or 'nothing'}")
        return self.values[key]

    def at(self, key: str) -> "StateReader":
        """A reader of the object below a key."""
        return StateReader(self.path, self.get(key), f"{self.key}.{key}" if self.key else key)

    def each(self, key: str) -> list["StateReader"]:
        """Readers of the objects in the list below a key."""
        values, place = self.get(key), f"{self.key}.{key}" if self.key else key
        if not isinstance(values, list):
            raise self.error(key, "a list", values)
        return [StateReader(self.path, value, f"{place}[{index}]") for index, value in enumerate(values)]

    def integer(self, key: str, least: int = 0) -> int:
        """A whole number that is not below `least`."""
        value = self.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.error(key, f"a whole number >= {least}", value)
        return value

    def text(self, key: str) -> str:
        """A string."""
        value = self.get(key)
        if not isinstance(value, str):
            raise self.error(key, "a string", value)
        return value


def open_state(path: FilePath) -> StateReader:
    """A reader of a state file. DatasetError if the file is missing or not JSON."""
    try:
        return StateReader(path, json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error})") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, or a number of thousands of digits
        raise DatasetError(f"{path}: not valid JSON ({error})") from error


def check_render(state: StateReader) -> None:
    """The keys that a state of every game has; boxes of things lie inside the picture."""
    state.text("version")
    state.at("metadata")
    for key in ("cell_size", "image_width", "image_height"):
        state.at("render").integer(key, least=1)
    entities = state.at("entities")
    things = [entities.at("player"), entities.at("goal")]
    for entity in things:
        for key in ("x", "y"):
            entity.at("pixel_pos").integer(key)
    for entity in (*things, *(entities.each("boxes") if "boxes" in entities.values else ())):
        _check_inside(entity.at("bbox"), state.at("render"))


def _check_inside(bbox: StateReader, render: StateReader) -> None:
    width, height = render.integer("image_width"), render.integer("image_height")
    x, y = (bbox.integer(key) for key in ("x", "y"))
    w, h = (bbox.integer(key, least=1) for key in ("width", "height"))
    if x + w > width or y + h > height:
        raise bbox.error("", f"a box inside the picture of {width} x {height} px", bbox.values)


def check_shape(state: StateReader, picture: Picture, shape: tuple[int, ...]) -> None:
    """DatasetError if the picture has less than 2 px for each cell of a board of this shape."""
    height, width = picture.shape[:2]
    if min(height / shape[0], width / shape[1]) < 2:
        raise DatasetError(
            f"{state.path}: its first picture has {width} x {height} px, too few for {shape[1]} x {shape[0]} cells"
        )


def read_grid(state: StateReader, highest: int) -> NDArray[np.int64]:
    """The codes [R, C] of the board, 0 .. highest."""
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


def read_cell(state: StateReader, name: str, shape: tuple[int, ...]) -> Cell:
    """The cell of an entity, inside a board of this shape."""
    return cell_at(state.at("entities").at(name), shape)


def check_place(state: StateReader, entity: StateReader, box: Box, where: str) -> None:
    """DatasetError if an entity's bbox is not near the box, in image units, that the map gives it; `where`: in words.

    VR-Bench looks for the goal in the bbox, and the rules look for it in the map.
    """
    render = state.at("render")
    bbox, sides = entity.at("bbox"), (render.integer("image_width", least=1), render.integer("image_height", least=1))
    said = [bbox.integer(key) for key in ("x", "y", "width", "height")]
    true = [value * side for value, side in zip((box.x, box.y, box.width, box.height), sides * 2, strict=True)]
    middles = [(x + width / 2, y + height / 2) for x, y, width, height in (said, true)]
    away = np.abs(np.subtract((*middles[0], *said[2:]), (*middles[1], *true[2:])))
    if away.max() > max(MAX_AWAY * max(true[2:]), MAX_ROUNDING_PX):
        about = ", ".join(f"{value:.0f}" for value in true)
        raise entity.error("bbox", f"about [{about}], which is {where}", bbox.values)


def cell_at(entity: StateReader, shape: tuple[int, ...]) -> Cell:
    """The cell of an entity that was found already."""
    place = entity.at("grid_pos")
    row, col = place.integer("row"), place.integer("col")
    if row >= shape[0] or col >= shape[1]:
        raise place.error("", f"a cell inside the grid of {shape[0]} x {shape[1]}", place.values)
    return row, col
