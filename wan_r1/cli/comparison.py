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
    "print_side",
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
GAMES = {name: f"VR-Bench {name.removeprefix('vr_bench_').upper()}" for name in GAME_NUMBERS}
COUNTS = {"n": "held-out tasks", "layouts": "distinct layouts"}


def side_numbers(evaluation: Evaluation, tasks: Sequence[Task]) -> dict[str, Any]:
    """One column of the table: means with 95 % intervals, share of videos with each violation.

    A reward without verdicts has its mean value only. VR-Bench's or Target-Bench's own numbers come with them where the
    evaluation measured them.
    """
    numbers: dict[str, Any] = {**evaluation.numbers, "n": len(tasks), "layouts": _num_layouts(tasks)}
    if evaluation.judged:
        numbers |= _verdict_numbers(evaluation, tasks)
    else:
        interval = mean_interval(evaluation.value.mean(axis=1), seed=INTERVAL_SEED)
        numbers["value_ci95"] = [interval.low, interval.high]
    return numbers | _game_numbers(evaluation.games) | _walk_numbers(evaluation.walks)


def _verdict_numbers(evaluation: Evaluation, tasks: Sequence[Task]) -> dict[str, Any]:
    """What only verdicts tell: intervals of em and sr, violations, pass@k, em of each family."""
    numbers: dict[str, Any] = {}
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
    return numbers


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
    """Target-Bench's means; ade and fde are of the videos that could be decoded, and are left out if there is none."""
    if not len(results):
        return {}
    decoded = np.isfinite(results).all(axis=1)
    columns = dict(zip(WALK_NUMBERS, results.T, strict=True))
    for name in ("ade", "fde"):
        columns[name] = columns[name][decoded]
    means = {name: float(column.mean()) for name, column in columns.items() if len(column)}
    return {**means, "decoded": float(decoded.mean())}


def _mean_where(evaluation: Evaluation, families: Sequence[str], name: str) -> float:
    return float(evaluation.em[np.asarray(families) == name].mean())


def save_outcomes(run: RunFolder, **sides: Evaluation) -> None:
    """Write outcomes.json: em of each task and sample by side, so that runs can be compared task by task.

    A side without verdicts has no em. For first-person tasks also SIDE_overall, Target-Bench's overall score of each
    task's first sample.
    """
    outcomes: dict[str, Any] = {name: side.em.astype(int).tolist() for name, side in sides.items() if side.judged}
    for name, side in sides.items():
        if len(side.walks):
            outcomes[f"{name}_overall"] = side.walks[:, WALK_NUMBERS.index("overall")].tolist()
    write_json(run.path / "outcomes.json", outcomes)


def difference_numbers(before: Evaluation, after: Evaluation) -> dict[str, Any]:
    """The paired difference of em and sr with 95 % intervals, and the share of the failures that is removed.

    Without verdicts the difference of the reward's value instead. For first-person tasks also Target-Bench's numbers,
    of the videos that both evaluations could decode.
    """
    numbers: dict[str, Any] = {}
    judged = before.judged and after.judged
    verdicts = {"em": (before.em, after.em), "sr": (before.sr, after.sr)}
    sides = verdicts if judged else {"value": (before.value, after.value)}
    pairs = {name: (first.mean(axis=1), second.mean(axis=1)) for name, (first, second) in sides.items()}
    walks = [side.walks for side in (before, after)]
    if len(walks[0]) == len(walks[1]):
        both = np.isfinite(walks).all(axis=(0, 2))
        pairs |= {name: (walks[0][both, i], walks[1][both, i]) for i, name in enumerate(WALK_NUMBERS) if both.any()}
    for name, (first, second) in pairs.items():
        interval = paired_difference(first, second, seed=INTERVAL_SEED)
        numbers |= {name: interval.mean, f"{name}_ci95": [interval.low, interval.high]}
    if judged:
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
    before, after, difference = summary["sft"], summary["rl"], summary["difference"]
    rows = [["", "before", "after", "difference"]]
    for name, label in (MEASURES | WALKS).items():
        if name in before and name in after:
            rows.append([label, f"{before[name]:.3f}", f"{after[name]:.3f}", _with_interval(difference, name)])
    rows += [[label, str(before[count]), str(after[count]), ""] for count, label in COUNTS.items()]
    print_rows(rows)
    if "failures_removed" in difference:
        print(f"failures removed: {difference['failures_removed']:.1%}", flush=True)


def print_side(numbers: dict[str, Any]) -> None:
    """The table of one policy for people: its numbers, with their 95 % intervals where there are some."""
    rows = [["", "result", "95 % interval"]]
    for name, label in (MEASURES | GAMES | WALKS).items():
        if name in numbers:
            interval = numbers.get(f"{name}_ci95")
            limits = "" if interval is None else "[{:.3f}, {:.3f}]".format(*interval)
            rows.append([label, f"{numbers[name]:.3f}", limits])
    rows += [[f"pass@{k}", f"{share:.3f}", ""] for k, share in numbers.get("pass_at_k", {}).items()]
    rows += [[label, str(numbers[count]), ""] for count, label in COUNTS.items()]
    print_rows(rows)


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
