"""Our reward as a custom reward function of verl-omni. Needs it not here.

    python examples/reward_in_verl_omni.py

    python -m verl_omni.trainer.main_diffusion ... \\
        reward.custom_reward_function.path=examples/reward_in_verl_omni.py \\
        reward.custom_reward_function.name=compute_score

The data set's ground truth is the text of `describe(task)`, or a state file's path (a key "task" of extra_info works
too). Every number beside "score" becomes a metric.
"""

import sys
from typing import Any

import numpy as np

from wan_r1 import family_of, make_task
from wan_r1.rewards.adapters import VerlOmniReward, describe

REWARD = VerlOmniReward()


def compute_score(
    data_source: str, solution_image: Any, ground_truth: str, extra_info: dict[str, Any] | None = None, **settings: Any
) -> dict[str, float]:
    """Value and parts of one video: a tensor of floats in [0, 1], frames or channels first."""
    return REWARD(data_source, solution_image, ground_truth, extra_info, **settings)


def main() -> int:
    """Score a solution, channels first, as a reward manager hands it over."""
    task = make_task("maze", seed=7, level="tiny")
    solved = family_of(task).render(task, task.solution, num_frames=17, size=80)
    result = compute_score(
        data_source="maze",
        solution_image=solved.transpose(3, 0, 1, 2).astype(np.float32) / 255,
        ground_truth=describe(task),
        extra_info={"num_turns": 1},
    )
    print(", ".join(f"{name} {value:.3f}" for name, value in result.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
