"""Supervised fine-tuning: flow matching on videos that show the solution.

Left out on purpose: mixed resolutions, bucketing, captioning. One visible loop; every random number of step n depends
on (seed, n) only, so a resumed run continues exactly.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from wan_r1.clock import Clock
from wan_r1.distributed import World
from wan_r1.errors import ConfigError
from wan_r1.flow.loss import flow_matching_loss
from wan_r1.flow.schedule import interpolate, shift_sigmas
from wan_r1.policies.sharding import gather_whole, part_of
from wan_r1.policies.wan import WanPolicy
from wan_r1.runs import RunFolder
from wan_r1.training.checkpoint import (
    has_checkpoint,
    load_optimizer,
    load_parameters,
    optimizer_state,
    read_checkpoint,
    with_prefix,
    without_prefix,
    write_checkpoint,
)
from wan_r1.training.data import Encoded
from wan_r1.training.optimizer import OptimizerSettings, update_average

__all__ = ["SFTSettings", "SFTTrainer"]

Evaluate = Callable[[WanPolicy], dict[str, float]]
Report = Callable[[int, int, dict[str, float]], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class SFTSettings:
    """Settings of supervised fine-tuning."""

    steps: int = 5000
    batch_size: int = 16
    "examples for each update, over all processes"
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
        if self.steps < 1 or self.batch_size < 1 or self.log_every < 1 or self.checkpoint_every < 1:
            raise ConfigError("sft: steps, batch_size, log_every and checkpoint_every must be at least 1")


@dataclass(kw_only=True, slots=True, eq=False)
class _State:
    """What changes: optimiser, the average of the weights, and how far the run is."""

    parameters: dict[str, nn.Parameter]
    optimizer: torch.optim.Optimizer
    average: dict[str, Tensor] = field(default_factory=dict)
    done: int = 0
    seconds: float = 0.0
    "of training, over all sessions, at the last checkpoint"
    best: float = -1.0
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
            self._resume(state)
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
                self._evaluate(state)
            asked = self.world.any(until())
            if state.done % settings.checkpoint_every == 0 or over or asked:
                state.seconds = time.monotonic() - began
                self._save(state)
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
        mine = self.world.share(size)
        share = slice(mine.start, mine.stop)
        clean, condition = examples.batch(rows[share])
        clean, noise, sigmas = (t.to(self.policy.device) for t in (clean, noise[share], sigmas[share]))
        noisy = self.policy.pin(interpolate(clean, noise, sigmas), condition)
        velocity = self.policy.velocity(noisy, sigmas, condition)
        loss = flow_matching_loss(velocity, noise - clean, self.policy.free_mask).sum() / size
        loss.backward()  # type: ignore[no-untyped-call]
        return self.world.sum(float(loss.detach()))[0]

    def _evaluate(self, state: _State) -> None:
        raw = self.evaluate(self.policy) if self.settings.evaluate_raw else {}
        with self.policy.weights(state.average):
            numbers = self.evaluate(self.policy)
        logged = {f"validation/{name}": value for name, value in numbers.items()}
        self._record(state.done, logged | {f"validation_raw/{name}": value for name, value in raw.items()})
        if numbers.get("em", state.best) > state.best:
            state.best, average = numbers["em"], gather_whole(state.average)
            if self.world.is_main:
                write_checkpoint(self.run.checkpoints / "best", average, {"step": state.done, "em": state.best})

    def _record(self, step: int, numbers: dict[str, float]) -> None:
        if self.world.is_main:
            self.run.append_metrics(step, numbers)
            self.report(step, self.settings.steps, numbers)

    def _save(self, state: _State) -> None:
        tensors = {
            **with_prefix("weights", state.parameters),
            **with_prefix("optimizer", optimizer_state(state.optimizer)),
            **with_prefix("average", state.average),
        }
        tensors = gather_whole(tensors)
        if self.world.is_main:
            saved = {
                "step": state.done,
                "seconds": state.seconds,
                "best": state.best,
                "losses": state.losses,
                "optimizer": self.optimizer.name,
            }
            write_checkpoint(self.run.checkpoints / "last", tensors, saved)
        self.world.barrier()

    def _resume(self, state: _State) -> None:
        last = self.run.checkpoints / "last"
        if self.run.metrics.exists() and not has_checkpoint(last):  # killed before the first checkpoint
            if self.world.is_main:
                self.run.drop_metrics_after(0)
            return
        tensors, saved = read_checkpoint(last)
        load_parameters(state.parameters, without_prefix("weights", tensors), last)
        self.optimizer.check_same(saved, last)
        load_optimizer(state.optimizer, without_prefix("optimizer", tensors))
        average = without_prefix("average", tensors)
        state.average.update({name: part_of(average[name], like) for name, like in state.parameters.items()})
        state.done, state.best = int(saved["step"]), float(saved["best"])
        state.seconds, state.losses = float(saved.get("seconds", 0.0)), list(saved.get("losses", []))
        if self.world.is_main:
            self.run.drop_metrics_after(state.done)
