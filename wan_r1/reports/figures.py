"""Which figures a run gets: its groups of metrics, each handed to a function of plots."""

from typing import Any

import numpy as np

from wan_r1.reports import plots
from wan_r1.reports.facts import RunFacts

__all__ = ["figures"]

DRAWN_TOGETHER = ("reward", "rollout", "validation", "part", "seconds")
"""Groups with a figure of their own; any other group gets a plain one."""


def figures(facts: RunFacts) -> list[str]:
    """The SVG texts of all figures of a run, the most important first; no metrics, no figures."""
    drawn = []
    steps = facts.steps
    validation, rollout = facts.series("validation/em"), facts.series("rollout/em")
    if np.isfinite(validation).any() or np.isfinite(rollout).any():
        low, high = facts.series("validation/em_low"), facts.series("validation/em_high")
        drawn.append(plots.success_curve(steps, validation, low, high, rollout))
    reward = facts.series("reward/mean")
    if np.isfinite(reward).any():
        drawn.append(plots.reward_curve(steps, reward, facts.series("reward/spread")))
    mixed: dict[str, dict[str, Any]] = {}
    for name, values in facts.group("part").items():
        owner, _, part = name.rpartition(".")
        mixed.setdefault(owner, {})[part] = values
    drawn += [plots.reward_parts(steps, parts, owner) for owner, parts in mixed.items()]
    seconds = {name: float(np.nanmean(values)) for name, values in facts.group("seconds").items()}
    if seconds:
        drawn.append(plots.phase_times(seconds))
    before, after = _pass_at_k(facts.summary.get("sft")), _pass_at_k(facts.summary.get("rl"))
    if before or after:
        drawn.append(plots.pass_at_k(before, after))
    others = [group for group in facts.groups if group not in DRAWN_TOGETHER]
    drawn += [plots.metric_curves(_title(name), steps, {name: values}) for name, values in facts.single.items()]
    return drawn + [plots.metric_curves(_title(group), steps, facts.group(group)) for group in others]


def _title(group: str) -> str:
    return group.replace("_", " ").capitalize()


def _pass_at_k(side: Any) -> dict[int, float]:
    """`{"pass_at_k": {"1": 0.4, "16": 0.8}}` of one side of the summary as numbers."""
    given = side.get("pass_at_k", {}) if isinstance(side, dict) else {}
    return {int(k): float(share) for k, share in given.items()}
