"""Is an object there in every frame, and once? What the families' rules share about that, whatever the game."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from wan_r1.types import Track, Violation

__all__ = ["at_point", "doubled", "first_lasting", "first_run", "gap_cap", "lost", "own_pace"]

MAX_GAP = 2
"""Frames in a row without the agent that count as a blink."""

MAX_SHARE = 0.2
"""Share of all frames, more than 2 of them, that may lack the agent or show a changed scene, a few at a time."""

HIDDEN_SHARE, HIDDEN_STEPS = 0.5, 2.0
"""Share of the agent's way, more than so many steps of the game, that may lie in gaps."""

GAP_PACE = 1.5
"""An agent may be this much faster while it is not seen than where it is."""

MOVING, FEWEST_MOVES, FEWEST_STEPS = 0.1, 3, 8
"""Shortest step of the game that counts as a move; so many moves tell a pace, so many steps without them a slow one."""

MAX_DOUBLE = 1
"""Frames in a row with two agents that count as a ghost of the decoder."""

MAX_DOUBLE_SHARE = 0.1
"""Share of all frames that may show two agents, one at a time."""


def lost(seen: NDArray[np.bool_], points: NDArray[np.float64]) -> Iterator[Violation]:
    """A long gap, many short ones, one that lasts to the end, or most of the way in gaps: who walks must be seen to.

    seen: [T]; points: [T, 2] in steps of the game.
    """
    frame = first_lasting(~seen, MAX_GAP + 1)
    if frame is None and not seen[-1]:
        frame = int(np.flatnonzero(seen)[-1]) + 1 if seen.any() else 0
    if frame is None:
        frame = _out_of_sight(seen, points)
    if frame is not None:
        yield Violation(kind="agent_lost", frame=frame)


def _out_of_sight(seen: NDArray[np.bool_], points: NDArray[np.float64]) -> int | None:
    """The first frame of a gap in which the agent moved, if more than HIDDEN_SHARE of its way lies in such gaps."""
    frames = np.flatnonzero(seen)
    steps = np.hypot(*np.diff(points[frames], axis=0).T)
    hidden = steps * (np.diff(frames) > 1)
    if hidden.sum() <= max(HIDDEN_STEPS, HIDDEN_SHARE * steps.sum()):
        return None
    return int(frames[:-1][hidden > min(1.0, hidden.max() / 2)][0]) + 1


def own_pace(seen: NDArray[np.bool_], steps: NDArray[np.float64]) -> float:
    """Steps of the game that the agent goes in a frame where it moves and is seen: three of four are no longer.

    Infinite where too few frames show it to tell. seen: [T]; steps [T - 1]: how far it goes from frame to frame.
    """
    shown = steps[seen[1:] & seen[:-1]]
    moves = np.sort(shown[shown > MOVING])
    if len(moves) < FEWEST_MOVES:
        return np.inf if len(shown) < FEWEST_STEPS else MOVING
    return float(moves[3 * (len(moves) - 1) // 4])


def gap_cap(cap: float, seen: NDArray[np.bool_], steps: NDArray[np.float64]) -> float:
    """Longest way in a frame of a gap, in steps of the game: an agent out of sight keeps its own pace.

    cap: longest way in a frame that is seen. seen [T], steps [T - 1]: as above.
    """
    return min(cap, GAP_PACE * own_pace(seen, steps))


def doubled(copies: NDArray[np.int64]) -> Iterator[Violation]:
    """More than one of it for longer, or more often, than an imprecise decoder does, or at the end. copies: [T]."""
    double = copies > 1
    frame = first_run(double, MAX_DOUBLE + 1)
    if frame is None and (double.sum() > max(1, MAX_DOUBLE_SHARE * len(copies)) or double[-1:].any()):
        frame = int(double.argmax())
    if frame is not None:
        yield Violation(kind="extra_agent", frame=frame)


def first_lasting(flags: NDArray[np.bool_], length: int) -> int | None:
    """Start of the first run of at least `length` true flags, or the first of those that are more than MAX_SHARE."""
    frame = first_run(flags, length)
    if frame is None and flags.sum() > max(length - 1, MAX_SHARE * len(flags)):
        frame = int(flags.argmax())
    return frame


def first_run(flags: NDArray[np.bool_], length: int) -> int | None:
    """Start of the first run of at least `length` true flags; a run may be shorter only if the video is."""
    length = min(length, len(flags))
    runs = np.convolve(flags, np.ones(length, dtype=int), mode="valid") == length
    return int(runs.argmax()) if runs.any() else None


def at_point(track: Track, violation: Violation, name: str = "agent") -> Violation:
    """The violation with the point where the object is in that frame; None if it is not seen there."""
    x, y = (float(v) for v in track.of(name)[violation.frame])
    return replace(violation, point=(x, y) if np.isfinite(x) else None)
