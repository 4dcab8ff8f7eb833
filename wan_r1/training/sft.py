"""Supervised fine-tuning: flow matching on videos that show the solution.

Left out on purpose: mixed resolutions, bucketing, captioning. One visible loop; every random number of step n depends
on (seed, n) only, so a resumed run continues exactly.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from wan_r1.errors import ConfigError
from wan_r1.flow.loss import flow_matching_loss
from wan_r1.flow.schedule import interpolate, shift_sigmas
from wan_r1.policies.wan import WanPolicy
from wan_r1.runs import RunFolder
from wan_r1.training.checkpoint import (
    load_optimizer,
    optimizer_state,
    read_checkpoint,
    with_prefix,
    without_prefix,
    write_checkpoint,
)
from wan_r1.training.data import Encoded
from wan_r1.distributed import World
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

    def train(self, resume: bool = False) -> None:
        """The loop. Ctrl-C or a kill loses at most the steps since the last checkpoint."""
        parameters = self.policy.trainable_parameters()
        optimizer = self.optimizer.build(parameters)
        average: dict[str, Tensor] = {}
        first, best = self._resume(parameters, optimizer, average) if resume else (0, -1.0)
        settings, losses, began = self.settings, list[float](), time.monotonic()
        for step in range(first, settings.steps):
            loss = self._backward(step)
            self.world.sum_gradients(parameters.values())
            factor = self.optimizer.factor(step, settings.steps)
            norm = self.optimizer.apply(optimizer, parameters, factor)
            update_average(average, parameters, min(settings.ema_decay, (1 + step) / (10 + step)))
            losses.append(loss)
            done = step + 1
            if done % settings.log_every == 0 or done == settings.steps:
                numbers = {"loss": sum(losses) / len(losses), "gradient_norm": norm, "rate_factor": factor}
                numbers["seconds/step"] = (time.monotonic() - began) / len(losses)
                losses, began = [], time.monotonic()
                self._record(done, numbers)
            if settings.evaluate_every and (done % settings.evaluate_every == 0 or done == settings.steps):
                best = self._evaluate(done, average, best)
                began = time.monotonic()
            if done % settings.checkpoint_every == 0 or done == settings.steps:
                self._save("last", done, best, parameters, optimizer, average)

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
        name: str,
        step: int,
        best: float,
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
            write_checkpoint(self.run.checkpoints / name, tensors, {"step": step, "best": best})
        self.world.barrier()

    @torch.no_grad()
    def _resume(
        self,
        parameters: dict[str, torch.nn.Parameter],
        optimizer: torch.optim.Optimizer,
        average: dict[str, Tensor],
    ) -> tuple[int, float]:
        tensors, state = read_checkpoint(self.run.checkpoints / "last")
        for name, value in without_prefix("weights", tensors).items():
            parameters[name].copy_(value)
        load_optimizer(optimizer, without_prefix("optimizer", tensors))
        average.update({n: t.to(self.policy.device) for n, t in without_prefix("average", tensors).items()})
        if self.world.is_main:
            self.run.drop_metrics_after(state["step"])
        return int(state["step"]), float(state["best"])
