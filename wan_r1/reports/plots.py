"""One function for each figure; numbers in, SVG text out.

The SVG has no background and draws axes and text in `currentColor`, so that it follows the light or dark colours of the
page it stands in. Missing numbers are NaN and leave a gap.
"""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AFTER",
    "BEFORE",
    "INK",
    "SERIES",
    "metric_curves",
    "pass_at_k",
    "phase_times",
    "reward_curve",
    "reward_parts",
    "success_curve",
    "svg_text",
]

BEFORE = "#8792a8"
AFTER = "#0f9488"
SERIES = ("#0f9488", "#d97706", "#7c5cd6", "#d1495b", "#4b7bd1", "#7a8b2d", "#b0579a", "#6b7280")
STYLES = ("-", "--", ":")
"""Of curves, when the colours begin again."""
INK = "#010203"
"""Stands for `currentColor` while matplotlib draws."""
SIZE_INCH = (5.2, 2.9)
MOST_INSIDE = 4
"""Curves whose legend stands in the figure; that of more stands beside it, where it covers nothing."""

Numbers = Sequence[float] | NDArray[np.float64]


def success_curve(
    steps: Numbers,
    validation: Numbers,
    low: Numbers | None = None,
    high: Numbers | None = None,
    rollout: Numbers | None = None,
) -> str:
    """Share of solved tasks against the step: on validation tasks with its 95 % band, and in the rollouts."""
    figure, axes = _figure("Success", "share solved optimally")
    if rollout is not None and np.isfinite(rollout).any():
        _curve(axes, steps, rollout, BEFORE, "rollouts", thin=True)
    if np.isfinite(validation).any():
        _curve(axes, steps, validation, AFTER, "validation, fixed seeds")
        if low is not None and high is not None:
            kept = np.isfinite(low) & np.isfinite(high)
            x, below, above = (np.asarray(values, dtype=float)[kept] for values in (steps, low, high))
            axes.fill_between(x, below, above, color=AFTER, alpha=0.18, linewidth=0)
    axes.set_ylim(0, 1)
    return svg_text(figure, axes)


def reward_curve(steps: Numbers, mean: Numbers, std: Numbers | None = None) -> str:
    """Mean reward of the rollouts against the step, with a band of the standard deviation within groups."""
    figure, axes = _figure("Reward", "mean of the rollouts")
    _curve(axes, steps, mean, AFTER, "mean reward")
    if std is not None and np.isfinite(std).any():
        center, spread = np.asarray(mean, dtype=float), np.nan_to_num(np.asarray(std, dtype=float))
        axes.fill_between(steps, center - spread, center + spread, color=AFTER, alpha=0.14, linewidth=0)
    axes.set_ylim(0, 1)
    return svg_text(figure, axes)


def reward_parts(steps: Numbers, parts: Mapping[str, Numbers], reward: str = "") -> str:
    """Each part of the reward against the step; `reward` names the one of a mix."""
    figure, axes = _figure(f"Reward, part by part{reward and ': '}{reward}", "mean of the rollouts")
    for index, (name, values) in enumerate(parts.items()):
        _curve(axes, steps, values, SERIES[index % len(SERIES)], name, style=STYLES[index // len(SERIES) % len(STYLES)])
    axes.set_ylim(0, 1.02)
    return svg_text(figure, axes)


def metric_curves(title: str, steps: Numbers, curves: Mapping[str, Numbers]) -> str:
    """Any other group of metrics against the step."""
    figure, axes = _figure(title, "" if len(curves) > 1 else next(iter(curves), ""))
    for (name, values), color in zip(curves.items(), _colors(len(curves)), strict=True):
        _curve(axes, steps, values, color, name)
    return svg_text(figure, axes)


def phase_times(seconds: Mapping[str, float]) -> str:
    """Where a step spends its time: mean seconds of each phase as bars, with its share."""
    figure, axes = _figure("Time of a step", "")
    names = sorted(seconds, key=lambda name: seconds[name])
    values = [seconds[name] for name in names]
    total = sum(values) or 1.0
    axes.barh(names, values, color=AFTER, height=0.62)
    for row, value in enumerate(values):
        text = f"{value:.2f} s, {value / total:.0%}"
        axes.annotate(text, (value, row), (5, 0), textcoords="offset points", va="center", color=INK, fontsize=9)
    axes.set_xlim(0, max(values, default=1.0) * 1.35 or 1.0)
    axes.set_xlabel("seconds", color=INK)
    axes.grid(axis="y", visible=False)
    return svg_text(figure, axes)


def pass_at_k(before: Mapping[int, float], after: Mapping[int, float]) -> str:
    """Share of tasks that at least one of k samples solves, before and after."""
    figure, axes = _figure("pass@k", "tasks solved by one of k samples")
    for values, color, label in ((before, BEFORE, "before"), (after, AFTER, "after")):
        ks = sorted(values)
        if ks:
            axes.plot(ks, [values[k] for k in ks], color=color, label=label, linewidth=2, marker="o", markersize=4)
    ticks = sorted({*before, *after})
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(k) for k in ticks])
    axes.minorticks_off()
    axes.set_xlabel("k", color=INK)
    axes.set_ylim(0, 1)
    return svg_text(figure, axes)


def _figure(title: str, ylabel: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_INCH, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK)
    axes.set_xlabel("step", color=INK)
    axes.set_ylabel(ylabel, color=INK)
    axes.grid(color=INK, alpha=0.12, linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.tick_params(colors=INK, labelsize=9)
    axes.patch.set_visible(False)
    return figure, axes


def _curve(
    axes: Any, steps: Numbers, values: Numbers, color: str, label: str, *, thin: bool = False, style: str = "-"
) -> None:
    """A line through the finite points, with markers where they are few."""
    x, y = np.asarray(steps, dtype=float), np.asarray(values, dtype=float)
    kept = np.isfinite(x) & np.isfinite(y)
    marker = "o" if kept.sum() <= 12 else None
    width = 1.2 if thin else 2
    axes.plot(x[kept], y[kept], style, color=color, label=label, linewidth=width, marker=marker, markersize=4)


def _colors(num: int) -> list[str]:
    return [SERIES[index % len(SERIES)] for index in range(num)]


def svg_text(figure: Any, axes: Any) -> str:
    """The figure as an <svg> element that can stand inside a page beside others."""
    import matplotlib

    num = len(axes.get_legend_handles_labels()[0])
    if num > MOST_INSIDE:
        figure.legend(frameon=False, fontsize=9, labelcolor=INK, loc="outside right upper")
    elif num > 1:
        axes.legend(frameon=False, fontsize=9, labelcolor=INK, loc="best").set_zorder(5)
    text = io.StringIO()
    title = re.sub(r"\W+", "-", axes.get_title(loc="left"))
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": title, "font.family": "sans-serif"}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    # Ids of groups are the same in every figure and nothing refers to them.
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    svg = re.sub(r"<(metadata|style)\b.*?</\1>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg)
    svg = re.sub(r"font-family: [^;\"]*", "font-family: inherit", svg)
    svg = re.sub(r'<svg ([^>]*?)width="[^"]*"', r"<svg \1", re.sub(r'height="[\d.]+pt" ', "", svg, count=1), count=1)
    return svg.replace(INK, "currentColor")
