import re

import pytest
import torch

from wan_r1.errors import ConfigError
from wan_r1.policies.sharding import clip_gradients
from wan_r1.training.optimizer import OptimizerSettings, update_average


def weight_with_gradient(*values: float) -> dict[str, torch.nn.Parameter]:
    weight = torch.nn.Parameter(torch.zeros(len(values)))
    weight.grad = torch.tensor(values)
    return {"w": weight}


def test_a_step_of_sgd_is_the_rate_times_the_clipped_gradient():
    settings, parameters = OptimizerSettings(name="sgd", learning_rate=0.1), weight_with_gradient(3.0, 4.0)
    norm = settings.apply(settings.build(parameters), parameters, 0.5)
    assert norm == pytest.approx(5.0)
    torch.testing.assert_close(parameters["w"].detach(), -0.05 * torch.tensor([0.6, 0.8]))
    assert parameters["w"].grad is None


def test_all_gradients_are_scaled_by_the_norm_of_all_together():
    weights = [torch.nn.Parameter(torch.zeros(shape)) for shape in ((2,), (1, 1), (3,))]
    weights[0].grad, weights[1].grad = torch.tensor([2.0, 3.0]), torch.tensor([[6.0]])
    assert float(clip_gradients(weights, 3.5)) == pytest.approx(7.0)
    torch.testing.assert_close(weights[0].grad, torch.tensor([1.0, 1.5]))
    torch.testing.assert_close(weights[1].grad, torch.tensor([[3.0]]))
    assert weights[2].grad is None


def test_gradients_below_the_limit_stay():
    weight = weight_with_gradient(0.3, 0.4)["w"]
    assert float(clip_gradients([weight], 1.0)) == pytest.approx(0.5)
    torch.testing.assert_close(weight.grad, torch.tensor([0.3, 0.4]))


def test_the_factor_does_not_stay_in_the_rate():
    settings, parameters = OptimizerSettings(learning_rate=0.1), weight_with_gradient(1.0)
    optimizer = settings.build(parameters)
    settings.apply(optimizer, parameters, 0.25)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1]


def test_the_rate_rises_over_the_warm_up_and_falls_over_the_last_share():
    settings = OptimizerSettings(warmup_steps=4, decay_share=0.25)
    factors = [settings.factor(step, 16) for step in range(16)]
    assert factors == pytest.approx([0.25, 0.5, 0.75, *[1.0] * 10, 0.75, 0.5, 0.25])


def test_the_rate_is_constant_without_warm_up_and_decay():
    assert {OptimizerSettings().factor(step, 10) for step in range(10)} == {1.0}


def test_the_rate_falls_with_the_time_limit_if_that_ends_first():
    settings = OptimizerSettings(decay_share=0.5)
    assert [settings.factor(2, 100, spent) for spent in (0.0, 0.5, 0.75, 1.0, 1.1)] == [1.0, 1.0, 0.5, 0.0, 0.0]
    assert settings.factor(75, 100, 0.1) == 0.5


def test_the_first_average_is_the_weights_and_then_it_lags():
    weight, average = torch.nn.Parameter(torch.tensor([1.0])), dict[str, torch.Tensor]()
    update_average(average, {"w": weight}, 0.9)
    assert average["w"].tolist() == [1.0]
    with torch.no_grad():
        weight.fill_(2.0)
    assert average["w"].tolist() == [1.0]
    update_average(average, {"w": weight}, 0.9)
    assert average["w"].tolist() == pytest.approx([1.1])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_gradient_that_is_no_number_stops_the_run_before_the_step(value):
    settings, parameters = OptimizerSettings(learning_rate=0.1), weight_with_gradient(1.0, value)
    with pytest.raises(ConfigError, match=r"learning_rate below 0\.1"):
        settings.apply(settings.build(parameters), parameters, 1.0)
    assert parameters["w"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate = 0.0 must be > 0"),
        ({"scalar_learning_rate": -1.0}, "scalar_learning_rate = -1.0 must be > 0"),
        ({"decay_share": 1.5}, "decay_share = 1.5 must be in [0, 1]"),
        ({"weight_decay": -1.0}, "weight_decay = -1.0 must be at least 0"),
        ({"betas": (0.9, 1.0)}, "betas = (0.9, 1.0) must be two numbers in [0, 1)"),
        ({"betas": (-0.1, 0.9)}, "betas = (-0.1, 0.9) must be"),
        ({"max_gradient_norm": 0.0}, "max_gradient_norm = 0.0 must be > 0"),
        ({"warmup_steps": -1}, "warmup_steps = -1 must be at least 0"),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        OptimizerSettings(**wrong)


@pytest.mark.parametrize("name", ["adamw", "muon", "sgd"])
def test_an_optimiser_of_no_weights_is_refused(name):
    with pytest.raises(ConfigError, match=r"policy\.train = 'nothing' must be 'full' or 'lora'"):
        OptimizerSettings(name=name).build({})
