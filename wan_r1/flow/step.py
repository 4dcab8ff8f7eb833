"""One sampler step as a Gaussian: its mean and standard deviation, and how likely a sample is under it.

All kernels share the two estimates x0 = x - s * v (video) and x1 = x + (1 - s) * v (noise) at sigma s, and go to
sigma s' < s. They are written as the ODE step x + (s' - s) * v plus a multiple of x1 that is 0 at noise level 0, so
that noise level 0 equals the ODE bit for bit. Arithmetic is float32 whatever the network computes in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log, pi

import torch
from torch import Tensor

from wan_r1.errors import ConfigError
from wan_r1.flow.schedule import KernelName

__all__ = [
    "KERNELS",
    "Kernel",
    "StepDistribution",
    "cps",
    "dance_sde",
    "flow_sde",
    "log_prob",
    "masked_mean",
    "ode",
]

ALMOST_ONE = 1 - 1e-5
"""Sigmas from here on count as 1: some schedulers start at 1 - 1e-6 to avoid the pole, which does not avoid it."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class StepDistribution:
    """The next latents are mean [B, C, F, h, w] + std * noise; std is a float32 scalar tensor, 0 for the ODE."""

    mean: Tensor
    std: Tensor


Kernel = Callable[[Tensor, Tensor, Tensor, Tensor, float], StepDistribution]
"""(latents, velocity, sigma, sigma_next, noise_level) -> StepDistribution; sigmas are float32 scalar tensors."""


def ode(latents: Tensor, velocity: Tensor, sigma: Tensor, sigma_next: Tensor, noise_level: float) -> StepDistribution:
    """Euler step of the probability-flow ODE; takes no notice of the noise level."""
    return StepDistribution(mean=_euler(latents, velocity, sigma, sigma_next), std=torch.zeros(()))


def flow_sde(
    latents: Tensor, velocity: Tensor, sigma: Tensor, sigma_next: Tensor, noise_level: float
) -> StepDistribution:
    """Flow-GRPO (https://arxiv.org/abs/2505.05470): diffusion g = a * sqrt(s / (1 - s)), std = g * sqrt(s - s').

    g has a pole at s = 1, so the first step takes 1 - s' for 1 - s, which makes its std exactly a.
    """
    room = 1 - (sigma_next if float(sigma) >= ALMOST_ONE else sigma)
    diffusion = noise_level * torch.sqrt(sigma / room)
    return _diffuse(latents, velocity, sigma, sigma_next, diffusion)


def dance_sde(
    latents: Tensor, velocity: Tensor, sigma: Tensor, sigma_next: Tensor, noise_level: float
) -> StepDistribution:
    """DanceGRPO (https://arxiv.org/abs/2505.07818): constant diffusion g = a, std = a * sqrt(s - s')."""
    return _diffuse(latents, velocity, sigma, sigma_next, torch.full_like(sigma, noise_level))


def cps(latents: Tensor, velocity: Tensor, sigma: Tensor, sigma_next: Tensor, noise_level: float) -> StepDistribution:
    """Flow-CPS (https://arxiv.org/abs/2509.05952): std = s' * sin(a * pi / 2), noise kept at exactly s' in total.

    mean = (1 - s') * x0 + sqrt(s'^2 - std^2) * x1. Exact where the video is a single point; elsewhere it samples as if
    at a lower temperature. The last step has s' = 0 and therefore no noise.
    """
    angle = torch.as_tensor(noise_level * pi / 2, dtype=torch.float32)
    std = sigma_next * torch.sin(angle)
    kept = sigma_next * torch.cos(angle) if noise_level != 0 else sigma_next
    noise_estimate = latents.float() + (1 - sigma) * velocity.float()
    mean = _euler(latents, velocity, sigma, sigma_next) + (kept - sigma_next) * noise_estimate
    return StepDistribution(mean=mean, std=std)


KERNELS: dict[KernelName, Kernel] = {"ode": ode, "flow_sde": flow_sde, "dance_sde": dance_sde, "cps": cps}


def log_prob(sample: Tensor, mean: Tensor, std: Tensor, mask: Tensor) -> Tensor:
    """Mean Gaussian log-density [B] of sample [B, ...] over the counted elements.

    The mean, not the sum, keeps the number comparable between resolutions.

    Args:
        sample: what was drawn; no gradient flows into it.
        mean, std: the distribution it was drawn from.
        mask: bool, broadcasts against sample; true where an element was sampled and counts.
    """
    if bool((std <= 0).any()):
        raise ConfigError("log_prob: std is 0: a deterministic step has no density; leave it out of sde_steps")
    std = std.to(mean.device)
    error = (sample.detach() - mean) / std
    return masked_mean(-0.5 * error**2 - torch.log(std) - 0.5 * log(2 * pi), mask)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean [B] of values [B, ...] over the elements where the mask, bool, broadcast against values, is true."""
    counted = mask.expand_as(values)
    total = torch.where(counted, values, 0.0).flatten(1).sum(dim=1)
    return total / counted.flatten(1).sum(dim=1)


def _euler(latents: Tensor, velocity: Tensor, sigma: Tensor, sigma_next: Tensor) -> Tensor:
    return latents.float() + (sigma_next - sigma) * velocity.float()


def _diffuse(
    latents: Tensor, velocity: Tensor, sigma: Tensor, sigma_next: Tensor, diffusion: Tensor
) -> StepDistribution:
    """Euler-Maruyama step: x + dt * (v + g^2 / (2 s) * x1), std = g * sqrt(-dt), with dt = s' - s < 0."""
    step = sigma_next - sigma
    noise_estimate = latents.float() + (1 - sigma) * velocity.float()
    drift = step * diffusion**2 / (2 * sigma)
    mean = _euler(latents, velocity, sigma, sigma_next) + drift * noise_estimate
    return StepDistribution(mean=mean, std=diffusion * torch.sqrt(-step))
