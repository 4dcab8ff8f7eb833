"""wan-r1: verifiable reinforcement learning for video reasoning with Wan models.

`import wan_r1` is light; the names below load their module at first use, and none of them loads torch.
The model half is imported by its own name, for example `from wan_r1.policies.wan import WanConfig`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wan_r1.errors import WanR1Error
    from wan_r1.metrics import METRICS
    from wan_r1.rewards import REWARDS, TrajectoryReward
    from wan_r1.tasks import FAMILIES, family_of, make_family, make_task, make_tasks
    from wan_r1.trackers import TRACKERS
    from wan_r1.types import Box, Path, Score, Sprite, Task, Track, Verdict, Violation
    from wan_r1.video import read_video, write_video

__all__ = [
    "FAMILIES",
    "METRICS",
    "REWARDS",
    "TRACKERS",
    "Box",
    "Path",
    "Score",
    "Sprite",
    "Task",
    "Track",
    "TrajectoryReward",
    "Verdict",
    "Violation",
    "WanR1Error",
    "__version__",
    "family_of",
    "make_family",
    "make_task",
    "make_tasks",
    "read_video",
    "write_video",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in __all__:
        from wan_r1 import errors, metrics, rewards, tasks, trackers, types, video

        for module in (types, errors, tasks, trackers, metrics, rewards, video):
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module 'wan_r1' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
