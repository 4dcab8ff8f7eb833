"""Task families: what a video should show."""

import math
from dataclasses import fields
from difflib import get_close_matches
from functools import cache
from typing import Any, get_args, get_type_hints

from wan_r1.errors import ConfigError
from wan_r1.tasks.draw import lengths
from wan_r1.tasks.family import Family, HasTricks, MovesObjects, check_seed, task_seed
from wan_r1.tasks.irregular_maze import IrregularMazeFamily
from wan_r1.tasks.maze import MazeFamily
from wan_r1.tasks.maze3d import Maze3DFamily
from wan_r1.tasks.navigation import NavigationFamily
from wan_r1.tasks.sokoban import SokobanFamily
from wan_r1.tasks.trapfield import TrapfieldFamily
from wan_r1.types import Task

__all__ = [
    "FAMILIES",
    "Family",
    "HasTricks",
    "MovesObjects",
    "family_of",
    "frames_needed",
    "make_family",
    "make_task",
    "make_tasks",
    "task_seed",
]

FAMILIES: dict[str, Any] = {
    "maze": MazeFamily,
    "trapfield": TrapfieldFamily,
    "sokoban": SokobanFamily,
    "irregular_maze": IrregularMazeFamily,
    "maze3d": Maze3DFamily,
    "navigation": NavigationFamily,
}
"""Name -> class of each family; a new family is one folder and one line here."""


def make_family(name: str, **settings: Any) -> Family:
    """The family of this name with these settings; ConfigError if the name or a setting is unknown or a wrong value."""
    if name not in FAMILIES:
        raise ConfigError(f"family {name!r}: unknown; known families are {', '.join(FAMILIES)}")
    known = [field.name for field in fields(FAMILIES[name]) if field.init]
    for setting in settings:
        if setting not in known:
            near = get_close_matches(setting, known, 1)
            hint = f' Did you mean "{near[0]}"?' if near else ""
            raise ConfigError(f"family {name!r}: unknown setting {setting!r}.{hint} Known: {', '.join(known)}")
    _check_types(name, settings)
    try:
        family: Family = FAMILIES[name](**settings)
    except TypeError as error:
        raise ConfigError(f"family {name!r}: {error}") from error
    return family


@cache
def _hints(name: str) -> dict[str, Any]:
    return get_type_hints(FAMILIES[name])


def _check_types(name: str, settings: dict[str, Any]) -> None:
    hints = _hints(name)
    for setting, value in settings.items():
        allowed = get_args(hints[setting]) or (hints[setting],)
        if isinstance(value, bool) or not isinstance(value, allowed):
            kinds = " or ".join("nothing" if kind is type(None) else kind.__name__ for kind in allowed)
            raise ConfigError(f"family {name!r}: {setting} = {value!r}: must be {kinds}, not {type(value).__name__}")


def family_of(task: Task) -> Family:
    """The family that a task came from, with its settings."""
    return make_family(task.family, **task.settings)


def frames_needed(task: Task) -> int:
    """Frames that show the whole solution: at the level's speed where it has one, else 2 (start and end)."""
    level, points, state = getattr(family_of(task), "parameters", None), task.solution.points, task.state
    if (blocks := getattr(level, "blocks_per_frame", None)) is not None:
        rows, cols = state.grid.shape
        steps = lengths(points, rows / cols)[-1] * cols / blocks
    elif (widths := getattr(level, "widths_per_frame", None)) is not None:
        steps = lengths(points, 1.0)[-1] / (widths * state.net.width)
    elif (cubes := getattr(level, "cubes_per_frame", None)) is not None:
        steps = (len(points) - 1) / cubes
    else:
        return 2
    return math.ceil(round(float(steps), 3)) + 1


def make_task(family: str, seed: int, **settings: Any) -> Task:
    """One task: a function of the seed and the settings.

    >>> make_task("maze", seed=7, level="easy").prompt
    'maze: the red circle walks on the white floor to the green square and never crosses the light blue wall'
    """
    return make_family(family, **settings).generate(check_seed(seed))


def make_tasks(family: str, seed: int, num: int, start: int = 0, **settings: Any) -> list[Task]:
    """Tasks start .. start + num - 1 of the stream `seed`; task i depends on (seed, i) only."""
    maker = make_family(family, **settings)
    return [maker.generate(task_seed(seed, index)) for index in range(start, start + num)]
