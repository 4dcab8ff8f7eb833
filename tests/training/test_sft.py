"""Supervised fine-tuning on a very small random model."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from wan_r1.distributed import World
from wan_r1.errors import CheckpointError, ConfigError
from wan_r1.policies.wan import WanPolicy
from wan_r1.runs import RunFolder
from wan_r1.training.checkpoint import read_checkpoint
from wan_r1.training.data import Encoded, TaskSource, encode_examples
from wan_r1.training.optimizer import OptimizerSettings
from wan_r1.training.sft import SFTSettings, SFTTrainer

SETTINGS = SFTSettings(steps=12, batch_size=4, ema_decay=0.9, evaluate_every=0, checkpoint_every=5, log_every=1, seed=1)


@pytest.fixture
def trainer(load_tiny: Callable[..., WanPolicy], maze_source: TaskSource, tmp_path: Path):
    """(folder name, **changes) -> a trainer with its own policy."""

    def make(run: str = "run", **changes: object) -> SFTTrainer:
        run_folder = RunFolder(tmp_path / run)
        run_folder.path.mkdir(exist_ok=True)
        policy = changes.pop("policy", None) or load_tiny()
        fields: dict[str, object] = {
            "policy": policy,
            "examples": lambda: encode_examples(policy, maze_source, 8, tmp_path / "cache", lambda *_: None),
            "settings": SETTINGS,
            "optimizer": OptimizerSettings(learning_rate=1e-3, warmup_steps=3, decay_share=0.5),
            "run": run_folder,
            "world": World(),
            "evaluate": lambda policy: {},
            "report": lambda step, total, numbers: None,
            **changes,
        }
        return SFTTrainer(**fields)

    return make


class Killed(BaseException):
    """Ends a run as a kill does: nothing in the loop catches it."""


def kill_at(step: int):
    def report(done, total, numbers):
        if done == step:
            raise Killed

    return report


def numbers_of(run: RunFolder) -> list[dict[str, float]]:
    lines = run.read_metrics()
    return [{name: value for name, value in line.items() if not name.startswith("seconds")} for line in lines]


def weights_of(trainer: SFTTrainer) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in trainer.policy.trainable_parameters().items()}


@pytest.mark.parametrize("optimizer", ["adamw", "muon", "sgd"])
@pytest.mark.parametrize("log_every", [1, 4])
def test_a_killed_and_resumed_run_equals_a_whole_one(trainer, optimizer, log_every):
    changes = {
        "settings": replace(SETTINGS, log_every=log_every),
        "optimizer": OptimizerSettings(name=optimizer, learning_rate=1e-2, decay_share=0.5),
    }
    whole = trainer("whole", **changes)
    whole.train()
    with pytest.raises(Killed):
        trainer("half", **changes, report=kill_at(8)).train()
    rest = trainer("half", **changes)
    rest.train(resume=True)
    assert [line["step"] for line in numbers_of(rest.run)] == list(range(log_every, 13, log_every))
    for expected, found in zip(numbers_of(whole.run), numbers_of(rest.run), strict=True):
        assert found == pytest.approx(expected, abs=1e-6)
    expected = weights_of(whole)
    assert all(torch.equal(expected[key], value) for key, value in weights_of(rest).items())


def test_a_kill_before_the_first_checkpoint_starts_over_on_resume(trainer):
    whole = trainer("whole")
    whole.train()
    with pytest.raises(Killed):
        trainer("half", report=kill_at(3)).train()
    rest = trainer("half")
    rest.train(resume=True)
    assert numbers_of(rest.run) == numbers_of(whole.run)


def test_resuming_a_run_that_never_began_is_an_error(trainer):
    with pytest.raises(CheckpointError, match="no checkpoint here"):
        trainer().train(resume=True)


def test_until_ends_the_run_with_a_checkpoint_that_goes_on(trainer):
    whole, half = trainer("whole"), trainer("half")
    whole.train()
    half.train(until=lambda: len(half.run.read_metrics()) == 7)
    assert [line["step"] for line in numbers_of(half.run)] == [1, 2, 3, 4, 5, 6, 7]
    trainer("half").train(resume=True)
    assert numbers_of(half.run) == numbers_of(whole.run)


def test_the_minutes_count_over_all_sessions_and_end_with_log_evaluation_and_checkpoint(trainer):
    settings = replace(SETTINGS, log_every=5, evaluate_every=100)
    first = trainer(settings=settings, evaluate=lambda policy: {"em": 0.5})
    first.train(max_minutes=1e-9)
    assert [line["step"] for line in numbers_of(first.run)] == [1, 1]
    assert numbers_of(first.run)[1]["validation/em"] == 0.5
    _, state = read_checkpoint(first.run.checkpoints / "last")
    assert state["step"] == 1
    assert state["seconds"] > 0
    second = trainer(settings=settings, examples=never)
    second.train(resume=True, max_minutes=0.999 * state["seconds"] / 60)  # dividing and multiplying may round up
    third = trainer(settings=settings)
    third.train(resume=True, max_minutes=60)
    assert numbers_of(third.run)[-1]["step"] == 12
    assert read_checkpoint(third.run.checkpoints / "last")[1]["seconds"] > state["seconds"]


def test_a_finished_run_resumes_to_its_average_without_encoding_anything(trainer):
    average = trainer().train()
    again = trainer(examples=never).train(resume=True)
    assert all(torch.equal(again[key], value) for key, value in average.items())


def never() -> Encoded:
    raise AssertionError("there is no step left, so nothing should be encoded")


def test_sft_lowers_the_loss_on_its_examples(trainer):
    made = trainer(
        settings=replace(SETTINGS, steps=150, batch_size=8, log_every=15, checkpoint_every=150),
        optimizer=OptimizerSettings(learning_rate=1e-2),
    )
    made.train()
    losses = [line["loss"] for line in numbers_of(made.run)]
    assert losses[-1] < 0.7 * losses[0]


def test_the_average_is_what_is_evaluated_and_kept_as_best(trainer):
    found = iter([0.3, 0.1])
    seen = []

    def evaluate(policy: WanPolicy) -> dict[str, float]:
        seen.append({name: value.detach().clone() for name, value in policy.trainable_parameters().items()})
        return {"em": next(found)}

    made = trainer(settings=replace(SETTINGS, steps=2, evaluate_every=1), evaluate=evaluate)
    made.train()
    from safetensors.torch import load_file

    best = load_file(made.run.checkpoints / "best" / "tensors.safetensors")
    assert all(torch.equal(best[key], value) for key, value in seen[0].items())
    assert any(not torch.equal(best[key], value) for key, value in weights_of(made).items())
    assert [line["validation/em"] for line in numbers_of(made.run) if "validation/em" in line] == [0.3, 0.1]


def test_the_average_with_decay_zero_is_the_weights(trainer):
    from safetensors.torch import load_file

    made = trainer(settings=replace(SETTINGS, steps=3, ema_decay=0.0))
    made.train()
    last = load_file(made.run.checkpoints / "last" / "tensors.safetensors")
    for key, value in weights_of(made).items():
        assert torch.equal(last[f"average.{key}"], value)


def test_the_learning_rate_rises_and_falls(trainer):
    made = trainer(settings=replace(SETTINGS, checkpoint_every=12))
    made.train()
    factors = [line["rate_factor"] for line in numbers_of(made.run)]
    assert factors[:3] == pytest.approx([1 / 3, 2 / 3, 1])
    assert factors[6:] == pytest.approx([1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6])


def test_the_clean_first_frame_gets_no_gradient(trainer):
    made = trainer()
    given = []
    velocity = type(made.policy).velocity

    class Watched(type(made.policy)):
        def velocity(self, latents, sigmas, condition, **options):
            predicted = velocity(self, latents, sigmas, condition, **options)
            predicted.retain_grad()
            given.append((latents, condition, predicted))
            return predicted

    made.policy.__class__ = Watched
    made._backward(0, made.examples())
    ((latents, condition, predicted),) = given
    assert torch.equal(latents[:, :, :1], condition.first_latents)
    assert torch.equal(predicted.grad[:, :, 0], torch.zeros_like(predicted.grad[:, :, 0]))
    assert bool((predicted.grad[:, :, 1:] != 0).any())


@pytest.mark.parametrize("decay", [-0.1, 1.0, float("nan")])
def test_an_average_that_never_follows_is_refused(decay):
    with pytest.raises(ConfigError, match=rf"sft: ema_decay = {decay} must be in"):
        SFTSettings(ema_decay=decay)


@pytest.mark.parametrize("name", ["steps", "batch_size", "log_every", "checkpoint_every"])
def test_settings_below_one_are_refused(name):
    with pytest.raises(ConfigError, match=name):
        SFTSettings(**{name: 0})


def test_the_weights_are_evaluated_beside_their_average_if_asked(trainer):
    values = iter([0.1, 0.2])
    made = trainer(
        settings=replace(SETTINGS, steps=1, evaluate_every=1, evaluate_raw=True),
        evaluate=lambda policy: {"em": next(values)},
    )
    made.train()
    assert [numbers_of(made.run)[1][f"{name}/em"] for name in ("validation_raw", "validation")] == [0.1, 0.2]


def test_parts_of_a_batch_add_up_to_the_gradient_of_the_whole(trainer):
    norms = []
    for name, size in (("whole", None), ("parts", 3)):
        settings = replace(SETTINGS, steps=2, micro_batch_size=size)
        made = trainer(name, settings=settings, optimizer=OptimizerSettings(name="sgd", learning_rate=1e-2))
        made.train()
        norms.append([line["gradient_norm"] for line in numbers_of(made.run)])
    assert norms[1] == pytest.approx(norms[0], rel=1e-4)


def test_a_part_of_no_examples_is_refused():
    with pytest.raises(ConfigError, match="micro_batch_size"):
        SFTSettings(micro_batch_size=0)


def test_evaluations_every_minus_one_steps_are_refused():
    with pytest.raises(ConfigError, match="evaluate_every = -1 at least 0"):
        SFTSettings(evaluate_every=-1)


def test_the_best_weights_of_a_reward_without_verdicts_are_those_of_its_highest_value(trainer):
    values = iter([0.2, 0.9, 0.4])
    made = trainer(settings=replace(SETTINGS, evaluate_every=4), evaluate=lambda policy: {"value": next(values)})
    made.train()
    _, notes = read_checkpoint(made.run.checkpoints / "best")
    assert (notes["step"], notes["value"]) == (8, 0.9)
