"""Ways seen from above: a reference and what videos did."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.reports.plots import SERIES

__all__ = ["plot_paths"]

REFERENCE = "#1c2430"
SIZE_INCH = 4.2
MARGIN_M = 0.4

Points = NDArray[np.floating[Any]]


def plot_paths(file: str | Path, title: str, reference: Points, ways: Mapping[str, Points]) -> None:
    """Write a PNG of a reference [M, 2] and named ways [N, 2], all in metres (x forward is up, y left is left)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(SIZE_INCH, SIZE_INCH), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot(-reference[:, 1], reference[:, 0], color=REFERENCE, linewidth=5, alpha=0.25, label="reference")
    axes.plot(-reference[-1, 1], reference[-1, 0], "*", color=REFERENCE, markersize=13)
    for index, (name, points) in enumerate(ways.items()):
        color = SERIES[index % len(SERIES)]
        axes.plot(-points[:, 1], points[:, 0], "o-", color=color, linewidth=1.6, markersize=4, label=name)
    everything = np.concatenate([reference, *ways.values()])
    low, high = everything.min(axis=0) - MARGIN_M, everything.max(axis=0) + MARGIN_M
    half = float((high - low).max()) / 2
    middle = (low + high) / 2
    axes.set_xlim(-middle[1] - half, -middle[1] + half)
    axes.set_ylim(middle[0] - half, middle[0] + half)
    axes.set_aspect("equal")
    axes.set_title(title, fontsize=9)
    axes.set_xlabel("right, m")
    axes.set_ylabel("forward, m")
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8, framealpha=0.85)
    figure.savefig(file)
