"""What a task, its picture and the frames of its solution cost on one core, and what encoding adds.

    python benchmarks/drawing_speed.py [--num N] [--out benchmarks/results/drawing_speed.json]

Every level is drawn as VR-Bench draws it: at its native size and with as many frames as VR-Bench's video of that
solution. Times are CPU times of this process (a busy machine still makes them longer: cores share caches and memory);
the median and the least of N tasks after one that fills the caches. Most of the time of a long video is the
system's, which hands out its memory: `system s` is that share of the median. A level without a bar has none.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from wan_r1.tasks import make_family, task_seed
from wan_r1.tasks.vr_bench.timing import solution_frames
from wan_r1.video import encode_video

BARS = {
    "maze": (0.02, 0.05, 0.1),
    "trapfield": (0.03, 0.08, 0.2),
    "sokoban": (0.03, 0.1, 0.3),
    "irregular_maze": (0.4, 0.5, 0.7),
    "maze3d": (0.4, 0.5, 0.7),
}
"""Seconds for a task, its picture and its frames on easy, medium and hard."""

LEVELS = ("tiny", "easy", "medium", "hard")
TINY_FRAMES = 17


def _row(name: str, level: str, num: int, num_encoded: int) -> dict[str, Any]:
    family = make_family(name, level=level)
    made, drawn, system, encoded, frames = [], [], [], [], []
    for index in range(num + 1):
        start, system_start = time.process_time(), os.times().system
        task = family.generate(task_seed(11, index))
        between = time.process_time()
        size = max(task.first_frame.shape[:2])
        num_frames = TINY_FRAMES if level == "tiny" else solution_frames(task)
        video = family.render(task, task.solution, num_frames, size)
        end = time.process_time()
        if index:
            made.append(between - start)
            drawn.append(end - between)
            system.append(os.times().system - system_start)
            frames.append(num_frames)
        if 0 < index <= num_encoded:
            encode_video(video)
            encoded.append(time.process_time() - end)
    both = np.asarray(made) + drawn
    bar = dict(zip(LEVELS[1:], BARS[name], strict=True)).get(level)
    return {
        "family": name,
        "level": level,
        "num": num,
        "px": size,
        "frames": int(np.median(frames)),
        "task_and_picture_s": float(np.median(made)),
        "frames_s": float(np.median(drawn)),
        "both_s": float(np.median(both)),
        "least_s": float(both.min()),
        "system_s": float(np.median(system)),
        "bar_s": bar,
        "encoding_s": float(np.median(encoded)),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num", type=int, default=15, help="tasks of each level")
    parser.add_argument("--encoded", type=int, default=3, help="videos of each level that are encoded too")
    parser.add_argument("--family", choices=list(BARS), help="this one only; its rows are replaced")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "drawing_speed.json")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    names = [options.family] if options.family else list(BARS)
    print("| family | level | px | frames | task s | frames s | both s | least s | system s | bar s | encoding s |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    rows = []
    for name in names:
        for level in LEVELS:
            row = _row(name, level, options.num, options.encoded)
            rows.append(row)
            print(
                f"| {name} | {level} | {row['px']} | {row['frames']} | {row['task_and_picture_s']:.3f} "
                f"| {row['frames_s']:.3f} | {row['both_s']:.3f} "
                f"| {row['least_s']:.3f} | {row['system_s']:.3f} | {row['bar_s'] or '-'} | {row['encoding_s']:.2f} |",
                flush=True,
            )
    kept = []
    if options.family and options.out.exists():
        kept = [row for row in json.loads(options.out.read_text())["rows"] if row["family"] != options.family]
    rows = sorted([*kept, *rows], key=lambda row: list(BARS).index(row["family"]))
    record = {"rows": rows, "cores": os.cpu_count(), "load_average": os.getloadavg()[0]}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
