"""VR-Bench's game `maze3d` (3D maze of cubes and ladders)."""

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import DatasetError, GenerationError
from wan_r1.tasks.maze3d import Ladder, Maze3DState, ball_box, solution_path
from wan_r1.tasks.maze3d.render import RIM_PT, goal_box, maze3d_prompt
from wan_r1.tasks.maze3d.solve import shortest_path
from wan_r1.tasks.maze3d.view import Cube, ball_size, line_width, project, standing
from wan_r1.tasks.vr_bench.reading import MAX_CELLS, StateReader, check_place, check_render
from wan_r1.tasks.vr_bench.writing import VERSION
from wan_r1.types import Box, Sprite, Task

__all__ = ["read_maze3d", "write_maze3d"]

MAX_SIDE = 40  # cubes along one side of a grid; VR-Bench's largest has 10
MIN_BALL_PX = 3
NEAR_COLOR_PX = 0.04
"""Share of a border pixel that the ball may miss in VR-Bench's bbox: 10 grey levels of 255."""
WALK = 2  # cubes of a walking segment in VR-Bench's paths

Picture = NDArray[np.uint8]


def read_maze3d(state: StateReader, picture: Picture) -> Task:
    """The task of a maze3d state. DatasetError if it breaks the format or has no solution."""
    check_render(state)
    maze = _read_maze(state)
    try:
        solution = solution_path(maze)
    except GenerationError as error:
        raise DatasetError(f"{state.path}: metadata: {error}") from error
    if maze.start == maze.goal:
        raise DatasetError(f"{state.path}: metadata: start_pos and goal_pos are the same cube {maze.start}")
    ball, bbox, goal = ball_box(maze, maze.start), _read_box(state, "player"), _read_box(state, "goal")
    for name, cube, key in (("player", maze.start, "start_pos"), ("goal", maze.goal, "goal_pos")):
        check_place(state, state.at("entities").at(name), ball_box(maze, cube), f"where the ball is on metadata.{key}")
    if ball.width * picture.shape[1] < MIN_BALL_PX:
        raise DatasetError(f"{state.path}: its first picture has {picture.shape[1]} px, too few to see the ball")
    return Task(
        family="maze3d",
        seed=0,
        settings={"level": _maze3d_level(maze.grid_size), "size": max(picture.shape[:2])},
        prompt=maze3d_prompt(maze),
        first_frame=picture,
        objects={"agent": bbox},  # VR-Bench's trackers start from these pixels; the sprite needs the ball itself
        sprites={"agent": _cut_disk(picture, _with_rim(ball)), "goal": _cut_disk(picture, goal)},
        goals=(goal, goal_box(maze)),
        solution=solution,
        state=maze,
    )


def _read_maze(state: StateReader) -> Maze3DState:
    metadata = state.at("metadata")
    grid = _read_cube(metadata, "grid_size", (MAX_SIDE + 1,) * 3)
    if min(grid) < 1:
        raise metadata.error("grid_size", "whole numbers >= 1", grid)
    listed = metadata.get("cubes")
    if not isinstance(listed, list) or len(listed) > MAX_CELLS:
        raise metadata.error("cubes", f"a list of at most {MAX_CELLS} cubes", listed)
    cubes = {
        _read_cube(StateReader(state.path, {"": cube}, f"metadata.cubes[{i}]"), "", grid)
        for i, cube in enumerate(listed)
    }
    ladders = metadata.get("ladders")
    if not isinstance(ladders, list):
        raise metadata.error("ladders", "a list", ladders)
    climbs = []
    for index, values in enumerate(ladders):
        ladder = StateReader(state.path, values, f"metadata.ladders[{index}]")
        base, height = _read_cube(ladder, "base_pos", grid), ladder.integer("height", least=1)
        top = (base[0], base[1], base[2] + height)
        if base not in cubes or top not in cubes:
            raise ladder.error("", f"a ladder between two cubes, here {base} and {top}", values)
        climbs.append(Ladder(base=base, height=height, direction=ladder.text("direction")))
    start, goal = (_read_cube(metadata, key, grid) for key in ("start_pos", "goal_pos"))
    return Maze3DState(
        grid_size=grid, cubes=tuple(sorted(cubes)), ladders=tuple(climbs), start=start, goal=goal, skin="plain"
    )


def _read_cube(reader: StateReader, key: str, grid: Cube) -> Cube:
    """Three whole numbers, not below 0 and below the size of the grid."""
    value = reader.get(key)
    whole = isinstance(value, list) and len(value) == 3 and all(type(v) is int for v in value)
    if not whole or not all(0 <= v < size for v, size in zip(value, grid, strict=True)):
        raise reader.error(key, f"three whole numbers, each from 0 and below {list(grid)}", value)
    return value[0], value[1], value[2]


def _read_box(state: StateReader, name: str) -> Box:
    """The bbox of an entity in image units; its numbers are pixels of the rendered picture."""
    box, render = state.at("entities").at(name).at("bbox"), state.at("render")
    width, height = render.integer("image_width", least=1), render.integer("image_height", least=1)
    return Box(
        x=box.integer("x") / width,
        y=box.integer("y") / height,
        width=box.integer("width", least=1) / width,
        height=box.integer("height", least=1) / height,
    )


def _with_rim(ball: Box) -> Box:
    """The ball's box, half of the rim's line being outside of it on each side."""
    rim = line_width(RIM_PT)
    return Box(x=ball.x - rim / 2, y=ball.y - rim / 2, width=ball.width + rim, height=ball.height + rim)


def _cut_disk(picture: Picture, box: Box) -> Sprite:
    """The picture inside the ellipse that fills a box; its middle, between pixels as a rule, is that of the sprite."""
    size = np.multiply((box.width, box.height), picture.shape[1::-1])
    middle = np.multiply(box.center, picture.shape[1::-1])
    width, height = (max(1, int(v)) for v in np.ceil(size))
    shown = cv2.getRectSubPix(picture, (width, height), (float(middle[0]) - 0.5, float(middle[1]) - 0.5))
    y, x = np.mgrid[:height, :width]
    away = np.hypot((x + 0.5 - width / 2) / size[0] * 2, (y + 0.5 - height / 2) / size[1] * 2)
    alpha = np.clip(0.5 + (1 - away) * min(size) / 2, 0, 1)
    return Sprite(rgb=np.asarray(shown, dtype=np.uint8), alpha=alpha.astype(np.float32))


def _maze3d_level(grid: Cube) -> str:
    """The level whose settings fit a foreign maze best; its speed and pixels serve for rendering only."""
    return "easy" if max(grid) <= 6 else "medium" if max(grid) <= 8 else "hard"


def write_maze3d(task: Task, image_size: int) -> dict[str, Any]:
    """The state of a 3D maze whose picture has `image_size` px; `qa_data`, a quiz for text models, is left empty."""
    maze: Maze3DState = task.state
    entities = {"player": _ball_entity(maze, maze.start, image_size), "goal": _ball_entity(maze, maze.goal, image_size)}
    player = entities["player"]["bbox"]
    return {
        "version": VERSION,
        "game_type": "maze3d",
        "entities": {**entities, "boxes": []},
        "render": {
            "cell_size": max(player["width"], player["height"]),
            "image_width": image_size,
            "image_height": image_size,
        },
        "metadata": {
            "qa_data": {},
            "grid_size": list(maze.grid_size),
            "cubes": [list(cube) for cube in maze.cubes],
            "start_pos": list(maze.start),
            "goal_pos": list(maze.goal),
            "ladders": [
                {"base_pos": list(ladder.base), "direction": ladder.direction, "height": ladder.height}
                for ladder in maze.ladders
            ],
            "path": _path_segments(maze),
        },
    }


def _path_segments(maze: Maze3DState) -> list[dict[str, Any]]:
    """The shortest way in VR-Bench's segments: whole ladders, and walks of two cubes."""
    way = shortest_path(maze)
    climbs = [a[2] != b[2] for a, b in pairwise(way)]
    cuts = [0]
    for index in range(1, len(way)):
        length = index - cuts[-1]
        ends = index == len(climbs) or climbs[index] != climbs[index - 1]
        if ends or (not climbs[index - 1] and length == WALK) or (climbs[index - 1] and way[index] in maze.cubes):
            cuts.append(index)
    return [
        {"start": list(way[a]), "end": list(way[b]), "type": "ladder" if climbs[a] else "walk"}
        for a, b in pairwise(cuts)
    ]


def _ball_entity(maze: Maze3DState, cube: Cube, image_size: int) -> dict[str, Any]:
    """VR-Bench's entity of a ball: the pixels that it covers, and their middle."""
    center = project(maze.grid_size, standing(np.asarray(cube))) * image_size
    radius = ball_size(maze.grid_size) * image_size / 2
    x, y = (int(v) for v in np.ceil(center - radius - NEAR_COLOR_PX))
    last_x, last_y = (int(v) - 1 for v in np.floor(center + radius + NEAR_COLOR_PX))
    width, height = last_x - x + 1, last_y - y + 1
    box = {"x": x, "y": y, "width": width, "height": height, "center_x": x + width // 2, "center_y": y + height // 2}
    return {"pixel_pos": {"x": (x + last_x) // 2, "y": (y + last_y) // 2}, "bbox": box}
