"""A level of a dataset as a task; where its state holds no map, its solution video says what the way is."""

import json
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import DatasetError, VideoError
from wan_r1.evaluation.datasets import Level, shown
from wan_r1.tasks.vr_bench import read_state
from wan_r1.tasks.vr_bench.cutting import crop, cut_sprite
from wan_r1.tasks.vr_bench.reading import StateReader, check_render
from wan_r1.trackers.resample import repeat_last
from wan_r1.trackers.sprite import SpriteTracker
from wan_r1.types import Box, Path, Sprite, Task
from wan_r1.video import iterate_frames, read_image, read_parts

__all__ = ["LoadedLevel", "load_level"]

MAPS = {
    "maze": ("grid",),
    "trapfield": ("grid",),
    "sokoban": ("grid",),
    "pathfinder": ("metadata", "segments"),
    "maze3d": ("metadata", "cubes"),
}
"""Game of a state -> the keys of its map."""

FAMILY_OF_GAME = {"pathfinder": "irregular_maze"}
"""Families that are called otherwise than their game."""

Picture = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LoadedLevel:
    """A level's task; the (width, height) in px that its state speaks of; whether the rules can judge its videos."""

    task: Task
    render_size: tuple[int, int]
    has_map: bool


def load_level(level: Level) -> LoadedLevel:
    """Read a level. DatasetError, naming the file, if its state or picture is wrong or they do not fit together."""
    if level.problem is not None:
        raise DatasetError(level.problem.text)
    state = _state_without_map(level)
    if state is None:
        task = read_state(level.state, level.image)
        state = StateReader(level.state, json.loads(level.state.read_text(encoding="utf-8")))
        return LoadedLevel(task=task, render_size=_render_size(state, task.first_frame), has_map=True)
    check_render(state)
    try:
        picture = read_image(level.image)
    except VideoError as error:
        raise DatasetError(f"{level.state}: its first picture: {error}") from error
    render_size = _render_size(state, picture)
    return LoadedLevel(task=_task_without_map(level, state, picture), render_size=render_size, has_map=False)


def _state_without_map(level: Level) -> StateReader | None:
    """The state if it holds no map; None if it does, or if it is not even JSON: its reader says what is wrong."""
    try:
        values = json.loads(level.state.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(values, dict) or values.get("game_type") not in MAPS:
        return None
    found: Any = values
    for key in MAPS[values["game_type"]]:
        if not isinstance(found, dict):
            return None
        found = found.get(key)
    return StateReader(level.state, values) if found is None else None


def _render_size(state: StateReader, picture: Picture) -> tuple[int, int]:
    """Size in px of the picture that the state speaks of; its own picture may have a pixel more for each cell.

    Boards whose side is no multiple of their cells are written with whole pixels for each cell.
    """
    render = state.at("render")
    width, height, cell = (render.integer(key, least=1) for key in ("image_width", "image_height", "cell_size"))
    for length, expected in zip(picture.shape[1::-1], (width, height), strict=True):
        if not 0 <= length - expected <= expected / cell:
            raise DatasetError(
                f"{state.path}: its first picture has {picture.shape[1]} x {picture.shape[0]} px, but render says "
                f"{width} x {height}; they belong to different levels, or one was resized"
            )
    return width, height


def _task_without_map(level: Level, state: StateReader, picture: Picture) -> Task:
    """The task of a state that has boxes only: its way is the track of its first solution video."""
    game = state.text("game_type")
    render, entities = state.at("render"), state.at("entities")
    size = render.integer("image_width", least=1), render.integer("image_height", least=1)
    boxes = {"agent": _box(entities.at("player"), size), "goal": _box(entities.at("goal"), size)}
    boxes |= {f"box_{index}": _box(entity, size) for index, entity in enumerate(entities.each("boxes"))}
    if not level.solutions:
        key = ".".join(MAPS[game])
        raise DatasetError(
            f"{level.state}: {key}: missing, and no solution video {shown(level.stem)}.mp4 shows the way"
        )
    video = level.solutions[0]
    try:
        sprites = _uncovered_sprites(picture, _last_frame(level), boxes)
        if sprites["agent"].alpha.max() < 0.5:
            raise DatasetError(f"{video}: {level.state.name} has no map, and in this video the agent does not move")
        task = Task(
            family=FAMILY_OF_GAME.get(game, game),
            seed=0,
            settings={"level": level.difficulty, "size": max(picture.shape[:2])},
            prompt="",
            first_frame=picture,
            objects={name: box for name, box in boxes.items() if name != "goal"},
            sprites=sprites,
            goals=(boxes["goal"],),
            solution=Path(points=np.asarray([boxes["agent"].center], np.float32), unit="image"),
            state=None,
        )
        track = SpriteTracker().track(read_parts(video), task)
    except VideoError as error:
        raise DatasetError(str(error)) from error
    points = repeat_last(track.of("agent"), boxes["agent"].center)
    return replace(task, solution=Path(points=points, unit="image"))


def _box(entity: StateReader, size: tuple[int, int]) -> Box:
    bbox = entity.at("bbox")
    x, y, width, height = (bbox.integer(key) for key in ("x", "y", "width", "height"))
    return Box(x=x / size[0], y=y / size[1], width=width / size[0], height=height / size[1])


def _last_frame(level: Level) -> Picture:
    frame = np.zeros((1, 1, 3), np.uint8)
    for _, frame in iterate_frames(level.solutions[0]):  # noqa: B007
        pass
    return frame


def _uncovered_sprites(picture: Picture, last: Picture, boxes: dict[str, Box]) -> dict[str, Sprite]:
    """Sprites by what differs from the picture with everything gone from its place: the end of a solution video.

    The goal is covered there; it is cut as if it stood where the agent started.
    """
    height, width = picture.shape[:2]
    below = cv2.resize(last, (width, height), interpolation=cv2.INTER_AREA) if last.shape != picture.shape else last
    floor = crop(below, boxes["agent"])
    return {
        name: cut_sprite(picture, box, floor if name == "goal" else crop(below, box)) for name, box in boxes.items()
    }
