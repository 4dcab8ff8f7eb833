"""A run folder as a short training leaves it, with videos of rendered mazes; for the tests of the report."""

import numpy as np

from wan_r1.runs import RunFolder, write_json
from wan_r1.tasks import family_of, make_tasks
from wan_r1.types import Path, Score, Verdict, Violation

NUM_TASKS = 6
RECIPE = '[policy.lora]\nseed = 0\n\n[rl]\nseed = 1\n\n[algorithm]\nname = "nft"\nclip = 0.2\n'


def write_run(folder):
    """Fill `folder` with recipe, metrics, summary and before/after videos, and return the RunFolder."""
    run = RunFolder(folder)
    run.start(RECIPE)
    rng = np.random.default_rng(0)
    for step in range(31):
        share = 0.35 + 0.2 * (1 - np.exp(-step / 10))
        values = {
            "reward/mean": share + 0.15 + rng.normal() * 0.02,
            "reward/spread": 0.3,
            "rollout/em": share + rng.normal() * 0.05,
            "part/progress": share + 0.25,
            "part/goal": share + 0.05,
            "part/exact": share,
            "part/efficiency": share + 0.03,
            "seconds/sample": 4.0 + rng.random(),
            "seconds/decode": 2.0,
            "seconds/train": 3.5,
            "seconds/score": 0.2,
            "loss/policy": 0.5 - 0.1 * share,
        }
        if step % 5 == 0:
            values |= {"validation/em": share, "validation/em_low": share - 0.06, "validation/em_high": share + 0.06}
        run.append_metrics(step, values)
    passes = {"1": 0.36, "2": 0.48, "4": 0.6, "8": 0.71, "16": 0.8}
    write_json(
        run.summary,
        {
            "algorithm": "nft",
            "sampler": {"name": "ode", "steps": 10, "shift": 4.0},
            "sft": {"em": 0.355, "sr": 0.371, "vr_bench_em": 0.36, "n": 256, "layouts": 250, "pass_at_k": passes},
            "rl": {
                "em": 0.52,
                "sr": 0.54,
                "vr_bench_em": 0.55,
                "n": 256,
                "layouts": 250,
                "pass_at_k": {k: min(1.0, share + 0.12) for k, share in passes.items()},
            },
            "difference": {"em": 0.165, "em_ci95": [0.102, 0.228], "failures_removed": 0.256},
            "seconds": 512.0,
        },
    )
    for index, task in enumerate(make_tasks("maze", seed=3, num=NUM_TASKS, level="tiny")):
        add_video(run, task, index, "before", share=0.5 if index % 3 else 1.0)
        add_video(run, task, index, "after", share=1.0 if index < 4 else 0.6)
    return run


def add_video(run, task, index, group, share):
    """A video that walks the first `share` of the solution and then, unless that is all of it, cuts to the goal."""
    points = task.solution.points
    walked = points[: max(2, round(share * len(points)))]
    solved = len(walked) == len(points)
    path = walked if solved else np.concatenate([walked, points[-1:]])
    video = family_of(task).render(task, Path(points=path, unit="image"), 17, 80)
    steps = np.minimum(np.arange(17), len(path) - 1)
    track = path[steps].copy()
    if not solved:
        track[len(walked)] = np.nan
    violation = Violation(kind="teleport" if index % 2 else "through_wall", frame=len(walked), point=None)
    verdict = Verdict(solved=solved, optimal=solved, progress=share, violations=() if solved else (violation,))
    parts = {"progress": share, "goal": float(solved)}
    score = Score(value=1.0 if solved else 0.3 * share, parts=parts, verdict=verdict)
    run.add_video(video, group=group, task=f"{index:03d}", score=score, track=track, solution=points)
