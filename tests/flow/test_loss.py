import math

import pytest
import torch
from torch import Tensor

from wan_r1.errors import ConfigError
from wan_r1.flow.loss import flow_matching_loss, grpo_loss, log_ratio, nft_loss, optimality, velocity_distance

FREE = torch.tensor([False, True, True]).view(1, 1, 3, 1, 1)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_log_ratio_is_zero_for_an_unchanged_mean_and_linear_in_its_change() -> None:
    before, std = random(2, 4, 3, 2, 2), torch.tensor(0.5)
    drawn = before + std * random(2, 4, 3, 2, 2, seed=1)
    change = 0.01 * random(2, 4, 3, 2, 2, seed=2)
    assert log_ratio(drawn, before, before, std, FREE).abs().max() == 0.0
    once = log_ratio(drawn, before, before + change, std, FREE)
    twice = log_ratio(drawn, before, before + 2 * change, std, FREE)
    assert torch.allclose(twice, 2 * once, rtol=1e-3)


def test_the_log_ratio_has_mean_zero_and_the_same_size_at_every_resolution() -> None:
    for side, count in ((2, 4000), (16, 400)):
        before = torch.zeros(count, 4, 3, side, side)
        std = torch.tensor(0.5)
        drawn = std * random(count, 4, 3, side, side, seed=side)
        change = torch.full_like(before, 0.05)
        z = log_ratio(drawn, before, before + change, std, torch.ones(1, 1, 1, 1, 1, dtype=torch.bool))
        assert z.mean().item() == pytest.approx(0.0, abs=0.02)
        assert z.std().item() == pytest.approx(0.1, rel=0.1)


def test_the_log_ratio_refuses_a_deterministic_step() -> None:
    with pytest.raises(ConfigError, match="std is 0"):
        log_ratio(random(1, 2), random(1, 2), random(1, 2), torch.tensor(0.0), torch.ones(1, 1, dtype=torch.bool))


def test_grpo_clips_only_where_the_ratio_has_gone_far_enough_in_the_rewarded_direction() -> None:
    ratio = torch.tensor([1.0, 1.5, 0.5, 1.5, 0.5], requires_grad=True)
    advantages = torch.tensor([2.0, 1.0, 1.0, -1.0, -1.0])
    found = grpo_loss(ratio, advantages, clip=0.2)
    assert found.loss.tolist() == pytest.approx([-2.0, -1.2, -0.5, 1.5, 0.8])
    assert found.clipped.tolist() == [False, True, False, False, True]
    found.loss.sum().backward()
    assert ratio.grad is not None
    assert ratio.grad.tolist() == pytest.approx([-2.0, 0.0, -1.0, 1.0, 0.0])


def test_a_zero_advantage_gives_no_gradient_and_no_nan() -> None:
    ratio = torch.tensor([0.5, 1.0, 1.5], requires_grad=True)
    found = grpo_loss(ratio, torch.zeros(3))
    found.loss.sum().backward()
    assert ratio.grad is not None
    assert ratio.grad.tolist() == [0.0, 0.0, 0.0]
    assert not found.clipped.any()


def test_optimality_is_linear_in_the_advantage_and_stays_between_zero_and_one() -> None:
    found = optimality(torch.tensor([-5.0, -0.5, 0.0, 0.5, 5.0]))
    assert found.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("adaptive", [False, True])
def test_nft_pulls_towards_good_videos_pushes_from_bad_ones_and_leaves_average_ones(adaptive: bool) -> None:
    velocity = torch.zeros(3, 1, 3, 1, 1, requires_grad=True)
    target = torch.ones(3, 1, 3, 1, 1)
    loss = nft_loss(
        velocity,
        torch.zeros(3, 1, 3, 1, 1),
        target,
        torch.tensor([1.0, 0.0, 0.5]),
        torch.full((3,), 0.5),
        FREE,
        adaptive=adaptive,
    )
    loss.sum().backward()
    assert velocity.grad is not None
    good, bad, average = (velocity.grad[i, 0, 1, 0, 0].item() for i in range(3))
    assert good < 0
    assert bad == pytest.approx(-good)
    assert average == pytest.approx(0.0, abs=1e-7)


def test_nft_has_the_closed_form_of_its_paper() -> None:
    v, v_rollout, target = (random(2, 2, 3, 2, 2, seed=seed) for seed in (1, 2, 3))
    r, beta = torch.tensor([0.8, 0.3]), 0.4
    positive = (1 - beta) * v_rollout + beta * v - target
    negative = (1 + beta) * v_rollout - beta * v - target
    squares = [error[:, :, 1:].pow(2).flatten(1).mean(1) for error in (positive, negative)]
    found = nft_loss(v, v_rollout, target, r, torch.full((2,), 0.5), FREE, beta=beta, adaptive=False)
    assert torch.allclose(found, r * squares[0] + (1 - r) * squares[1], rtol=1e-5)


def test_adaptive_nft_measures_the_error_of_the_video_over_its_mean_size() -> None:
    v, target = torch.zeros(1, 1, 3, 1, 1), torch.full((1, 1, 3, 1, 1), 2.0)
    found = nft_loss(v, v, target, torch.tensor([1.0]), torch.tensor([0.5]), FREE)
    assert found.item() == pytest.approx((0.5 * 2.0) ** 2 / (0.5 * 2.0))


def test_flow_matching_is_the_mean_squared_error_over_free_frames() -> None:
    velocity, target = torch.zeros(1, 1, 3, 1, 1), torch.tensor([9.0, 1.0, 2.0]).view(1, 1, 3, 1, 1)
    assert flow_matching_loss(velocity, target, FREE).tolist() == [2.5]


@pytest.mark.parametrize("name", ["flow_matching", "distance", "nft", "nft_plain"])
def test_every_loss_gives_a_given_frame_a_gradient_of_exactly_zero(name: str) -> None:
    velocity = random(2, 4, 3, 2, 2).requires_grad_()
    other, target = random(2, 4, 3, 2, 2, seed=1), random(2, 4, 3, 2, 2, seed=2)
    half, sigmas = torch.tensor([0.9, 0.1]), torch.tensor([0.7, 0.2])
    losses = {
        "flow_matching": lambda: flow_matching_loss(velocity, target, FREE),
        "distance": lambda: velocity_distance(velocity, other, FREE),
        "nft": lambda: nft_loss(velocity, other, target, half, sigmas, FREE),
        "nft_plain": lambda: nft_loss(velocity, other, target, half, sigmas, FREE, adaptive=False),
    }
    losses[name]().sum().backward()
    assert velocity.grad is not None
    assert velocity.grad[:, :, 0].abs().max() == 0.0
    assert velocity.grad[:, :, 1:].abs().min() > 0.0


def test_a_perfect_prediction_has_no_loss_and_no_nan() -> None:
    velocity = torch.ones(1, 1, 3, 1, 1, requires_grad=True)
    loss = nft_loss(velocity, velocity, torch.ones(1, 1, 3, 1, 1), torch.ones(1), torch.ones(1), FREE)
    loss.sum().backward()
    assert loss.item() == 0.0
    assert velocity.grad is not None
    assert math.isfinite(velocity.grad.sum().item())


def test_shapes_that_do_not_fit_are_named() -> None:
    with pytest.raises(ConfigError, match=r"advantages \(3,\)"):
        grpo_loss(torch.ones(2), torch.ones(3))
