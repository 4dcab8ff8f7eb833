"""The protocol that every task family implements."""

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from wan_r1.errors import ConfigError
from wan_r1.types import Path, Task, Track, Verdict

__all__ = ["Family", "HasTricks", "MovesObjects", "check_seed", "task_seed"]


class Family(Protocol):
    """A kind of task: makes tasks, draws videos of a path, judges what a track shows.

    A family is a frozen dataclass whose fields are its settings; `task.settings` holds them as plain values.
    """

    def generate(self, seed: int) -> Task:
        """The task of this seed: same seed, same bytes. Raises GenerationError if the settings allow none."""
        ...

    def render(self, task: Task, path: Path, num_frames: int, size: int) -> NDArray[np.uint8]:
        """Video [num_frames, H, W, 3] uint8 of the agent walking `path`; `size` is the longer picture side in px."""
        ...

    def judge(self, task: Task, track: Track) -> Verdict:
        """The facts: what the track shows, by the rules of this family."""
        ...


@runtime_checkable
class MovesObjects(Protocol):
    """What a family has besides if its agent moves other objects."""

    def follow(self, task: Task, path: Path) -> NDArray[np.float32]:
        """Where the other objects are, [N, objects, 2], while the agent is at each point [N, 2] of a path."""
        ...


@runtime_checkable
class HasTricks(Protocol):
    """What a family has besides if it knows ways and scenes that only look right; rewards/cheats.py shows them."""

    def false_ways(self, task: Task) -> dict[str, Path]:
        """Ways in the picture that break the rules, by name."""
        ...

    def false_scenes(self, task: Task) -> dict[str, NDArray[np.uint8]]:
        """Pictures [H, W, 3] of the scene without its agent, in which something is false, by name."""
        ...


def check_seed(seed: int) -> int:
    """The seed as a plain integer; ConfigError unless it is a whole number of at least 0."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ConfigError(f"seed = {seed!r}: expected a whole number of at least 0")
    return int(seed)


def task_seed(seed: int, index: int) -> int:
    """Seed of task `index` of the stream `seed`; depends on nothing else. A 63-bit integer."""
    check_seed(seed)
    if index < 0:
        raise ConfigError(f"task number {index}: must be at least 0")
    return int(np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)[0] >> np.uint64(1))
