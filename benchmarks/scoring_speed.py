"""What scoring a decoded video costs on one core, and with workers.

    python benchmarks/scoring_speed.py [--repeat N] [--out benchmarks/results/scoring_speed.json]

Prints a Markdown table and writes the same rows as JSON. Times are CPU times of this process (a busy machine
still makes them longer: cores share caches); the median of N calls, and the least.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from wan_r1.rewards import ScorePool, TrajectoryReward
from wan_r1.tasks import make_family, task_seed

BOARDS = (("tiny", 80, 17), ("easy", 256, 49), ("medium", 256, 49), ("hard", 256, 49), ("medium", 512, 193))
"""Level, longer picture side in px, frames."""


def _row(level: str, size: int, num_frames: int, repeat: int) -> dict[str, Any]:
    family, reward = make_family("maze", level=level, size=size), TrajectoryReward()
    task = family.generate(task_seed(3, 1))
    video = family.render(task, task.solution, num_frames, size)
    first = _seconds(reward, task, video)
    times = [_seconds(reward, task, video) for _ in range(repeat)]
    return {
        "level": level,
        "px": size,
        "frames": num_frames,
        "first_ms": 1e3 * first,
        "median_ms": 1e3 * float(np.median(times)),
        "least_ms": 1e3 * min(times),
        "videos_per_second": 1 / float(np.median(times)),
    }


def _seconds(reward: TrajectoryReward, task: Any, video: Any) -> float:
    start = time.process_time()
    reward(task, video)
    return time.process_time() - start


def _pool_rate(workers: int) -> float:
    """Videos per second, wall clock, of 128 tiny videos in groups of 16."""
    family = make_family("maze")
    tasks = [task for index in range(8) for task in [family.generate(task_seed(3, index))] * 16]
    videos = np.stack([family.render(task, task.solution, 17, 80) for task in tasks])
    with ScorePool(TrajectoryReward(), workers) as pool:
        pool.submit(tasks, videos).result()
        start = time.perf_counter()
        pool.submit(tasks, videos).result()
        return len(tasks) / (time.perf_counter() - start)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "scoring_speed.json")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    rows = [_row(*board, options.repeat) for board in BOARDS]
    rates = {workers: _pool_rate(workers) for workers in (0, 1, 2)}
    load = os.getloadavg()[0]
    options.out.parent.mkdir(parents=True, exist_ok=True)
    record = {"rows": rows, "pool_videos_per_second": rates, "cores": os.cpu_count(), "load_average": load}
    options.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print("| level | px | frames | first call ms | median ms | least ms | videos/s on one core |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['level']} | {row['px']} | {row['frames']} | {row['first_ms']:.1f} | {row['median_ms']:.1f} "
            f"| {row['least_ms']:.1f} | {row['videos_per_second']:.0f} |"
        )
    print(f"\n128 tiny videos, wall clock, load average {load:.1f} on {os.cpu_count()} cores:")
    for workers, rate in rates.items():
        print(f"- {workers} workers: {rate:.0f} videos/s")


if __name__ == "__main__":
    main()
