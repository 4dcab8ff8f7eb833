"""What `evaluate videos` costs: videos per second of one core, and the most memory whatever the length of a video.

    python benchmarks/evaluation_speed.py [--num N] [--out benchmarks/results/evaluation_speed.json]

Mazes of VR-Bench's easy level at its size and speed (210 px, 12 frames for each cell), read from files. Speed is CPU
time of this process, everything from opening the state to the numbers of a video: once with the solution's track to be
made (cold) and once with it from the cache (warm). Memory is the peak of a process of its own (Linux: VmHWM).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from wan_r1.evaluation.datasets import Sample, find_levels
from wan_r1.evaluation.reference import TrackCache
from wan_r1.evaluation.videos import Job, VideoSettings, evaluate_level
from wan_r1.tasks import family_of, make_tasks
from wan_r1.tasks.vr_bench import write_state
from wan_r1.trackers import TRACKERS
from wan_r1.video import write_image, write_video

FRAMES_PER_CELL = 12
SPEEDS = {"sprite": 1, "ncc": 4, "optical_flow": 4, "csrt": 12}
"""Tracker -> one of how many levels it gets; they differ in speed."""
LONG = ((256, 193), (256, 1929), (1024, 193))
"""Picture side in px, frames."""


def make_levels(root: Path, num: int, size: int) -> None:
    """Levels with solution videos as VR-Bench makes them."""
    for index, task in enumerate(make_tasks("maze", 0, num, level="easy", size=size)):
        name = f"easy_{index + 1:04d}"
        frames = FRAMES_PER_CELL * (len(task.solution.points) - 1) + 1
        write_image(root / "images" / f"{name}.png", task.first_frame)
        write_state(root / "states" / f"{name}.json", task)
        write_video(root / "videos" / f"{name}.mp4", family_of(task).render(task, task.solution, frames, size))


def speed_row(root: Path, tracker: str, num: int) -> dict[str, Any]:
    """Videos per second of one core, cold and warm."""
    settings = VideoSettings(tracker=TRACKERS[tracker](), cache=TrackCache(folder=root / f"cache_{tracker}"))
    row: dict[str, Any] = {"tracker": tracker, "videos": num}
    levels, frames = find_levels(root)[0][:num], 0
    for state in ("cold", "warm"):
        start = time.process_time()
        results = [evaluate_level(Job(level=each, samples=_own(each), settings=settings)) for each in levels]
        row[f"{state}_videos_per_second"] = num / (time.process_time() - start)
        frames = sum(result.videos[0].num_frames for result in results)
    return row | {"mean_frames": frames / num}


def _own(level: Any) -> tuple[Sample, ...]:
    return (Sample(path=level.solutions[0], label=""),)


def memory_row(folder: Path, size: int, frames: int) -> dict[str, Any]:
    """Peak memory of a process that evaluates one video of this size and length."""
    make_levels(folder, 1, size)
    video = folder / "videos" / "easy_0001.mp4"
    task = make_tasks("maze", 0, 1, level="easy", size=size)[0]
    some = family_of(task).render(task, task.solution, 49, size)
    with av.open(str(video), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(24), options={"preset": "ultrafast"})
        stream.height, stream.width, stream.pix_fmt, stream.thread_type = size, size, "yuv420p", "NONE"
        for index in range(frames):
            frame = some[min(index * len(some) // (frames - 1), len(some) - 1)]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    command = [sys.executable, __file__, "--only-memory", str(folder)]
    peak = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {"px": size, "frames": frames, "decoded_mb": size * size * 3 * frames / 1e6, "peak_mb": peak}


def peak_mb(folder: Path) -> float:
    """Evaluate the level of a folder and return this process's peak memory in MB."""
    level = find_levels(folder)[0][0]
    result = evaluate_level(Job(level=level, samples=_own(level), settings=VideoSettings()))
    if not result.videos[0].numbers.exact:
        raise SystemExit(f"the solution video was not solved: {result}")
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


def main() -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num", type=int, default=24)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "evaluation_speed.json")
    parser.add_argument("--only-memory", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    if args.only_memory:
        print(peak_mb(args.only_memory))
        return 0
    record: dict[str, Any] = {"speed": [], "memory": [], "cores": os.cpu_count()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_levels(folder / "easy", args.num, 210)
        for tracker, share in SPEEDS.items():
            record["speed"].append(speed_row(folder / "easy", tracker, max(1, args.num // share)))
            save(record, args.out)
        for px, frames in LONG:
            record["memory"].append(memory_row(folder / f"{px}_{frames}", px, frames))
            save(record, args.out)
    return 0


def save(record: dict[str, Any], path: Path) -> None:
    """Write what is known so far: a busy machine may take long for the rest."""
    record["load_average"] = float(np.round(os.getloadavg()[0], 1))
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps((record["memory"] or record["speed"])[-1]), flush=True)


if __name__ == "__main__":
    sys.exit(main())
