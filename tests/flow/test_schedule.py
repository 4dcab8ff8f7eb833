import pytest
import torch

from wan_r1.errors import ConfigError
from wan_r1.flow.schedule import SamplerSettings, Schedule, interpolate, make_schedule, shift_sigmas, to_timesteps


@pytest.mark.parametrize("shift", [1.0, 3.0, 4.0, 5.0, 8.0])
@pytest.mark.parametrize("num_steps", [1, 2, 3, 8, 10, 50])
def test_sigmas_and_timesteps_are_bit_for_bit_those_of_diffusers(num_steps: int, shift: float) -> None:
    from diffusers import FlowMatchEulerDiscreteScheduler

    theirs = FlowMatchEulerDiscreteScheduler(shift=shift)
    theirs.set_timesteps(num_steps)
    ours = make_schedule(num_steps, shift)
    assert torch.equal(ours.sigmas, theirs.sigmas)
    assert torch.equal(to_timesteps(ours.sigmas[:-1]), theirs.timesteps)


@pytest.mark.parametrize("shift", [1.0, 3.0, 5.0])
@pytest.mark.parametrize("num_steps", [1, 10, 50])
def test_the_spacing_of_wan_is_that_of_unipc_but_begins_at_pure_noise(num_steps: int, shift: float) -> None:
    from diffusers import UniPCMultistepScheduler

    theirs = UniPCMultistepScheduler(use_flow_sigmas=True, prediction_type="flow_prediction", flow_shift=shift)
    theirs.set_timesteps(num_steps)
    ours = make_schedule(num_steps, shift, "wan").sigmas
    assert ours[0] == 1.0
    assert ours[-1] == 0.0
    assert (ours - theirs.sigmas).abs().max() <= shift / 1000


def test_ten_steps_at_shift_five_spend_half_of_themselves_above_sigma_0_8_and_end_near_zero() -> None:
    sigmas = make_schedule(10, 5.0).sigmas
    assert sigmas[0] == 1.0
    assert int((sigmas > 0.8).sum()) == 6
    assert sigmas[-2].item() == pytest.approx(0.0244, abs=1e-4)
    assert sigmas[-1] == 0.0


def test_timesteps_are_not_rounded_to_integers() -> None:
    assert to_timesteps(torch.tensor([0.9784])).item() == pytest.approx(978.4, abs=1e-3)


def test_shifting_moves_the_middle_towards_noise() -> None:
    assert shift_sigmas(torch.tensor(0.5), 4.0).item() == pytest.approx(0.8)
    assert shift_sigmas(torch.tensor(0.5), 1.0).item() == pytest.approx(0.5)


def test_interpolation_goes_from_clean_to_noise_row_by_row() -> None:
    clean, noise = torch.zeros(3, 1, 1, 1, 1), torch.ones(3, 1, 1, 1, 1)
    mixed = interpolate(clean, noise, torch.tensor([0.0, 0.25, 1.0]))
    assert mixed.flatten().tolist() == [0.0, 0.25, 1.0]


def test_interpolation_refuses_one_sigma_for_two_videos() -> None:
    with pytest.raises(ConfigError, match=r"sigmas \(1,\)"):
        interpolate(torch.zeros(2, 1, 1, 1, 1), torch.zeros(2, 1, 1, 1, 1), torch.zeros(1))


def test_the_default_sampler_has_noise_in_its_first_two_steps() -> None:
    assert SamplerSettings().stochastic_steps == (0, 1)


def test_noise_level_zero_and_the_ode_have_no_stochastic_steps() -> None:
    assert SamplerSettings(noise_level=0.0).stochastic_steps == ()
    assert SamplerSettings(kernel="ode").stochastic_steps == ()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_steps": 0}, "num_steps = 0"),
        ({"kernel": "heun"}, "heun"),
        ({"noise_level": -0.1}, "noise_level = -0.1"),
        ({"noise_level": 1.1}, "noise_level = 1.1"),
        ({"noise_level": float("nan")}, "noise_level = nan"),
        ({"kernel": "flow_sde", "noise_level": float("inf")}, "noise_level = inf"),
        ({"guidance_scale": 0.5}, "guidance_scale = 0.5"),
        ({"guidance_scale": float("nan")}, "guidance_scale = nan"),
        ({"shift": 0.0}, "shift = 0.0 must be > 0; leave it out"),
        ({"shift": float("nan")}, "shift = nan"),
        ({"sde_steps": (1, 0)}, "must rise"),
        ({"sde_steps": (0, 8)}, "must lie in 0 .. 7"),
        ({"sde_steps": (7,)}, "step 7 is the last"),
    ],
)
def test_wrong_sampler_settings_are_refused_with_the_value(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SamplerSettings(**settings)  # type: ignore[arg-type]


def test_flow_sde_may_have_noise_in_the_last_step() -> None:
    assert SamplerSettings(kernel="flow_sde", sde_steps=(7,)).stochastic_steps == (7,)


def test_a_schedule_refuses_float64() -> None:
    with pytest.raises(ConfigError, match="float64"):
        Schedule(sigmas=torch.tensor([1.0, 0.0], dtype=torch.float64))


def test_a_schedule_needs_a_step_and_a_positive_shift() -> None:
    with pytest.raises(ConfigError, match="num_steps = 0"):
        make_schedule(0, 4.0)
    with pytest.raises(ConfigError, match=r"shift = 0\.0"):
        make_schedule(8, 0.0)
