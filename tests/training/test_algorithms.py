"""GRPO and NFT on one batch of rollouts."""

import math
from dataclasses import replace

import pytest
import torch

from wan_r1.errors import ConfigError
from wan_r1.flow.schedule import SamplerSettings
from wan_r1.policies.policy import velocity_given
from wan_r1.rewards import ScorePool
from wan_r1.rollout import collect
from wan_r1.training.algorithms import ALGORITHMS, GRPO, NFT
from wan_r1.training.algorithms.algorithm import Batch

CPS = SamplerSettings(num_steps=4)
ODE = SamplerSettings(num_steps=4, kernel="ode", noise_level=0.0, sde_steps=())


@pytest.fixture
def policy(load_tiny):
    return load_tiny()


def make_batch(policy, source, brightness, sampler, advantages):
    (batch,) = collect(policy, source.tasks(0, 1), ScorePool(brightness, 0), sampler, group_size=len(advantages))
    return Batch(
        trace=batch.trace,
        condition=batch.condition,
        advantages=torch.tensor(advantages),
        rows=tuple(range(len(advantages))),
    )


def generators(batch):
    return [torch.Generator().manual_seed(100 + row) for row in batch.rows]


def behaviour_of(policy):
    return {name: value.detach().clone() for name, value in policy.trainable_parameters().items()}


def gradients_of(policy):
    found = {name: p.grad.clone() for name, p in policy.trainable_parameters().items() if p.grad is not None}
    for parameter in policy.trainable_parameters().values():
        parameter.grad = None
    return found


def norm(gradients):
    return sum(float(value.square().sum()) for value in gradients.values()) ** 0.5


SAMPLERS = {"grpo": CPS, "nft": ODE}


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_halves_of_a_batch_add_up_to_the_gradient_of_the_whole(policy, maze_source, brightness, name):
    algorithm = ALGORITHMS[name](sampler=SAMPLERS[name])
    whole = make_batch(policy, maze_source, brightness, algorithm.sampler, [1.0, -1.0, 0.5, -0.5])
    behaviour = behaviour_of(policy)
    algorithm.backward(policy, whole, behaviour, 4, generators(whole))
    expected = gradients_of(policy)
    for rows in ([0, 1], [2, 3]):
        half = Batch(
            trace=whole.trace.select(rows),
            condition=whole.condition.select(rows),
            advantages=whole.advantages[rows],
            rows=tuple(rows),
        )
        algorithm.backward(policy, half, behaviour, 4, generators(half))
    found = gradients_of(policy)
    away = norm({key: expected[key] - found[key] for key in expected})
    assert norm(expected) > 0
    assert away < 1e-4 * norm(expected)


@pytest.mark.parametrize("algorithm", [GRPO(sampler=CPS, kl_weight=1.0), NFT(sampler=ODE)], ids=list(ALGORITHMS))
def test_a_batch_that_does_not_count_gives_gradients_of_zero(load_tiny, maze_source, brightness, algorithm):
    policy = load_tiny(train="lora")
    batch = make_batch(policy, maze_source, brightness, algorithm.sampler, [0.0, 0.0])
    algorithm.backward(policy, batch, behaviour_of(policy), math.inf, generators(batch))
    gradients = gradients_of(policy)
    assert gradients
    assert norm(gradients) == 0.0


def test_grpo_with_advantages_of_zero_gives_no_gradient(policy, maze_source, brightness):
    algorithm = GRPO(sampler=CPS)
    batch = make_batch(policy, maze_source, brightness, CPS, [0.0, 0.0])
    algorithm.backward(policy, batch, {}, 2, generators(batch))
    assert norm(gradients_of(policy)) == 0.0


def test_the_first_grpo_loss_is_minus_the_mean_advantage(policy, maze_source, brightness):
    batch = make_batch(policy, maze_source, brightness, CPS, [1.0, 0.25])
    found = GRPO(sampler=CPS).backward(policy, batch, {}, 2, generators(batch))
    assert found.loss == pytest.approx(-0.625, abs=1e-6)
    assert found.sums["clipped"] == 0.0
    assert found.sums["ratio_distance"] <= 2e-6


def test_a_grpo_step_makes_good_videos_likelier_and_bad_ones_less(policy, maze_source, brightness):
    from wan_r1.flow.replay import replay

    batch = make_batch(policy, maze_source, brightness, CPS, [1.0, -1.0])
    GRPO(sampler=CPS).backward(policy, batch, {}, 2, generators(batch))
    with torch.no_grad():
        for parameter in policy.trainable_parameters().values():
            if parameter.grad is not None:
                parameter -= 1e-3 * parameter.grad
        velocity = velocity_given(policy, batch.condition, CPS)
        ratios = torch.stack([replay(velocity, batch.trace, position).ratio for position in (0, 1)]).mean(dim=0)
    assert ratios[0] > 1 > ratios[1]


def test_grpo_can_stay_near_the_reference_of_an_adapter(load_tiny, maze_source, brightness):
    policy = load_tiny(train="lora")
    batch = make_batch(policy, maze_source, brightness, CPS, [0.0, 0.0])
    algorithm = GRPO(sampler=CPS, kl_weight=1.0)
    assert algorithm.backward(policy, batch, {}, 2, generators(batch)).loss == pytest.approx(0.0, abs=1e-9)
    with torch.no_grad():
        for name, parameter in policy.trainable_parameters().items():
            if "lora_B" in name:
                parameter.fill_(0.1)
    assert algorithm.backward(policy, batch, {}, 2, generators(batch)).loss > 1e-6


def test_nft_with_advantages_of_zero_gives_no_gradient_at_the_behaviour_weights(policy, maze_source, brightness):
    # Half good and half bad: the two sides of the loss pull with equal force.
    batch = make_batch(policy, maze_source, brightness, ODE, [0.0, 0.0])
    NFT(sampler=ODE).backward(policy, batch, behaviour_of(policy), 2, generators(batch))
    pulled = norm(gradients_of(policy))
    good = replace(batch, advantages=torch.tensor([2.0, 2.0]))
    NFT(sampler=ODE).backward(policy, good, behaviour_of(policy), 2, generators(batch))
    assert pulled < 1e-5 * norm(gradients_of(policy))


def test_nft_noise_depends_on_the_generators_only(policy, maze_source, brightness):
    batch, algorithm = make_batch(policy, maze_source, brightness, ODE, [1.0, -1.0]), NFT(sampler=ODE)
    losses = [algorithm.backward(policy, batch, behaviour_of(policy), 2, generators(batch)).loss for _ in range(2)]
    assert losses[0] == losses[1]


def test_nft_leaves_the_weights_and_the_behaviour_as_they_are(policy, maze_source, brightness):
    batch, before = make_batch(policy, maze_source, brightness, ODE, [1.0, -1.0]), behaviour_of(policy)
    behaviour = {name: value + 1 for name, value in before.items()}
    found = NFT(sampler=ODE).backward(policy, batch, behaviour, 2, generators(batch))
    assert found.sums["velocity_moved"] > 0
    for name, value in policy.trainable_parameters().items():
        assert torch.equal(value, before[name])
        assert torch.equal(behaviour[name], before[name] + 1)


def test_nft_learns_at_the_noise_levels_of_its_sampler(policy, maze_source, brightness):
    batch = make_batch(policy, maze_source, brightness, ODE, [1.0, -1.0])

    def loss(**shift):
        algorithm = NFT(sampler=replace(ODE, **shift))
        return algorithm.backward(policy, batch, behaviour_of(policy), 2, generators(batch)).loss

    assert loss() == loss(shift=policy.shift)
    assert loss(shift=2 * policy.shift) != loss()


def test_the_distance_that_nft_logs_leaves_out_the_given_frame(policy, maze_source, brightness):
    batch = make_batch(policy, maze_source, brightness, ODE, [1.0, -1.0])
    predict, calls = policy.velocity, []

    def moved(latents, sigmas, condition, **options):
        # The first call is the model that draws, the second the one in training.
        calls.append(len(calls))
        frames = torch.zeros(latents.shape[2])
        frames[0] = 100.0 * calls[-1]
        return predict(latents, sigmas, condition, **options) + frames.view(1, 1, -1, 1, 1)

    policy.velocity = moved
    found = NFT(sampler=ODE).backward(policy, batch, behaviour_of(policy), 2, generators(batch))
    assert calls == [0, 1]
    assert found.sums["velocity_moved"] == pytest.approx(0.0, abs=1e-9)


def test_nft_can_stay_near_the_reference(load_tiny, maze_source, brightness):
    policy = load_tiny(train="lora")
    batch = make_batch(policy, maze_source, brightness, ODE, [0.0, 0.0])
    near, free = NFT(sampler=ODE, kl_weight=1.0), NFT(sampler=ODE)
    at_start = near.backward(policy, batch, behaviour_of(policy), 2, generators(batch))
    assert at_start.sums["reference_distance"] == pytest.approx(0.0, abs=1e-9)
    with torch.no_grad():
        for name, parameter in policy.trainable_parameters().items():
            if "lora_B" in name:
                parameter.fill_(0.1)
    behaviour = behaviour_of(policy)
    away = near.backward(policy, batch, behaviour, 2, generators(batch))
    without = free.backward(policy, batch, behaviour, 2, generators(batch))
    assert away.sums["reference_distance"] > 1e-6
    assert away.loss - without.loss == pytest.approx(away.sums["reference_distance"] / 2, rel=1e-4)
    assert "reference_distance" not in without.sums


@pytest.mark.parametrize(
    ("algorithm", "wrong", "message"),
    [
        (GRPO, {"updates": 0}, "updates = 0 must be at least 1"),
        (GRPO, {"clip": -0.1}, "clip = -0.1"),
        (GRPO, {"kl_weight": -1.0}, "kl_weight = -1.0 at least 0"),
        (NFT, {"updates": 0}, "updates = 0 must be at least 1"),
        (NFT, {"beta": 0.0}, "beta = 0.0"),
        (NFT, {"max_advantage": 0.0}, "max_advantage = 0.0 > 0"),
        (NFT, {"kl_weight": -1.0}, "kl_weight = -1.0 at least 0"),
    ],
)
def test_settings_that_cannot_work_are_refused(algorithm, wrong, message):
    with pytest.raises(ConfigError, match=message):
        algorithm(**wrong)
