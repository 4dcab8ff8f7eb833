"""Draws latents from noise and remembers what a loss needs of the way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from wan_r1.errors import ConfigError
from wan_r1.flow.schedule import KernelName, SamplerSettings, Schedule
from wan_r1.flow.step import KERNELS, StepDistribution, log_prob

__all__ = ["Pin", "Trace", "VelocityFn", "draw_noise", "everything_free", "sample"]

VelocityFn = Callable[[Tensor, Tensor], Tensor]
"""(latents [B, C, F, h, w], sigmas [B]) -> velocity of the same shape."""

Pin = Callable[[Tensor], Tensor]
"""Puts known latents (a clean first frame) back in place; shape and dtype are kept."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Trace:
    """How a batch of videos was drawn.

    latents [B, M, C, F, h, w] float32 holds the states with the indices `stored` (M of 0 .. K; 0 is the start noise, K
    the result). means [B, S, C, F, h, w], stds [S] and log_probs [B, S] belong to the stochastic steps `sde_steps`.
    sigmas [K + 1]; free [1 or B, 1, F, 1, 1] bool is true where latents were sampled, false where they were given.
    """

    latents: Tensor
    stored: tuple[int, ...]
    sigmas: Tensor
    sde_steps: tuple[int, ...]
    means: Tensor
    stds: Tensor
    log_probs: Tensor
    free: Tensor
    kernel: KernelName
    noise_level: float

    def at(self, index: int) -> Tensor:
        """Latents [B, C, F, h, w] before step `index`; index K is the result."""
        if index not in self.stored:
            raise ConfigError(f"trace: state {index} was not kept, only {self.stored}; sample with keep='all'")
        return self.latents[:, self.stored.index(index)]

    @property
    def result(self) -> Tensor:
        """The finished latents [B, C, F, h, w]."""
        return self.at(len(self.sigmas) - 1)

    @property
    def batch_size(self) -> int:
        """Number of videos B."""
        return self.latents.shape[0]

    def select(self, indices: Sequence[int]) -> "Trace":
        """The same record for some of the videos, in the given order."""
        rows = torch.as_tensor(list(indices), dtype=torch.long, device=self.latents.device)
        return replace(
            self,
            latents=self.latents[rows],
            means=self.means[rows],
            log_probs=self.log_probs[rows],
            free=self.free if self.free.shape[0] == 1 else self.free[rows],
        )


def draw_noise(shape: Sequence[int], generators: Sequence[torch.Generator], device: torch.device | str) -> Tensor:
    """Standard normal noise [B, *shape] float32, row i from generator i on the CPU: the same bits on every machine."""
    if not generators:
        raise ConfigError("draw_noise: no generators; give one torch.Generator for each video")
    rows = [torch.randn(tuple(shape), generator=generator, dtype=torch.float32) for generator in generators]
    return torch.stack(rows).to(device)


def everything_free(latents: Tensor) -> Tensor:
    """A mask [1, 1, F, 1, 1] bool that counts every latent frame."""
    return torch.ones(1, 1, latents.shape[2], 1, 1, dtype=torch.bool, device=latents.device)


@torch.no_grad()
def sample(
    velocity: VelocityFn,
    noise: Tensor,
    schedule: Schedule,
    settings: SamplerSettings,
    *,
    generators: Sequence[torch.Generator] = (),
    pin: Pin | None = None,
    free: Tensor | None = None,
    keep: Literal["needed", "result", "all"] = "needed",
) -> Trace:
    """Runs the sampler from start noise [B, C, F, h, w] float32 to latents.

    Args:
        generators: one CPU generator for each video; drive the stochastic steps.
        pin: puts given latents back after each step.
        free: mask of the sampled latents; all of them if left out.
        keep: which states the trace holds: those that `replay` needs and the result, the result alone, or all.
    """
    _check(noise, schedule, settings, generators)
    steps = settings.stochastic_steps
    wanted = _wanted(keep, steps, schedule.num_steps)
    free = everything_free(noise) if free is None else free
    pin = pin or (lambda given: given)
    latents = pin(noise.float())
    states: dict[int, Tensor] = {0: latents}
    drawn, log_probs = list[StepDistribution](), list[Tensor]()
    for index, (sigma, sigma_next) in enumerate(pairwise(schedule.sigmas)):
        predicted = velocity(latents, sigma.expand(len(latents)).to(latents.device))
        kernel = KERNELS[settings.kernel if index in steps else "ode"]
        step = kernel(latents, predicted, sigma, sigma_next, settings.noise_level)
        latents = step.mean
        if index in steps:
            drawn.append(step)
            latents = latents + step.std * draw_noise(noise.shape[1:], generators, noise.device)
            log_probs.append(log_prob(latents, step.mean, step.std, free))
        latents = pin(latents)
        states = {kept: value for kept, value in states.items() if kept in wanted} | {index + 1: latents}
    return Trace(
        latents=_stack([states[index] for index in wanted], noise),
        stored=wanted,
        sigmas=schedule.sigmas,
        sde_steps=steps,
        means=_stack([step.mean for step in drawn if keep != "result"], noise),
        stds=torch.tensor([float(step.std) for step in drawn]),
        log_probs=_stack(log_probs, noise),
        free=free,
        kernel=settings.kernel,
        noise_level=settings.noise_level,
    )


def _stack(tensors: list[Tensor], noise: Tensor) -> Tensor:
    """Tensors [B, ...] side by side as [B, M, ...]; [B, 0] where there are none."""
    return torch.stack(tensors, dim=1) if tensors else noise.new_zeros(len(noise), 0)


def _wanted(keep: str, steps: tuple[int, ...], num_steps: int) -> tuple[int, ...]:
    """Indices of the states that the trace holds."""
    if keep == "all":
        return tuple(range(num_steps + 1))
    around = [index for step in steps for index in (step, step + 1)] if keep == "needed" else []
    return tuple(sorted({*around, num_steps}))


def _check(noise: Tensor, schedule: Schedule, settings: SamplerSettings, generators: Sequence[torch.Generator]) -> None:
    if noise.ndim != 5:
        raise ConfigError(f"sample: noise must be [B, C, F, h, w]; got {tuple(noise.shape)}")
    if schedule.num_steps != settings.num_steps:
        raise ConfigError(f"sample: the schedule has {schedule.num_steps} steps, the settings {settings.num_steps}")
    if settings.stochastic_steps and len(generators) != len(noise):
        raise ConfigError(
            f"sample: {len(generators)} generators for {len(noise)} videos; stochastic steps need one for each, "
            "so that videos of one group differ"
        )
