"""How much of the ratio of GRPO is rounding: replay after adapters have moved by next to nothing, by dtype.

    python benchmarks/ratio_rounding.py

Eight videos of one maze by wan-tiny, ten steps at shift 5, noise in the first two. lora_B moves by 1e-4 at random,
about one step of AdamW at the learning rate of the recipes for released models. Prints the largest distance of the
ratio to 1 before, which must be 0, and the standard deviation of its logarithm z after, for both noisy steps.
"""

import torch

from wan_r1.cli.recipe import shipped_folder
from wan_r1.flow.replay import replay
from wan_r1.flow.schedule import SamplerSettings
from wan_r1.policies.policy import draw_latents, velocity_given
from wan_r1.policies.wan import WanConfig
from wan_r1.tasks import make_tasks

VIDEOS, MOVE = 8, 1e-4


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    settings = SamplerSettings(num_steps=10, shift=5.0)
    for dtype in ("float32", "bfloat16"):
        policy = WanConfig(path=shipped_folder("wan-tiny"), train="lora", dtype=dtype).load("cpu")
        condition = policy.encode(make_tasks("maze", seed=0, num=1, level="tiny")).repeat(VIDEOS)
        start, steps = ([torch.Generator().manual_seed(seed + i) for i in range(VIDEOS)] for seed in (0, 1000))
        with torch.no_grad():
            trace = draw_latents(policy, condition, policy.noise(start), settings, steps)
            velocity = velocity_given(policy, condition, settings)
            before = [float((replay(velocity, trace, k).ratio - 1).abs().max()) for k in (0, 1)]
            generator = torch.Generator().manual_seed(5)
            for name, weight in policy.trainable_parameters().items():
                if "lora_B" in name:
                    weight.add_(MOVE * torch.randn(weight.shape, generator=generator))
            after = [float(replay(velocity, trace, k).ratio.log().std()) for k in (0, 1)]
        print(f"{dtype}: |ratio - 1| before {max(before):.1g}; std of z after {after[0]:.1e}, {after[1]:.1e}")


if __name__ == "__main__":
    main()
