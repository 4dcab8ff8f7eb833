"""What scoring a decoded video costs on one core, beside VR-Bench's own metrics on the same video, and with workers.

    python benchmarks/scoring_speed.py [--repeat N] [--out benchmarks/results/scoring_speed.json]

Prints a Markdown table and writes the same rows as JSON. Times are CPU times of this process (a busy machine
still makes them longer: cores share caches); the median of N calls for videos of one task, and the least, and the
median of single calls for new tasks, whose scene and distances are not known yet. VR-Bench is its NCC tracker, its
SR, PR, SD and EM, and its fidelity MF, with the reference path known; its evaluator tracks that too.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from wan_r1.metrics.vr_bench import SCRIPT, maze_fidelity, measure
from wan_r1.rewards import ScorePool, TrajectoryReward
from wan_r1.tasks import make_family, task_seed
from wan_r1.tasks.family import Family
from wan_r1.trackers.ncc import NccTracker
from wan_r1.trackers.resample import repeat_last
from wan_r1.types import Task

BOARDS = (
    ("maze", "tiny", 80, 17, 15),
    ("maze", "easy", 256, 49, 15),
    ("maze", "medium", 256, 49, 15),
    ("maze", "hard", 256, 49, 15),
    ("trapfield", "medium", 256, 49, 30),
    ("sokoban", "medium", 256, 49, 30),
    ("irregular_maze", "medium", 256, 49, 60),
    ("maze3d", "medium", 256, 49, 60),
    ("maze", "medium", 512, 193, None),
)
"""Family, level, longer picture side in px, frames, and the bar in ms that scoring is held to."""
NEW_TASKS = 9


def _row(family_name: str, level: str, size: int, num_frames: int, bar_ms: int | None, repeat: int) -> dict[str, Any]:
    family, reward = make_family(family_name, level=level, size=size), TrajectoryReward()
    task = family.generate(task_seed(3, 1))
    video = family.render(task, task.solution, num_frames, size)
    reward(task, video)
    new = [_seconds(reward, family.generate(seed), shown) for seed, shown in _others(family, num_frames, size)]
    reward(task, video)
    times = [_seconds(reward, task, video) for _ in range(repeat)]
    theirs = [_seconds(_vr_bench, task, video) for _ in range(repeat)]
    return {
        "family": family_name,
        "level": level,
        "px": size,
        "frames": num_frames,
        "bar_ms": bar_ms,
        "new_task_ms": 1e3 * float(np.median(new)),
        "median_ms": 1e3 * float(np.median(times)),
        "least_ms": 1e3 * min(times),
        "videos_per_second": 1 / float(np.median(times)),
        "vr_bench_median_ms": 1e3 * float(np.median(theirs)),
        "vr_bench_least_ms": 1e3 * min(theirs),
    }


def _others(family: Family, num_frames: int, size: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Seeds of NEW_TASKS further tasks with a video of each."""
    for index in range(2, 2 + NEW_TASKS):
        task = family.generate(seed := task_seed(3, index))
        yield seed, family.render(task, task.solution, num_frames, size)


def _vr_bench(task: Task, video: NDArray[np.uint8]) -> None:
    """VR-Bench's numbers for a video, of its own track."""
    track, goal = NccTracker()(video, task), task.goals[0]
    ways = [repeat_last(points, box.center) for points, box in zip(track.points, task.objects.values(), strict=True)]
    measure(ways[0], [task.solution.points], goal, SCRIPT, ways[1] if len(ways) > 1 else None)
    height, width = task.first_frame.shape[:2]
    maze_fidelity(video, ways[0], task.objects["agent"], goal, (width, height), SCRIPT)


def _seconds(score: Callable[[Task, NDArray[np.uint8]], Any], task: Task, video: NDArray[np.uint8]) -> float:
    start = time.process_time()
    score(task, video)
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
    print("| family | level | px | frames | bar ms | new task ms | median ms | least ms | VR-Bench median | least |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['family']} | {row['level']} | {row['px']} | {row['frames']} | {row['bar_ms'] or '-'} "
            f"| {row['new_task_ms']:.1f} | {row['median_ms']:.1f} | {row['least_ms']:.1f} "
            f"| {row['vr_bench_median_ms']:.1f} | {row['vr_bench_least_ms']:.1f} |"
        )
    print(f"\n128 tiny videos, wall clock, load average {load:.1f} on {os.cpu_count()} cores:")
    for workers, rate in rates.items():
        print(f"- {workers} workers: {rate:.0f} videos/s")


if __name__ == "__main__":
    main()
