"""Our reward in Flow-GRPO. Needs it not here.

    python examples/reward_in_flow_grpo.py

In flow_grpo/rewards.py, `score_functions` of `multi_score` gets one line, and config.reward_fn = {"wan_r1": 1.0}:

    "wan_r1": wan_r1_score,

Each line of the data set's metadata jsonl has a key "task" with the text of `describe(task)`, or a state file's path.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from wan_r1 import family_of, make_tasks
from wan_r1.rewards.adapters import FlowGRPOReward, describe


def wan_r1_score(device: Any) -> Callable[..., tuple[list[float], dict[str, Any]]]:
    """As Flow-GRPO makes its scorers: (device) -> f(videos, prompts, metadata)."""
    return FlowGRPOReward()


def main() -> int:
    """Score a batch [B, T, 3, H, W] in [0, 1], as train_wan2_1.py hands it over."""
    tasks = make_tasks("maze", seed=0, num=2, level="tiny", split="train")
    solved = family_of(tasks[0]).render(tasks[0], tasks[0].solution, num_frames=17, size=80)
    still = tasks[1].first_frame[None].repeat(17, axis=0)
    videos = np.stack([solved, still]).transpose(0, 1, 4, 2, 3).astype(np.float32) / 255
    metadata = [{"prompt": task.prompt, "task": describe(task)} for task in tasks]
    values, _ = wan_r1_score("cpu")(videos, [task.prompt for task in tasks], metadata)
    print(f"solved {values[0]:.3f}, still {values[1]:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
