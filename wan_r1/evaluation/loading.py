"""A level of a dataset as a task; where its state holds no map, its solution video says what the way is."""

from dataclasses import dataclass, replace
from pathlib import Path as FilePath

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import DatasetError, VideoError
from wan_r1.evaluation.datasets import Level, shown
from wan_r1.tasks.vr_bench import read_state
from wan_r1.tasks.vr_bench.cutting import crop, cut_sprite
from wan_r1.tasks.vr_bench.reading import StateReader, check_render, open_state
from wan_r1.trackers.resample import repeat_last, resize_linear
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

LEAST_UNLIKE = 5.0
"""Grey levels by which, on the mean, the agent's place differs once it has gone; what H.264 does is less."""

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
    state = open_state(level.state)
    check_render(state)
    try:
        picture = read_image(level.image)
    except VideoError as error:
        raise DatasetError(f"{level.state}: its first picture: {error}") from error
    render_size = _render_size(state, picture)
    has_map = _has_map(state)
    task = read_state(level.state, level.image) if has_map else _task_without_map(level, state, picture)
    return LoadedLevel(task=task, render_size=render_size, has_map=has_map)


def _has_map(state: StateReader) -> bool:
    """Whether a state holds the map of its game; of an unknown game, whose reader refuses it, this says yes."""
    game, found = state.values.get("game_type"), state.values
    for key in MAPS.get(game, ()) if isinstance(game, str) else ():
        if not isinstance(found, dict):
            return True
        found = found.get(key)
    return found is not None


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
        first, last = _ends(video, picture.shape)
        if np.abs(crop(first, boxes["agent"]).astype(int) - crop(last, boxes["agent"])).mean() < LEAST_UNLIKE:
            raise DatasetError(f"{video}: {level.state.name} has no map, and in this video the agent does not move")
        task = Task(
            family=FAMILY_OF_GAME.get(game, game),
            seed=0,
            settings={"level": level.difficulty, "size": max(picture.shape[:2])},
            prompt="",
            first_frame=picture,
            objects={name: box for name, box in boxes.items() if name != "goal"},
            sprites=_uncovered_sprites(picture, last, boxes),
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


def _ends(video: FilePath, shape: tuple[int, ...]) -> tuple[Picture, Picture]:
    """First and last frame of a solution video at the size of the picture; in the last, things have gone elsewhere."""
    frames: list[Picture] = []
    for _, frame in iterate_frames(video):
        frames[1:] = [frame] if frames else []
        frames = frames or [frame]
    first, last = resize_linear(np.stack([frames[0], frames[-1]]), shape[0], shape[1])
    return first, last


def _uncovered_sprites(picture: Picture, below: Picture, boxes: dict[str, Box]) -> dict[str, Sprite]:
    """Sprites by what differs from the picture without them; the goal is covered there, and cut from the agent's."""
    floor = crop(below, boxes["agent"])
    return {
        name: cut_sprite(picture, box, floor if name == "goal" else crop(below, box)) for name, box in boxes.items()
    }
