"""Reinforcement learning with a verifiable reward: sample groups, score them, move towards the better half.

Left out on purpose: asynchronous rollouts (all videos of a group finish together), a separate inference engine (the
same `velocity` samples and trains, so the ratio is 1 before the first update), and a value model (the group is the
baseline). Every random number of iteration n depends on (seed, n) only, so a resumed run continues exactly.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wan_r1.clock import Clock
from wan_r1.distributed import World
from wan_r1.errors import ConfigError
from wan_r1.flow.schedule import SamplerSettings
from wan_r1.policies.wan import WanPolicy
from wan_r1.rollout import RolloutBatch, Scorer, collect
from wan_r1.runs import RunFolder
from wan_r1.training.advantage import scaled_advantages, weighted_advantages
from wan_r1.training.algorithms import Algorithm
from wan_r1.training.algorithms.algorithm import Batch, with_advantages
from wan_r1.training.buffer import BufferSettings, RolloutBuffer
from wan_r1.training.checkpoint import with_prefix, without_prefix
from wan_r1.training.curriculum import hardest
from wan_r1.training.data import TaskSource
from wan_r1.training.optimizer import OptimizerSettings, update_average
from wan_r1.training.rollout_numbers import mean_numbers, rollout_numbers
from wan_r1.training.state import Evaluate, TrainingState, evaluate_average, load_state, save_state
from wan_r1.types import Score, Task

__all__ = ["RLSettings", "RLTrainer"]

Report = Callable[[int, int, dict[str, float]], None]
TakeStep = Callable[[Sequence[Batch], int, int], dict[str, float]]
"""(batches, number of the noise, videos over all processes) -> numbers of one optimiser step."""
Floats = NDArray[np.float64]

SCREENING = 10**6
"""Stream of the seeds of screening videos; the streams of updates count from 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RLSettings:
    """Settings of reinforcement learning that do not depend on the algorithm."""

    iterations: int = 100
    tasks_per_iteration: int = 12
    "tasks P of each iteration, over all processes"
    tries_per_task: int = 0
    "tasks that are tried once for each task that is taken, the worst first; 0 takes every task. A policy that solves"
    "most tasks learns nothing from those; each process screens its own share"
    group_size: int = 12
    "videos G of each task"
    noises_per_group: int | None = None
    "start noises in a group; none: 1 if rollouts have noisy steps, so that videos differ by the noise that the update"
    "sees, else one for each video"
    batch_size: int = 36
    "videos that one process samples and trains together: memory, and with minibatches above 1 what a step consists of"
    minibatches: int = 1
    "optimiser steps for each pass over the rollouts; at most one for each batch of a process, so that with more than 1"
    "the steps depend on batch_size and on the number of processes"
    buffer: BufferSettings = field(default_factory=BufferSettings)
    part_weights: dict[str, float] = field(default_factory=dict)
    "parts of the reward that are normalised within their group each by itself, times the gate and the penalty of the"
    "same reward, and then weighted, as {progress = 0.5, exact = 0.5}; empty: the value is normalised"
    scale_advantages: bool = False
    "divides the advantages of a group by the largest of them if that is above 1; their mean stays 0, which clipping,"
    "as by algorithm.max_advantage of nft, does not keep"
    shuffle_rewards: bool = False
    "control: rewards are shuffled inside the iteration; nothing should be learned"
    seed: int = 0
    ema_decay: float = 0.9
    "decay of the average of the weights for each optimiser step; the average is evaluated and saved; 0: the weights"
    evaluate_every: int = 10
    "iterations between evaluations on validation tasks; 0 for none"
    evaluate_raw: bool = False
    "evaluates the weights beside their average, as validation_raw/*; it costs a second evaluation each time"
    checkpoint_every: int = 5

    def noises(self, sampler: SamplerSettings) -> int:
        """Start noises in a group that this sampler draws. ConfigError if all videos of a group would be the same."""
        if self.noises_per_group is None:
            return 1 if sampler.stochastic_steps else self.group_size
        if self.noises_per_group == 1 and not sampler.stochastic_steps:
            raise ConfigError(
                "rl.noises_per_group = 1 with a sampler without noise: all videos of a group would be the same; "
                f"set rl.noises_per_group = {self.group_size} (the group size), or a kernel with noise"
            )
        return self.noises_per_group

    def __post_init__(self) -> None:
        if self.group_size < 2 or self.tasks_per_iteration < 1 or self.iterations < 1:
            raise ConfigError(
                f"rl: group_size = {self.group_size} must be at least 2, tasks_per_iteration = "
                f"{self.tasks_per_iteration} and iterations = {self.iterations} at least 1"
            )
        if min(self.batch_size, self.checkpoint_every, self.minibatches) < 1 or self.seed < 0:
            raise ConfigError(
                f"rl: batch_size = {self.batch_size}, checkpoint_every = {self.checkpoint_every} and "
                f"minibatches = {self.minibatches} must be at least 1, seed = {self.seed} at least 0"
            )
        if min(self.tries_per_task, self.evaluate_every) < 0:
            raise ConfigError(
                f"rl: tries_per_task = {self.tries_per_task} and evaluate_every = {self.evaluate_every} must be at "
                "least 0; 0 takes every task, and evaluates never"
            )
        weights = self.part_weights.values()
        if weights and not (all(0 <= weight < math.inf for weight in weights) and any(weights)):
            raise ConfigError(f"rl.part_weights = {self.part_weights}: weights must be >= 0, and one above 0")
        if not 0 <= self.ema_decay < 1:
            raise ConfigError(f"rl: ema_decay = {self.ema_decay} must be in [0, 1); 0 takes the weights")
        if self.noises_per_group is not None and (self.noises_per_group < 1 or self.group_size % self.noises_per_group):
            raise ConfigError(
                f"rl: noises_per_group = {self.noises_per_group} must divide group_size = {self.group_size}"
            )


@dataclass(kw_only=True, slots=True, eq=False)
class _State(TrainingState):
    buffer: RolloutBuffer
    "videos of the last iterations"
    rate_factor: float = 1.0
    "what the learning rate is multiplied with in this iteration"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RLTrainer:
    """Trains a policy with rewards; leaves checkpoints/last, checkpoints/best and metrics.jsonl in the run folder."""

    policy: WanPolicy
    tasks: TaskSource
    scorer: Scorer
    algorithm: Algorithm
    settings: RLSettings
    optimizer: OptimizerSettings
    run: RunFolder
    world: World
    evaluate: Evaluate
    report: Report

    def train(
        self, resume: bool = False, until: Callable[[], bool] = lambda: False, max_minutes: float = math.inf
    ) -> dict[str, Tensor]:
        """The loop. Returns the average of the weights, which is what should be used.

        `until` may end it early, with a checkpoint to go on from; after max_minutes of training, those of earlier
        sessions included, it ends as after its last iteration.
        """
        state = self._start()
        if resume:
            tensors, _ = load_state(state, self.run, self.world, self.optimizer, self.settings.checkpoint_every)
            state.buffer.restore(without_prefix("buffer", tensors))
        settings, began = self.settings, time.monotonic() - state.seconds
        asked, over = False, state.done >= settings.iterations or state.seconds >= 60 * max_minutes
        while not (over or asked):
            clock = Clock()
            spent = self.world.sum((time.monotonic() - began) / (60 * max_minutes))[0] / self.world.size
            state.rate_factor = self.optimizer.factor(state.done, settings.iterations, spent)
            behaviour = self._behaviour(state)
            batches = self._rollouts(behaviour, state.done, clock)
            numbers = self._learn(state, behaviour, batches, state.done, clock)
            state.done += 1
            over = state.done == settings.iterations or self.world.any(time.monotonic() - began >= 60 * max_minutes)
            if settings.evaluate_every and (state.done % settings.evaluate_every == 0 or over):
                with clock("evaluate"):
                    raw = settings.evaluate_raw
                    numbers |= evaluate_average(state, self.policy, self.evaluate, self.run, self.world, raw=raw)
            self._record(state.done, numbers | clock.take())
            asked = self.world.any(until())
            if state.done % settings.checkpoint_every == 0 or over or asked:
                state.seconds = time.monotonic() - began
                kept = with_prefix("buffer", state.buffer.tensors())
                save_state(state, self.run, self.world, self.optimizer, kept)
        return state.average

    def _start(self) -> _State:
        self.settings.noises(self.algorithm.sampler)  # refuses a group of equal videos before anything is made
        self.algorithm.check(self.policy)
        if self.settings.buffer.steps and self.policy.config.sharding != "none":
            raise ConfigError(
                f"rl.buffer.steps = {self.settings.buffer.steps}: processes that share weights must train on equally "
                "many videos, which the buffer does not see to; set it to 0, or policy.sharding to none"
            )
        if self.settings.buffer.steps and not self.algorithm.off_policy:
            raise ConfigError(
                f"rl.buffer.steps = {self.settings.buffer.steps}: this algorithm trains on its own fresh videos only; "
                "set it to 0, or take nft"
            )
        if self.settings.buffer.steps and self.settings.buffer.batch_size % self.world.size:
            raise ConfigError(
                f"rl.buffer.batch_size = {self.settings.buffer.batch_size} must be a multiple of the "
                f"{self.world.size} processes"
            )
        parameters = self.policy.trainable_parameters()
        return _State(
            parameters=parameters,
            optimizer=self.optimizer.build(parameters),
            average={name: value.detach().clone() for name, value in parameters.items()},
            buffer=RolloutBuffer(self.settings.buffer.iterations),
        )

    def _behaviour(self, state: _State) -> dict[str, Tensor]:
        """A copy of the weights that draw this iteration's videos."""
        drawn_by = state.average if self.algorithm.behaviour == "average" else state.parameters
        return {name: value.detach().clone() for name, value in drawn_by.items()}

    def _rollouts(self, behaviour: dict[str, Tensor], iteration: int, clock: Clock) -> list[RolloutBatch]:
        """This process's share of the iteration's videos, drawn by the behaviour model."""
        settings = self.settings
        mine = self.world.share(settings.tasks_per_iteration)
        with self.policy.weights(behaviour):
            with clock("screen"):
                tasks = self._choose_tasks(iteration, mine)
            return collect(
                self.policy,
                tasks,
                self.scorer,
                self.algorithm.sampler,
                group_size=settings.group_size,
                noises_per_group=settings.noises(self.algorithm.sampler),
                batch_size=settings.batch_size,
                seed=_mix(settings.seed, iteration),
                first_task=mine.start,
                clock=clock,
            )

    def _choose_tasks(self, iteration: int, mine: range) -> list[Task]:
        """This process's tasks of the iteration: all in turn, or the worst of those that are tried once."""
        tries = max(1, self.settings.tries_per_task)
        first = iteration * self.settings.tasks_per_iteration * tries
        tasks = self.tasks.tasks(first + mine.start * tries, len(mine) * tries)
        if tries == 1:
            return tasks
        batches = collect(
            self.policy,
            tasks,
            self.scorer,
            self.algorithm.sampler,
            batch_size=self.settings.batch_size,
            seed=_mix(self.settings.seed, iteration, SCREENING),
            first_task=mine.start * tries,
            keep="result",
        )
        values = [score.value for batch in batches for score in batch.scores]
        return hardest(tasks, values, len(mine))

    def _learn(
        self,
        state: _State,
        behaviour: dict[str, Tensor],
        batches: Sequence[RolloutBatch],
        iteration: int,
        clock: Clock,
    ) -> dict[str, float]:
        """Advantages, then optimiser steps on them; groups without spread are dropped and counted."""
        values = self._rewards(batches, iteration)
        rewards = values.pop("value")
        advantages, taught = weighted_advantages(rewards, values, self.settings.part_weights)
        if self.settings.scale_advantages:
            advantages = scaled_advantages(advantages)
        kept = np.repeat(taught, self.settings.group_size)
        count = int(self.world.sum(float(kept.sum()))[0])
        numbers = self._numbers(batches, rewards, kept)
        first_row = self.world.share(self.settings.tasks_per_iteration).start * self.settings.group_size
        pad = self.policy.config.sharding != "none"
        chosen = with_advantages(batches, advantages.ravel(), kept, self.policy.device, first_row, pad)
        step = partial(self._step, state, behaviour, iteration)
        with clock("train"):
            if self.settings.buffer.steps:
                return numbers | self._learn_from_buffer(step, state.buffer, chosen, iteration)
            parts = [[chosen[i] for i in part if chosen[i].rows] for part in self._parts(len(chosen))]
            for update in range(self.algorithm.updates if count else 0):
                numbers |= self._update(step, parts, update)
        return numbers

    def _learn_from_buffer(
        self, take_step: TakeStep, buffer: RolloutBuffer, batches: Sequence[Batch], iteration: int
    ) -> dict[str, float]:
        """Steps on videos drawn from the last iterations; returns the means of the steps' numbers."""
        settings = self.settings.buffer
        buffer.add(batches, self.settings.group_size, self.world)
        share = self.world.share(settings.batch_size)
        steps = []
        for step in range(settings.steps if len(buffer) else 0):
            numbers = buffer.draw(settings.batch_size, np.random.default_rng([self.settings.seed, iteration, step]))
            mine = range(min(share.start, len(numbers)), min(share.stop, len(numbers)))
            chosen = [numbers[row] for row in mine]
            part = [buffer.batch(chosen, mine, batches[0].trace, self.policy.device)] if chosen else []
            steps.append(take_step(part, step, len(numbers)))
        return {f"buffer/{name}": sum(s[name] for s in steps) / len(steps) for name in steps[0]} if steps else {}

    def _parts(self, num_batches: int) -> list[list[int]]:
        """Which batches make one optimiser step; the same number of parts in every process."""
        parts = np.array_split(np.arange(num_batches), min(self.settings.minibatches, num_batches))
        return [part.tolist() for part in parts]

    def _update(self, take_step: TakeStep, parts: Sequence[Sequence[Batch]], update: int) -> dict[str, float]:
        """One pass over the rollouts, with a step for each part; returns the means of the steps' numbers."""
        steps = []
        for part in parts:
            count = int(self.world.sum(float(sum(len(batch.rows) for batch in part if batch.counts)))[0])
            if count:
                steps.append(take_step(part, update, count))
        return {f"update_{update}/{name}": sum(s[name] for s in steps) / len(steps) for name in steps[0]}

    def _step(
        self,
        state: _State,
        behaviour: dict[str, Tensor],
        iteration: int,
        batches: Sequence[Batch],
        update: int,
        count: int,
    ) -> dict[str, float]:
        """One optimiser step on this process's batches of `count` videos; `update` numbers the noise."""
        gradients = []
        for batch in batches:
            seeds = [_mix(self.settings.seed, iteration, 1 + update, row) for row in batch.rows]
            generators = [torch.Generator().manual_seed(seed) for seed in seeds]
            divisor = count if batch.counts else math.inf
            gradient = self.algorithm.backward(self.policy, batch, behaviour, divisor, generators)
            gradients += [gradient] if batch.counts else []
        self.world.sum_gradients(state.parameters.values())
        norm = self.optimizer.apply(state.optimizer, state.parameters, state.rate_factor)
        update_average(state.average, state.parameters, self.settings.ema_decay)
        everywhere = self.world.gather_items(gradients)  # a process whose groups have no spread brings none
        numbers = {"loss": sum(g.loss for g in everywhere), "gradient_norm": norm}
        for name in sorted({name for g in everywhere for name in g.sums}):
            numbers[name] = sum(g.sums[name] for g in everywhere) / count
        return numbers

    def _rewards(self, batches: Sequence[RolloutBatch], iteration: int) -> dict[str, Floats]:
        """Of this process's videos [P, G]: the value, and each part that has a weight."""
        names = list(self.settings.part_weights)
        scores = [score for batch in batches for score in batch.scores]
        rows = np.asarray([[s.value, *(_counted(s, name) for name in names)] for s in scores], dtype=np.float64)
        if self.settings.shuffle_rewards:
            everywhere = np.asarray(self.world.gather_items(rows.tolist()), dtype=np.float64)
            order = np.random.default_rng([self.settings.seed, iteration]).permutation(len(everywhere))
            rows = everywhere[order][self.world.rank * len(rows) :][: len(rows)]
        columns = rows.T.reshape(1 + len(names), -1, self.settings.group_size)
        return dict(zip(["value", *names], columns, strict=True))

    def _numbers(self, batches: Sequence[RolloutBatch], rewards: Floats, kept: NDArray[np.bool_]) -> dict[str, float]:
        mine = rollout_numbers([score for batch in batches for score in batch.scores], rewards, kept)
        return mean_numbers(self.world.gather_items([mine]))

    def _record(self, step: int, numbers: dict[str, float]) -> None:
        if self.world.is_main:
            self.run.append_metrics(step, numbers)
            self.report(step, self.settings.iterations, numbers)


def _counted(score: Score, part: str) -> float:
    """A part of a score as far as gate and penalty leave it; those of "embedding.order" begin with "embedding." too."""
    if part not in score.parts:
        raise ConfigError(f"rl.part_weights: the reward has no part {part!r}; it has {', '.join(sorted(score.parts))}")
    reward = part[: part.rfind(".") + 1]
    gate, penalty = f"{reward}gate", f"{reward}penalty"
    if gate not in score.parts:
        raise ConfigError(
            f"rl.part_weights: the reward has no part {gate!r}, so that {part!r} would count in a video that cheats; "
            "leave rl.part_weights out, or let the reward name its gate (1.0 where nothing is to be taken off)"
        )
    return score.parts[part] * score.parts[gate] * score.parts.get(penalty, 1.0)


def _mix(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
