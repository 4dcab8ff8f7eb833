"""Small runs of reinforcement learning: their settings, and what they leave."""

import torch

from wan_r1.flow.schedule import SamplerSettings
from wan_r1.runs import RunFolder
from wan_r1.training.rl import RLSettings, RLTrainer

ODE = SamplerSettings(num_steps=4, kernel="ode", noise_level=0.0, sde_steps=())
CPS = SamplerSettings(num_steps=4)
SAMPLERS = {"grpo": CPS, "nft": ODE}
SETTINGS = RLSettings(
    iterations=6,
    tasks_per_iteration=2,
    group_size=4,
    noises_per_group=4,
    batch_size=4,
    evaluate_every=0,
    checkpoint_every=3,
)


def numbers_of(run: RunFolder) -> list[dict[str, float]]:
    """The lines of metrics.jsonl without the seconds."""
    lines = run.read_metrics()
    return [{name: value for name, value in line.items() if not name.startswith("seconds")} for line in lines]


def weights_of(trainer: RLTrainer) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in trainer.policy.trainable_parameters().items()}
