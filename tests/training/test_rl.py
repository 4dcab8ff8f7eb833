"""The reinforcement-learning loop on a very small random model whose reward is how bright its videos are."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from rl_runs import CPS, ODE, SETTINGS, numbers_of, weights_of

from wan_r1.distributed import World
from wan_r1.errors import CheckpointError, ConfigError
from wan_r1.evaluation.evaluate import evaluate_policy
from wan_r1.policies.wan import WanPolicy
from wan_r1.rewards import ScorePool
from wan_r1.training.algorithms import ALGORITHMS, GRPO, NFT
from wan_r1.training.buffer import BufferSettings
from wan_r1.training.data import TaskSource
from wan_r1.training.optimizer import OptimizerSettings
from wan_r1.training.rl import RLSettings, RLTrainer
from wan_r1.types import Score


@dataclass(frozen=True)
class SameReward:
    """Gives each video the same score."""

    def __call__(self, task, video):
        return Score(value=0.5, parts={})


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_six_iterations_equal_three_and_a_resume(trainer, name):
    whole, half = trainer(name, "whole"), trainer(name, "half")
    whole_average = whole.train()
    half.train(until=lambda: len(half.run.read_metrics()) == 3)
    rest = trainer(name, "half")
    rest_average = rest.train(resume=True)
    assert [line["step"] for line in numbers_of(rest.run)] == [1, 2, 3, 4, 5, 6]
    for expected, found in zip(numbers_of(whole.run), numbers_of(rest.run), strict=True):
        assert found == pytest.approx(expected, abs=1e-6)
    for expected, found in ((weights_of(whole), weights_of(rest)), (whole_average, rest_average)):
        assert all(torch.equal(expected[key], found[key]) for key in expected)


def test_a_run_with_a_buffer_equals_one_that_is_resumed(trainer):
    buffered = replace(SETTINGS, buffer=BufferSettings(steps=3, batch_size=6, iterations=2))
    whole = trainer("nft", "whole", settings=buffered)
    whole.train()
    half = trainer("nft", "half", settings=buffered)
    half.train(until=lambda: len(half.run.read_metrics()) == 3)
    rest = trainer("nft", "half", settings=buffered)
    rest.train(resume=True)
    for expected, found in zip(numbers_of(whole.run), numbers_of(rest.run), strict=True):
        assert found == pytest.approx(expected, abs=1e-6)
    assert all("buffer/loss" in line for line in numbers_of(whole.run))
    expected = weights_of(whole)
    assert all(torch.equal(expected[key], value) for key, value in weights_of(rest).items())


def test_grpo_refuses_a_buffer(trainer):
    with pytest.raises(ConfigError, match=r"rl\.buffer\.steps = 4.*take nft"):
        trainer("grpo", settings=replace(SETTINGS, buffer=BufferSettings(steps=4))).train()


def test_a_step_on_the_buffer_that_processes_cannot_share_evenly_is_refused_at_the_start(trainer):
    settings = replace(SETTINGS, buffer=BufferSettings(steps=4, batch_size=5))
    with pytest.raises(ConfigError, match=r"rl\.buffer\.batch_size = 5 must be a multiple of the 2 processes"):
        trainer("nft", settings=settings, world=World(size=2)).train()


def test_the_ratio_is_one_before_the_first_update(trainer):
    run = trainer("grpo", settings=replace(SETTINGS, iterations=2)).run
    trainer("grpo", settings=replace(SETTINGS, iterations=2)).train()
    for line in numbers_of(run):
        assert line["update_0/ratio_distance"] <= 1e-6
        assert line["update_1/ratio_distance"] > 1e-6


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_groups_without_spread_change_nothing_and_are_counted(trainer, name):
    made = trainer(name, scorer=ScorePool(SameReward(), 0), settings=replace(SETTINGS, iterations=2))
    before = weights_of(made)
    made.train()
    assert all(torch.equal(before[key], value) for key, value in weights_of(made).items())
    assert [line["rollout/groups_kept"] for line in numbers_of(made.run)] == [0.0, 0.0]
    assert all(np.isfinite(value) for line in numbers_of(made.run) for value in line.values())


@dataclass(frozen=True)
class HalfReward:
    """Tells the videos of every second task apart, and gives the others the same score."""

    brightness: object
    source: TaskSource

    def __call__(self, task, video):
        seeds = [made.seed for made in self.source.tasks(0, 4)]
        return self.brightness(task, video) if seeds.index(task.seed) % 2 else Score(value=0.5, parts={"brightness": 0})


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_a_group_without_spread_leaves_the_gradient_of_the_others(trainer, brightness, maze_source, name):
    made = trainer(
        name,
        scorer=ScorePool(HalfReward(brightness, maze_source), 0),
        settings=replace(SETTINGS, iterations=1, batch_size=8),
    )
    before = weights_of(made)
    made.train()
    (line,) = numbers_of(made.run)
    assert line["rollout/groups_kept"] == 0.5
    assert line["update_0/gradient_norm"] > 0
    assert any(not torch.equal(before[key], value) for key, value in weights_of(made).items())


def test_shuffled_rewards_keep_their_mean_and_change_the_training(trainer):
    settings = replace(SETTINGS, iterations=1)
    plain, shuffled = (
        trainer("grpo", "plain", settings=settings),
        trainer("grpo", "shuffled", settings=replace(settings, shuffle_rewards=True)),
    )
    plain.train()
    shuffled.train()
    (a,), (b,) = numbers_of(plain.run), numbers_of(shuffled.run)
    assert a["reward/mean"] == b["reward/mean"]
    assert a["update_0/gradient_norm"] != b["update_0/gradient_norm"]


def test_a_group_of_equal_videos_is_refused(trainer):
    made = trainer("nft", settings=replace(SETTINGS, noises_per_group=1))
    with pytest.raises(ConfigError, match="all videos of a group would be the same"):
        made.train()


def test_grpo_without_stochastic_steps_is_refused():
    with pytest.raises(ConfigError, match="no stochastic steps"):
        GRPO(sampler=ODE)


def test_until_ends_the_run_with_a_checkpoint(trainer):
    made = trainer("nft", settings=replace(SETTINGS, checkpoint_every=100))
    made.train(until=lambda: True)
    assert [line["step"] for line in numbers_of(made.run)] == [1]
    state = json.loads((made.run.checkpoints / "last" / "state.json").read_text())
    assert state["step"] == 1


def test_until_leaves_no_evaluation_that_an_uninterrupted_run_has_not(trainer):
    made = trainer("nft", settings=replace(SETTINGS, evaluate_every=100), evaluate=lambda policy: {"em": 1.0})
    made.train(until=lambda: True)
    assert "validation/em" not in numbers_of(made.run)[0]
    assert not (made.run.checkpoints / "best").exists()


def test_the_minutes_count_over_all_sessions_and_end_with_an_evaluation_and_a_checkpoint(trainer):
    settings = replace(SETTINGS, iterations=3, evaluate_every=100)
    first = trainer("nft", settings=settings, evaluate=lambda policy: {"em": 0.5})
    average = first.train(max_minutes=1e-9)
    assert [(line["step"], line["validation/em"]) for line in numbers_of(first.run)] == [(1, 0.5)]
    seconds = json.loads((first.run.checkpoints / "last" / "state.json").read_text())["seconds"]
    again = trainer("nft", settings=settings).train(resume=True, max_minutes=0.99 * seconds / 60)
    assert len(numbers_of(first.run)) == 1
    assert all(torch.equal(again[key], value) for key, value in average.items())
    trainer("nft", settings=settings).train(resume=True, max_minutes=60)
    assert [line["step"] for line in numbers_of(first.run)] == [1, 2, 3]


def test_the_average_of_decay_zero_is_the_weights(trainer):
    made = trainer("grpo", settings=replace(SETTINGS, iterations=2, ema_decay=0.0))
    average = made.train()
    assert all(torch.equal(average[key], value) for key, value in weights_of(made).items())


def test_the_average_lags_behind_the_weights(trainer):
    one_step = GRPO(updates=1, sampler=CPS)
    made = trainer("grpo", algorithm=one_step, settings=replace(SETTINGS, iterations=1, ema_decay=0.75))
    before = weights_of(made)
    average, after = made.train(), weights_of(made)
    for key, value in average.items():
        torch.testing.assert_close(value, 0.75 * before[key] + 0.25 * after[key])


def test_the_best_checkpoint_is_that_of_the_best_validation(trainer):
    found = iter([0.2, 0.7, 0.5])
    made = trainer(
        "grpo",
        settings=replace(SETTINGS, iterations=3, evaluate_every=1),
        evaluate=lambda policy: {"em": next(found)},
    )
    made.train()
    state = json.loads((made.run.checkpoints / "best" / "state.json").read_text())
    assert state == {"step": 2, "em": 0.7}
    assert [line["validation/em"] for line in numbers_of(made.run)] == [0.2, 0.7, 0.5]


def test_evaluation_sees_the_average_and_leaves_the_weights(trainer):
    seen = []

    def evaluate(policy: WanPolicy) -> dict[str, float]:
        seen.append({name: value.detach().clone() for name, value in policy.trainable_parameters().items()})
        return {}

    made = trainer("grpo", settings=replace(SETTINGS, iterations=1, evaluate_every=1), evaluate=evaluate)
    average = made.train()
    assert all(torch.equal(seen[0][key], value) for key, value in average.items())
    assert any(not torch.equal(seen[0][key], value) for key, value in weights_of(made).items())


def test_a_kill_before_the_first_checkpoint_starts_over_on_resume(trainer):
    killed = trainer("nft")
    killed.run.append_metrics(1, {"loss": 1.0})
    resumed = trainer("nft", settings=replace(SETTINGS, iterations=1))
    resumed.train(resume=True)
    (line,) = numbers_of(resumed.run)
    assert line["step"] == 1
    assert "reward/mean" in line


def test_resuming_a_run_that_never_began_is_an_error(trainer):
    with pytest.raises(CheckpointError, match="no checkpoint here"):
        trainer("nft").train(resume=True)


@pytest.mark.parametrize("other", ["an adapter", "another optimiser"])
def test_a_checkpoint_of_another_set_up_is_refused(trainer, load_tiny, other):
    trainer("grpo", settings=replace(SETTINGS, iterations=1)).train()
    changes = {
        "an adapter": {"policy": load_tiny(train="lora")},
        "another optimiser": {"optimizer": OptimizerSettings(name="muon")},
    }
    with pytest.raises(
        CheckpointError, match=r"last: .*(do not fit this policy|optimizer\.name = 'adamw', not 'muon')"
    ):
        trainer("grpo", **changes[other]).train(resume=True)


def test_the_distance_to_the_reference_is_part_of_the_loss(trainer, load_tiny):
    policy = load_tiny()
    policy.keep_reference()
    short = replace(SETTINGS, iterations=3)
    near = trainer("grpo", "near", policy=policy, algorithm=GRPO(sampler=CPS, kl_weight=10.0), settings=short)
    near.train()
    free = trainer("grpo", "free", settings=short)
    free.train()
    assert distance(near, weights_of(trainer("grpo"))) < distance(free, weights_of(trainer("grpo")))


def distance(trainer: RLTrainer, weights: dict[str, torch.Tensor]) -> float:
    return sum(float((weights[key] - value).square().sum()) for key, value in weights_of(trainer).items())


def test_an_adapter_trains_and_the_rest_stays(trainer, load_tiny):
    policy = load_tiny(train="lora")
    frozen = {name: p.detach().clone() for name, p in policy._experts["transformer"].named_parameters()}
    trained = set(policy.trainable_parameters())
    trainer("grpo", policy=policy, settings=replace(SETTINGS, iterations=2)).train()
    for name, parameter in policy._experts["transformer"].named_parameters():
        if f"transformer.{name}" not in trained:
            assert torch.equal(parameter, frozen[name])
    assert any(
        not torch.equal(parameter, frozen[name.removeprefix("transformer.")])
        for name, parameter in policy.trainable_parameters().items()
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"group_size": 1}, "group_size"),
        ({"iterations": 0}, "iterations"),
        ({"batch_size": 0}, "batch_size"),
        ({"checkpoint_every": 0}, "checkpoint_every"),
        ({"noises_per_group": 5, "group_size": 12}, "noises_per_group"),
        ({"tries_per_task": -3}, "tries_per_task = -3"),
        ({"evaluate_every": -1}, "evaluate_every = -1 must be at least 0"),
        ({"ema_decay": -0.1}, "ema_decay = -0.1 must be in"),
        ({"ema_decay": 1.0}, "ema_decay = 1.0 must be in"),
    ],
)
def test_settings_that_cannot_work_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        RLSettings(**wrong)


LEARNING = RLSettings(
    iterations=16, tasks_per_iteration=4, group_size=6, batch_size=24, evaluate_every=0, checkpoint_every=20
)


@pytest.mark.parametrize(
    ("algorithm", "noises", "least"), [(GRPO(sampler=CPS), 1, 0.2), (NFT(sampler=ODE), 6, 0.02)], ids=list(ALGORITHMS)
)
def test_the_loop_raises_the_reward_and_shuffled_rewards_do_not(
    trainer, brightness, maze_source, algorithm, noises, least
):
    def gain(shuffled: bool) -> float:
        made = trainer(
            "grpo",
            f"shuffled_{shuffled}",
            algorithm=algorithm,
            settings=replace(LEARNING, noises_per_group=noises, ema_decay=0.5, shuffle_rewards=shuffled),
            optimizer=OptimizerSettings(learning_rate=5e-3),
        )
        before = value(made.policy)
        made.train()
        return value(made.policy) - before

    def value(policy: WanPolicy) -> float:
        tasks = maze_source.tasks(1000, 8)
        return evaluate_policy(policy, tasks, ScorePool(brightness, 0), ODE, num_samples=2).numbers["value"]

    found, control = gain(shuffled=False), gain(shuffled=True)
    assert found > least
    assert abs(control) < found / 2


def test_screening_takes_the_tasks_that_one_try_fails(trainer, maze_source):
    judged = []

    class SeedReward:
        """Low for every second task."""

        def __call__(self, task, video):
            judged.append(task.seed)
            return Score(value=float(seeds.index(task.seed) % 2), parts={})

    seeds = [task.seed for task in maze_source.tasks(0, 8)]
    made = trainer("nft", scorer=ScorePool(SeedReward(), 0), settings=replace(SETTINGS, iterations=1, tries_per_task=2))
    made.train()
    assert judged[:4] == seeds[:4]
    assert judged[4:] == [seeds[0]] * 4 + [seeds[2]] * 4


def test_a_screened_run_resumes_as_if_nothing_had_happened(trainer):
    settings = replace(SETTINGS, iterations=4, tries_per_task=3, checkpoint_every=2)
    whole, half = trainer("nft", "whole", settings=settings), trainer("nft", "half", settings=settings)
    whole.train()
    half.train(until=lambda: len(half.run.read_metrics()) == 2)
    trainer("nft", "half", settings=settings).train(resume=True)
    assert numbers_of(half.run) == numbers_of(whole.run)


def test_the_weights_are_evaluated_beside_their_average_if_asked(trainer):
    seen = []

    def evaluate(policy: WanPolicy) -> dict[str, float]:
        seen.append({name: value.detach().clone() for name, value in policy.trainable_parameters().items()})
        return {"em": 0.25 * len(seen)}

    settings = replace(SETTINGS, iterations=1, evaluate_every=1, evaluate_raw=True)
    made = trainer("grpo", settings=settings, evaluate=evaluate)
    average = made.train()
    (line,) = numbers_of(made.run)
    assert (line["validation_raw/em"], line["validation/em"]) == (0.25, 0.5)
    for found, expected in zip(seen, (weights_of(made), average), strict=True):
        assert all(torch.equal(found[key], value) for key, value in expected.items())


def test_the_rate_falls_with_the_time_limit(trainer, monkeypatch):
    rates, clock = [], iter(range(0, 10_000, 12))  # each look at the clock takes 12 s
    monkeypatch.setattr("wan_r1.training.rl.time.monotonic", lambda: next(clock))

    class Noted(OptimizerSettings):
        def apply(self, optimizer, parameters, factor):
            rates.append(factor)
            return OptimizerSettings.apply(self, optimizer, parameters, factor)

    settings = replace(SETTINGS, iterations=100)
    made = trainer("nft", settings=settings, optimizer=Noted(learning_rate=1e-3, decay_share=1.0))
    made.train(max_minutes=2.0)
    assert len(rates) > 4
    assert rates == sorted(rates, reverse=True)
    assert rates[0] > 0.8
    assert rates[-1] < 0.4
