"""Supervised fine-tuning: flow matching on videos that show the solution.

Left out on purpose: mixed resolutions, bucketing, captioning. One visible loop; every random number of step n depends
on (seed, n) only, so a resumed run continues exactly.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from wan_r1.clock import Clock
from wan_r1.distributed import World
from wan_r1.errors import ConfigError
from wan_r1.flow.loss import flow_matching_loss
from wan_r1.flow.schedule import interpolate, shift_sigmas
from wan_r1.policies.wan import WanPolicy
from wan_r1.runs import RunFolder
from wan_r1.training.data import Encoded
from wan_r1.training.gradient import add_gradients
from wan_r1.training.optimizer import OptimizerSettings, update_average
from wan_r1.training.state import Evaluate, TrainingState, evaluate_average, load_state, save_state

__all__ = ["SFTSettings", "SFTTrainer"]

Report = Callable[[int, int, dict[str, float]], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class SFTSettings:
    """Settings of supervised fine-tuning."""

    steps: int = 5000
    batch_size: int = 16
    "examples for each update, over all processes"
    micro_batch_size: int | None = None
    "examples that go through the network at a time in each process; none: all of its share"
    seed: int = 0
    ema_decay: float = 0.999
    "decay of the average of the weights for each step; that average is evaluated and saved; 0 takes the weights"
    evaluate_every: int = 500
    "steps between evaluations on validation tasks; 0 for none"
    evaluate_raw: bool = False
    "evaluates the weights beside their average, as validation_raw/*; it costs a second evaluation each time"
    checkpoint_every: int = 250
    log_every: int = 10

    def __post_init__(self) -> None:
        counts = (self.steps, self.batch_size, self.micro_batch_size or 1, self.log_every, self.checkpoint_every)
        if min(counts) < 1 or self.micro_batch_size == 0 or min(self.seed, self.evaluate_every) < 0:
            raise ConfigError(
                f"sft: steps = {self.steps}, batch_size = {self.batch_size}, micro_batch_size = "
                f"{self.micro_batch_size}, log_every = {self.log_every} and checkpoint_every = {self.checkpoint_every} "
                f"must be at least 1, seed = {self.seed} and evaluate_every = {self.evaluate_every} at least 0"
            )
        if not 0 <= self.ema_decay < 1:
            raise ConfigError(f"sft: ema_decay = {self.ema_decay} must be in [0, 1); 0 takes the weights")


@dataclass(kw_only=True, slots=True, eq=False)
class _State(TrainingState):
    losses: list[float] = field(default_factory=list)
    "since the last line of metrics"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SFTTrainer:
    """Trains a policy on encoded examples; leaves checkpoints/last, checkpoints/best and metrics.jsonl in the run."""

    policy: WanPolicy
    examples: Callable[[], Encoded]
    "called once, and only if there is a step left"
    settings: SFTSettings
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
        sessions included, it ends as after its last step. A kill loses the steps since the last checkpoint.
        """
        parameters = self.policy.trainable_parameters()
        state = _State(parameters=parameters, optimizer=self.optimizer.build(parameters))
        if resume:
            _, notes = load_state(state, self.run, self.world, self.optimizer, self.settings.checkpoint_every)
            state.losses = list(notes.get("losses", []))
        settings, clock, timed = self.settings, Clock(), 0
        asked, over = False, state.done >= settings.steps or state.seconds >= 60 * max_minutes
        if over:
            return state.average
        examples = self.examples()
        began = time.monotonic() - state.seconds
        while not (over or asked):
            with clock("step"):
                numbers = self._step(state, examples, (time.monotonic() - began) / (60 * max_minutes))
            timed += 1
            over = state.done == settings.steps or self.world.any(time.monotonic() - began >= 60 * max_minutes)
            if state.done % settings.log_every == 0 or over:
                numbers["loss"] = sum(state.losses) / len(state.losses)
                numbers["seconds/step"] = clock.take()["seconds/step"] / timed
                state.losses, timed = [], 0
                self._record(state.done, numbers)
            if settings.evaluate_every and (state.done % settings.evaluate_every == 0 or over):
                raw = settings.evaluate_raw
                numbers = evaluate_average(state, self.policy, self.evaluate, self.run, self.world, raw=raw)
                self._record(state.done, numbers)
            asked = self.world.any(until())
            if state.done % settings.checkpoint_every == 0 or over or asked:
                state.seconds = time.monotonic() - began
                save_state(state, self.run, self.world, self.optimizer, notes={"losses": state.losses})
        return state.average

    def _step(self, state: _State, examples: Encoded, spent: float) -> dict[str, float]:
        """One update of weights and average; returns its numbers for the log. spent: share of the time limit."""
        step, settings = state.done, self.settings
        state.losses.append(self._backward(step, examples))
        self.world.sum_gradients(state.parameters.values())
        factor = self.optimizer.factor(step, settings.steps, self.world.sum(spent)[0] / self.world.size)
        norm = self.optimizer.apply(state.optimizer, state.parameters, factor)
        update_average(state.average, state.parameters, min(settings.ema_decay, (1 + step) / (10 + step)))
        state.done += 1
        return {"gradient_norm": norm, "rate_factor": factor}

    def _backward(self, step: int, examples: Encoded) -> float:
        """Loss and gradients of this process's share of the batch, divided by the global batch size."""
        size = self.settings.batch_size
        generator = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + step)
        rows = torch.randint(len(examples), (size,), generator=generator)
        sigmas = shift_sigmas(torch.rand(size, generator=generator), self.policy.shift)
        noise = torch.randn((size, *self.policy.latent_shape), generator=generator)
        mine, total = self.world.share(size), 0.0
        for first in range(mine.start, mine.stop, self.settings.micro_batch_size or size):
            part = slice(first, min(mine.stop, first + (self.settings.micro_batch_size or size)))
            total += self._backward_part(examples, rows[part], noise[part], sigmas[part])
        return self.world.sum(total)[0]

    def _backward_part(self, examples: Encoded, rows: Tensor, noise: Tensor, sigmas: Tensor) -> float:
        """Loss and gradients of a part of the batch."""
        clean, condition = examples.batch(rows, self.policy.device)
        noise, sigmas = noise.to(self.policy.device), sigmas.to(self.policy.device)
        noisy = self.policy.pin(interpolate(clean, noise, sigmas), condition)
        velocity = self.policy.velocity(noisy, sigmas, condition)
        losses = flow_matching_loss(velocity, noise - clean, self.policy.free_mask)
        return add_gradients(losses.sum() / self.settings.batch_size)

    def _record(self, step: int, numbers: dict[str, float]) -> None:
        if self.world.is_main:
            self.run.append_metrics(step, numbers)
            self.report(step, self.settings.steps, numbers)
