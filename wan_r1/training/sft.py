"""Supervised fine-tuning: flow matching on videos that show the solution.

Left out on purpose: mixed resolutions, bucketing, captioning. One visible loop; every random number of step n depends
on (seed, n) only, so a resumed run continues exactly.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from wan_r1.distributed import World
from wan_r1.errors import ConfigError
from wan_r1.flow.loss import flow_matching_loss
from wan_r1.flow.schedule import interpolate, shift_sigmas
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
    checkpoint_every: int = 250
    log_every: int = 10

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch_size < 1 or self.log_every < 1 or self.checkpoint_every < 1:
            raise ConfigError("sft: steps, batch_size, log_every and checkpoint_every must be at least 1")


@dataclass(kw_only=True, slots=True)
class _Progress:
    """How far the run is: steps done, the best evaluation, and the losses since the last line of metrics."""

    done: int = 0
    best: float = -1.0
    losses: list[float] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SFTTrainer:
    """Trains a policy on encoded examples; leaves checkpoints/last, checkpoints/best and metrics.jsonl in the run."""

    policy: WanPolicy
    examples: Encoded
    settings: SFTSettings
    optimizer: OptimizerSettings
    run: RunFolder
    world: World
    evaluate: Evaluate
    report: Report

    def train(self, resume: bool = False, until: Callable[[], bool] = lambda: False) -> None:
        """The loop; `until` may end it early, with a checkpoint. A kill loses the steps since the last checkpoint."""
        parameters = self.policy.trainable_parameters()
        optimizer = self.optimizer.build(parameters)
        average: dict[str, Tensor] = {}
        progress = self._resume(parameters, optimizer, average) if resume else _Progress()
        settings, began, counted = self.settings, time.monotonic(), 0
        for step in range(progress.done, settings.steps):
            loss = self._backward(step)
            self.world.sum_gradients(parameters.values())
            factor = self.optimizer.factor(step, settings.steps)
            norm = self.optimizer.apply(optimizer, parameters, factor)
            update_average(average, parameters, min(settings.ema_decay, (1 + step) / (10 + step)))
            progress.losses.append(loss)
            progress.done, counted = step + 1, counted + 1
            done = progress.done
            if done % settings.log_every == 0 or done == settings.steps:
                mean = sum(progress.losses) / len(progress.losses)
                numbers = {"loss": mean, "gradient_norm": norm, "rate_factor": factor}
                numbers["seconds/step"] = (time.monotonic() - began) / counted
                progress.losses, began, counted = [], time.monotonic(), 0
                self._record(done, numbers)
            if settings.evaluate_every and (done % settings.evaluate_every == 0 or done == settings.steps):
                progress.best = self._evaluate(done, average, progress.best)
                began, counted = time.monotonic(), 0
            # One process decides for all: a clock may say yes in one and no in another.
            stop = self.world.sum(float(until()))[0] > 0
            if done % settings.checkpoint_every == 0 or done == settings.steps or stop:
                self._save(progress, parameters, optimizer, average)
            if stop:
                break

    def _backward(self, step: int) -> float:
        """Loss and gradients of this process's share of the batch, divided by the global batch size."""
        size = self.settings.batch_size
        generator = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + step)
        rows = torch.randint(len(self.examples), (size,), generator=generator)
        sigmas = shift_sigmas(torch.rand(size, generator=generator), self.policy.shift)
        noise = torch.randn((size, *self.policy.latent_shape), generator=generator)
        mine = self.world.share(size)
        share = slice(mine.start, mine.stop)
        clean, condition = self.examples.batch(rows[share])
        clean, noise, sigmas = (t.to(self.policy.device) for t in (clean, noise[share], sigmas[share]))
        noisy = self.policy.pin(interpolate(clean, noise, sigmas), condition)
        velocity = self.policy.velocity(noisy, sigmas, condition)
        loss = flow_matching_loss(velocity, noise - clean, self.policy.free_mask).sum() / size
        loss.backward()  # type: ignore[no-untyped-call]
        return self.world.sum(float(loss.detach()))[0]

    def _evaluate(self, step: int, average: dict[str, Tensor], best: float) -> float:
        with self.policy.weights(average):
            numbers = self.evaluate(self.policy)
            self._record(step, {f"validation/{name}": value for name, value in numbers.items()})
            if numbers.get("em", best) > best and self.world.is_main:
                best = numbers["em"]
                write_checkpoint(self.run.checkpoints / "best", average, {"step": step, "em": best})
        return best

    def _record(self, step: int, numbers: dict[str, float]) -> None:
        if self.world.is_main:
            self.run.append_metrics(step, numbers)
            self.report(step, self.settings.steps, numbers)

    def _save(
        self,
        progress: _Progress,
        parameters: dict[str, torch.nn.Parameter],
        optimizer: torch.optim.Optimizer,
        average: dict[str, Tensor],
    ) -> None:
        if self.world.is_main:
            tensors = {
                **with_prefix("weights", parameters),
                **with_prefix("optimizer", optimizer_state(optimizer)),
                **with_prefix("average", average),
            }
            state = {
                "step": progress.done,
                "best": progress.best,
                "losses": progress.losses,
                "optimizer": self.optimizer.name,
            }
            write_checkpoint(self.run.checkpoints / "last", tensors, state)
        self.world.barrier()

    def _resume(
        self,
        parameters: dict[str, torch.nn.Parameter],
        optimizer: torch.optim.Optimizer,
        average: dict[str, Tensor],
    ) -> _Progress:
        last = self.run.checkpoints / "last"
        if self.run.metrics.exists() and not has_checkpoint(last):  # killed before the first checkpoint
            if self.world.is_main:
                self.run.drop_metrics_after(0)
            return _Progress()
        tensors, state = read_checkpoint(last)
        load_parameters(parameters, without_prefix("weights", tensors), last)
        self.optimizer.check_same(state, last)
        load_optimizer(optimizer, without_prefix("optimizer", tensors))
        average.update({n: t.to(self.policy.device) for n, t in without_prefix("average", tensors).items()})
        if self.world.is_main:
            self.run.drop_metrics_after(state["step"])
        losses = list(state.get("losses", []))
        return _Progress(done=int(state["step"]), best=float(state["best"]), losses=losses)
