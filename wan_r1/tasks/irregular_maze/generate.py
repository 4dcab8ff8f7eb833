"""Irregular mazes: roads along a Voronoi diagram of scattered seeds, slightly bent, as VR-Bench makes them."""

from collections import Counter
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.difficulty import RoadLevel
from wan_r1.tasks.irregular_maze.solve import curves, lengths_along, node_distances

__all__ = ["RoadNet", "RoadState", "canonical_roads", "lay_roads", "place_by_length", "place_far"]

POISSON_TRIES = 30  # Bridson (2007), and VR-Bench
CORNER_MARGIN = 2.0  # road widths by which VR-Bench's four corner seeds lie outside the picture
MIN_ANGLE = np.radians(40)  # between roads of a node, where a clearance is asked for: sharper ones run into each other
LAYOUT_STEPS = 256  # positions are compared in steps of this share of the picture

Points = NDArray[np.float64]
Pairs = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RoadNet:
    """A net of roads, in image units of a square picture.

    nodes [N, 2] float64; roads [R, 2] int64: the two nodes of each; controls [R, 2] float64: middle control point of
    its quadratic Bezier curve; width: of a road.
    """

    nodes: Points
    roads: Pairs
    controls: Points
    width: float

    def curves(self) -> Points:
        """Points [R, P, 2] of each road, from its first node to its second."""
        return curves(self.nodes, self.roads, self.controls)

    def lengths(self) -> Points:
        """Length [R] of each road."""
        lengths: Points = lengths_along(self.curves())[:, -1]
        return lengths

    def distances(self) -> Points:
        """Length of the shortest way between any two nodes, [N, N]."""
        return node_distances(len(self.nodes), self.roads, self.lengths())


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RoadState:
    """An irregular maze: its roads, the nodes where the agent starts and should go, and the name of its skin."""

    net: RoadNet
    start: int
    goal: int
    skin: str


def lay_roads(rng: np.random.Generator, level: RoadLevel) -> RoadNet | None:
    """Nodes, roads and control points of a net; None if this draw is not one of the level.

    The roads are all edges of the largest connected part. VR-Bench draws a spanning tree and adds 15 to 25 % of the
    other edges, but its search links every neighbour that it has not left yet, so that it too keeps them all.
    """
    width = level.road_px / level.size_px
    seeds = _scatter(rng, level.spacing)
    nodes, roads = _largest_part(*_voronoi(seeds, width, level))
    if level.min_road:
        nodes, roads = _largest_part(*_merge(nodes, roads, level.min_road * width))
    if len(nodes) < level.min_nodes or (level.max_nodes is not None and len(nodes) > level.max_nodes):
        return None
    net = RoadNet(nodes=nodes, roads=roads, controls=_bend(rng, nodes, roads, level.bend), width=width)
    return net if not level.clearance or _is_clear(net, level.clearance * width) else None


def _scatter(rng: np.random.Generator, radius: float) -> Points:
    """Seeds [S, 2] in the unit square, no two nearer than `radius` (Poisson disk sampling by Bridson)."""
    points, active = [rng.uniform(size=2)], [0]
    while active:
        chosen = int(rng.integers(len(active)))
        turn, away = rng.uniform(0, 2 * np.pi, POISSON_TRIES), rng.uniform(radius, 2 * radius, POISSON_TRIES)
        tries = points[active[chosen]] + away[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        gaps = np.hypot(*np.moveaxis(tries[:, None] - np.asarray(points), 2, 0)).min(axis=1)
        free = (tries >= 0).all(axis=1) & (tries <= 1).all(axis=1) & (gaps >= radius)
        if free.any():
            active.append(len(points))
            points.append(tries[free.argmax()])
        else:
            active.pop(chosen)
    return np.asarray(points)


def _voronoi(seeds: Points, width: float, level: RoadLevel) -> tuple[Points, Pairs]:
    """Vertices of the Voronoi diagram and its edges that are short enough and away from the border."""
    from scipy.spatial import Voronoi

    low, high = -CORNER_MARGIN * width, 1 + CORNER_MARGIN * width
    diagram = Voronoi(np.concatenate([seeds, [[low, low], [high, low], [low, high], [high, high]]]))
    nodes = diagram.vertices
    edges = np.asarray([pair for pair in diagram.ridge_vertices if min(pair) >= 0], dtype=np.int64).reshape(-1, 2)
    margin = level.margin * width
    inside = ((nodes >= margin) & (nodes <= 1 - margin)).all(axis=1)
    short = _chords(nodes, edges) <= level.max_road * width
    return nodes, edges[short & inside[edges].all(axis=1)]


def _chords(nodes: Points, roads: Pairs) -> Points:
    return np.asarray(np.hypot(*(nodes[roads[:, 1]] - nodes[roads[:, 0]]).T))


def _largest_part(nodes: Points, roads: Pairs) -> tuple[Points, Pairs]:
    """The connected part with the most roads, its nodes numbered anew."""
    part = np.arange(len(nodes))
    for _ in roads:
        least = part[roads].min(axis=1)
        np.minimum.at(part, roads.ravel(), np.repeat(least, 2))
    counts = Counter(part[roads[:, 0]].tolist())
    kept = roads[part[roads[:, 0]] == counts.most_common(1)[0][0]] if counts else roads
    used, numbers = np.unique(kept, return_inverse=True)
    return nodes[used], numbers.reshape(-1, 2).astype(np.int64)


def _merge(nodes: Points, roads: Pairs, shortest: float) -> tuple[Points, Pairs]:
    """The net with the nodes of each road below `shortest` merged in the middle, the shortest road first."""
    nodes = nodes.copy()
    while len(roads) and (chords := _chords(nodes, roads)).min() < shortest:
        kept, gone = roads[chords.argmin()]
        nodes[kept] = nodes[[kept, gone]].mean(axis=0)
        roads = np.sort(np.where(roads == gone, kept, roads), axis=1)
        roads = np.unique(roads[roads[:, 0] != roads[:, 1]], axis=0)
    return nodes, roads


def _bend(rng: np.random.Generator, nodes: Points, roads: Pairs, bend: float) -> Points:
    """Middle control points: off the middle of the chord, square to it, by up to `bend` of its length."""
    first, last = nodes[roads[:, 0]], nodes[roads[:, 1]]
    across = (last - first)[:, ::-1] * (-1, 1)
    controls: Points = (first + last) / 2 + rng.uniform(-bend, bend, len(roads))[:, None] * across
    return controls


def _is_clear(net: RoadNet, clearance: float) -> bool:
    """Whether roads meet at open angles, keep apart where they do not meet, and lie inside the picture."""
    points = net.curves()
    if points.min() < net.width / 2 or points.max() > 1 - net.width / 2:
        return False
    for one, other in combinations(range(len(net.roads)), 2):
        shared = set(net.roads[one].tolist()) & set(net.roads[other].tolist())
        if shared:
            node = net.nodes[shared.pop()]
            x, y = net.controls[one] - node, net.controls[other] - node
            if np.dot(x, y) > np.cos(MIN_ANGLE) * np.hypot(*x) * np.hypot(*y):
                return False
        elif np.hypot(*np.moveaxis(points[one][:, None] - points[other], 2, 0)).min() < clearance:
            return False
    return True


def place_far(rng: np.random.Generator, roads: Pairs, min_nodes: int) -> tuple[int, int] | None:
    """VR-Bench's placement: any start, and the goal as many roads away from it as possible.

    None if there are fewer than `min_nodes` nodes on a way between them.
    """
    num_nodes = int(roads.max()) + 1
    start = int(rng.integers(num_nodes))
    away = node_distances(num_nodes, roads, np.ones(len(roads)))[start]
    farthest = np.flatnonzero(away == away.max())
    goal = int(farthest[rng.integers(len(farthest))])
    return (start, goal) if away.max() + 1 >= min_nodes else None


def place_by_length(rng: np.random.Generator, away: Points, least: float, most: float) -> tuple[int, int] | None:
    """Start and goal whose way is nearest to a length drawn from `least` .. `most`; None if no way has such a length.

    away: lengths of the ways between nodes, [N, N].
    """
    wanted = rng.uniform(least, most)
    fits = np.argwhere((away >= least) & (away <= most))
    if not len(fits):
        return None
    gaps = np.abs(away[tuple(fits.T)] - wanted)
    nearest = np.flatnonzero(gaps <= gaps.min() + 1e-9)  # both directions of a way have the same length
    start, goal = fits[nearest[rng.integers(len(nearest))]]
    return int(start), int(goal)


def canonical_roads(net: RoadNet) -> bytes:
    """A key that is equal for the 8 rotations and reflections of a net of roads, whatever start and goal are."""
    ends = np.concatenate([net.nodes[net.roads], net.controls[:, None]], axis=1) - 0.5
    keys = []
    for turn in range(8):
        turned = ends[..., ::-1] if turn & 4 else ends
        turned = turned * ((-1) ** (turn & 1), (-1) ** (turn >> 1 & 1))
        steps = np.rint(turned * LAYOUT_STEPS).astype(np.int16)
        keys.append(b"".join(sorted(b"".join(sorted((a.tobytes(), b.tobytes()))) + c.tobytes() for a, b, c in steps)))
    return min(keys)
