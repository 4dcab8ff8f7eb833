"""wan-tiny on levels that look unlike its own: VR-Bench's easy maze and 20 levels in its format, before and after RL.

    python benchmarks/foreign_levels.py --after runs/demo/model    # -> benchmarks/results/foreign_levels.json, picture

Every level goes through files: a state and a first picture are written, read back as anyone's would be, resized to the
policy's size, and judged on the video. Both policies get the same noise.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from wan_r1.cli.console import say
from wan_r1.cli.recipe import shipped_folder
from wan_r1.evaluation.evaluate import evaluate_policy
from wan_r1.metrics.statistics import mean_interval, paired_difference
from wan_r1.policies.wan import WanConfig
from wan_r1.reports.overlay import draw_line, draw_track, enlarge
from wan_r1.rewards import ScorePool, TrajectoryReward
from wan_r1.rollout import Rollout
from wan_r1.tasks import make_tasks
from wan_r1.tasks.vr_bench import read_state, write_state
from wan_r1.trackers.sprite import SpriteTracker
from wan_r1.types import Task
from wan_r1.video import write_image

HERE = Path(__file__).parent
GOLDEN = HERE.parent / "tests" / "data" / "vr_bench" / "maze" / "easy" / "states" / "easy_0001.json"
RESULTS, PICTURE = HERE / "results" / "foreign_levels.json", HERE.parent / "docs" / "images" / "foreign_levels.png"
NUM_LEVELS, SHOWN = 20, 6


def read_levels() -> list[Task]:
    """VR-Bench's own easy maze, then levels by its generator's rules in its format and at its size."""
    tasks = [read_state(GOLDEN)]
    with tempfile.TemporaryDirectory() as folder:
        for index, task in enumerate(make_tasks("maze", 5, NUM_LEVELS, level="easy")):
            state, image = Path(folder) / "states" / f"{index}.json", Path(folder) / "images" / f"{index}.png"
            write_image(image, task.first_frame)
            write_state(state, task)
            tasks.append(read_state(state))
    return tasks


def run_policy(path: str, tasks: list[Task], num_samples: int) -> Any:
    """Evaluation of a policy folder on the tasks."""
    policy = WanConfig(path=shipped_folder(path), train="nothing").load()
    with ScorePool(TrajectoryReward(), workers=0) as scorer:
        return evaluate_policy(policy, tasks, scorer, num_samples=num_samples, keep=len(tasks))


def picture_of(rollouts: list[Rollout]) -> np.ndarray:
    """The last frame of each video, enlarged, with the solution (grey) and the track (violet)."""
    tracker, frames = SpriteTracker(), []
    for rollout in rollouts:
        video = enlarge(rollout.video, 240)
        track = tracker(rollout.video, rollout.task).points[0]
        frames.append(draw_track(draw_line(video, rollout.task.solution.points), track)[-1])
    return np.concatenate(frames, axis=1)


def main() -> int:
    """Before, after, table and picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", default="wan-tiny")
    parser.add_argument("--after", required=True)
    parser.add_argument("--num-samples", type=int, default=16)
    args = parser.parse_args()
    torch.set_num_threads(1)
    tasks = read_levels()
    sides = {name: run_policy(path, tasks, args.num_samples) for name, path in vars(args).items() if name in SIDES}
    rows: dict[str, Any] = {"levels": len(tasks), "samples": args.num_samples}
    for name, side in sides.items():
        interval = mean_interval(side.em.mean(axis=1), seed=0)
        rows[name] = side.numbers | {"em_ci95": [interval.low, interval.high], "golden_em": float(side.em[0].mean())}
        rows[name]["pass_at_16"] = float(side.pass_at(args.num_samples).mean())
    change = paired_difference(sides["before"].em.mean(axis=1), sides["after"].em.mean(axis=1), seed=0)
    rows["difference"] = {"em": change.mean, "em_ci95": [change.low, change.high]}
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    shown = [picture_of(list(side.rollouts[:SHOWN])) for side in sides.values()]
    cv2.imwrite(str(PICTURE), np.concatenate(shown)[..., ::-1])
    say(json.dumps(rows))
    return 0


SIDES = ("before", "after")

if __name__ == "__main__":
    sys.exit(main())
