"""How often a policy solves tasks: one fixed sampler, fixed seeds, the same noise for the same task."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wan_r1.distributed import World
from wan_r1.evaluation.games import GAME_NUMBERS, game_results
from wan_r1.evaluation.walks import WALK_NUMBERS, walk_results
from wan_r1.flow.schedule import SamplerSettings
from wan_r1.metrics.statistics import pass_at_k
from wan_r1.policies.policy import Policy
from wan_r1.rollout import Rollout, Scorer, collect
from wan_r1.types import Task

__all__ = ["EVALUATION_SAMPLER", "Evaluation", "evaluate_policy"]

EVALUATION_SAMPLER = SamplerSettings(kernel="ode", noise_level=0.0, sde_steps=())


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Evaluation:
    """Results on n tasks with k samples each: em (solved and optimal), sr (solved), progress, value: all [n, k].

    games [n, 4] and walks [n, 6]: the benchmarks' own GAME_NUMBERS and WALK_NUMBERS of each task's first sample; no
    rows where they were not asked for, or where the tasks are of the other kind.
    """

    em: NDArray[np.bool_]
    sr: NDArray[np.bool_]
    progress: NDArray[np.float64]
    value: NDArray[np.float64]
    violations: tuple[tuple[str, ...], ...]
    "kinds of violation of each task's first sample"
    judged: bool
    "whether the reward gave a verdict of any video; without one, em, sr and progress are 0 and say nothing"
    games: NDArray[np.float64]
    walks: NDArray[np.float64]
    rollouts: tuple[Rollout, ...]
    "the first `keep` tasks' first samples"

    @property
    def numbers(self) -> dict[str, float]:
        """Means over all tasks and samples, for logs; without verdicts only that of the reward."""
        verdicts = {"em": self.em, "sr": self.sr, "progress": self.progress} if self.judged else {}
        return {name: float(values.mean()) for name, values in {**verdicts, "value": self.value}.items()}

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
    measure: bool = False,
    world: World | None = None,
) -> Evaluation:
    """Sample `num_samples` videos for each task, each with its own start noise, and judge them.

    With `measure`, VR-Bench's or Target-Bench's numbers too. Several processes share the tasks; every one gets all
    numbers, and the videos of its own tasks. All sample equally many videos, as sharded weights ask for; tasks that
    come twice count once.
    """
    world = world or World()
    mine, repeated = _share(len(tasks), world)
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
    rollouts = [rollout for batch in batches for rollout in batch][repeated * num_samples :]
    scores = world.gather_items([rollout.score for rollout in rollouts])
    firsts = rollouts[::num_samples]
    verdicts, shape = [score.verdict for score in scores], (len(tasks), num_samples)
    kinds = [tuple(x.kind for x in v.violations) if v is not None else () for v in verdicts]
    games, walks = _benchmark_numbers(firsts if measure else [], world)
    return Evaluation(
        em=np.asarray([v is not None and v.optimal for v in verdicts]).reshape(shape),
        sr=np.asarray([v is not None and v.solved for v in verdicts]).reshape(shape),
        progress=np.asarray([0.0 if v is None else v.progress for v in verdicts]).reshape(shape),
        value=np.asarray([score.value for score in scores]).reshape(shape),
        violations=tuple(kinds[::num_samples]),
        judged=any(verdict is not None for verdict in verdicts),
        games=games,
        walks=walks,
        rollouts=tuple(firsts[:keep]),
    )


def _share(num_tasks: int, world: World) -> tuple[range, int]:
    """The tasks that a process samples, and how many of the first of them belong to the process before."""
    share = -(-num_tasks // world.size)
    first = min(world.rank * share, num_tasks)
    start = min(first, num_tasks - share)
    return range(start, min(first + share, num_tasks)), first - start


def _benchmark_numbers(firsts: Sequence[Rollout], world: World) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`games` and `walks` of an Evaluation, over all processes; each measures its own videos."""
    tasks, videos = [rollout.task for rollout in firsts], [rollout.video for rollout in firsts]
    games = world.gather_items(game_results(tasks, videos).tolist())
    walks = world.gather_items(walk_results(tasks, videos).tolist())
    columns = ((games, GAME_NUMBERS), (walks, WALK_NUMBERS))
    games_found, walks_found = (np.asarray(rows, dtype=float).reshape(-1, len(names)) for rows, names in columns)
    return games_found, walks_found
