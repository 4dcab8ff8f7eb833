"""Rules of the maze: a track becomes places on the floor, and the places become facts.

Floor is a graph: cell centres and the lines between neighbouring floor cells. An honest agent stays near that graph and
moves along it; how far in one frame follows from the way it has to go and from its own steady pace.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.grid import STEPS, Cell
from wan_r1.tasks.maze.solve import distances
from wan_r1.types import Task, Track, Verdict, Violation

__all__ = ["judge"]

OFF_FLOOR = 0.4
"""Cells by which the agent's centre may leave the lines between floor cell centres; at .5 half of it is in the wall."""

AT_CELL = 0.35
"""An agent this close to a cell's centre, in cells, is in that cell; otherwise it is on its way between two cells."""

TREMBLE = 0.15
"""Cells around a centre in which no progress is counted: a resting agent never looks as if it moved."""

STEP_SLACK = 0.5
"""Cells by which one step may exceed the cap: two positions of imprecise pictures."""

MAX_STEP = 4.0
"""Longest way in cells between two frames that can still be followed; the way around one wall block has 6."""

MAX_PACE = 4.0
"""A video may be this much faster than one that uses all its frames, if its pace is steady."""

LEFT_THE_GOAL = 0.5
"""Factor of progress once the agent was in the goal and left it: it passed by rather than solved the maze."""

MAX_GAP = 2
"""Frames in a row without the agent that count as a blink."""

MAX_DOUBLE = 1
"""Frames in a row with two agents that count as a ghost of the decoder."""

MAX_DOUBLE_SHARE = 0.1
"""Share of all frames that may show two agents, one at a time."""

Points = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """A point on the floor graph: cells near and far, share of the way between them in [0, .5], cells off it."""

    near: Cell
    far: Cell
    share: float
    off: float


def judge(task: Task, track: Track) -> Verdict:
    """The facts about a track of "agent" through the maze `task.state`."""
    cells = track.of("agent").astype(np.float64) * task.state.grid.shape[::-1] - 0.5
    seen, copies = track.seen[track.objects.index("agent")], track.copies[track.objects.index("agent")]
    remaining = _remaining(task)
    way = int(remaining[task.state.start])
    places = {int(t): _place(task.state.grid, cells[t, 1], cells[t, 0]) for t in np.flatnonzero(seen)}
    cap = _step_cap(cells[seen], way, len(cells))
    broken = [*_walk_violation(task, places, cap), *_lost(seen), *_doubled(copies)]
    violations = tuple(sorted((_at_point(track, v) for v in broken), key=lambda v: v.frame))
    end = violations[0].frame if violations else len(cells)
    legal = [place for t, place in places.items() if t < end]
    progress = _progress(legal[-1], remaining, way) if legal else 0.0
    arrived = [_cell(place) == task.state.goal for place in legal]
    if any(arrived) and not arrived[-1]:
        progress *= LEFT_THE_GOAL
    solved = not violations and bool(arrived) and arrived[-1] and len(cells) > 1
    optimal = solved and _moves(task.state.grid, task.state.start, legal) == way
    return Verdict(solved=solved, optimal=optimal, progress=progress, violations=violations)


@functools.lru_cache(maxsize=64)
def _remaining(task: Task) -> NDArray[np.int64]:
    return distances(task.state.grid, task.state.goal)


def _place(grid: NDArray[np.int8], row: float, col: float) -> _Place:
    """The nearest point of the floor graph; `off` is infinite inside walls, where half a cell or more is missing."""
    near = (int(np.rint(row)), int(np.rint(col)))
    if not _is_floor(grid, near):
        return _Place(near=near, far=near, share=0.0, off=np.inf)
    down, right = row - near[0], col - near[1]
    below, beside = (near[0] + (1 if down > 0 else -1), near[1]), (near[0], near[1] + (1 if right > 0 else -1))
    best = _Place(near=near, far=near, share=0.0, off=float(np.hypot(down, right)))
    for far, along, across in ((below, abs(down), abs(right)), (beside, abs(right), abs(down))):
        if across < best.off and _is_floor(grid, far):
            best = _Place(near=near, far=far, share=float(along), off=float(across))
    open_square = _is_floor(grid, below) and _is_floor(grid, beside) and _is_floor(grid, (below[0], beside[1]))
    return _Place(near=near, far=best.far, share=best.share, off=0.0) if open_square else best


def _is_floor(grid: NDArray[np.int8], cell: Cell) -> bool:
    return 0 <= cell[0] < grid.shape[0] and 0 <= cell[1] < grid.shape[1] and bool(grid[cell] == 0)


def _step_cap(cells: Points, way: int, num_frames: int) -> float:
    """Longest legal way in cells between two frames."""
    needed = way / max(1, num_frames - 1)
    steps = np.abs(np.diff(cells, axis=0)).sum(axis=1)
    moving = steps[steps > 0.3]
    pace = 1.5 * float(np.median(moving)) if len(moving) >= 3 else 0.0
    return float(min(MAX_STEP, max(1.0, np.ceil(needed), min(pace, MAX_PACE * needed))))


def _walk_violation(task: Task, places: dict[int, _Place], cap: float) -> Iterator[Violation]:
    """The first frame in which the agent is in a wall, or too far from where it was."""
    before = _Place(near=task.state.start, far=task.state.start, share=0.0, off=0.0)
    last = -1
    for t, place in places.items():
        if place.off > OFF_FLOOR:
            yield Violation(kind="through_wall", frame=t)
            return
        limit = cap * (t - last) + STEP_SLACK if t else STEP_SLACK
        if _way(task.state.grid, before, place, limit) > limit:
            straight = np.hypot(*np.subtract(_position(place), _position(before)))
            yield Violation(kind="through_wall" if straight <= limit else "teleport", frame=t)
            return
        before, last = place, t


def _position(place: _Place) -> tuple[float, float]:
    (r, c), (to_r, to_c) = place.near, place.far
    return r + place.share * (to_r - r), c + place.share * (to_c - c)


def _way(grid: NDArray[np.int8], start: _Place, end: _Place, limit: float) -> float:
    """Length in cells of the way along the floor between two places; infinite if clearly above `limit`."""
    if {start.near, start.far} == {end.near, end.far}:
        return abs(start.share - end.share) if start.near == end.near else 1 - start.share - end.share
    best = np.inf
    for cell, first in {start.near: start.share, start.far: 1 - start.share}.items():
        first = start.share if cell == start.near else first
        for target, rest in ((end.near, end.share), (end.far, 1 - end.share)):
            moves = _steps_between(grid, cell, target, int(limit) + 1)
            best = min(best, first + moves + (rest if end.near != end.far or target == end.near else 0.0))
    return float(best)


def _steps_between(grid: NDArray[np.int8], start: Cell, goal: Cell, limit: int) -> float:
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


def _lost(seen: NDArray[np.bool_]) -> Iterator[Violation]:
    """A long gap, or a gap that lasts to the end: who is not there has not stayed."""
    frame = _first_run(~seen, MAX_GAP + 1)
    if frame is None and not seen[-1]:
        frame = int(np.flatnonzero(seen)[-1]) + 1 if seen.any() else 0
    if frame is not None:
        yield Violation(kind="agent_lost", frame=frame)


def _doubled(copies: NDArray[np.int64]) -> Iterator[Violation]:
    double = copies > 1
    frame = _first_run(double, MAX_DOUBLE + 1)
    if frame is None and double.sum() > max(1, MAX_DOUBLE_SHARE * len(copies)):
        frame = int(double.argmax())
    if frame is not None:
        yield Violation(kind="extra_agent", frame=frame)


def _first_run(flags: NDArray[np.bool_], length: int) -> int | None:
    """Start of the first run of at least `length` true flags; a run may be shorter only if the video is."""
    length = min(length, len(flags))
    runs = np.convolve(flags, np.ones(length, dtype=int), mode="valid") == length
    return int(runs.argmax()) if runs.any() else None


def _at_point(track: Track, violation: Violation) -> Violation:
    x, y = (float(v) for v in track.of("agent")[violation.frame])
    return Violation(kind=violation.kind, frame=violation.frame, point=(x, y) if np.isfinite(x) else None)


def _cell(place: _Place) -> Cell | None:
    """The cell that the agent is in; None on the way between two."""
    return place.near if place.share <= AT_CELL else None


def _progress(place: _Place, remaining: NDArray[np.int64], way: int) -> float:
    """Share of the true way covered at a place; 0 if it is farther from the goal than the start is."""
    between = float(np.clip((place.share - TREMBLE) / (1 - 2 * TREMBLE), 0, 1))
    left = (1 - between) * remaining[place.near] + between * remaining[place.far]
    return float(np.clip(1 - left / max(1, way), 0, 1))


def _moves(grid: NDArray[np.int8], start: Cell, places: list[_Place]) -> float:
    """Cell moves that the agent made; half-way excursions that never reach a cell do not count."""
    moves, here = 0.0, start
    for cell in filter(None, map(_cell, places)):
        if cell != here:
            moves += _steps_between(grid, here, cell, grid.size)
            here = cell
    return moves
