"""How exactly camera decoders read held-out drawn clips, by the shape of their paths.

    python benchmarks/camera_decoders.py [--num N]

N clips of each level, 128 px, 49 frames, H.264 at crf 18, test side. Error: mean distance (ADE) of the nine frames that
count, as a share of the path's length.
"""

import argparse
import json
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from wan_r1.metrics.target_bench import measure
from wan_r1.tasks import make_family, task_seed
from wan_r1.tasks.first_person import anchor_of
from wan_r1.tasks.navigation import path_length
from wan_r1.trackers.camera import Clip, decoded_frames
from wan_r1.trackers.visual_odometry import VisualOdometry
from wan_r1.video import read_video, write_video

RESULTS = Path(__file__).parent / "results" / "camera_decoders.json"
LEVELS = ("tiny", "easy", "medium", "hard")
SIZE_PX, NUM_FRAMES = 128, 49
BAR = 0.06
TURNS_DEG = (0, 20, 45, 90, 360)


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--num", type=int, default=16)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    frames, rows, seconds = decoded_frames(NUM_FRAMES), [], 0.0
    for level in LEVELS:
        family = make_family("navigation", level=level, split="test", size=SIZE_PX)
        for index in range(args.num):
            task = family.generate(task_seed(37, index))
            with tempfile.TemporaryDirectory() as folder:
                write_video(Path(folder) / "a.mp4", family.render(task, task.solution, NUM_FRAMES, SIZE_PX))
                video = read_video(Path(folder) / "a.mp4")
            clip = Clip(video=video, anchor=anchor_of(task))
            start = time.process_time()
            track = VisualOdometry()(clip)
            seconds += time.process_time() - start
            truth = task.solution.points[np.linspace(0, len(task.solution.points) - 1, NUM_FRAMES).astype(int)]
            seen = bool(track.seen[0][frames].all())
            error = float(np.hypot(*(track.points[0] - truth)[frames].T).mean()) / path_length(truth) if seen else None
            overall = measure(track.points[0][frames], task.solution.points).overall if seen else 0.0
            turn = float(np.degrees(np.abs(np.diff(task.solution.headings)).sum()))
            rows.append({"level": level, "turn_deg": round(turn), "error": error, "overall": round(overall, 4)})
    bands = {f"{a}..{b} degrees": [r for r in rows if a <= r["turn_deg"] < b] for a, b in pairwise(TURNS_DEG)}
    groups = {**{level: [r for r in rows if r["level"] == level] for level in LEVELS}, **bands, "all": rows}
    result = {
        "cpu_seconds_per_clip": round(seconds / len(rows), 3),
        "groups": {name: summary(group) for name, group in groups.items() if group},
        "clips": rows,
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({name: value for name, value in result.items() if name != "clips"}, indent=1))


def summary(rows: list[dict]) -> dict[str, float]:
    """Numbers of some clips."""
    found = [row["error"] for row in rows if row["error"] is not None]
    return {
        "clips": len(rows),
        "lost": len(rows) - len(found),
        "median_error": round(float(np.median(found)), 4) if found else None,
        "share_within_6_percent": round(sum(error <= BAR for error in found) / len(rows), 3),
        "overall_mean": round(float(np.mean([row["overall"] for row in rows])), 3),
    }


if __name__ == "__main__":
    main()
