"""How well the sprite tracker finds the agent on rendered truth: by size, skin and disturbance.

    python benchmarks/tracker_accuracy.py [--tasks N] [--out benchmarks/results/tracker_accuracy.json]

Prints a Markdown table and writes the same rows as JSON. A frame is right if the agent is seen within 0.15
cell; a frame with more than one instance counts as false.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks import make_family, task_seed
from wan_r1.tasks.draw import walk_positions
from wan_r1.tasks.maze.render import draw_positions
from wan_r1.tasks.skins import SKINS
from wan_r1.trackers.sprite import SpriteTracker
from wan_r1.video import read_video, write_video

Video = NDArray[np.uint8]

BOARDS = (
    ("tiny", 80, 17),
    ("easy", 64, 17),
    ("easy", 210, 49),
    ("medium", 256, 49),
    ("hard", 256, 49),
    ("easy", 512, 49),
    ("hard", 1024, 17),
)
"""Level, longer picture side in px, frames."""


def _noise(video: Video, rng: np.random.Generator) -> Video:
    return (video + rng.normal(0, 12, video.shape)).round().clip(0, 255).astype(np.uint8)


def _blur(video: Video, rng: np.random.Generator) -> Video:
    return np.stack([cv2.GaussianBlur(frame, (0, 0), 0.6 + video.shape[2] / 640) for frame in video])


def _encoded(video: Video, rng: np.random.Generator) -> Video:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        write_video(path, video, crf=30)
        return read_video(path)[:, : video.shape[1], : video.shape[2]]


DISTURBANCES: dict[str, Callable[[Video, np.random.Generator], Video]] = {
    "clean": lambda video, rng: video,
    "noise 12": _noise,
    "blur": _blur,
    "crf 30": _encoded,
    "dark 8": lambda video, rng: (video.astype(int) - 8).clip(0, 255).astype(np.uint8),
    "noise, blur, crf 30": lambda video, rng: _encoded(_blur(_noise(video, rng), rng), rng),
}


def _measure(level: str, size: int, num_frames: int, skin: str, num_tasks: int) -> dict[str, list[NDArray[np.float64]]]:
    """For each disturbance: per task, rows (error in cells, infinite if unseen; instances) for each frame."""
    family, tracker = make_family("maze", level=level, skin=skin), SpriteTracker()
    results: dict[str, list[NDArray[np.float64]]] = {name: [] for name in DISTURBANCES}
    for index in range(num_tasks):
        task = family.generate(task_seed(9, index))
        points = walk_positions(task.solution.points, num_frames, None)
        video = draw_positions(task.state, points, size)
        for name, disturb in DISTURBANCES.items():
            track = tracker(disturb(video, np.random.default_rng([index, 1])), task)
            away = np.abs(track.points[0] - points).max(axis=1) * max(task.state.grid.shape)
            results[name].append(np.stack([np.where(track.seen[0], away, np.inf), track.copies[0]], axis=1))
    return results


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "tracker_accuracy.json")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for level, size, num_frames in BOARDS:
        pooled: dict[str, list[NDArray[np.float64]]] = {name: [] for name in DISTURBANCES}
        for skin in SKINS:
            for name, parts in _measure(level, size, num_frames, skin, options.tasks).items():
                pooled[name] += parts
        for name, parts in pooled.items():
            table = np.concatenate(parts)
            rows.append(
                {
                    "level": level,
                    "px": size,
                    "disturbance": name,
                    "frames": len(table),
                    "within_0.15_cell": float((table[:, 0] < 0.15).mean()),
                    "error_p99_cells": float(np.quantile(table[:, 0], 0.99, method="higher")),
                    "false_instances": float((table[:, 1] > 1).mean()),
                }
            )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print("| level | px | disturbance | frames | within 0.15 cell | error p99 (cells) | false instances |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['level']} | {row['px']} | {row['disturbance']} | {row['frames']} | {row['within_0.15_cell']:.2%} "
            f"| {row['error_p99_cells']:.3f} | {row['false_instances']:.2%} |"
        )


if __name__ == "__main__":
    main()
