"""The noise levels of sampling and training: sigma = 1 is noise, sigma = 0 is the video.

x_sigma = (1 - sigma) * video + sigma * noise, velocity = noise - video.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from wan_r1.errors import ConfigError

__all__ = [
    "NUM_TRAIN_TIMESTEPS",
    "KernelName",
    "SamplerSettings",
    "Schedule",
    "Spacing",
    "interpolate",
    "make_schedule",
    "shift_sigmas",
    "to_timesteps",
]

NUM_TRAIN_TIMESTEPS = 1000
"""The network is told sigma * 1000, as a float (diffusers `FlowMatchEulerDiscreteScheduler`)."""

KernelName = Literal["ode", "flow_sde", "dance_sde", "cps"]

Spacing = Literal["euler", "wan"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Schedule:
    """The sigmas [K + 1] float32 of one sampling run, from 1 down to exactly 0, on the CPU."""

    sigmas: Tensor

    def __post_init__(self) -> None:
        if self.sigmas.ndim != 1 or self.sigmas.dtype != torch.float32 or len(self.sigmas) < 2:
            raise ConfigError(
                f"schedule: sigmas must be [K + 1] float32 with K >= 1; got {tuple(self.sigmas.shape)} "
                f"{self.sigmas.dtype}; build it with make_schedule"
            )

    @property
    def num_steps(self) -> int:
        """Number of sampler steps K."""
        return len(self.sigmas) - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplerSettings:
    """How a video is drawn from noise. Noise in the first two of eight steps gives credit to the noise that counts."""

    num_steps: int = 8
    "sampler steps K"
    shift: float | None = None
    "shift of the sigma schedule; none takes the one of the policy's folder"
    spacing: Spacing = "euler"
    "where the sigmas lie: euler as diffusers' Euler scheduler, wan as the released models are sampled (docs/flow.md)"
    kernel: KernelName = "cps"
    "rule of the stochastic steps: flow_sde (Flow-GRPO), dance_sde (DanceGRPO), cps (Flow-CPS), or ode for none"
    noise_level: float = 0.7
    "strength of the noise in the stochastic steps; 0 is the ode; at most 1 for cps"
    sde_steps: tuple[int, ...] = (0, 1)
    "the stochastic steps, counted from 0; all others follow the ode"
    guidance_scale: float = 1.0
    "classifier-free guidance; 1 is off and takes one network pass for each step instead of two"

    def __post_init__(self) -> None:
        if self.num_steps < 1:
            raise ConfigError(f"sampler: num_steps = {self.num_steps}; at least 1 is needed")
        if self.spacing not in ("euler", "wan"):
            raise ConfigError(f"sampler: spacing {self.spacing!r} is not known; choose euler or wan")
        if self.kernel not in ("ode", "flow_sde", "dance_sde", "cps"):
            raise ConfigError(f"sampler: kernel {self.kernel!r} is not known; choose ode, flow_sde, dance_sde or cps")
        if not 0 <= self.noise_level < math.inf or (self.kernel == "cps" and self.noise_level > 1):
            raise ConfigError(
                f"sampler: noise_level = {self.noise_level}; {self.kernel} takes 0 or more, cps at most 1"
            )
        if not 1 <= self.guidance_scale < math.inf:
            raise ConfigError(
                f"sampler: guidance_scale = {self.guidance_scale}; it is a number from 1, which switches guidance off"
            )
        if self.shift is not None and not 0 < self.shift < math.inf:
            raise ConfigError(f"sampler: shift = {self.shift} must be > 0; leave it out to take the policy's")
        self._check_steps()

    def _check_steps(self) -> None:
        steps = self.sde_steps
        if list(steps) != sorted(set(steps)):
            raise ConfigError(f"sampler: sde_steps {steps} must rise and name each step once")
        if self.stochastic_steps and (steps[0] < 0 or steps[-1] >= self.num_steps):
            raise ConfigError(f"sampler: sde_steps {steps} must lie in 0 .. {self.num_steps - 1}")
        if self.kernel == "cps" and self.num_steps - 1 in self.stochastic_steps:
            raise ConfigError(
                f"sampler: step {self.num_steps - 1} is the last and cps has no noise there; leave it out of sde_steps"
            )

    @property
    def stochastic_steps(self) -> tuple[int, ...]:
        """The steps that do draw noise: none for the ode and for noise level 0."""
        return () if self.kernel == "ode" or self.noise_level == 0 else self.sde_steps


def make_schedule(num_steps: int, shift: float, spacing: Spacing = "euler") -> Schedule:
    """The sigmas of a run of so many steps.

    euler: those of diffusers' `FlowMatchEulerDiscreteScheduler(shift=shift).set_timesteps(num_steps)`, bit for bit.
    wan: those of `get_sampling_sigmas` in Wan's own code, equal distances shifted once; diffusers'
    `UniPCMultistepScheduler(use_flow_sigmas=True, flow_shift=shift)` has them within shift / 1000.
    """
    if num_steps < 1 or shift <= 0:
        raise ConfigError(f"schedule: num_steps = {num_steps}, shift = {shift}; both must be positive")
    if spacing == "wan":
        equal = torch.linspace(1, 0, num_steps + 1, dtype=torch.float64)
        return Schedule(sigmas=shift_sigmas(equal, shift).to(torch.float32))
    ends = torch.tensor([NUM_TRAIN_TIMESTEPS, 1], dtype=torch.float32) / NUM_TRAIN_TIMESTEPS
    high, low = (shift_sigmas(ends, shift) * 1.0).tolist()
    # The ends are shifted once in float32 and everything between them once more in float64, as diffusers does it.
    line = np.linspace(high * NUM_TRAIN_TIMESTEPS, low * NUM_TRAIN_TIMESTEPS, num_steps) / NUM_TRAIN_TIMESTEPS
    sigmas = torch.from_numpy(shift * line / (1 + (shift - 1) * line)).to(torch.float32)
    return Schedule(sigmas=torch.cat([sigmas, torch.zeros(1)]))


def shift_sigmas(sigmas: Tensor, shift: float) -> Tensor:
    """Moves sigmas towards noise: shift * s / (1 + (shift - 1) * s); shape and dtype are kept."""
    return shift * sigmas / (1 + (shift - 1) * sigmas)


def to_timesteps(sigmas: Tensor) -> Tensor:
    """What the network is told for each sigma: sigma * 1000 in float32, never rounded to an integer."""
    return sigmas.to(torch.float32) * NUM_TRAIN_TIMESTEPS


def interpolate(clean: Tensor, noise: Tensor, sigmas: Tensor) -> Tensor:
    """Latents at noise level sigma: (1 - sigma) * clean + sigma * noise; clean, noise [B, ...], sigmas [B]."""
    if clean.shape != noise.shape or sigmas.shape != clean.shape[:1]:
        raise ConfigError(
            f"interpolate: clean {tuple(clean.shape)}, noise {tuple(noise.shape)} and sigmas {tuple(sigmas.shape)} "
            "must be [B, ...], [B, ...] and [B]"
        )
    level = sigmas.view(-1, *([1] * (clean.ndim - 1)))
    return (1 - level) * clean + level * noise
