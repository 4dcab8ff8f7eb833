"""The final table of a run: one policy before and after, on the same tasks with the same noise."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.cli.console import print_rows
from wan_r1.evaluation.evaluate import Evaluation
from wan_r1.evaluation.games import GAME_NUMBERS
from wan_r1.evaluation.walks import WALK_NUMBERS, decoded_track
from wan_r1.flow.schedule import SamplerSettings
from wan_r1.metrics.statistics import Interval, mean_interval, paired_difference, proportion
from wan_r1.rollout import Rollout
from wan_r1.runs import RunFolder, write_json
from wan_r1.tasks import family_of
from wan_r1.trackers.sprite import SpriteTracker
from wan_r1.types import Task

__all__ = [
    "difference_numbers",
    "plain_sampler",
    "print_summary",
    "save_outcomes",
    "save_videos",
    "side_numbers",
    "success_interval",
]

INTERVAL_SEED = 0
MEASURES = {"em": "solved by a shortest way (em)", "sr": "solved (sr)", "progress": "progress", "value": "reward"}
WALKS = {
    "overall": "Target-Bench overall",
    "ade": "ADE (m)",
    "fde": "FDE (m)",
    "miss_rate": "miss rate (%)",
    "soft_endpoint": "soft endpoint",
    "approach_consistency": "approach consistency",
}


def side_numbers(evaluation: Evaluation, tasks: Sequence[Task]) -> dict[str, Any]:
    """One column of the table: means with 95 % intervals, share of videos with each violation.

    VR-Bench's or Target-Bench's own numbers come with them where the evaluation measured them.
    """
    unjudged = {"em": 0.0, "sr": 0.0, "progress": 0.0}
    numbers: dict[str, Any] = {**unjudged, **evaluation.numbers, "n": len(tasks), "layouts": _num_layouts(tasks)}
    for name, values in (("em", evaluation.em), ("sr", evaluation.sr)):
        interval = success_interval(values)
        numbers[f"{name}_ci95"] = [interval.low, interval.high]
    broken = Counter(kind for kinds in evaluation.violations for kind in set(kinds))
    numbers["violations"] = {kind: count / len(tasks) for kind, count in broken.most_common()}
    num_samples = evaluation.em.shape[1]
    if num_samples > 1:
        ks = [k for k in (1, 2, 4, 8, 16, 32) if k <= num_samples]
        numbers["pass_at_k"] = {str(k): float(evaluation.pass_at(k).mean()) for k in ks}
    families = [task.family for task in tasks]
    if len(set(families)) > 1:
        numbers["em_by_family"] = {name: _mean_where(evaluation, families, name) for name in dict.fromkeys(families)}
    return numbers | _game_numbers(evaluation.games) | _walk_numbers(evaluation.walks)


def success_interval(values: NDArray[np.bool_]) -> Interval:
    """95 % interval of the mean of [n, k] outcomes: Wilson's for one sample a task, else the bootstrap over tasks."""
    if values.shape[1] == 1:
        return proportion(int(values.sum()), len(values))
    return mean_interval(values.mean(axis=1), seed=INTERVAL_SEED)


def _game_numbers(results: NDArray[np.float64]) -> dict[str, float]:
    """VR-Bench's means; that of SD is over the videos that have one, and is left out if none has."""
    kept = {name: column[np.isfinite(column)] for name, column in zip(GAME_NUMBERS, results.T, strict=True)}
    return {name: float(column.mean()) for name, column in kept.items() if len(column)}


def _walk_numbers(results: NDArray[np.float64]) -> dict[str, float]:
    """Target-Bench's means; those of ade and fde are over the videos that could be decoded, a share of all."""
    if not len(results):
        return {}
    decoded = np.isfinite(results).all(axis=1)
    means = {
        name: float((column[decoded] if name in ("ade", "fde") else column).mean()) if decoded.any() else float("inf")
        for name, column in zip(WALK_NUMBERS, results.T, strict=True)
    }
    return {**means, "decoded": float(decoded.mean())}


def _mean_where(evaluation: Evaluation, families: Sequence[str], name: str) -> float:
    return float(evaluation.em[np.asarray(families) == name].mean())


def save_outcomes(run: RunFolder, **sides: Evaluation) -> None:
    """Write outcomes.json: em of each task and sample by side, so that runs can be compared task by task.

    For first-person tasks also SIDE_overall, Target-Bench's overall score of each task's first sample.
    """
    outcomes: dict[str, Any] = {name: side.em.astype(int).tolist() for name, side in sides.items()}
    for name, side in sides.items():
        if len(side.walks):
            outcomes[f"{name}_overall"] = side.walks[:, WALK_NUMBERS.index("overall")].tolist()
    write_json(run.path / "outcomes.json", outcomes)


def difference_numbers(before: Evaluation, after: Evaluation) -> dict[str, Any]:
    """The paired difference of em and sr with 95 % intervals, and the share of the failures that is removed.

    For first-person tasks also Target-Bench's numbers, of the videos that both evaluations could decode.
    """
    numbers: dict[str, Any] = {}
    pairs = {
        "em": (before.em.mean(axis=1), after.em.mean(axis=1)),
        "sr": (before.sr.mean(axis=1), after.sr.mean(axis=1)),
    }
    walks = [side.walks for side in (before, after)]
    if len(walks[0]) == len(walks[1]):
        both = np.isfinite(walks).all(axis=(0, 2))
        pairs |= {name: (walks[0][both, i], walks[1][both, i]) for i, name in enumerate(WALK_NUMBERS) if both.any()}
    for name, (first, second) in pairs.items():
        interval = paired_difference(first, second, seed=INTERVAL_SEED)
        numbers |= {name: interval.mean, f"{name}_ci95": [interval.low, interval.high]}
    failures = 1 - float(before.em.mean())
    numbers["failures_removed"] = numbers["em"] / failures if failures else 0.0
    return numbers


def plain_sampler(sampler: SamplerSettings) -> dict[str, Any]:
    """The sampler for the summary: what differs from a plain ODE only where there is noise."""
    plain: dict[str, Any] = {
        "kernel": sampler.kernel,
        "num_steps": sampler.num_steps,
        "guidance_scale": sampler.guidance_scale,
    }
    if sampler.shift is not None:
        plain["shift"] = sampler.shift
    if sampler.stochastic_steps:
        plain |= {"noise_level": sampler.noise_level, "sde_steps": list(sampler.sde_steps)}
    return plain


def save_videos(run: RunFolder, group: str, rollouts: Sequence[Rollout]) -> None:
    """Keep these videos for the report, each with the agent's or the camera's track and a shortest solution."""
    tracker = SpriteTracker()
    for index, rollout in enumerate(rollouts):
        task = rollout.task
        track, solution = None, None
        if task.solution.unit == "metre":
            track, solution = decoded_track(task, rollout.video), task.solution.points
        elif task.objects:
            track, solution = tracker(rollout.video, task).points[0], task.solution.points
        run.add_video(
            rollout.video,
            group=group,
            task=f"{index:03d}",
            score=rollout.score,
            track=track,
            solution=solution,
            unit=task.solution.unit,
        )


def print_summary(summary: dict[str, Any]) -> None:
    """The table for people: before, after, paired difference with its 95 % interval."""
    sides = [name for name in ("sft", "rl") if name in summary]
    difference = summary.get("difference", {})
    rows = [["", *("before" if name == "sft" else "after" for name in sides), *(["difference"] if difference else [])]]
    shown = {name: label for name, label in (MEASURES | WALKS).items() if all(name in summary[side] for side in sides)}
    for measure_name, label in shown.items():
        row = [label, *(f"{summary[name][measure_name]:.3f}" for name in sides)]
        if difference:
            row.append(_with_interval(difference, measure_name))
        rows.append(row)
    for count, label in (("n", "held-out tasks"), ("layouts", "distinct layouts")):
        rows.append([label, *(str(summary[name][count]) for name in sides), *([""] if difference else [])])
    print_rows(rows)
    if difference:
        print(f"failures removed: {difference['failures_removed']:.1%}", flush=True)


def _with_interval(difference: dict[str, Any], name: str) -> str:
    if name not in difference:
        return ""
    low, high = difference[f"{name}_ci95"]
    return f"{difference[name]:+.3f} [{low:+.3f}, {high:+.3f}]"


def _num_layouts(tasks: Sequence[Task]) -> int | None:
    """Distinct layouts up to symmetry; None for a family whose tasks have no layout."""
    keys = set()
    for task in tasks:
        layout_key = getattr(family_of(task), "layout_key", None)
        if layout_key is None:
            return None
        keys.add(layout_key(task))
    return len(keys)
