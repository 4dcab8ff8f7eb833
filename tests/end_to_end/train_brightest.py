"""Trains a very small random model to make bright videos: `train_brightest.py MODEL RUN MODE [--resume]`.

MODE is sft, grpo, nft, shuffled (nft with shuffled rewards), dropped (nft where at least half of the groups have no
spread) or distance (grpo so, with the distance to the model before training). Run alone or by torchrun; the tests of
this folder start it. RUN/rank_R.safetensors gets the weights of process R after training and the gradients of each
update; RUN/model the saved model.
"""

import argparse
import faulthandler
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from wan_r1.distributed import World, join_world, leave_world
from wan_r1.evaluation.evaluate import evaluate_policy
from wan_r1.flow.schedule import SamplerSettings
from wan_r1.policies.sharding import whole
from wan_r1.policies.wan import WanConfig, WanPolicy
from wan_r1.rewards import ScorePool
from wan_r1.runs import RunFolder
from wan_r1.training.algorithms import GRPO, NFT
from wan_r1.training.data import TaskSource, encode_examples
from wan_r1.training.optimizer import OptimizerSettings
from wan_r1.training.rl import RLSettings, RLTrainer
from wan_r1.training.sft import SFTSettings, SFTTrainer
from wan_r1.types import Score, Task

SOURCE = TaskSource(family="maze", seed=3, settings={"level": "tiny", "size": 32})
CPS = SamplerSettings(num_steps=4)
ODE = SamplerSettings(num_steps=4, kernel="ode", noise_level=0.0, sde_steps=())
GRADIENTS: dict[str, Tensor] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class BrightnessReward:
    """How bright the frames after the first are."""

    def __call__(self, task: Task, video: NDArray[np.uint8]) -> Score:
        brightness = float(video[1:].mean()) / 255
        return Score(value=float(np.clip(0.5 + 20 * (brightness - 0.518), 0, 1)), parts={"brightness": brightness})


@dataclass(frozen=True, kw_only=True, slots=True)
class HalfReward(BrightnessReward):
    """The same for all videos of the first two tasks of four, and of one task more in some iterations."""

    def __call__(self, task: Task, video: NDArray[np.uint8]) -> Score:
        place = [made.seed for made in SOURCE.tasks(0, 40)].index(task.seed)
        if place % 4 < 2 or place % 12 == 3:
            return Score(value=0.5, parts={"brightness": 0.0})
        return BrightnessReward.__call__(self, task, video)


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordedOptimizer(OptimizerSettings):
    """Keeps the gradients of each update."""

    def apply(self, optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter], factor: float) -> float:
        update = len({name.split("/")[0] for name in GRADIENTS})
        for name, parameter in parameters.items():
            if parameter.grad is not None:
                GRADIENTS[f"gradient_{update}/{name}"] = whole(parameter.grad).clone()
        return OptimizerSettings.apply(self, optimizer, parameters, factor)


def evaluate(policy: WanPolicy) -> dict[str, float]:
    scorer = ScorePool(BrightnessReward(), 0)
    return evaluate_policy(policy, SOURCE.tasks(100, 2), scorer, ODE, num_samples=2).numbers


def make_trainer(
    mode: str, policy: WanPolicy, run: RunFolder, world: World, optimizer: OptimizerSettings
) -> SFTTrainer | RLTrainer:
    if mode == "sft":
        return SFTTrainer(
            policy=policy,
            examples=lambda: encode_examples(policy, SOURCE, 16, None, lambda *_: None),
            settings=SFTSettings(steps=10, batch_size=8, evaluate_every=4, checkpoint_every=2, log_every=1),
            optimizer=optimizer,
            run=run,
            world=world,
            evaluate=evaluate,
            report=lambda *_: None,
        )
    algorithms = {"grpo": GRPO(sampler=CPS), "distance": GRPO(sampler=CPS, kl_weight=1.0)}
    if mode == "distance" and policy.config.train == "full":
        policy.keep_reference()
    few = mode in ("dropped", "distance")
    return RLTrainer(
        policy=policy,
        tasks=SOURCE,
        scorer=ScorePool(HalfReward() if few else BrightnessReward(), 0),
        algorithm=algorithms.get(mode, NFT(sampler=ODE)),
        settings=RLSettings(
            iterations=10,
            tasks_per_iteration=4,
            group_size=4,
            noises_per_group=1 if mode in algorithms else 4,
            batch_size=4 if few else 8,
            shuffle_rewards=mode == "shuffled",
            evaluate_every=4,
            checkpoint_every=2,
        ),
        optimizer=optimizer,
        run=run,
        world=world,
        evaluate=evaluate,
        report=lambda *_: None,
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("run", type=Path)
    parser.add_argument("modes", nargs="+")
    parser.add_argument("--optimizer", default="adamw")
    parser.add_argument("--sharding", default="none")
    parser.add_argument("--train", default="full")
    parser.add_argument("--experts", default="both")
    parser.add_argument("--until", type=int, default=10)
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    faulthandler.enable()
    torch.set_num_threads(1)
    world = join_world("cpu")
    for mode in args.modes:
        run = RunFolder(args.run / mode)
        run.path.mkdir(parents=True, exist_ok=True)
        config = WanConfig(
            path=args.model,
            num_frames=5,
            height=32,
            width=32,
            max_sequence_length=32,
            train=args.train,
            train_experts=args.experts,
            sharding=args.sharding,
        )
        GRADIENTS.clear()
        optimizer = RecordedOptimizer(name=args.optimizer, learning_rate=1e-2)
        trainer = make_trainer(mode, config.load(), run, world, optimizer)
        steps = iter(range(1, args.until))
        trainer.train(resume=args.resume, until=lambda steps=steps: next(steps, None) is None)
        weights = {f"weight/{name}": whole(p.detach()) for name, p in trainer.policy.trainable_parameters().items()}
        save_file({**weights, **GRADIENTS}, run.path / f"rank_{world.rank}.safetensors")
        if world.is_main or args.sharding != "none":
            trainer.policy.save(run.path / "model")


if __name__ == "__main__":
    main()
    leave_world(0)
