"""Rules of the irregular maze: stay on the roads and move along them.

An agent is on every road whose middle line is near enough: roads run into each other where they meet, and there it may
change over. A step is as long as the way along the roads between two frames, whatever the straight line between them
is. Lengths are in road widths.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.irregular_maze.generate import RoadNet, RoadState
from wan_r1.tasks.irregular_maze.solve import lengths_along
from wan_r1.tasks.presence import at_point, doubled, gap_cap, lost
from wan_r1.tasks.walk import FEWEST_FRAMES, LEFT_THE_GOAL, beside, steady_pace
from wan_r1.types import Task, Track, Verdict, Violation

__all__ = ["judge"]

OFF_ROAD = 0.4
"""Road widths by which the agent's centre may leave a road's middle line; at .5 half of it is beside the road."""

AT_NODE = 0.5
"""An agent this close to start or goal, in road widths, is there: its centre is inside the box of the node."""

TREMBLE = 0.15
"""Road widths in which no progress is counted: a resting agent never looks as if it moved."""

STEP_SLACK = 0.5
"""Road widths by which one step may exceed the cap: two positions of imprecise pictures."""

DETOUR = 0.75
"""Road widths by which the way between two frames may be longer than a straight line: a right angle at 2.5 widths a
frame has .73. An agent that hops over ground, or blinks meanwhile, may not claim to have followed the road."""

MIN_CAP = 1.0
"""A step of one road width is legal at any pace."""

MAX_STEP = 5.0
"""Longest way between two frames that can still be followed: half a loop around a seed has 7 on VR-Bench's roads."""

MAX_PACE = 6.0
"""A video may be this much faster than one that uses all its frames, if its pace is steady: 4, and few frames round."""

TRIP = 0.75
"""Distance in road widths from which on a move counts for the length of the way gone."""

PACE_SLACK = 1.5
"""A step may be this much longer than a steady one."""

MOVING = 0.3
"""Shortest step that counts as a move where the pace is measured."""

OPTIMAL_SHARE = 1.01
"""A way up to this much longer than the shortest one is optimal."""

MAX_ROADS = 6
"""Roads, at most, that the agent can be on at once; nodes of a Voronoi diagram have 3, and some lie close together."""

Points = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Net:
    """A net of roads as the rules need it: lengths in road widths.

    points [R, P, 2] and along [R, P] of the roads, roads [R, 2], away [N, N] between nodes, nodes [N, 2].
    """

    points: Points
    along: Points
    roads: NDArray[np.int64]
    away: Points
    nodes: Points


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Places:
    """Where points lie on the net: for each its nearest roads, the nearest first.

    road [n, K]; at [n, K]: way from the road's first node; off [n, K]: distance to its middle line.
    """

    road: NDArray[np.int64]
    at: Points
    off: Points

    def __getitem__(self, chosen: slice | NDArray[np.int64] | list[int]) -> "_Places":
        return _Places(road=self.road[chosen], at=self.at[chosen], off=self.off[chosen])


def judge(task: Task, track: Track) -> Verdict:
    """The facts about a track of "agent" over the roads `task.state`."""
    state: RoadState = task.state
    net, row = _net(state.net), track.objects.index("agent")
    points, seen = track.of("agent").astype(np.float64) / state.net.width, track.seen[row]
    frames = np.flatnonzero(seen)
    way = float(net.away[state.start, state.goal])
    places = _places(net, points[frames])
    cap = _step_cap(points[frames], way, len(points))
    caps = (cap, gap_cap(cap, seen, np.hypot(*np.diff(points, axis=0).T)))
    walk = _walk_violation(net, points, frames, places, caps, state.start)
    broken = [*walk, *lost(seen, points), *doubled(track.copies[row])]
    violations = tuple(sorted((at_point(track, v) for v in broken), key=lambda v: v.frame))
    legal = int((frames < (violations[0].frame if violations else len(points))).sum())
    left = _left(net, places[:legal], state.goal)
    progress = float(np.clip((way - left[-1] - TREMBLE) / max(way - 2 * TREMBLE, TREMBLE), 0, 1)) if legal else 0.0
    arrived = left <= AT_NODE
    if arrived.any() and not arrived[-1]:
        progress *= LEFT_THE_GOAL
    solved = not violations and legal > 0 and bool(arrived[-1]) and len(points) > 1
    optimal = solved and _way_gone(net, points[frames], left, state.start, state.goal) <= OPTIMAL_SHARE * way
    return Verdict(solved=solved, optimal=optimal, progress=progress, violations=violations)


@functools.lru_cache(maxsize=64)
def _net(net: RoadNet) -> _Net:
    points = net.curves() / net.width
    return _Net(
        points=points,
        along=lengths_along(points),
        roads=net.roads,
        away=net.distances() / net.width,
        nodes=net.nodes / net.width,
    )


def _places(net: _Net, points: Points) -> _Places:
    """The places of points [n, 2] on the net."""
    first, step = net.points[:, :-1], np.diff(net.points, axis=1)
    offset = points[:, None, None] - first
    share = ((offset * step).sum(axis=3) / np.maximum((step**2).sum(axis=2), 1e-12)).clip(0, 1)
    off = np.hypot(*np.moveaxis(offset - share[..., None] * step, 3, 0))
    part = off.argmin(axis=2)
    roads = np.arange(len(first))
    off = np.take_along_axis(off, part[..., None], axis=2)[..., 0]
    share = np.take_along_axis(share, part[..., None], axis=2)[..., 0]
    at = net.along[roads, part] + share * (net.along[roads, part + 1] - net.along[roads, part])
    nearest = off.argsort(axis=1, kind="stable")[:, :MAX_ROADS]
    return _Places(
        road=nearest, at=np.take_along_axis(at, nearest, axis=1), off=np.take_along_axis(off, nearest, axis=1)
    )


def _step_cap(points: Points, way: float, num_frames: int) -> float:
    """Longest legal way in road widths between two frames, from the way to go and the video's own steady pace."""
    needed = way / (max(FEWEST_FRAMES, num_frames) - 1)
    pace = PACE_SLACK * steady_pace(np.hypot(*np.diff(points, axis=0).T), least=MOVING, way=way)
    return float(min(MAX_STEP, max(MIN_CAP, PACE_SLACK * needed, min(pace, MAX_PACE * needed))))


def _walk_violation(
    net: _Net, points: Points, frames: NDArray[np.int64], places: _Places, caps: tuple[float, float], start: int
) -> Iterator[Violation]:
    """The first frame in which the agent is beside the roads, or too far along them from where it was.

    caps: longest ways between two frames in a row, and for each frame of a gap.
    """
    if not len(frames):
        return
    passed = np.diff(frames, prepend=-1)
    limits = np.where(passed > 1, caps[1], caps[0]) * passed + STEP_SLACK
    straight = np.hypot(*np.diff(points[frames], axis=0).T)
    limits[1:] = np.minimum(limits[1:], straight + DETOUR)
    if frames[0] == 0:
        limits[0] = STEP_SLACK
    steps = np.concatenate([_left(net, places[:1], start), _ways(net, places[:-1], places[1:]).min(axis=(1, 2))])
    off, far = places.off[:, 0], steps > limits
    if (far | (off > OFF_ROAD)).any():
        first = int((far | (off > OFF_ROAD)).argmax())
        yield Violation(kind="off_road" if off[first] > OFF_ROAD else "teleport", frame=int(frames[first]))
        return
    for frame in beside(dict(zip(frames.tolist(), off.tolist(), strict=True))):
        yield Violation(kind="off_road", frame=frame)


def _ways(net: _Net, before: _Places, after: _Places) -> Points:
    """Ways [n, K, K] between the roads that the agent is on before and after; infinite for roads that it is not on."""
    same = before.road[:, :, None] == after.road[:, None]
    ways = np.where(same, np.abs(before.at[:, :, None] - after.at[:, None]), np.inf)
    for end, other in ((0, 0), (0, 1), (1, 0), (1, 1)):
        first, last = net.roads[before.road, end], net.roads[after.road, other]
        between = net.away[first[:, :, None], last[:, None]]
        np.minimum(ways, _rest(net, before, end)[:, :, None] + between + _rest(net, after, other)[:, None], out=ways)
    on = _is_on(before)[:, :, None] & _is_on(after)[:, None]
    return np.where(on, ways, np.inf)


def _rest(net: _Net, places: _Places, end: int) -> Points:
    """Way [n, K] from the places to one end of their roads."""
    return places.at if end == 0 else net.along[places.road, -1] - places.at


def _is_on(places: _Places) -> NDArray[np.bool_]:
    """Roads [n, K] that the agent is on; always the nearest one."""
    on: NDArray[np.bool_] = places.off <= OFF_ROAD
    on[:, 0] = True
    return on


def _left(net: _Net, places: _Places, node: int) -> Points:
    """Way [n] from the places, on their nearest roads, to a node."""
    ends = [_rest(net, places, end) + net.away[net.roads[places.road, end], node] for end in (0, 1)]
    left: Points = np.minimum(*ends)[:, 0]
    return left


def _way_gone(net: _Net, points: Points, left: Points, start: int, goal: int) -> float:
    """Length of the shortest way along the roads that leads past all places of the agent; trembling does not count."""
    points = np.where(left[:, None] <= AT_NODE, net.nodes[goal], points)
    passed = [net.nodes[start]]
    for point in points:
        if np.hypot(*(point - passed[-1])) >= TRIP:
            passed.append(point)
    places = _places(net, np.asarray([*passed, net.nodes[goal]]))
    gone = np.zeros(places.road.shape[1])
    for ways in _ways(net, places[:-1], places[1:]):
        gone = (gone[:, None] + ways).min(axis=0)
    return float(gone.min())
