"""How often a policy solves tasks: one fixed sampler, fixed seeds, the same noise for the same task."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wan_r1.distributed import World
from wan_r1.flow.schedule import SamplerSettings
from wan_r1.metrics.statistics import pass_at_k
from wan_r1.policies.policy import Policy
from wan_r1.rollout import Rollout, Scorer, collect
from wan_r1.types import Task

__all__ = ["EVALUATION_SAMPLER", "Evaluation", "evaluate_policy"]

EVALUATION_SAMPLER = SamplerSettings(kernel="ode", noise_level=0.0, sde_steps=())


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Evaluation:
    """Results on n tasks with k samples each: em (solved and optimal), sr (solved), progress, value: all [n, k]."""

    em: NDArray[np.bool_]
    sr: NDArray[np.bool_]
    progress: NDArray[np.float64]
    value: NDArray[np.float64]
    violations: tuple[tuple[str, ...], ...]
    "kinds of violation of each task's first sample"
    rollouts: tuple[Rollout, ...]
    "the first `keep` tasks' first samples"

    @property
    def numbers(self) -> dict[str, float]:
        """Means over all tasks and samples, for logs."""
        return {
            "em": float(self.em.mean()),
            "sr": float(self.sr.mean()),
            "progress": float(self.progress.mean()),
            "value": float(self.value.mean()),
        }

    def pass_at(self, k: int) -> NDArray[np.float64]:
        """Chance of at least one exact match in k of the samples, for each task [n]."""
        return pass_at_k(self.em.sum(axis=1), self.em.shape[1], k)


def evaluate_policy(
    policy: Policy,
    tasks: Sequence[Task],
    scorer: Scorer,
    sampler: SamplerSettings = EVALUATION_SAMPLER,
    *,
    num_samples: int = 1,
    seed: int = 0,
    batch_size: int = 32,
    keep: int = 0,
    world: World | None = None,
) -> Evaluation:
    """Sample `num_samples` videos for each task, each with its own start noise, and judge them.

    Several processes share the tasks; every one gets all numbers, and the videos of its own tasks. All sample equally
    many videos, as sharded weights ask for; tasks that come twice count once.
    """
    world = world or World()
    share = -(-len(tasks) // world.size)
    first = min(world.rank * share, len(tasks))
    mine = range(min(first, len(tasks) - share), min(first + share, len(tasks)))
    batches = collect(
        policy,
        tasks[mine.start : mine.stop],
        scorer,
        sampler,
        group_size=num_samples,
        noises_per_group=num_samples,
        batch_size=batch_size,
        seed=seed,
        first_task=mine.start,
        keep="result",
    )
    again = (first - mine.start) * num_samples
    scores = world.gather_items([score for batch in batches for score in batch.scores][again:])
    verdicts, shape = [score.verdict for score in scores], (len(tasks), num_samples)
    em = np.asarray([v is not None and v.optimal for v in verdicts]).reshape(shape)
    sr = np.asarray([v is not None and v.solved for v in verdicts]).reshape(shape)
    progress = np.asarray([0.0 if v is None else v.progress for v in verdicts]).reshape(shape)
    kinds = [tuple(x.kind for x in v.violations) if v is not None else () for v in verdicts]
    rollouts = (r for batch in batches for r in batch)
    wanted = [r for index, r in zip(range(keep * num_samples), rollouts, strict=False) if index % num_samples == 0]
    return Evaluation(
        em=em,
        sr=sr,
        progress=progress,
        value=np.asarray([score.value for score in scores]).reshape(shape),
        violations=tuple(kinds[::num_samples]),
        rollouts=tuple(wanted),
    )
