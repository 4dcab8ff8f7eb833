"""Rules that games on a grid share: a track becomes places on the floor, and the places become facts.

Floor is a graph: cell centres and the lines between neighbouring floor cells, with the squares between four floor cells
filled in. An honest agent stays near that graph and moves along it; how far in one frame follows from the way it has to
go and from its own steady pace.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, dist, floor, hypot

import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.grid import STEPS, Cell, distances
from wan_r1.tasks.presence import at_point, doubled, gap_cap, lost
from wan_r1.types import Track, Verdict, Violation

__all__ = [
    "AT_CELL",
    "DETOUR",
    "FEWEST_FRAMES",
    "LEFT_THE_GOAL",
    "OFF_FLOOR",
    "STEP_SLACK",
    "TREMBLE",
    "Place",
    "beside",
    "cell_of",
    "judge_walk",
    "moves_made",
    "place_at",
    "progress_at",
    "steady_pace",
    "step_cap",
    "walk_violation",
]

OFF_FLOOR = 0.4
"""Cells by which the agent's centre may leave the lines between floor cell centres; at .5 half of it is in the wall."""

BESIDE = 0.25
"""Cells off the floor on the mean of all frames: pictures are imprecise now and then, not all the way."""

AT_CELL = 0.35
"""An agent this close to a cell's centre, in cells, is in that cell; otherwise it is on its way between two cells."""

TREMBLE = 0.15
"""Cells around a centre in which no progress is counted: a resting agent never looks as if it moved."""

STEP_SLACK = 0.5
"""Cells by which one step may exceed the cap: two positions of imprecise pictures."""

MAX_STEP = 4.0
"""Longest way in cells between two frames that can still be followed; the way around one wall block has 6."""

DETOUR = 1.5
"""Cells by which the way between two frames may be longer than a straight line: a corner of 2 + 2 cells has 1.2. An
agent that hops over a wall or a trap, or blinks while it passes, may not claim to have walked around it."""

FEWEST_FRAMES = 9
"""A video of fewer frames may not go faster than one of so many: two frames, start and goal, are no walk."""

STEADY_SHARE = 0.6
"""Share of the steps, from the first in which the agent moves to the last, in which a steady walk moves."""

LONGEST = 2.0
"""A walk that is faster than one that uses all frames may be this much longer than the shortest way."""

MAX_PACE = 6.0
"""A video may be this much faster than one that uses all its frames, if its pace is steady: 4, and few frames round."""

LEFT_THE_GOAL = 0.5
"""Factor of progress once the agent was in the goal and left it: it passed by rather than solved the maze."""

Points = NDArray[np.float64]
Grid = NDArray[np.int8]
"""A board [R, C]: 0 is floor, everything else is blocked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A point on the floor: cells near and far, share of the way between them in [0, .5], cells off the floor.

    aside: rows and columns beside the line between the two cells, which is floor in open squares only.
    """

    near: Cell
    far: Cell
    share: float
    off: float
    aside: tuple[float, float] = (0.0, 0.0)

    @property
    def position(self) -> tuple[float, float]:
        """Where on the floor it is: row and column."""
        (r, c), (to_r, to_c) = self.near, self.far
        return r + self.share * (to_r - r) + self.aside[0], c + self.share * (to_c - c) + self.aside[1]


def judge_walk(
    track: Track, grid: Grid, start: Cell, goal: Cell, blocked: str = "through_wall", max_step: float = MAX_STEP
) -> Verdict:
    """The facts about a track of "agent" that should walk from start to goal over the floor of a grid.

    Any shortest way is optimal. blocked: kind of the violation on blocked cells and outside the board. max_step:
    longest way in cells between two frames.
    """
    row = track.objects.index("agent")
    cells = track.of("agent").astype(np.float64) * grid.shape[::-1] - 0.5
    seen = track.seen[row]
    remaining = _remaining(np.ascontiguousarray(grid).tobytes(), grid.shape, goal)
    way = int(remaining[start])
    points = cells.tolist()
    places = {t: place_at(grid, points[t][1], points[t][0]) for t in np.flatnonzero(seen).tolist()}
    cap = step_cap(cells[seen], way, len(cells), max_step)
    caps = (cap, gap_cap(cap, seen, np.abs(np.diff(cells, axis=0)).sum(axis=1)))
    walked = list(walk_violation(grid, start, places, caps, blocked))
    if not walked:
        walked = [Violation(kind=blocked, frame=t) for t in beside({t: place.off for t, place in places.items()})]
    broken = [*walked, *lost(seen, cells), *doubled(track.copies[row])]
    violations = tuple(sorted((at_point(track, v) for v in broken), key=lambda v: v.frame))
    end = violations[0].frame if violations else len(cells)
    legal = [place for t, place in places.items() if t < end]
    progress = progress_at(legal[-1], remaining, way) if legal else 0.0
    arrived = [cell_of(place) == goal for place in legal]
    if any(arrived) and not arrived[-1]:
        progress *= LEFT_THE_GOAL
    solved = not violations and bool(arrived) and arrived[-1] and len(cells) > 1
    optimal = solved and moves_made(grid, start, legal) == way
    return Verdict(solved=solved, optimal=optimal, progress=progress, violations=violations)


@functools.lru_cache(maxsize=64)
def _remaining(board: bytes, shape: Cell, goal: Cell) -> NDArray[np.int64]:
    return distances(np.frombuffer(board, dtype=np.int8).reshape(shape) != 0, goal)


def place_at(grid: Grid, row: float, col: float) -> Place:
    """The nearest point of the floor graph; `off` is infinite inside walls, where half a cell or more is missing."""
    near = (round(row), round(col))
    if not _is_floor(grid, near):
        return Place(near=near, far=near, share=0.0, off=np.inf)
    down, right = row - near[0], col - near[1]
    below, beside = (near[0] + (1 if down > 0 else -1), near[1]), (near[0], near[1] + (1 if right > 0 else -1))
    best = Place(near=near, far=near, share=0.0, off=hypot(down, right))
    for far, along, across in ((below, abs(down), abs(right)), (beside, abs(right), abs(down))):
        if across < best.off and _is_floor(grid, far):
            best = Place(near=near, far=far, share=float(along), off=float(across))
    open_square = _is_floor(grid, below) and _is_floor(grid, beside) and _is_floor(grid, (below[0], beside[1]))
    if not open_square:
        return best
    on_line = best.position
    aside = (float(row - on_line[0]), float(col - on_line[1]))
    return Place(near=near, far=best.far, share=best.share, off=0.0, aside=aside)


def _is_floor(grid: Grid, cell: Cell) -> bool:
    return 0 <= cell[0] < grid.shape[0] and 0 <= cell[1] < grid.shape[1] and bool(grid[cell] == 0)


def step_cap(cells: Points, way: int, num_frames: int, max_step: float = MAX_STEP) -> float:
    """Longest legal way in cells between two frames."""
    needed = way / (max(FEWEST_FRAMES, num_frames) - 1)
    pace = 1.5 * steady_pace(np.abs(np.diff(cells, axis=0)).sum(axis=1), least=0.3, way=way)
    return float(min(max_step, max(1.0, np.ceil(needed), min(pace, MAX_PACE * needed))))


def steady_pace(steps: Points, least: float, way: float) -> float:
    """Median of the steps [T - 1] that are above `least`, if from the first of them to the last most are; else 0.

    A fast walk keeps moving; a few hops between rests have no pace. Nor has a walk of more than LONGEST times the way:
    an agent that is here in one frame and there in the next does not run to and fro.
    """
    moving = np.flatnonzero(steps > least)
    if len(moving) < 3 or len(moving) < STEADY_SHARE * (moving[-1] - moving[0] + 1):
        return 0.0
    if steps[moving].sum() > LONGEST * way:
        return 0.0
    return float(np.median(steps[moving]))


def walk_violation(
    grid: Grid, start: Cell, places: dict[int, Place], caps: tuple[float, float], blocked: str = "through_wall"
) -> Iterator[Violation]:
    """The first frame in which the agent is on a blocked cell, or too far from where it was.

    places: frame -> place, of the frames that show the agent. caps: cells that it may go in one frame where it is seen,
    and where it is not. blocked: kind of the violation on blocked cells.
    """
    before = Place(near=start, far=start, share=0.0, off=0.0)
    last = -1
    for t, place in places.items():
        if place.off > OFF_FLOOR:
            yield Violation(kind=blocked, frame=t)
            return
        limit = caps[t - last > 1] * (t - last) + STEP_SLACK if t else STEP_SLACK
        straight = dist(place.position, before.position)
        is_open = _is_open(grid, before, place)
        way = _way(grid, before, place, limit, is_open)
        if way > limit or (t and not is_open and way > straight + DETOUR):
            yield Violation(kind="teleport" if is_open or straight > limit else blocked, frame=t)
            return
        before, last = place, t


def beside(off: dict[int, float]) -> list[int]:
    """The first frame beside the floor of an agent that goes beside it all along; none of others.

    off: frame -> cells, or road widths, from the agent's centre to the floor or the road's middle line.
    """
    if not off or sum(off.values()) <= BESIDE * len(off):
        return []
    return [next(frame for frame, away in off.items() if away > BESIDE)]


def _is_open(grid: Grid, start: Place, end: Place) -> bool:
    """Whether all cells of the rectangle between two places are floor, so that nothing need be walked around."""
    (r0, c0), (r1, c1) = start.position, end.position
    rows = slice(floor(min(r0, r1)), ceil(max(r0, r1)) + 1)
    cols = slice(floor(min(c0, c1)), ceil(max(c0, c1)) + 1)
    return not grid[rows, cols].any()


def _way(grid: Grid, start: Place, end: Place, limit: float, is_open: bool) -> float:
    """Length in cells of the way along the floor between two places; infinite if clearly above `limit`."""
    if is_open:
        (r0, c0), (r1, c1) = start.position, end.position
        return abs(r1 - r0) + abs(c1 - c0)
    best = np.inf
    for cell, first in _corners(start):
        for target, last in _corners(end):
            if first + abs(cell[0] - target[0]) + abs(cell[1] - target[1]) + last < best:
                best = min(best, first + _steps_between(grid, cell, target, int(limit) + 1) + last)
    return best


def _corners(place: Place) -> list[tuple[Cell, float]]:
    """The cells around a place, one, two or four of them, and the way to each; the nearest first."""
    r, c = place.position
    cells = [(row, col) for row in {floor(r), ceil(r)} for col in {floor(c), ceil(c)}]
    return sorted(((cell, abs(cell[0] - r) + abs(cell[1] - c)) for cell in cells), key=lambda corner: corner[1])


def _steps_between(grid: Grid, start: Cell, goal: Cell, limit: int) -> float:
    """Moves between two floor cells; infinite above `limit`."""
    apart = abs(start[0] - goal[0]) + abs(start[1] - goal[1])
    if apart <= 1:
        return float(apart)
    if apart > limit:
        return np.inf
    reached, front = {start}, [start]
    for moves in range(limit + 1):
        if goal in reached:
            return float(moves)
        front = [(r + dr, c + dc) for r, c in front for dr, dc in STEPS]
        front = [cell for cell in set(front) - reached if _is_floor(grid, cell)]
        reached.update(front)
    return np.inf


def cell_of(place: Place) -> Cell | None:
    """The cell that the agent is in; None on the way between two."""
    return place.near if place.share <= AT_CELL else None


def progress_at(place: Place, remaining: NDArray[np.int64], way: int) -> float:
    """Share of the true way covered at a place; 0 if it is farther from the goal than the start is."""
    left = 0.0
    for cell, _ in _corners(place):
        shares = [_between(1 - abs(at - v)) for at, v in zip(cell, place.position, strict=True)]
        left += float(np.prod(shares)) * remaining[cell]
    return float(np.clip(1 - left / max(1, way), 0, 1))


def _between(share: float) -> float:
    """A share of the way between two cells, without the TREMBLE around each."""
    return float(np.clip((share - TREMBLE) / (1 - 2 * TREMBLE), 0, 1))


def moves_made(grid: Grid, start: Cell, places: list[Place]) -> float:
    """Cell moves that the agent made; half-way excursions that never reach a cell do not count."""
    moves, here = 0.0, start
    for cell in filter(None, map(cell_of, places)):
        if cell != here:
            moves += _steps_between(grid, here, cell, grid.size)
            here = cell
    return moves
