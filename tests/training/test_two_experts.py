"""Folders with two experts of which one is trained: batches that only the other one sees."""

import pytest
import torch

from wan_r1.distributed import World
from wan_r1.errors import ConfigError
from wan_r1.flow.schedule import SamplerSettings
from wan_r1.policies.tiny import TinySpec, build_tiny
from wan_r1.policies.wan import WanConfig
from wan_r1.rewards import ScorePool
from wan_r1.rollout import collect
from wan_r1.runs import RunFolder
from wan_r1.tasks import make_task
from wan_r1.training.algorithms import ALGORITHMS, GRPO, NFT
from wan_r1.training.algorithms.algorithm import Batch
from wan_r1.training.data import encode_examples
from wan_r1.training.optimizer import OptimizerSettings
from wan_r1.training.sft import SFTSettings, SFTTrainer

SPEC = TinySpec(
    num_heads=1,
    head_dim=8,
    num_layers=1,
    ffn_dim=16,
    freq_dim=16,
    text_dim=8,
    vae_base_dim=4,
    vae_decoder_base_dim=4,
    z_dim=4,
    dim_mult=(1, 1, 1),
    num_res_blocks=1,
    kind="i2v",
    experts=2,
)
ODE = SamplerSettings(num_steps=2, kernel="ode", noise_level=0.0, sde_steps=())
BOTH = SamplerSettings(num_steps=4, sde_steps=(0, 2))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two experts that meet at sigma 0.9: of four steps, the first belongs to the one, the rest to the other."""
    return build_tiny(tmp_path_factory.mktemp("two"), SPEC, [make_task("maze", seed=0).prompt])


@pytest.fixture
def load(folder):
    def make(experts):
        return WanConfig(path=str(folder), num_frames=5, height=32, width=32, train_experts=experts).load()

    return make


@pytest.mark.parametrize("experts", ["high_noise", "low_noise", "both"])
def test_the_trained_expert_is_known_for_each_noise_level(load, experts):
    expected = {"high_noise": [True, False], "low_noise": [False, True], "both": [True, True]}
    assert load(experts).trained_at(torch.tensor([0.95, 0.5])).tolist() == expected[experts]


@pytest.mark.parametrize(
    ("algorithm", "level"), [(GRPO(sampler=BOTH), None), (NFT(sampler=ODE), 0.1)], ids=list(ALGORITHMS)
)
def test_a_batch_that_only_the_frozen_expert_sees_adds_no_gradient(
    load, maze_source, brightness, monkeypatch, algorithm, level
):
    policy = load("high_noise")
    (drawn,) = collect(policy, maze_source.tasks(0, 1), ScorePool(brightness, 0), algorithm.sampler, group_size=2)
    batch = Batch(trace=drawn.trace, condition=drawn.condition, advantages=torch.tensor([1.0, -1.0]), rows=(0, 1))
    behaviour = {name: value.detach().clone() for name, value in policy.trainable_parameters().items()}
    if level is not None:
        monkeypatch.setattr(torch, "rand", lambda *size, generator: torch.full(size, level))
    generators = [torch.Generator().manual_seed(row) for row in batch.rows]
    found = algorithm.backward(policy, batch, behaviour, 2, generators)
    gradients = [value.grad for value in policy.trainable_parameters().values() if value.grad is not None]
    assert abs(found.loss) < 10
    assert bool(gradients) == (level is None)  # the first of GRPO's two steps is the trained expert's


def test_sft_goes_on_over_a_step_that_only_the_frozen_expert_sees(load, maze_source, tmp_path, monkeypatch):
    policy = load("high_noise")
    monkeypatch.setattr("wan_r1.training.sft.shift_sigmas", lambda sigmas, shift: 0.5 * sigmas)
    before = {name: value.detach().clone() for name, value in policy.trainable_parameters().items()}
    SFTTrainer(
        policy=policy,
        examples=lambda: encode_examples(policy, maze_source, 2, None, lambda *_: None),
        settings=SFTSettings(steps=1, batch_size=2, evaluate_every=0, log_every=1),
        optimizer=OptimizerSettings(),
        run=RunFolder(tmp_path),
        world=World(),
        evaluate=lambda policy: {},
        report=lambda step, total, numbers: None,
    ).train()
    (line,) = RunFolder(tmp_path).read_metrics()
    assert line["loss"] > 0
    assert line["gradient_norm"] == 0
    assert all(torch.equal(value, before[name]) for name, value in policy.trainable_parameters().items())


@pytest.mark.parametrize(("experts", "steps"), [("low_noise", (0,)), ("high_noise", (1, 2))])
def test_grpo_without_a_noisy_step_of_the_trained_expert_is_refused(trainer, load, experts, steps):
    sampler = SamplerSettings(num_steps=4, sde_steps=steps)
    with pytest.raises(ConfigError, match=r"an expert that is not trained takes all stochastic steps"):
        trainer("grpo", policy=load(experts), algorithm=GRPO(sampler=sampler)).train()
