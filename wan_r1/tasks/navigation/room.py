"""A room with furniture, and geometry on its floor: where a robot fits, and how far it is to walk.

Room frame: metres, x along the room, y across, angles counterclockwise from x. A pose is (x, y, yaw).
"""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.navigation.furniture import KINDS, Furniture

__all__ = [
    "CELL_M",
    "ROBOT_RADIUS_M",
    "STOP_M",
    "NavigationState",
    "Pose",
    "clearance",
    "goal_pose",
    "is_clear_line",
    "to_room",
    "to_start",
    "walking_distance",
]

Pose = tuple[float, float, float]
Points = NDArray[np.floating[Any]]

ROBOT_RADIUS_M = 0.25
"""Half the width of a small quadruped, rounded up."""
STOP_M = 0.6
"""How far in front of the target the camera stops."""
CELL_M = 0.1
"""Grid of the planner."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NavigationState:
    """Everything that a room shows, and the task in it."""

    size: tuple[float, float]
    furniture: tuple[Furniture, ...]
    target: int
    """Index of the piece to walk to."""
    partitions: tuple[tuple[float, float, float, float], ...]
    """Walls inside: centre x, y and half sizes along x and y."""
    start: Pose
    anchor: Pose
    """An earlier pose; the known way between the two gives a monocular decoder its metres."""
    theme: int
    """Seed of colours and textures."""
    prompt: str

    @property
    def anchor_distance_m(self) -> float:
        """Metres between the earlier pose and the start."""
        return float(np.hypot(self.start[0] - self.anchor[0], self.start[1] - self.anchor[1]))


def clearance(state: NavigationState, points: Points) -> NDArray[np.float64]:
    """Distance [N] of points [N, 2] in the room frame to the nearest wall or piece; negative inside of one."""
    points = np.asarray(points, np.float64)
    distances = [points[:, 0], points[:, 1], state.size[0] - points[:, 0], state.size[1] - points[:, 1]]
    blocks = [((piece.x, piece.y), KINDS[piece.kind].half_size, piece.yaw) for piece in state.furniture]
    blocks += [((x, y), (half_x, half_y), 0.0) for x, y, half_x, half_y in state.partitions]
    nearest: NDArray[np.float64] = np.min(distances + [_to_rectangle(points, *block) for block in blocks], axis=0)
    return nearest


def _to_rectangle(
    points: Points, center: tuple[float, float], half: tuple[float, float], yaw: float
) -> NDArray[np.float64]:
    offset = points - center
    cos, sin = np.cos(yaw), np.sin(yaw)
    local = np.stack([offset[:, 0] * cos + offset[:, 1] * sin, offset[:, 1] * cos - offset[:, 0] * sin], axis=1)
    over = np.abs(local) - half
    outside = np.hypot(*np.maximum(over, 0).T)
    distances: NDArray[np.float64] = outside + np.minimum(over.max(axis=1), 0)
    return distances


def goal_pose(state: NavigationState) -> Pose:
    """Where the camera should stop: before the front of the target, facing it."""
    target = state.furniture[state.target]
    ahead = KINDS[target.kind].half_size[0] + STOP_M
    x, y = target.x + ahead * np.cos(target.yaw), target.y + ahead * np.sin(target.yaw)
    return float(x), float(y), float(target.yaw + np.pi)


def is_clear_line(state: NavigationState, a: Points, b: Points, margin: float = 0.0) -> bool:
    """Whether the straight line between two points keeps this distance from everything."""
    num = max(2, int(np.hypot(*(np.asarray(b) - a)) / 0.04) + 1)
    line = np.asarray(a) + np.linspace(0, 1, num)[:, None] * (np.asarray(b) - np.asarray(a))
    return bool((clearance(state, line) >= margin).all())


def to_start(start: Pose, points: Points) -> NDArray[np.float64]:
    """Points [N, 2] of the room as seen from the start pose: x forward, y left."""
    offset, cos, sin = np.asarray(points, np.float64) - start[:2], np.cos(start[2]), np.sin(start[2])
    return np.stack([offset[:, 0] * cos + offset[:, 1] * sin, offset[:, 1] * cos - offset[:, 0] * sin], axis=1)


def to_room(start: Pose, points: Points) -> NDArray[np.float64]:
    """The inverse of `to_start`."""
    points, cos, sin = np.asarray(points, np.float64), np.cos(start[2]), np.sin(start[2])
    turned = np.stack([points[:, 0] * cos - points[:, 1] * sin, points[:, 0] * sin + points[:, 1] * cos], axis=1)
    return np.asarray(turned + start[:2])


@functools.lru_cache(maxsize=64)
def walking_distance(state: NavigationState, margin: float = ROBOT_RADIUS_M) -> NDArray[np.float64]:
    """Way in metres [rows, cols] from the middle of each cell of the floor to the goal; infinite where none is.

    Cell (r, c) lies at x = (c + .5) CELL_M, y = (r + .5) CELL_M; `margin` is kept from everything.
    """
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import dijkstra

    rows, cols = (int(np.ceil(length / CELL_M)) for length in reversed(state.size))
    y, x = np.mgrid[:rows, :cols]
    free = clearance(state, (np.stack([x.ravel(), y.ravel()], axis=1) + 0.5) * CELL_M).reshape(rows, cols) >= margin
    index = np.arange(rows * cols).reshape(rows, cols)
    sources, ends, costs = [], [], []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1)):
        a = (slice(0, rows - down), slice(max(0, -right), cols - max(0, right)))
        b = (slice(down, rows), slice(max(0, right), cols - max(0, -right)))
        both = free[a] & free[b]
        sources.append(index[a][both])
        ends.append(index[b][both])
        costs.append(np.full(int(both.sum()), np.hypot(down, right) * CELL_M))
    graph = csr_matrix(
        (np.concatenate(costs), (np.concatenate(sources), np.concatenate(ends))), shape=(rows * cols, rows * cols)
    )
    goal_x, goal_y, _ = goal_pose(state)
    goal = index[min(rows - 1, max(0, int(goal_y / CELL_M))), min(cols - 1, max(0, int(goal_x / CELL_M)))]
    field: NDArray[np.float64] = dijkstra(graph, directed=False, indices=int(goal)).reshape(rows, cols)
    field.setflags(write=False)
    return field
