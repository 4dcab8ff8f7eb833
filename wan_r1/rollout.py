"""The bridge: tasks go in, videos with scores and traces come out. Training, evaluation and scaling stand on it."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from wan_r1.clock import Clock
from wan_r1.errors import ConfigError
from wan_r1.flow.sample import Trace, sample
from wan_r1.flow.schedule import SamplerSettings
from wan_r1.policies.policy import Condition, Policy, pin_to, schedule_for, velocity_given
from wan_r1.types import Score, Task

__all__ = ["Rollout", "RolloutBatch", "Scorer", "collect", "group_plan"]

Videos = NDArray[np.uint8]


class Scorer(Protocol):
    """Scores videos in the background; `rewards.ScorePool` is one."""

    def submit(self, tasks: Sequence[Task], videos: Sequence[Videos]) -> "Future[list[Score]]":
        """Start scoring; the future gives one Score for each video."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Rollout:
    """One sampled video: its task, the video [T, H, W, 3] uint8, how it was sampled (a batch of one), and its score."""

    task: Task
    video: Videos
    trace: Trace
    score: Score


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RolloutBatch:
    """Videos that were sampled together, in the batch layout that a replay needs.

    task_index [B] counts tasks in the order given to `collect`; videos [B, T, H, W, 3] uint8; trace and condition are
    batched over B.
    """

    tasks: tuple[Task, ...]
    task_index: NDArray[np.int64]
    videos: Videos
    trace: Trace
    condition: Condition
    scores: tuple[Score, ...]

    def __len__(self) -> int:
        return len(self.tasks)

    def __iter__(self) -> Iterator[Rollout]:
        for i, (task, score) in enumerate(zip(self.tasks, self.scores, strict=True)):
            yield Rollout(task=task, video=self.videos[i], trace=self.trace.select([i]), score=score)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """Which video of which task, and the seeds of its start noise and its step noise."""

    task: int
    start_seed: int
    step_seed: int


def group_plan(tasks: range, group_size: int, noises_per_group: int, seed: int) -> list[_Place]:
    """The order and the seeds of all videos: task by task, start noise shared inside a group, step noise never.

    noises_per_group = 1 gives all videos of a task the same start noise; group_size gives each its own.
    """
    if not 1 <= noises_per_group <= group_size or group_size % noises_per_group:
        raise ConfigError(
            f"noises_per_group = {noises_per_group}: must divide group_size = {group_size}; 1 shares one start noise"
        )
    share = group_size // noises_per_group
    return [
        _Place(
            task=task,
            start_seed=_mix(seed, task, video // share, 0),
            step_seed=_mix(seed, task, video, 1),
        )
        for task in tasks
        for video in range(group_size)
    ]


def _mix(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))


def collect(
    policy: Policy,
    tasks: Sequence[Task],
    scorer: Scorer,
    sampler: SamplerSettings,
    *,
    group_size: int = 1,
    noises_per_group: int = 1,
    batch_size: int = 32,
    seed: int = 0,
    first_task: int = 0,
    keep: Literal["needed", "result", "all"] = "needed",
    clock: Clock | None = None,
) -> list[RolloutBatch]:
    """Sample `group_size` videos for each task and score them; a batch is scored while the next one is sampled.

    Args:
        policy, tasks, scorer, sampler: model, P tasks (each encoded once), where to score, steps and noise.
        group_size: G, videos for each task.
        noises_per_group: how many different start noises a group has.
        batch_size: videos sampled together; the layout of the returned batches.
        seed: of all noise; the same seed gives the same videos.
        first_task: number of the first task among those of all processes, for the seeds.
        keep: what the traces hold; see flow/sample.py.
        clock: counts the seconds of encode, sample, decode and score_wait.
    """
    clock = clock or Clock()
    with clock("encode"):
        condition = policy.encode(tasks)
    plan = group_plan(range(first_task, first_task + len(tasks)), group_size, noises_per_group, seed)
    waiting = []
    for first in range(0, len(plan), batch_size):
        places = plan[first : first + batch_size]
        chosen = np.asarray([place.task - first_task for place in places], dtype=np.int64)
        inputs = condition.select(chosen.tolist())
        with clock("sample"):
            trace = _sample_batch(policy, inputs, sampler, places, keep)
        with clock("decode"):
            videos = policy.decode(trace.result)
        shown = tuple(tasks[index] for index in chosen)
        unscored = partial(RolloutBatch, tasks=shown, task_index=chosen, videos=videos, trace=trace, condition=inputs)
        with clock("score_wait"):  # without workers the scores are computed here
            waiting.append((unscored, scorer.submit(shown, list(videos))))
    with clock("score_wait"):
        return [unscored(scores=tuple(scores.result())) for unscored, scores in waiting]


def _sample_batch(
    policy: Policy,
    condition: Condition,
    sampler: SamplerSettings,
    places: Sequence[_Place],
    keep: Literal["needed", "result", "all"],
) -> Trace:
    """The latents of one batch; its noise depends on the seeds of the places only, not on the batch it is in."""
    starts = [torch.Generator().manual_seed(place.start_seed) for place in places]
    steps = [torch.Generator().manual_seed(place.step_seed) for place in places]
    return sample(
        velocity_given(policy, condition, sampler),
        policy.noise(starts),
        schedule_for(policy, sampler),
        sampler,
        generators=steps,
        pin=pin_to(policy, condition),
        free=policy.free_mask,
        keep=keep,
    )
