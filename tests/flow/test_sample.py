import pytest
import torch
from torch import Tensor

from wan_r1.errors import ConfigError
from wan_r1.flow.replay import replay
from wan_r1.flow.sample import draw_noise, sample
from wan_r1.flow.schedule import SamplerSettings, make_schedule
from wan_r1.flow.step import KERNELS

SHAPE = (4, 3, 2, 2)


def generators(count: int, seed: int = 0) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(1000 * seed + i) for i in range(count)]


def towards_one(latents: Tensor, sigmas: Tensor) -> Tensor:
    """The exact velocity for a video of ones."""
    return (latents - 1.0) / sigmas.view(-1, 1, 1, 1, 1)


def mixing(latents: Tensor, sigmas: Tensor) -> Tensor:
    """A velocity that depends on every latent and on sigma."""
    return torch.sin(latents + latents.mean(dim=2, keepdim=True)) * sigmas.view(-1, 1, 1, 1, 1)


def test_the_ode_brings_any_noise_to_a_point_mass() -> None:
    trace = sample(
        towards_one,
        draw_noise(SHAPE, generators(2), "cpu"),
        make_schedule(5, 4.0),
        SamplerSettings(num_steps=5, kernel="ode"),
    )
    assert torch.allclose(trace.result, torch.ones(2, *SHAPE), atol=1e-6)
    assert trace.sde_steps == ()
    assert trace.log_probs.shape == (2, 0)


def test_cps_brings_any_noise_to_a_point_mass_too() -> None:
    settings = SamplerSettings(num_steps=5, sde_steps=(0, 1, 2, 3))
    trace = sample(
        towards_one,
        draw_noise(SHAPE, generators(2), "cpu"),
        make_schedule(5, 4.0),
        settings,
        generators=generators(2, 1),
    )
    assert torch.allclose(trace.result, torch.ones(2, *SHAPE), atol=1e-6)


def test_noise_level_zero_samples_the_ode_bit_for_bit() -> None:
    noise = draw_noise(SHAPE, generators(2), "cpu")
    schedule = make_schedule(6, 4.0)
    ode = sample(mixing, noise, schedule, SamplerSettings(num_steps=6, kernel="ode"))
    for kernel in KERNELS:
        silent = sample(mixing, noise, schedule, SamplerSettings(num_steps=6, kernel=kernel, noise_level=0.0))
        assert torch.equal(silent.result, ode.result)


def test_videos_from_the_same_start_noise_differ_and_a_video_does_not_depend_on_its_neighbours() -> None:
    noise = draw_noise(SHAPE, generators(1), "cpu").repeat(3, 1, 1, 1, 1)
    schedule, settings = make_schedule(6, 4.0), SamplerSettings(num_steps=6)
    batch = sample(mixing, noise, schedule, settings, generators=generators(3, 1))
    alone = sample(mixing, noise[:1], schedule, settings, generators=generators(3, 1)[1:2])
    assert (batch.result[0] - batch.result[1]).abs().max() > 0.1
    assert torch.allclose(batch.result[1], alone.result[0], atol=1e-6)


def test_a_trace_keeps_the_states_around_its_stochastic_steps_and_the_result() -> None:
    noise = draw_noise(SHAPE, generators(2), "cpu")
    settings = SamplerSettings(num_steps=6, sde_steps=(1, 3))
    trace = sample(mixing, noise, make_schedule(6, 4.0), settings, generators=generators(2, 1))
    assert trace.stored == (1, 2, 3, 4, 6)
    assert trace.latents.shape == (2, 5, *SHAPE)
    assert trace.means.shape == (2, 2, *SHAPE)
    assert trace.log_probs.shape == (2, 2)
    with pytest.raises(ConfigError, match="state 0 was not kept"):
        trace.at(0)


def test_keep_all_and_keep_result_hold_what_they_say() -> None:
    noise = draw_noise(SHAPE, generators(2), "cpu")
    schedule, settings = make_schedule(6, 4.0), SamplerSettings(num_steps=6)
    everything = sample(mixing, noise, schedule, settings, generators=generators(2, 1), keep="all")
    result = sample(mixing, noise, schedule, settings, generators=generators(2, 1), keep="result")
    assert everything.stored == (0, 1, 2, 3, 4, 5, 6)
    assert torch.equal(everything.at(0), noise)
    assert result.stored == (6,)
    assert torch.equal(result.result, everything.result)
    with pytest.raises(ConfigError, match="keep='needed'"):
        replay(mixing, result, 0)


@pytest.mark.parametrize("kernel", ["flow_sde", "dance_sde", "cps"])
def test_replay_gives_ratio_one_before_the_first_update_and_the_log_prob_of_sampling(kernel: str) -> None:
    settings = SamplerSettings(num_steps=6, kernel=kernel, sde_steps=(0, 2, 4))  # type: ignore[arg-type]
    trace = sample(
        mixing, draw_noise(SHAPE, generators(3), "cpu"), make_schedule(6, 4.0), settings, generators=generators(3, 1)
    )
    for position in range(3):
        again = replay(mixing, trace, position)
        assert (again.ratio - 1).abs().max() <= 1e-6
        assert torch.allclose(again.log_prob, trace.log_probs[:, position], atol=1e-6)


def test_a_changed_model_changes_the_ratio_and_selecting_videos_does_not() -> None:
    settings = SamplerSettings(num_steps=6)
    trace = sample(
        mixing, draw_noise(SHAPE, generators(3), "cpu"), make_schedule(6, 4.0), settings, generators=generators(3, 1)
    )
    changed = replay(lambda x, s: 1.05 * mixing(x, s), trace, 1)
    assert (changed.ratio - 1).abs().max() > 1e-3
    some = replay(lambda x, s: 1.05 * mixing(x, s), trace.select([2, 0]), 1)
    assert torch.allclose(some.ratio, changed.ratio[[2, 0]], atol=1e-6)


def test_a_given_first_frame_is_never_stepped_and_its_noise_changes_nothing() -> None:
    free = torch.tensor([False, True, True]).view(1, 1, 3, 1, 1)
    clean = torch.full((2, 4, 1, 2, 2), 0.25)
    noise = draw_noise(SHAPE, generators(2), "cpu")
    other = torch.cat([noise[:, :, :1] + 5.0, noise[:, :, 1:]], dim=2)
    results = [
        sample(
            mixing,
            start,
            make_schedule(6, 4.0),
            SamplerSettings(num_steps=6),
            generators=generators(2, 1),
            pin=lambda x: torch.cat([clean, x[:, :, 1:]], dim=2),
            free=free,
        )
        for start in (noise, other)
    ]
    assert torch.equal(results[0].latents, results[1].latents)
    assert torch.equal(results[0].log_probs, results[1].log_probs)
    assert torch.equal(results[0].result[:, :, :1], clean)


def test_the_ratio_gives_the_given_frame_a_gradient_of_exactly_zero() -> None:
    free = torch.tensor([False, True, True]).view(1, 1, 3, 1, 1)
    noise = draw_noise(SHAPE, generators(2), "cpu")
    settings = SamplerSettings(num_steps=6)
    trace = sample(mixing, noise, make_schedule(6, 4.0), settings, generators=generators(2, 1), free=free)
    kept: list[Tensor] = []

    def remembered(latents: Tensor, sigmas: Tensor) -> Tensor:
        kept.append(mixing(latents, sigmas).requires_grad_())
        return kept[-1]

    replay(remembered, trace, 0).ratio.sum().backward()
    gradient = kept[0].grad
    assert gradient is not None
    assert gradient[:, :, 0].abs().max() == 0.0
    assert gradient[:, :, 1:].abs().max() > 0.0


def test_stochastic_steps_ask_for_one_generator_per_video() -> None:
    noise = draw_noise(SHAPE, generators(2), "cpu")
    with pytest.raises(ConfigError, match="1 generators for 2 videos"):
        sample(mixing, noise, make_schedule(8, 4.0), SamplerSettings(), generators=generators(1))


def test_a_schedule_of_another_length_is_refused() -> None:
    with pytest.raises(ConfigError, match="5 steps, the settings 8"):
        sample(mixing, torch.zeros(1, *SHAPE), make_schedule(5, 4.0), SamplerSettings(kernel="ode"))


def test_noise_of_video_seven_does_not_depend_on_the_batch() -> None:
    batch = draw_noise(SHAPE, generators(8), "cpu")
    alone = draw_noise(SHAPE, generators(8)[7:], "cpu")
    assert torch.equal(batch[7], alone[0])
