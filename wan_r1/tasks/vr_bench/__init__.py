"""VR-Bench's state JSON <-> Task. The format: https://github.com/ImYangC7/VR-Bench (core/schema), MIT.

One file for each game; another game is one more file and a line in READERS, WRITERS and PROMPTS.

VR-Bench's states do not say what things look like. Where a prompt is not that of the skin "plain", which readers
assume, metadata.wan_r1 has it: {"skin": ..., "prompt": ...}, without "skin" if that is not known. VR-Bench does not
look at it. A skin that is a folder is named by the path that was given.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import DatasetError, VideoError
from wan_r1.files import write_whole
from wan_r1.tasks.irregular_maze.render import road_prompt
from wan_r1.tasks.maze.render import maze_prompt
from wan_r1.tasks.maze3d.render import maze3d_prompt
from wan_r1.tasks.sokoban.render import sokoban_prompt
from wan_r1.tasks.trapfield.render import trapfield_prompt
from wan_r1.tasks.vr_bench.irregular_maze import read_irregular_maze, write_irregular_maze
from wan_r1.tasks.vr_bench.maze import read_maze, write_maze
from wan_r1.tasks.vr_bench.maze3d import read_maze3d, write_maze3d
from wan_r1.tasks.vr_bench.reading import StateReader, open_state
from wan_r1.tasks.vr_bench.sokoban import read_sokoban, write_sokoban
from wan_r1.tasks.vr_bench.trapfield import read_trapfield, write_trapfield
from wan_r1.types import Task
from wan_r1.video import read_image

__all__ = ["READERS", "WRITERS", "check_readable", "image_path_of", "read_state", "skin_written", "write_state"]

Picture = NDArray[np.uint8]

OWN_KEY = "wan_r1"
"""Key in metadata of what VR-Bench's states do not have."""

READERS: dict[str, Callable[[StateReader, Picture], Task]] = {
    "maze": read_maze,
    "trapfield": read_trapfield,
    "pathfinder": read_irregular_maze,
    "sokoban": read_sokoban,
    "maze3d": read_maze3d,
}
"""Game of a state file -> how to read it."""

WRITERS: dict[str, Callable[[Task, int], dict[str, Any]]] = {
    "maze": write_maze,
    "trapfield": write_trapfield,
    "irregular_maze": write_irregular_maze,
    "sokoban": write_sokoban,
    "maze3d": write_maze3d,
}
"""Family of a task -> how to write it."""

PROMPTS: dict[str, Callable[[Any], str]] = {
    "maze": maze_prompt,
    "trapfield": trapfield_prompt,
    "irregular_maze": road_prompt,
    "sokoban": sokoban_prompt,
    "maze3d": maze3d_prompt,
}
"""Family of a task -> the prompt of its state."""


def read_state(path: str | FilePath, image_path: str | FilePath | None = None) -> Task:
    """The task of a VR-Bench state file and its first picture (default: ../images/<stem>.png beside the state).

    Raises:
        DatasetError: the file is missing, not JSON, not of this format, or does not fit its picture.
    """
    path = FilePath(path)
    state = open_state(path)
    game = state.text("game_type")
    if game not in READERS:
        raise DatasetError(f"{path}: game_type: expected one of {', '.join(READERS)}; got {game!r}")
    try:
        picture = read_image(image_path or image_path_of(path))
    except VideoError as error:
        raise DatasetError(f"{path}: its first picture: {error}") from error
    task, metadata = READERS[game](state, picture), state.at("metadata")
    if OWN_KEY not in metadata.values:
        return task
    return replace(task, prompt=metadata.at(OWN_KEY).text("prompt"))


def check_readable(task: Task, name: str | FilePath) -> None:
    """DatasetError, in which `name` stands for the file, if the task could not be read again once it is written.

    So it is where a skin shows the agent in the colours of the floor.
    """
    values = WRITERS[task.family](task, max(task.first_frame.shape[:2]))
    READERS[values["game_type"]](StateReader(FilePath(name), values), task.first_frame)


def skin_written(path: str | FilePath) -> str | None:
    """The skin that a state of ours names, as it was given; None if it names none."""
    own = open_state(FilePath(path)).at("metadata").values.get(OWN_KEY)
    skin = own.get("skin") if isinstance(own, dict) else None
    return skin if isinstance(skin, str) else None


def image_path_of(state_path: str | FilePath) -> FilePath:
    """Where VR-Bench keeps the first picture of a state."""
    state_path = FilePath(state_path)
    return state_path.parent.parent / "images" / f"{state_path.stem}.png"


def write_state(path: str | FilePath, task: Task, image_size: int | None = None) -> None:
    """Write a task as VR-Bench state JSON; `image_size`: longer picture side in px (default: the first frame's)."""
    if task.family not in WRITERS:
        raise DatasetError(f"family {task.family!r}: VR-Bench has no such game; known are {', '.join(WRITERS)}")
    values = WRITERS[task.family](task, image_size or max(task.first_frame.shape[:2]))
    if task.state.skin != "plain" or task.prompt != PROMPTS[task.family](replace(task.state, skin="plain")):
        skin = {} if task.state.skin == "plain" else {"skin": task.state.skin}  # tasks that were read: always plain
        values["metadata"][OWN_KEY] = {**skin, "prompt": task.prompt}
    path = FilePath(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(values, indent=2).encode())
    except OSError as error:
        raise DatasetError(f"{path}: cannot be written ({error})") from error
