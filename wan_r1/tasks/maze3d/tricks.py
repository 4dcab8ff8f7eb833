"""Ways and scenes of a 3D maze that only look right; rewards/cheats.py makes videos of them."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.maze3d.generate import Maze3DState
from wan_r1.tasks.maze3d.render import draw_scene
from wan_r1.tasks.maze3d.solve import road_of, shortest_path
from wan_r1.tasks.maze3d.view import project, standing, step_length
from wan_r1.types import Path

__all__ = ["false_scenes", "false_ways"]

LEAST_SAVED = 3.0
"""Steps that a flight must save to be worth a cheat."""


def false_ways(state: Maze3DState) -> dict[str, Path]:
    """`flight`: along the road, but from the best place through the air to one that is near in the picture only."""
    road = road_of(state)
    shown = project(state.grid_size, standing(road.places))
    way = [road.index[place] for place in shortest_path(state)]
    remaining = road.away[way[-1]]
    flown = np.linalg.norm(shown[way][:, None] - shown, axis=2) / step_length(state.grid_size)
    forward = np.isfinite(remaining) & (remaining < remaining[way][:, None])
    saved = np.where(forward, remaining[way][:, None] - remaining - flown, -np.inf)
    first, landing = np.unravel_index(int(saved.argmax()), saved.shape)
    if saved[first, landing] < LEAST_SAVED:
        return {}
    rest = shortest_path(replace(state, start=_cube(road.places[landing])))
    places = [*way[: int(first) + 1], *(road.index[place] for place in rest)]
    return {"flight": Path(points=shown[places].astype(np.float32), unit="image")}


def _cube(place: NDArray[np.int64]) -> tuple[int, int, int]:
    x, y, z = (int(v) for v in place)
    return x, y, z


def false_scenes(state: Maze3DState, size: int) -> dict[str, NDArray[np.uint8]]:
    """Pictures [size, size, 3] without the ball: only start and goal are left; every second cube off the shortest way
    is gone (all are where there are none); the start looks like the goal."""
    ends = replace(state, cubes=tuple(sorted({state.start, state.goal})), ladders=())
    spare = sorted(set(state.cubes) - set(shortest_path(state)))
    fewer = replace(state, cubes=tuple(sorted(set(state.cubes) - set(spare[::2])))) if spare else ends
    elsewhere = replace(state, goal=state.start, start=state.goal)
    scenes = {"walls_erased": ends, "half_walls_erased": fewer, "goal_swapped": elsewhere}
    return {name: draw_scene(scene, size) for name, scene in scenes.items()}
