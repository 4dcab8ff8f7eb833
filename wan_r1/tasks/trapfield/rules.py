"""Rules of the trap field: walk from cell to neighbouring cell and never on a trap; see tasks/walk.py."""

from dataclasses import replace

from wan_r1.tasks.grid import Cell
from wan_r1.tasks.walk import OFF_FLOOR, judge_walk
from wan_r1.types import Task, Track, Verdict, Violation

__all__ = ["judge"]

MAX_STEP = 3.0
"""Longest way in cells between two frames that can still be followed; the way around one trap has 4."""


def judge(task: Task, track: Track) -> Verdict:
    """The facts about a track of "agent" through the field `task.state`; an agent that leaves the field is off_road."""
    state = task.state
    verdict = judge_walk(track, state.grid, state.start, state.goal, blocked="trap", max_step=MAX_STEP)
    shape = state.grid.shape
    return replace(verdict, violations=tuple(_named(violation, shape) for violation in verdict.violations))


def _named(violation: Violation, shape: Cell) -> Violation:
    if violation.kind != "trap" or violation.point is None:
        return violation
    row, col = violation.point[1] * shape[0] - 0.5, violation.point[0] * shape[1] - 0.5
    beyond = max(-row, -col, row - (shape[0] - 1), col - (shape[1] - 1))
    return replace(violation, kind="off_road") if beyond > OFF_FLOOR else violation
