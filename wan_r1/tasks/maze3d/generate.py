"""3D mazes: VR-Bench's (a way to the top, never back, with side branches), and small ones in all directions.

Both are trees on a lattice: its nodes are every second cube of every third layer; a segment between two nodes is a walk
of two cubes or a ladder of three.
"""

from dataclasses import dataclass

import numpy as np

from wan_r1.tasks.difficulty import Maze3DLevel
from wan_r1.tasks.maze3d.view import Cube, depths

__all__ = ["Ladder", "Maze3DState", "build_maze", "canonical_maze", "is_hidden"]

WALK, CLIMB = 2, 3  # VR-Bench: cubes of a walk and of a ladder
UPWARD: tuple[Cube, ...] = ((0, -WALK, 0), (-WALK, 0, 0), (0, 0, CLIMB))  # VR-Bench
ALL_WAYS = (*UPWARD, (0, WALK, 0), (WALK, 0, 0), (0, 0, -CLIMB))
BRANCH_SEGMENTS = 2
"""Most segments of a side branch, as in VR-Bench's levels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ladder:
    """A ladder from the top of the cube `base` to the top of the cube `height` above it."""

    base: Cube
    height: int
    direction: str = "+x"
    """VR-Bench's note on the side where it leans; its drawing does not depend on it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Maze3DState:
    """A 3D maze: size of its grid (x, y, z), its cubes and ladders, start and goal cubes, and the name of its skin."""

    grid_size: Cube
    cubes: tuple[Cube, ...]
    ladders: tuple[Ladder, ...]
    start: Cube
    goal: Cube
    skin: str


def build_maze(rng: np.random.Generator, level: Maze3DLevel, skin: str) -> Maze3DState | None:
    """One maze of a level; None if its main way got stuck too early or its goal is hidden from view."""
    grid = level.grid
    start = (grid[0] - 1, grid[1] - 1, 0)
    if level.all_ways:
        side, layers = (grid[0] + 1) // WALK, (grid[2] + CLIMB - 1) // CLIMB
        x, y, z = (int(v) for v in rng.integers((side, side, layers)))
        start = (start[0] - WALK * x, start[1] - WALK * y, CLIMB * z)
    cubes, ladders = {start}, dict[Cube, Ladder]()
    moves = ALL_WAYS if level.all_ways else UPWARD
    goal, segments = start, 0
    wanted = int(rng.integers(level.segments[0], level.segments[1] + 1))
    while segments < wanted and (after := _grow(rng, grid, goal, moves, cubes, ladders)) is not None:
        goal, segments = after, segments + 1
    if segments < level.segments[0]:
        return None
    for _ in range(int(rng.integers(level.branches[0], level.branches[1] + 1))):
        _branch(rng, grid, moves, cubes, ladders)
    if level.all_ways and is_hidden(grid, goal, cubes):
        return None
    return Maze3DState(
        grid_size=grid,
        cubes=tuple(sorted(cubes)),
        ladders=tuple(ladders[base] for base in sorted(ladders)),
        start=start,
        goal=goal,
        skin=skin,
    )


def _branch(
    rng: np.random.Generator, grid: Cube, moves: tuple[Cube, ...], cubes: set[Cube], ladders: dict[Cube, Ladder]
) -> None:
    """A side branch of one or two segments from a random node; none if there is no room."""
    nodes = sorted(cube for cube in cubes if _is_node(grid, cube))
    node: Cube | None = nodes[rng.integers(len(nodes))]
    for _ in range(int(rng.integers(1, BRANCH_SEGMENTS + 1))):
        if node is not None:
            node = _grow(rng, grid, node, moves, cubes, ladders)


def _is_node(grid: Cube, cube: Cube) -> bool:
    return (grid[0] - 1 - cube[0]) % WALK == 0 and (grid[1] - 1 - cube[1]) % WALK == 0


def _grow(
    rng: np.random.Generator,
    grid: Cube,
    node: Cube,
    moves: tuple[Cube, ...],
    cubes: set[Cube],
    ladders: dict[Cube, Ladder],
) -> Cube | None:
    """Add a random segment from a node to a place without a cube, and return that place; None if there is none."""
    free = []
    for move in moves:
        end = (node[0] + move[0], node[1] + move[1], node[2] + move[2])
        if all(0 <= v < size for v, size in zip(end, grid, strict=True)) and end not in cubes:
            free.append(end)
    if not free:
        return None
    end = free[rng.integers(len(free))]
    if end[2] != node[2]:
        base = min(node, end)
        ladders[base] = Ladder(base=base, height=CLIMB)
    else:
        cubes.add(((node[0] + end[0]) // 2, (node[1] + end[1]) // 2, node[2]))
    cubes.add(end)
    return end


def is_hidden(grid: Cube, cube: Cube, cubes: set[Cube]) -> bool:
    """Whether another cube stands in the line of sight to the middle of the top of a cube."""
    top = np.add(cube, (0.5, 0.5, 1.0))
    sight = depths(grid, np.zeros(3)) - depths(grid, np.eye(3))
    others = np.asarray([other for other in cubes if other != cube]).reshape(-1, 3)
    enter = ((others - top) / sight).max(axis=1)
    leave = ((others + 1 - top) / sight).min(axis=1)
    return bool((leave > np.maximum(enter, 0) + 1e-9).any())


def canonical_maze(state: Maze3DState) -> bytes:
    """A key that is equal for a maze and its 8 rotations and reflections about the vertical, and for no other."""
    marks = np.zeros(state.grid_size, dtype=np.int8)
    for cube in state.cubes:
        marks[cube] = 1
    for ladder in state.ladders:
        marks[ladder.base] = 2
    turned = [np.rot90(each, k) for each in (marks, marks.swapaxes(0, 1)) for k in range(4)]
    return min(bytes(each.shape) + np.ascontiguousarray(each).tobytes() for each in turned)
