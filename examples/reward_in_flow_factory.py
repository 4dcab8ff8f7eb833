"""Our reward as a reward model of Flow-Factory. Without Flow-Factory, two stand-ins make this file run.

    python examples/reward_in_flow_factory.py

In its YAML, with this file on PYTHONPATH:

    rewards:
      - name: wan_r1
        reward_model: reward_in_flow_factory.WanR1RewardModel

The data set's jsonl has a column "task" with the text of `describe(task)`, or a state file's path; Flow-Factory hands
such columns over as one JSON `metadata` for each sample.
"""

import json
import sys
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from PIL import Image

from wan_r1 import family_of, make_tasks
from wan_r1.rewards.adapters import FlowFactoryScorer, describe

try:
    from flow_factory.rewards.abc import PointwiseRewardModel, RewardModelOutput
except ImportError:

    @dataclass
    class RewardModelOutput:
        """Stand-in."""

        rewards: Any
        extra_info: dict[str, Any] | None = None

    class PointwiseRewardModel:
        """Stand-in."""

        def __init__(self, config: Any, accelerator: Any) -> None:
            self.config, self.accelerator = config, accelerator


class WanR1RewardModel(PointwiseRewardModel):
    """The trajectory reward; every sample is scored by itself."""

    required_fields = ("prompt", "video", "metadata")
    use_tensor_inputs = False

    def __init__(self, config: Any, accelerator: Any) -> None:
        super().__init__(config, accelerator)
        self.scorer = FlowFactoryScorer()

    def __call__(self, prompt: list[str], video: Any = None, metadata: Any = None, **fields: Any) -> RewardModelOutput:
        """Values of B videos: lists of PIL pictures, or tensors [T, 3, H, W]."""
        return RewardModelOutput(rewards=self.scorer(prompt, video, metadata, **fields), extra_info={})


def main() -> int:
    """Score a solution and a still video, as lists of PIL pictures."""
    tasks = make_tasks("maze", seed=0, num=2, level="tiny", split="train")
    solved = family_of(tasks[0]).render(tasks[0], tasks[0].solution, num_frames=17, size=80)
    still = tasks[1].first_frame[None].repeat(17, axis=0)
    model = WanR1RewardModel(SimpleNamespace(device="cpu", dtype=None), SimpleNamespace(device="cpu"))
    output = model(
        prompt=[task.prompt for task in tasks],
        image=None,
        video=[[Image.fromarray(frame) for frame in video] for video in (solved, still)],
        metadata=[json.dumps({"task": describe(task)}) for task in tasks],
    )
    print(f"solved {output.rewards[0]:.3f}, still {output.rewards[1]:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
