"""Train the shipped model with a reward of your own: two iterations of GRPO, less than a minute on a CPU.

    python examples/train_with_own_reward.py

A reward is anything that is called with (task, video) and returns a Score. With worker processes it must be picklable
and live in a module that can be imported. In a recipe: [reward] name = "my_module:MyReward".
"""

import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wan_r1 import Score, Task, TrajectoryReward
from wan_r1.cli.recipe import EvaluationSettings, RLRecipe, shipped_folder
from wan_r1.cli.rl import run_recipe
from wan_r1.policies.wan import WanConfig
from wan_r1.training.algorithms import GRPO
from wan_r1.training.data import TaskSource
from wan_r1.training.rl import RLSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class PatientReward:
    """The trajectory reward, with a bonus for videos in which nothing moves from frame 0 to frame 1."""

    bonus: float = 0.1
    rules: TrajectoryReward = field(default_factory=TrajectoryReward)

    def __call__(self, task: Task, video: NDArray[np.uint8]) -> Score:
        """Score of video [T, H, W, 3] uint8."""
        score = self.rules(task, video)
        moved = float(np.abs(video[1].astype(int) - video[0]).max()) / 255
        value = (1 - self.bonus) * score.value + self.bonus * (1 - moved)
        return Score(value=value, parts={**score.parts, "rest": 1 - moved}, verdict=score.verdict)


def main() -> int:
    """Two iterations on training mazes, judged before and after on 8 mazes of the test side."""
    with tempfile.TemporaryDirectory() as folder:
        recipe = RLRecipe(
            run=str(Path(folder) / "run"),
            policy=WanConfig(path=shipped_folder("wan-tiny")),
            reward=PatientReward(),
            algorithm=GRPO(updates=1),
            rl=RLSettings(iterations=2, tasks_per_iteration=2, group_size=6, batch_size=12, evaluate_every=0),
            test=EvaluationSettings(source=TaskSource(settings={"split": "test"}), num_tasks=8),
            score_workers=0,
        )
        return run_recipe(recipe)


if __name__ == "__main__":
    sys.exit(main())
