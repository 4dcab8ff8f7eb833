"""Seen from above: a reference path and the tracks of videos."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wan_r1.reports.plots import AFTER, BEFORE, INK, SERIES, svg_text

__all__ = ["plot_paths", "tracks_from_above"]

REFERENCE = "#1c2430"
SIZE_INCH = 4.2
SMALL_INCH = 3.0
MARGIN_M = 0.4

Points = NDArray[np.floating[Any]]


def plot_paths(file: str | Path, title: str, reference: Points, tracks: Mapping[str, Points]) -> None:
    """Write a PNG of a reference [M, 2] and named tracks [N, 2], all in metres (x forward is up, y left is left)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(SIZE_INCH, SIZE_INCH), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    colors = {name: SERIES[index % len(SERIES)] for index, name in enumerate(tracks)}
    _draw(axes, reference, tracks, colors, REFERENCE)
    axes.set_title(title, fontsize=9, parse_math=False)
    axes.set_xlabel("right, m")
    axes.set_ylabel("forward, m")
    axes.grid(alpha=0.25)
    for text in axes.legend(fontsize=8, framealpha=0.85).get_texts():
        text.set_parse_math(False)
    figure.savefig(file)


def tracks_from_above(reference: Points, tracks: Mapping[str, Points]) -> str:
    """SVG text of a reference [M, 2] and the tracks "before" and "after" [N, 2], in metres, for a page of a run."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(SMALL_INCH, SMALL_INCH), layout="constrained")
    axes = figure.add_subplot()
    _draw(axes, reference, tracks, {"before": BEFORE, "after": AFTER}, INK)
    axes.set_title("From above, m", loc="left", fontsize=10, color=INK)
    axes.grid(color=INK, alpha=0.12, linewidth=0.8)
    axes.spines[:].set_color(INK)
    axes.tick_params(colors=INK, labelsize=8)
    axes.patch.set_visible(False)
    return svg_text(figure, axes)


def _draw(axes: Any, reference: Points, tracks: Mapping[str, Points], colors: Mapping[str, str], ink: str) -> None:
    """The reference, wide, with a star at its end, and the tracks; equal axes around all of them."""
    axes.plot(-reference[:, 1], reference[:, 0], color=ink, linewidth=5, alpha=0.25, label="reference")
    axes.plot(-reference[-1, 1], reference[-1, 0], "*", color=ink, markersize=13)
    for name, points in tracks.items():
        axes.plot(-points[:, 1], points[:, 0], "o-", color=colors[name], linewidth=1.6, markersize=4, label=name)
    everything = np.concatenate([reference, *tracks.values()])
    low, high = np.nanmin(everything, axis=0) - MARGIN_M, np.nanmax(everything, axis=0) + MARGIN_M
    half = float((high - low).max()) / 2
    middle = (low + high) / 2
    axes.set_xlim(-middle[1] - half, -middle[1] + half)
    axes.set_ylim(middle[0] - half, middle[0] + half)
    axes.set_aspect("equal")
