"""Rules of the maze: walk on the floor, from cell to neighbouring cell; see tasks/walk.py."""

from wan_r1.tasks.walk import judge_walk
from wan_r1.types import Task, Track, Verdict

__all__ = ["judge"]


def judge(task: Task, track: Track) -> Verdict:
    """The facts about a track of "agent" through the maze `task.state`."""
    return judge_walk(track, task.state.grid, task.state.start, task.state.goal, blocked="through_wall")
