"""Shortest ways over roads, by length. A road is a quadratic Bezier curve between two nodes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CURVE_POINTS",
    "Leg",
    "branches",
    "curves",
    "legs_to_points",
    "lengths_along",
    "node_distances",
    "shortest_way",
]

CURVE_POINTS = 17
"""Points by which a curve is drawn and measured; at VR-Bench's bends the length is right within a thousandth."""

Points = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Leg:
    """One road of a way: its index, and whether it is walked from its first node to its second."""

    road: int
    forward: bool


def curves(nodes: Points, roads: NDArray[np.int64], controls: Points) -> Points:
    """Points [R, CURVE_POINTS, 2] of each road, first node to second. nodes: [N, 2]; roads, controls: [R, 2]."""
    t = np.linspace(0, 1, CURVE_POINTS)[:, None]
    first, last = nodes[roads[:, 0]][:, None], nodes[roads[:, 1]][:, None]
    points: Points = (1 - t) ** 2 * first + 2 * t * (1 - t) * controls[:, None] + t**2 * last
    return points


def lengths_along(points: Points) -> Points:
    """Length of each polyline [R, P, 2] up to each of its points, [R, P]; the last column is the whole length."""
    steps = np.hypot(*np.moveaxis(np.diff(points, axis=1), 2, 0))
    return np.pad(np.cumsum(steps, axis=1), ((0, 0), (1, 0)))


def node_distances(num_nodes: int, roads: NDArray[np.int64], lengths: Points) -> Points:
    """Length of the shortest way between any two nodes, [N, N]; infinite where there is none (Floyd and Warshall)."""
    away = np.full((num_nodes, num_nodes), np.inf)
    np.fill_diagonal(away, 0.0)
    for first, second in (roads.T, roads[:, ::-1].T):
        np.minimum.at(away, (first, second), lengths)
    for node in range(num_nodes):
        np.minimum(away, away[:, node, None] + away[node], out=away)
    return away


def shortest_way(roads: NDArray[np.int64], lengths: Points, remaining: Points, start: int, goal: int) -> list[Leg]:
    """The roads of one shortest way; empty if there is none. remaining: [N], length of the way from each node."""
    legs: list[Leg] = []
    here = start
    while here != goal and np.isfinite(remaining[here]):
        beyond = remaining[roads[:, ::-1]]
        ends = np.where((roads == here) & (beyond < remaining[here]), beyond + lengths[:, None], np.inf)
        road, end = (int(k) for k in np.unravel_index(ends.argmin(), ends.shape))
        legs.append(Leg(road=road, forward=end == 0))
        here = int(roads[road, 1 - end])
    return legs


def branches(roads: NDArray[np.int64], node: int) -> list[tuple[int, Leg]]:
    """The nodes one road from a node, each with the road to it."""
    found = [(int(row), int(col)) for row, col in np.argwhere(roads == node)]
    return [(int(roads[road, 1 - end]), Leg(road=road, forward=end == 0)) for road, end in found]


def legs_to_points(legs: list[Leg], points: Points) -> Points:
    """The polyline [N, 2] of a way over roads with these points [R, P, 2]."""
    parts = [points[leg.road] if leg.forward else points[leg.road][::-1] for leg in legs]
    return np.concatenate([parts[0][:1], *(part[1:] for part in parts)])
