"""False motions for games in which the agent moves boxes: numbers in, numbers out. The zoo of rewards/cheats.py draws
them.

Points [T, 2 O] are x and y of the agent, then of each box, in each frame; each motion is made from the solution.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["BOX_MOTIONS"]

Points = NDArray[np.float32]


def _first_push(walk: Points) -> int:
    """The last frame before a box moves."""
    moved = np.abs(walk[:, 2:] - walk[0, 2:]).max(axis=1) > 1e-4
    return max(0, int(moved.argmax()) - 1)


def _box_alone(walk: Points) -> Points:
    points = walk.copy()
    points[:, :2] = walk[0, :2]
    return points


def _player_only(walk: Points) -> Points:
    points = walk.copy()
    points[:, 2:] = walk[0, 2:]
    return points


def _box_jumps(walk: Points) -> Points:
    """Every box is on its target as soon as the agent is about to push."""
    points = _player_only(walk)
    points[_first_push(walk) + 1 :, 2:] = walk[-1, 2:]
    return points


def _box_vanishes(walk: Points) -> Points:
    points = walk.copy()
    points[(len(walk) + _first_push(walk)) // 2 :, 2:] = np.nan
    return points


def _through_the_box(walk: Points) -> Points:
    """The agent walks in straight lines into the first box that moves and on to its last place."""
    points, turn = walk.copy(), max(1, len(walk) // 2)
    box = np.abs(walk[-1, 2:] - walk[0, 2:]).reshape(-1, 2).sum(axis=1).argmax()
    corner = walk[0, 2 + 2 * box : 4 + 2 * box]
    points[:turn, :2] = np.linspace(walk[0, :2], corner, turn, endpoint=False)
    points[turn:, :2] = np.linspace(corner, walk[-1, :2], len(walk) - turn)
    return points


def _pulled(walk: Points) -> Points:
    """The agent walks to the far side of the first box that moves, and drags it to where it should be pushed."""
    points, first = walk.copy(), _first_push(walk)
    box = np.abs(walk[first + 1] - walk[first])[2:].reshape(-1, 2).sum(axis=1).argmax()
    ahead = 2 * walk[:, 2 + 2 * box : 4 + 2 * box] - walk[:, :2]
    points[first:, :2] = ahead[first:]
    points[: first + 1, :2] = np.linspace(walk[0, :2], ahead[first], first + 1) if first else walk[:1, :2]
    return points


def _half_push(walk: Points) -> Points:
    """The last push ends when the agent is half way to the box's cell, and the agent turns back."""
    points, final = walk.copy(), walk[-1, 2:]
    away = np.abs(walk[:, 2:] - final)
    last = np.flatnonzero(away.max(axis=1) > 1e-4)[-1]
    box = away[last].argmax() // 2 * 2
    step = final[box : box + 2] - walk[-1, :2]
    first = int((away.max(axis=1) < 0.999 * np.abs(step).max()).argmax())
    points[first:, 2:] = final
    points[first, :2] = walk[-1, :2] - 0.48 * step
    points[first + 1 :, :2] = walk[-1, :2] - step
    return points


BOX_MOTIONS: dict[str, Callable[[Points], Points]] = {
    "box_alone": _box_alone,
    "player_only": _player_only,
    "box_jumps": _box_jumps,
    "box_vanishes": _box_vanishes,
    "through_the_box": _through_the_box,
    "pulled": _pulled,
    "half_push": _half_push,
}
"""Where agent and boxes are in each frame, given the solution; all are false."""
