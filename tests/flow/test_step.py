"""Kernels against closed forms.

For Gaussian videos N(mean, scale^2) the exact velocity is linear in the latents, so each step keeps them Gaussian and
their mean and variance are known.
"""

import math

import pytest
import torch
from torch import Tensor

from wan_r1.errors import ConfigError
from wan_r1.flow.schedule import KernelName, make_schedule
from wan_r1.flow.step import KERNELS, StepDistribution, log_prob, masked_mean

COUNT = 200_000
STOCHASTIC: list[KernelName] = ["flow_sde", "dance_sde", "cps"]


def scalar(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float32)


def step(kernel: KernelName, x: Tensor, v: Tensor, sigma: float, sigma_next: float, noise: float) -> StepDistribution:
    return KERNELS[kernel](x, v, scalar(sigma), scalar(sigma_next), noise)


def gaussian_velocity(x: Tensor, sigma: float, mean: float, scale: float) -> Tensor:
    """E[noise - video | x] for videos N(mean, scale^2)."""
    variance = (1 - sigma) ** 2 * scale**2 + sigma**2
    gain = (sigma - (1 - sigma) * scale**2) / variance
    return gain * (x - (1 - sigma) * mean) - mean


@pytest.mark.parametrize("kernel", STOCHASTIC)
@pytest.mark.parametrize(("sigma", "sigma_next"), [(1.0, 0.9), (0.8, 0.5), (0.3, 0.0)])
def test_noise_level_zero_is_the_ode_bit_for_bit(kernel: KernelName, sigma: float, sigma_next: float) -> None:
    generator = torch.Generator().manual_seed(0)
    x, v = torch.randn(2, 4, 3, 2, 5, 5, generator=generator)
    found = step(kernel, x, v, sigma, sigma_next, 0.0)
    assert torch.equal(found.mean, step("ode", x, v, sigma, sigma_next, 0.0).mean)
    assert found.std == 0.0


def test_ode_step_is_eulers() -> None:
    found = step("ode", torch.tensor([2.0]), torch.tensor([3.0]), 0.8, 0.5, 0.7)
    assert found.mean.item() == pytest.approx(2.0 - 0.3 * 3.0)
    assert found.std == 0.0


def test_flow_sde_has_the_std_and_the_mean_of_flow_grpo() -> None:
    x, v, s, s_next, a = 1.5, -0.4, 0.6, 0.45, 0.7
    g = a * math.sqrt(s / (1 - s))
    dt = s_next - s
    found = step("flow_sde", torch.tensor([x]), torch.tensor([v]), s, s_next, a)
    assert found.std.item() == pytest.approx(g * math.sqrt(-dt), rel=1e-6)
    expected = x * (1 + g**2 / (2 * s) * dt) + v * (1 + g**2 * (1 - s) / (2 * s)) * dt
    assert found.mean.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("first_sigma", [1.0, 1.0 - 1e-6])
def test_flow_sde_stays_finite_at_sigma_one_also_where_the_schedule_starts_just_below(first_sigma: float) -> None:
    found = step("flow_sde", torch.ones(1), torch.ones(1), first_sigma, 0.978, 0.7)
    assert found.std.item() == pytest.approx(0.7, rel=1e-4)
    assert abs(found.mean.item()) < 2.0


def test_flow_sde_has_the_published_stds_on_a_ten_step_schedule_at_shift_five() -> None:
    steps = {(1.0, 0.978): 0.700, (0.978, 0.952): 0.755, (0.883, 0.834): 0.424, (0.557, 0.359): 0.349}
    for (sigma, sigma_next), std in steps.items():
        found = step("flow_sde", torch.ones(1), torch.ones(1), sigma, sigma_next, 0.7)
        assert found.std.item() == pytest.approx(std, rel=0.02)


def test_dance_sde_has_a_constant_diffusion() -> None:
    x, v, s, s_next, eta = 1.5, -0.4, 0.6, 0.45, 0.3
    found = step("dance_sde", torch.tensor([x]), torch.tensor([v]), s, s_next, eta)
    assert found.std.item() == pytest.approx(eta * math.sqrt(0.15), rel=1e-6)
    score = -(x - (1 - s) * (x - s * v)) / s**2
    expected = x + v * (s_next - s) - 0.5 * eta**2 * score * (s_next - s)
    assert found.mean.item() == pytest.approx(expected, rel=1e-5)


def test_cps_mixes_the_two_estimates_with_coefficients_that_keep_the_noise() -> None:
    x, v, s, s_next, a = 1.5, -0.4, 0.6, 0.45, 0.7
    video, noise = x - s * v, x + (1 - s) * v
    std = s_next * math.sin(a * math.pi / 2)
    found = step("cps", torch.tensor([x]), torch.tensor([v]), s, s_next, a)
    assert found.std.item() == pytest.approx(std, rel=1e-6)
    assert found.mean.item() == pytest.approx((1 - s_next) * video + math.sqrt(s_next**2 - std**2) * noise, rel=1e-5)


def test_cps_at_level_one_replaces_all_noise() -> None:
    found = step("cps", torch.tensor([1.5]), torch.tensor([-0.4]), 0.6, 0.45, 1.0)
    assert found.std.item() == pytest.approx(0.45, rel=1e-6)
    assert found.mean.item() == pytest.approx(0.55 * (1.5 + 0.6 * 0.4), rel=1e-5)


def test_cps_is_exact_for_point_mass_videos() -> None:
    """After each step the latents are exactly (1 - s') * point + s' * N(0, 1)."""
    generator = torch.Generator().manual_seed(1)
    sigmas, point = make_schedule(6, 4.0).sigmas, 0.7
    x = torch.randn(COUNT, generator=generator)
    for i in range(6):
        s, s_next = sigmas[i], sigmas[i + 1]
        found = KERNELS["cps"](x, (x - point) / s, s, s_next, 0.7)
        x = found.mean + found.std * torch.randn(COUNT, generator=generator)
        assert x.mean().item() == pytest.approx(
            (1 - s_next.item()) * point, abs=4 * s_next.item() / math.sqrt(COUNT) + 1e-5
        )
        assert x.std().item() == pytest.approx(s_next.item(), rel=0.01, abs=1e-5)


@pytest.mark.parametrize("kernel", ["flow_sde", "dance_sde"])
def test_small_sde_steps_keep_the_marginals_of_gaussian_videos(kernel: KernelName) -> None:
    """The reverse SDE has the marginals of the ODE: mean (1 - s) m, variance (1 - s)^2 c^2 + s^2."""
    generator = torch.Generator().manual_seed(2)
    mean, scale, start, stop, steps = 0.5, 0.3, 0.9, 0.5, 200
    line = torch.linspace(start, stop, steps + 1)
    x = (1 - start) * (mean + scale * torch.randn(COUNT // 10, generator=generator))
    x = x + start * torch.randn(COUNT // 10, generator=generator)
    for i in range(steps):
        velocity = gaussian_velocity(x, line[i].item(), mean, scale)
        found = KERNELS[kernel](x, velocity, line[i], line[i + 1], 0.7)
        x = found.mean + found.std * torch.randn(COUNT // 10, generator=generator)
    assert x.mean().item() == pytest.approx((1 - stop) * mean, abs=0.02)
    assert x.std().item() == pytest.approx(math.sqrt((1 - stop) ** 2 * scale**2 + stop**2), rel=0.03)


@pytest.mark.parametrize("kernel", STOCHASTIC)
def test_total_noise_after_a_step_from_point_mass_videos_has_its_closed_form(kernel: KernelName) -> None:
    """Variance s'^2 + S^2 (1 - s'/s) + S^4 / (4 s^2) for the two SDEs, s'^2 for cps."""
    s, s_next, level = 0.6, 0.5, 0.7
    generator = torch.Generator().manual_seed(3)
    x = s * torch.randn(COUNT, generator=generator)
    found = step(kernel, x, x / s, s, s_next, level)
    x = found.mean + found.std * torch.randn(COUNT, generator=generator)
    spread = found.std.item() ** 2
    excess = 0.0 if kernel == "cps" else spread * (1 - s_next / s) + spread**2 / (4 * s**2)
    assert x.var().item() == pytest.approx(s_next**2 + excess, rel=0.015)


def test_log_prob_is_the_mean_normal_log_density() -> None:
    sample, mean, std = torch.tensor([[1.0, 3.0]]), torch.tensor([[0.0, 1.0]]), scalar(2.0)
    expected = torch.distributions.Normal(mean, std).log_prob(sample).mean()
    found = log_prob(sample, mean, std, torch.ones(1, 1, dtype=torch.bool))
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


def test_log_prob_refuses_a_deterministic_step() -> None:
    with pytest.raises(ConfigError, match="std is 0"):
        log_prob(torch.zeros(1, 2), torch.zeros(1, 2), scalar(0.0), torch.ones(1, 1, dtype=torch.bool))


def test_log_prob_takes_no_notice_of_masked_elements_and_gives_them_a_gradient_of_exactly_zero() -> None:
    sample = torch.zeros(2, 1, 3, 1, 1)
    sample[:, :, 0] = 1e6
    mean = torch.full((2, 1, 3, 1, 1), 0.5, requires_grad=True)
    free = torch.tensor([False, True, True]).view(1, 1, 3, 1, 1)
    found = log_prob(sample, mean, scalar(1.0), free)
    assert found.tolist() == pytest.approx([-0.125 - 0.5 * math.log(2 * math.pi)] * 2)
    found.sum().backward()
    assert mean.grad is not None
    assert mean.grad[:, :, 0].abs().max() == 0.0
    assert mean.grad[:, :, 1:].abs().min() > 0.0


def test_masked_mean_counts_each_video_by_its_own_mask() -> None:
    values = torch.tensor([[1.0, 2.0, 6.0], [1.0, 2.0, 6.0]])
    mask = torch.tensor([[True, True, False], [False, False, True]])
    assert masked_mean(values, mask).tolist() == [1.5, 6.0]


def test_bfloat16_predictions_are_stepped_in_float32() -> None:
    x, v = torch.ones(1, dtype=torch.bfloat16), torch.ones(1, dtype=torch.bfloat16)
    for kernel in KERNELS.values():
        assert kernel(x, v, scalar(0.8), scalar(0.7), 0.5).mean.dtype == torch.float32
