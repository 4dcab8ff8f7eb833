"""What frames tell of pushes: who pushes a box off a cell is seen on that cell, and nobody walks through a box."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import dist

import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks.grid import STEPS, Cell
from wan_r1.tasks.walk import OFF_FLOOR, place_at
from wan_r1.types import Violation

__all__ = ["OVERLAP", "crossed", "pushed_alone"]

AHEAD = 0.45
"""Cells from the cell that a box leaves at which the agent is about to come to it: a box stands on the next one from
.65 of a push on, and places in imprecise pictures are off by about .1."""

HURRY, SLACK = 1.25, 0.2
"""A push and the way back, where no frame shows them, may be this much faster than the agent's pace, and so many cells
longer."""

OVERLAP = 0.6
"""Two objects that are less than this far apart in rows and in columns, in cells, cover each other."""

Points = NDArray[np.float64]
Boxes = tuple[Cell, ...]


def pushed_alone(rests: Sequence[tuple[int, Boxes]], agent: Points, pace: float) -> Iterator[tuple[Cell, Violation]]:
    """The first box, by the cell it comes to, that moves on without the agent on the cell that it leaves.

    The agent is there or about to come, or had the time to go there and on since it was seen before.
    rests: frames in which all boxes stand, in order, and where; the first may be -1, before the video. agent [T, 2] in
    cells, nan where it is not seen. pace: cells that it goes in a frame.
    """
    seen = np.flatnonzero(np.isfinite(agent[:, 0]))
    for (_, old), (frame, new) in pairwise(rests):
        if new == old:
            continue
        before = seen[seen < frame][-1:]
        for cell in set(new) - set(old):
            left = _left_cells(cell, set(old) - set(new))
            here = min(dist(agent[frame], each) for each in left)
            ways = [dist(agent[t], each) + dist(agent[frame], each) for t in before for each in left]
            if here > AHEAD and not any(way <= HURRY * pace * (frame - before[0]) + SLACK for way in ways):
                yield cell, Violation(kind="box_moved_alone", frame=frame)
                return


def _left_cells(cell: Cell, old: set[Cell]) -> list[Cell]:
    """The cells that a box may have left last on its way to a cell; old: those that boxes left."""
    around = [(cell[0] + row, cell[1] + col) for row, col in STEPS]
    return [each for each in around if each in old] or around


def crossed(
    grid: NDArray[np.int8], rests: Sequence[tuple[int, Boxes]], agent: Points, hidden: NDArray[np.bool_]
) -> Iterator[Violation]:
    """The first frame in which the agent is seen in a wall, or in a box that stays, while a box is not seen.

    rests, agent: as above. hidden [T]: frames that do not show all boxes.
    """
    for (before, old), (frame, new) in pairwise(rests):
        for t in range(before + 1, frame):
            if not hidden[t] or not np.isfinite(agent[t, 0]):
                continue
            if place_at(grid, *agent[t].tolist()).off > OFF_FLOOR:
                yield Violation(kind="through_wall", frame=t)
                return
            if any(np.abs(agent[t] - box).max() < OVERLAP for box in set(old) & set(new)):
                yield Violation(kind="box_overlap", frame=t)
                return
