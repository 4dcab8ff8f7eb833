"""Which sampler is best for a model after SFT? Success on validation mazes for several step counts and noises.

    python benchmarks/choose_sampler.py                        # the shipped wan-tiny -> benchmarks/results/sampler.json
    python benchmarks/choose_sampler.py --policy runs/x/model --num-tasks 128 --out runs/x/sampler.json

The winner is the fixed sampler of every table in docs/results.md, before and after training. Of samplers within one
standard error of the best, the one with the fewest steps wins.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch

from wan_r1.cli.comparison import plain_sampler
from wan_r1.cli.console import say
from wan_r1.cli.recipe import shipped_folder
from wan_r1.evaluation.evaluate import evaluate_policy
from wan_r1.flow.schedule import SamplerSettings
from wan_r1.metrics.statistics import proportion
from wan_r1.policies.wan import WanConfig
from wan_r1.rewards import ScorePool, TrajectoryReward
from wan_r1.tasks import make_tasks

RESULTS = Path(__file__).parent / "results" / "sampler.json"


def candidates() -> list[SamplerSettings]:
    """ODE with 4 to 12 steps; Flow-CPS noise in the first two, the first four and all but the last of 8 steps."""
    plain = [SamplerSettings(kernel="ode", noise_level=0.0, sde_steps=(), num_steps=n) for n in (4, 6, 8, 12)]
    early = [SamplerSettings(kernel="cps", noise_level=0.7, sde_steps=tuple(range(n))) for n in (2, 4, 7)]
    return [*plain, *early]


def main() -> int:
    """Every candidate on the same tasks and start noises."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", default="wan-tiny")
    parser.add_argument("--num-tasks", type=int, default=256)
    parser.add_argument("--level", default="tiny")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    policy = WanConfig(path=shipped_folder(args.policy), train="nothing").load()
    tasks = make_tasks("maze", 1, args.num_tasks, level=args.level, split="validation")
    rows: list[dict[str, Any]] = []
    with ScorePool(TrajectoryReward(), workers=0) as scorer:
        for sampler in candidates():
            began = time.process_time()
            result = evaluate_policy(policy, tasks, scorer, sampler)
            interval = proportion(int(result.em.sum()), len(tasks))
            seconds = (time.process_time() - began) / len(tasks)
            row = {"sampler": plain_sampler(sampler), **result.numbers, "em_ci95": [interval.low, interval.high]}
            rows.append(row | {"n": len(tasks), "cpu_seconds_per_video": seconds})
            say(f"{row['sampler']}: em {row['em']:.3f} [{interval.low:.3f}, {interval.high:.3f}], {seconds:.3f} s")
    best = max(row["em"] for row in rows)
    error = (best * (1 - best) / len(tasks)) ** 0.5
    near = [row for row in rows if row["em"] >= best - error]
    chosen = min(near, key=lambda row: (row["sampler"]["num_steps"], -row["em"]))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({"chosen": chosen["sampler"], "rows": rows}, indent=1) + "\n")
    say(f"chosen: {chosen['sampler']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
