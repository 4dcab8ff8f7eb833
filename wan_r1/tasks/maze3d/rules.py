"""Rules of the 3D maze: the ball follows the road of cubes and ladders, from place to neighbouring place.

A picture does not tell how far away a ball is: ways in space may meet or cross in it. So each frame has several places
that the ball may be at, and the frames are linked by the road: a place follows only if the way *along the road* from a
place before is short enough. A ball that flies from one branch to another where they meet in the picture is lost there.
"""

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.maze3d.generate import Maze3DState
from wan_r1.tasks.maze3d.solve import Road, road_of
from wan_r1.tasks.maze3d.view import project, standing, step_length
from wan_r1.tasks.presence import at_point, doubled, gap_cap, lost
from wan_r1.tasks.walk import AT_CELL, STEP_SLACK, TREMBLE, step_cap
from wan_r1.types import Task, Track, Verdict, Violation

__all__ = ["judge"]

OFF_ROAD = 0.25
"""Steps by which the ball's centre may leave the road in the picture; half a cube aside is .23."""

DETOUR = 2.0
"""Steps by which the way between two frames may be longer than it looks in the picture: a rung up and a cube forward
end where they began. Who hops, or blinks, from branch to branch may not claim to have gone around by the road."""

LEFT_THE_GOAL = 0.4
"""Factor of progress once the ball was at the goal and left it. Less than on boards: half of the way in the picture may
be less than half of the steps, since rungs are longer there."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _View:
    """The road in the picture, in lengths of a step. starts, ends [E, 2]: both ends of its steps; unit: image units."""

    road: Road
    unit: float
    starts: Floats
    ends: Floats


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Spots:
    """Places on the road that the ball may be at in one frame: step [K] and share [K] of the way along it.

    cost [K]: of the most likely way to each; before [K]: the spot of the frame before on that way.
    """

    step: Ints
    share: Floats
    cost: Floats
    before: Ints


def judge(task: Task, track: Track) -> Verdict:
    """The facts about a track of "agent" along the road of `task.state`. Any shortest way is optimal."""
    state: Maze3DState = task.state
    view = _view_of(state)
    road, row = view.road, track.objects.index("agent")
    start, goal = road.index[state.start], road.index[state.goal]
    way = int(road.away[start, goal])
    points, seen = track.of("agent").astype(np.float64) / view.unit, track.seen[row]
    frames = [int(t) for t in np.flatnonzero(seen)]
    cap = step_cap(points[seen], way, len(points))
    caps = (cap, gap_cap(cap, seen, np.hypot(*np.diff(points, axis=0).T)))
    followed, left = _follow(view, start, points, frames, caps)
    broken = [*left, *lost(seen, points), *doubled(track.copies[row])]
    violations = tuple(sorted((at_point(track, v) for v in broken), key=lambda v: v.frame))
    end = violations[0].frame if violations else len(points)
    spots = [(road.steps[step], share) for step, share in _likeliest(followed[: sum(t < end for t in frames)])]
    progress = _progress(*spots[-1], road.away[goal], way) if spots else 0.0
    visited = [_place_of(*spot) for spot in spots]
    arrived = [place == goal for place in visited]
    if any(arrived) and not arrived[-1]:
        progress *= LEFT_THE_GOAL
    solved = not violations and bool(arrived) and arrived[-1] and len(points) > 1
    optimal = solved and _steps_made(road.away, start, visited) == way
    return Verdict(solved=solved, optimal=optimal, progress=progress, violations=violations)


@functools.lru_cache(maxsize=64)
def _view_of(state: Maze3DState) -> _View:
    road, unit = road_of(state), step_length(state.grid_size)
    shown = project(state.grid_size, standing(road.places)) / unit
    return _View(road=road, unit=unit, starts=shown[road.steps[:, 0]], ends=shown[road.steps[:, 1]])


def _follow(
    view: _View, start: int, points: Floats, frames: list[int], caps: tuple[float, float]
) -> tuple[list[_Spots], list[Violation]]:
    """Spots of each frame up to the first one in which the ball cannot be on the road, and what is wrong there.

    points: [T, 2] in steps. frames: those that show the ball. caps: steps that it may go in one frame, and in one of
    a gap.
    """
    along = view.ends - view.starts
    rest = points[frames][:, None] - view.starts
    shares = ((rest * along).sum(axis=2) / (along**2).sum(axis=1)).clip(0, 1)
    off = np.linalg.norm(rest - shares[..., None] * along, axis=2)
    spots, origin = _standing_at(view, start)
    followed: list[_Spots] = []
    last = -1
    for index, t in enumerate(frames):
        near = np.flatnonzero(off[index] <= OFF_ROAD)
        straight = float(np.linalg.norm(points[t] - origin))
        fast = caps[t - last > 1] * (t - last) + STEP_SLACK
        limit = min(fast, straight + DETOUR) if t else STEP_SLACK
        ways = _ways(view.road, spots, near, shares[index, near])
        total = np.where(ways <= limit, spots.cost[:, None] + ways**2 / (t - last), np.inf)
        reached = np.isfinite(total).any(axis=0)
        if not reached.any():
            jumps = len(near) and straight > fast
            return followed, [Violation(kind="teleport" if jumps else "off_road", frame=t)]
        near, total = near[reached], total[:, reached]
        cost = total.min(axis=0) + off[index, near] ** 2
        spots = _Spots(step=near, share=shares[index, near], cost=cost, before=total.argmin(axis=0))
        followed.append(spots)
        origin, last = points[t], t
    return followed, []


def _standing_at(view: _View, place: int) -> tuple[_Spots, Floats]:
    """The one spot of a ball that stands on a place, and where it appears, in steps."""
    step = np.flatnonzero((view.road.steps == place).any(axis=1))[:1]
    at_end = view.road.steps[step, 1] == place
    spots = _Spots(step=step, share=at_end.astype(float), cost=np.zeros(1), before=np.zeros(1, dtype=np.int64))
    return spots, (view.ends if at_end[0] else view.starts)[step[0]]


def _ways(road: Road, spots: _Spots, steps: Ints, shares: Floats) -> Floats:
    """Ways along the road from J spots to places on K steps at these shares, [J, K] in steps."""
    (first, second), share = road.steps[spots.step].T, spots.share[:, None]
    to_place = np.minimum(road.away[first] + share, road.away[second] + 1 - share)
    (near, far) = road.steps[steps].T
    ways = np.minimum(to_place[:, near] + shares, to_place[:, far] + 1 - shares)
    return np.where(spots.step[:, None] == steps, np.abs(share - shares), ways)


def _likeliest(followed: list[_Spots]) -> list[tuple[int, float]]:
    """(step, share) in each frame on the most likely way."""
    if not followed:
        return []
    index, way = int(followed[-1].cost.argmin()), []
    for spots in reversed(followed):
        way.append((int(spots.step[index]), float(spots.share[index])))
        index = int(spots.before[index])
    return way[::-1]


def _progress(ends: Ints, share: float, remaining: Floats, way: int) -> float:
    """Share of the true way covered on a step; 0 if that is farther from the goal than the start is."""
    between = float(np.clip((share - TREMBLE) / (1 - 2 * TREMBLE), 0, 1))
    left = (1 - between) * remaining[ends[0]] + between * remaining[ends[1]]
    return float(np.clip(1 - left / max(1, way), 0, 1))


def _place_of(ends: Ints, share: float) -> int | None:
    """The place that the ball is at; None on the way between two."""
    return int(ends[0]) if share <= AT_CELL else int(ends[1]) if share >= 1 - AT_CELL else None


def _steps_made(away: Floats, start: int, visited: list[int | None]) -> float:
    """Steps that the ball made; half-way excursions that never reach a place do not count."""
    made, here = 0.0, start
    for place in visited:
        if place is not None:
            made, here = made + float(away[here, place]), place
    return made
