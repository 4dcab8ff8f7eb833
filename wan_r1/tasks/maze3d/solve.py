"""The road of a 3D maze as a graph of unit steps, and the shortest way on it by breadth-first search."""

import functools
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.maze3d.generate import Maze3DState
from wan_r1.tasks.maze3d.view import Cube

__all__ = ["Road", "branches", "road_of", "shortest_path"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Road:
    """Places, where the ball stands above a cube or holds a rung, and the steps of one cube between them.

    places [N, 3] int: cubes below the ball; steps [E, 2] int: indices of places; away [N, N] float: length of the
    shortest way between two places in cubes, infinite where there is none; index: cube -> its place.
    """

    places: NDArray[np.int64]
    steps: NDArray[np.int64]
    away: NDArray[np.float64]
    index: dict[Cube, int]


@functools.lru_cache(maxsize=64)
def road_of(state: Maze3DState) -> Road:
    """The road of a maze: walks between cubes side by side, and the rungs of its ladders."""
    cubes = set(state.cubes)
    steps = {
        (cube, beside)
        for cube in cubes
        for beside in ((cube[0] + 1, cube[1], cube[2]), (cube[0], cube[1] + 1, cube[2]))
        if beside in cubes
    }
    for ladder in state.ladders:
        x, y, z = ladder.base
        steps |= {((x, y, z + rung), (x, y, z + rung + 1)) for rung in range(ladder.height)}
    places = sorted(cubes.union(*steps))
    index = {place: number for number, place in enumerate(places)}
    ordered = np.asarray([(index[a], index[b]) for a, b in sorted(steps)], dtype=np.int64).reshape(-1, 2)
    return Road(places=np.asarray(places), steps=ordered, away=_all_distances(len(places), ordered), index=index)


def _all_distances(num_places: int, steps: NDArray[np.int64]) -> NDArray[np.float64]:
    beside: list[list[int]] = [[] for _ in range(num_places)]
    for a, b in steps.tolist():
        beside[a].append(b)
        beside[b].append(a)
    away = np.full((num_places, num_places), np.inf)
    for first in range(num_places):
        row = [np.inf] * num_places
        row[first] = 0.0
        queue = deque([first])
        while queue:
            here = queue.popleft()
            for place in beside[here]:
                if row[place] == np.inf:
                    row[place] = row[here] + 1
                    queue.append(place)
        away[first] = row
    return away


def shortest_path(state: Maze3DState) -> list[Cube]:
    """Places of one shortest way from start to goal, both included, one for each unit step; empty if there is none."""
    road = road_of(state)
    remaining = road.away[road.index[state.goal]]
    here = road.index[state.start]
    if not np.isfinite(remaining[here]):
        return []
    way = [here]
    while remaining[way[-1]] > 0:
        ends = road.steps[(road.steps == way[-1]).any(axis=1)].sum(axis=1) - way[-1]
        way.append(int(ends[remaining[ends].argmin()]))
    return [(int(x), int(y), int(z)) for x, y, z in road.places[way]]


def branches(state: Maze3DState, place: Cube) -> list[Cube]:
    """The places one step from a place."""
    road = road_of(state)
    here = road.index[place]
    ends = road.steps[(road.steps == here).any(axis=1)].sum(axis=1) - here
    return [(int(x), int(y), int(z)) for x, y, z in road.places[ends]]
