"""Our reward as a `reward_funcs` of TRL's GRPOTrainer, or of a trainer with the same signature. Needs neither here.

    python examples/reward_in_trl.py

    trainer = GRPOTrainer(..., reward_funcs=[TRLReward()], train_dataset=rows_with_columns_prompt_and_task)

TRL calls reward functions with keywords, one list for each column of the data set; a completion is a video here: an
array, a tensor, or the path of a file.
"""

import sys

from wan_r1 import family_of, make_tasks
from wan_r1.rewards.adapters import TRLReward, describe


def main() -> int:
    """Score a solution and a still video of two mazes, as the trainer would."""
    tasks = make_tasks("maze", seed=0, num=2, level="tiny", split="train")
    rows = [{"prompt": task.prompt, "task": describe(task)} for task in tasks]
    solved = family_of(tasks[0]).render(tasks[0], tasks[0].solution, num_frames=17, size=80)
    still = tasks[1].first_frame[None].repeat(17, axis=0)
    reward = TRLReward()
    values = reward(
        prompts=[row["prompt"] for row in rows],
        completions=[solved, still],
        completion_ids=[[], []],
        task=[row["task"] for row in rows],
        trainer_state=None,
    )
    print(f"{reward.__name__}: solved {values[0]:.3f}, still {values[1]:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
