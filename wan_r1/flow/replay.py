"""Recomputes a stochastic step with the current weights, through the same velocity function as the sampler."""

from dataclasses import dataclass

from torch import Tensor

from wan_r1.errors import ConfigError
from wan_r1.flow.loss import log_ratio
from wan_r1.flow.sample import Trace, VelocityFn
from wan_r1.flow.step import KERNELS, log_prob

__all__ = ["StepReplay", "replay"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class StepReplay:
    """One stochastic step under the current weights; all but std carry gradients.

    velocity, mean [B, C, F, h, w]; std scalar; ratio [B] is 1 where nothing has changed; log_prob [B]; free is the mask
    of the trace.
    """

    velocity: Tensor
    mean: Tensor
    std: Tensor
    ratio: Tensor
    log_prob: Tensor
    free: Tensor


def replay(velocity: VelocityFn, trace: Trace, position: int) -> StepReplay:
    """Replays the stochastic step trace.sde_steps[position] from its stored states.

    With unchanged weights and the batch layout of sampling the ratio is 1 to float32 rounding.
    """
    if not 0 <= position < len(trace.sde_steps):
        raise ConfigError(f"replay: position {position} of {len(trace.sde_steps)} stochastic steps {trace.sde_steps}")
    if trace.means.shape[1] != len(trace.sde_steps):
        raise ConfigError("replay: the trace holds the result alone; sample with keep='needed'")
    index = trace.sde_steps[position]
    before, after = trace.at(index), trace.at(index + 1)
    sigma, sigma_next = trace.sigmas[index], trace.sigmas[index + 1]
    predicted = velocity(before, sigma.expand(len(before)).to(before.device))
    step = KERNELS[trace.kernel](before, predicted, sigma, sigma_next, trace.noise_level)
    z = log_ratio(after, trace.means[:, position], step.mean, step.std, trace.free)
    return StepReplay(
        velocity=predicted,
        mean=step.mean,
        std=step.std,
        ratio=z.exp(),
        log_prob=log_prob(after, step.mean, step.std, trace.free),
        free=trace.free,
    )
