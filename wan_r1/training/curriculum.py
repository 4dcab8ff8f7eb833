"""Which of the tasks that were tried to learn from: those that went worst."""

from collections.abc import Sequence

import numpy as np

from wan_r1.errors import ConfigError
from wan_r1.types import Task

__all__ = ["hardest"]


def hardest(tasks: Sequence[Task], values: Sequence[float], num: int) -> list[Task]:
    """The `num` tasks with the lowest values, in their given order; of equals the first. One value for each task."""
    if len(tasks) != len(values) or not 0 < num <= len(tasks):
        raise ConfigError(f"hardest: {num} of {len(tasks)} tasks with {len(values)} values")
    chosen = np.sort(np.argsort(np.asarray(values), kind="stable")[:num])
    return [tasks[index] for index in chosen]
