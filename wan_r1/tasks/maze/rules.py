"""Rules of the maze."""

from wan_r1.types import Task, Track, Verdict

__all__ = ["judge"]


def judge(task: Task, track: Track) -> Verdict:
    """Facts of a track."""
    raise NotImplementedError
