"""How well the sprite tracker finds what moves on rendered truth: by family, size, skin, codec quality, noise and blur.

    python benchmarks/tracker_accuracy.py [--tasks N] [--family F ...] [--out benchmarks/results/tracker_accuracy.json]

Prints Markdown tables and writes the same rows as JSON: one row for each family, size and disturbance over all skins,
and one for each family and skin over all else. An object in a frame is right if it is seen within 0.15 of its own box,
which is a cell on boards; one of which there are more instances than objects counts as false.
"""

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.tasks import MovesObjects, make_family, task_seed
from wan_r1.tasks.draw import walk_positions
from wan_r1.tasks.irregular_maze.render import draw_positions as draw_roads
from wan_r1.tasks.maze.render import draw_positions as draw_maze
from wan_r1.tasks.maze3d.render import draw_positions as draw_cubes
from wan_r1.tasks.skins import SKINS
from wan_r1.tasks.sokoban.render import draw_objects as draw_boxes
from wan_r1.tasks.trapfield.render import draw_positions as draw_field
from wan_r1.trackers.sprite import SpriteTracker
from wan_r1.types import Task
from wan_r1.video import read_video, write_video

Video = NDArray[np.uint8]

DRAW: dict[str, Callable[..., Video]] = {
    "maze": draw_maze,
    "trapfield": draw_field,
    "sokoban": lambda state, points, size: draw_boxes(state, points.reshape(len(points), -1, 2), size),
    "irregular_maze": draw_roads,
    "maze3d": draw_cubes,
}

BOARDS = {
    "maze": (("easy", 64, 17), ("tiny", 80, 17), ("hard", 256, 17), ("easy", 512, 9), ("hard", 1024, 9)),
    "trapfield": (("easy", 64, 17), ("tiny", 80, 17), ("hard", 256, 17), ("easy", 512, 9), ("hard", 1024, 9)),
    "sokoban": (("easy", 64, 17), ("tiny", 80, 17), ("hard", 256, 17), ("easy", 512, 9), ("hard", 1024, 9)),
    "irregular_maze": (("tiny", 80, 17), ("easy", 192, 17), ("medium", 256, 17), ("hard", 512, 9), ("easy", 1024, 9)),
    "maze3d": (("tiny", 80, 17), ("easy", 192, 17), ("medium", 256, 17), ("hard", 512, 9), ("easy", 1024, 9)),
}
"""Family -> level, longer picture side in px, frames."""


def _noise(video: Video, rng: np.random.Generator) -> Video:
    return (video + rng.normal(0, 12, video.shape)).round().clip(0, 255).astype(np.uint8)


def _blur(video: Video, rng: np.random.Generator) -> Video:
    return np.stack([cv2.GaussianBlur(frame, (0, 0), 0.6 + video.shape[2] / 640) for frame in video])


def _encoded(video: Video, rng: np.random.Generator, crf: int) -> Video:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        write_video(path, video, crf=crf)
        return read_video(path)[:, : video.shape[1], : video.shape[2]]


DISTURBANCES: dict[str, Callable[[Video, np.random.Generator], Video]] = {
    "clean": lambda video, rng: video,
    "noise 12": _noise,
    "blur": _blur,
    "crf 18": partial(_encoded, crf=18),
    "crf 23": partial(_encoded, crf=23),
    "crf 30": partial(_encoded, crf=30),
    "dark 8": lambda video, rng: (video.astype(int) - 8).clip(0, 255).astype(np.uint8),
    "noise, blur, crf 30": lambda video, rng: _encoded(_blur(_noise(video, rng), rng), rng, 30),
}


def _results(
    family_name: str, level: str, size: int, num_frames: int, skin: str, num_tasks: int
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """(disturbance, rows of error in boxes, infinite if unseen, and instances too many for each object and frame)."""
    family, tracker = make_family(family_name, level=level, skin=skin), SpriteTracker()
    for index in range(num_tasks):
        task = family.generate(task_seed(9, index))
        way = task.solution.points
        if isinstance(family, MovesObjects):
            way = np.concatenate([way, family.follow(task, task.solution).reshape(len(way), -1)], axis=1)
        points = walk_positions(way, num_frames, None)
        video = DRAW[family_name](task.state, points, size)
        for name, disturb in DISTURBANCES.items():
            yield name, _errors(tracker, disturb(video, np.random.default_rng([index, 1])), task, points)


def _errors(tracker: SpriteTracker, video: Video, task: Task, points: NDArray[np.float32]) -> NDArray[np.float64]:
    track = tracker(video, task)
    truth = points.reshape(len(points), -1, 2).swapaxes(0, 1)
    boxes = np.asarray([(box.width, box.height) for box in task.objects.values()])[:, None]
    away = np.where(track.seen, np.abs((track.points - truth) / boxes).max(axis=2), np.inf)
    return np.stack([away.ravel(), track.copies.ravel() - 1], axis=1)


def _row(parts: list[NDArray[np.float64]]) -> dict[str, Any]:
    table = np.concatenate(parts)
    return {
        "frames": len(table),
        "within_0.15": float((table[:, 0] < 0.15).mean()),
        "error_p99": float(np.quantile(table[:, 0], 0.99, method="higher")),
        "false_instances": float((table[:, 1] > 0).mean()),
    }


def _print_table(rows: list[dict[str, Any]], keys: tuple[str, ...]) -> None:
    print(f"| {' | '.join(keys)} | object frames | within 0.15 | error p99 | false instances |")
    print("|" + "---|" * (len(keys) + 4))
    for row in rows:
        places = " | ".join(str(row[key]) for key in keys)
        print(
            f"| {places} | {row['frames']} | {row['within_0.15']:.2%} | {row['error_p99']:.3f} "
            f"| {row['false_instances']:.2%} |",
            flush=True,
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1)
    parser.add_argument("--family", nargs="+", choices=list(BOARDS), default=list(BOARDS))
    parser.add_argument("--skin", nargs="+", choices=list(SKINS), default=list(SKINS))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "tracker_accuracy.json")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    by_size: list[dict[str, Any]] = []
    by_skin: defaultdict[tuple[str, str], list[NDArray[np.float64]]] = defaultdict(list)
    for family in options.family:
        for level, size, num_frames in BOARDS[family]:
            pooled: defaultdict[str, list[NDArray[np.float64]]] = defaultdict(list)
            for skin in options.skin:
                for name, part in _results(family, level, size, num_frames, skin, options.tasks):
                    pooled[name].append(part)
                    by_skin[family, skin].append(part)
            place = {"family": family, "level": level, "px": size}
            by_size += [{**place, "disturbance": name, **_row(parts)} for name, parts in pooled.items()]
    skins = [{"family": family, "skin": skin, **_row(parts)} for (family, skin), parts in by_skin.items()]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    record = {"tasks": options.tasks, "by_size": by_size, "by_skin": skins}
    options.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    _print_table(by_size, ("family", "level", "px", "disturbance"))
    print()
    _print_table(skins, ("family", "skin"))


if __name__ == "__main__":
    main()
