"""VR-Bench's game `sokoban`. Its states have one box and one target; files with more are read and written too."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import DatasetError, GenerationError
from wan_r1.tasks.grid import Cell, cell_box, cells_to_path
from wan_r1.tasks.sokoban.generate import SokobanState
from wan_r1.tasks.sokoban.render import box_name, sokoban_prompt
from wan_r1.tasks.sokoban.solve import solution, state_of
from wan_r1.tasks.vr_bench.cutting import cells_of, cut_sprite, median_cell
from wan_r1.tasks.vr_bench.reading import (
    StateReader,
    cell_at,
    check_place,
    check_render,
    check_shape,
    read_cell,
    read_grid,
)
from wan_r1.tasks.vr_bench.writing import VERSION, grid_entity
from wan_r1.types import Sprite, Task

__all__ = ["read_sokoban", "write_sokoban"]

SYMBOLS = {"empty": 0, "wall": 1, "box": 2, "target": 3, "box_on_target": 4, "player": 5, "player_on_target": 6}
"""Codes of the grid, which keeps those of player and boxes; every state says them in metadata.symbols."""

Picture = NDArray[np.uint8]


def read_sokoban(state: StateReader, picture: Picture) -> Task:
    """The task of a sokoban state. DatasetError if it breaks the format or has no solution."""
    check_render(state)
    codes = read_grid(state, highest=max(SYMBOLS.values()))
    check_shape(state, picture, codes.shape)
    level = _read_level(state, codes)
    try:
        states = solution(level.grid, state_of(level.start, level.boxes), level.targets)
    except GenerationError as error:
        raise DatasetError(f"{state.path}: grid.data: {error}") from error
    if len(states) < 2:
        why = "the boxes are on their targets already" if states else "the boxes cannot be pushed to the targets"
        raise DatasetError(f"{state.path}: grid.data: {why}")
    shape, things = level.grid.shape, state.at("entities")
    for entity in (things.at("player"), things.at("goal"), *things.each("boxes")):
        cell = cell_at(entity, shape)
        check_place(state, entity, cell_box(cell, shape), f"the cell {cell} of its grid_pos")
    objects = {"agent": cell_box(level.start, shape)}
    objects |= {box_name(number): cell_box(box, shape) for number, box in enumerate(level.boxes)}
    sprites = _cut_sprites(picture, level)
    if sprites["agent"].alpha.max() < 0.5:
        raise DatasetError(f"{state.path}: its first picture shows only floor at the player's cell {level.start}")
    return Task(
        family="sokoban",
        seed=0,
        settings={"level": _sokoban_level(level.grid), "size": max(picture.shape[:2])},
        prompt=sokoban_prompt(level),
        first_frame=picture,
        objects=objects,
        sprites=sprites,
        goals=tuple(cell_box(target, shape) for target in level.targets),
        solution=cells_to_path([agent for agent, _ in states], shape),
        state=level,
    )


def _read_level(state: StateReader, codes: NDArray[np.int64]) -> SokobanState:
    if state.at("metadata").values.get("symbols", SYMBOLS) != SYMBOLS:
        raise state.error("metadata.symbols", f"{SYMBOLS}", state.at("metadata").get("symbols"))
    found = {name: cells_of(codes == code) for name, code in SYMBOLS.items()}
    start, goal = (read_cell(state, name, codes.shape) for name in ("player", "goal"))
    boxes = [cell_at(entity, codes.shape) for entity in state.at("entities").each("boxes")]
    for name, cells, there in (
        ("player", [start], found["player"] + found["player_on_target"]),
        ("boxes", sorted(boxes), sorted(found["box"] + found["box_on_target"])),
    ):
        if cells != there or not cells:
            raise DatasetError(f"{state.path}: entities.{name}: at {cells}, but grid.data has {there}")
    covered = found["player_on_target"] + found["box_on_target"]
    if covered:
        raise DatasetError(
            f"{state.path}: grid.data: something stands on the target {covered[0]}, so the first picture does not show "
            "what it looks like; VR-Bench makes no such levels"
        )
    if goal not in found["target"] or len(boxes) > len(found["target"]):
        raise DatasetError(
            f"{state.path}: entities.goal: at {goal}; grid.data has targets {found['target']} for {len(boxes)} boxes"
        )
    return SokobanState(
        grid=(codes == SYMBOLS["wall"]).astype(np.int8),
        start=start,
        boxes=tuple(boxes),
        targets=tuple(found["target"]),
        skin="plain",
    )


def _cut_sprites(picture: Picture, level: SokobanState) -> dict[str, Sprite]:
    """What agent, boxes, goal and floor look like; all boxes look like the first one."""
    shape, taken = level.grid.shape, {level.start, *level.boxes, *level.targets}
    empty = [cell for cell in cells_of(level.grid == 0) if cell not in taken]
    floor = median_cell(picture, empty or [level.start], shape)
    agent, box, goal = (
        cut_sprite(picture, cell_box(cell, shape), floor) for cell in (level.start, level.boxes[0], level.targets[0])
    )
    boxes = {box_name(number): box for number in range(len(level.boxes))}
    ground = Sprite(rgb=floor, alpha=np.ones(floor.shape[:2], np.float32))
    return {"agent": agent, **boxes, "goal": goal, "floor": ground}


def _sokoban_level(grid: NDArray[np.int8]) -> str:
    """The level whose settings fit a foreign board best; its speed and pixels serve for rendering only."""
    side = max(grid.shape)
    return "easy" if side <= 5 else "medium" if side <= 8 else "hard"


def write_sokoban(task: Task, image_size: int) -> dict[str, Any]:
    """The state of a level whose picture has a longer side of `image_size` px."""
    level: SokobanState = task.state
    rows, cols = level.grid.shape
    cell_px = max(1, image_size // max(rows, cols))
    return {
        "version": VERSION,
        "game_type": "sokoban",
        "entities": {
            "player": grid_entity(level.start, cell_px),
            "goal": grid_entity(level.targets[0], cell_px),
            "boxes": [grid_entity(box, cell_px) for box in level.boxes],
        },
        "render": {"cell_size": cell_px, "image_width": cols * cell_px, "image_height": rows * cell_px},
        "metadata": {"symbols": SYMBOLS},
        "grid": {"data": _codes(level), "height": rows, "width": cols},
    }


def _codes(level: SokobanState) -> list[list[int]]:
    codes = level.grid.astype(int)

    def put(name: str, cells: Sequence[Cell]) -> None:
        for cell in cells:
            codes[cell] = SYMBOLS[f"{name}_on_target" if codes[cell] == SYMBOLS["target"] else name]

    put("target", level.targets)
    put("box", level.boxes)
    put("player", [level.start])
    return [[int(code) for code in row] for row in codes]
