"""Best of N: sample several videos of a task, keep the one that the reward likes best; less than a minute on a CPU.

    python examples/best_of_n.py 8

The reward checks the rules of the task and knows no solution from the model's side, so it may choose at test time too.
"""

import sys

from wan_r1 import TrajectoryReward, make_tasks
from wan_r1.cli.recipe import shipped_folder
from wan_r1.evaluation.evaluate import EVALUATION_SAMPLER
from wan_r1.policies.wan import WanConfig
from wan_r1.rewards import ScorePool
from wan_r1.rollout import collect


def main() -> int:
    """Eight mazes of the test side, N videos each."""
    num_samples = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    policy = WanConfig(path=shipped_folder("wan-tiny"), train="nothing").load()
    tasks = make_tasks("maze", seed=0, num=8, level="tiny", split="test")
    with ScorePool(TrajectoryReward(), workers=0) as scorer:
        batches = collect(
            policy,
            tasks,
            scorer,
            EVALUATION_SAMPLER,
            group_size=num_samples,
            noises_per_group=num_samples,
            keep="result",
        )
    rollouts = [rollout for batch in batches for rollout in batch]
    for index in range(len(tasks)):
        values = [each.score.value for each in rollouts[index * num_samples : (index + 1) * num_samples]]
        print(f"maze {index}: first {values[0]:.3f}, best of {num_samples} {max(values):.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
