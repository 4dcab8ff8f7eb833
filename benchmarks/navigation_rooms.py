"""Rooms at scale: none fails, none is entered, the target is seen at the end, and sides share no room.

    python benchmarks/navigation_rooms.py [--num 1000]

Half of the segments are of the train side and half of the test side, a quarter of them of each level. The target is in
view where at least MIN_SHARE of the last frame's pixels change when the target is taken out of the room.
"""

import argparse
import json
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from wan_r1.tasks import make_family, task_seed
from wan_r1.tasks.navigation import ROBOT_RADIUS_M, NavigationFamily, clearance, to_room
from wan_r1.types import Task

RESULTS = Path(__file__).parent / "results" / "navigation_rooms.json"
LEVELS = ("tiny", "easy", "medium", "hard")
SIZE_PX, NUM_FRAMES = 128, 49
MIN_SHARE = 0.02
RENDERED = 6
"""Segments of each level whose whole video is timed."""


def target_share(family: NavigationFamily, task: Task) -> float:
    """Share of the last frame's pixels that the target changes."""
    others = tuple(piece for index, piece in enumerate(task.state.furniture) if index != task.state.target)
    empty = replace(task, state=replace(task.state, furniture=others, target=0))
    last = replace(task.solution, points=task.solution.points[-2:], headings=task.solution.headings[-2:])
    shown, bare = (family.render(each, last, 2, SIZE_PX)[-1].astype(int) for each in (task, empty))
    return float((np.abs(shown - bare).max(axis=-1) > 8).mean())


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--num", type=int, default=1000)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    rooms: dict[str, set[bytes]] = {"train": set(), "test": set()}
    shares, gaps, seconds, prompts = [], [], {}, Counter()
    for level in LEVELS:
        spent = 0.0
        for index in range(args.num // len(LEVELS)):
            side = ("train", "test")[index % 2]
            family = make_family("navigation", level=level, split=side, size=SIZE_PX)
            start = time.process_time()
            task = family.generate(task_seed(11, index))
            if index < RENDERED:
                family.render(task, task.solution, NUM_FRAMES, SIZE_PX)
                spent += time.process_time() - start
            shares.append(target_share(family, task))
            gaps.append(clearance(task.state, to_room(task.state.start, task.solution.points)).min())
            rooms[side].add(family.layout_key(task))
            prompts["explicit" if "go to the" in task.prompt else "implicit"] += 1
        seconds[level] = round(spent / RENDERED, 3)
    result = {
        "segments": len(gaps),
        "least_clearance_m": round(float(min(gaps)), 4),
        "robot_radius_m": ROBOT_RADIUS_M,
        "target_not_in_view": int(np.sum(np.asarray(shares) < MIN_SHARE)),
        "least_target_share": round(float(min(shares)), 4),
        "rooms": {side: len(keys) for side, keys in rooms.items()},
        "rooms_on_both_sides": len(rooms["train"] & rooms["test"]),
        "prompts": dict(prompts),
        "cpu_seconds_per_segment_128px_49_frames": seconds,
    }
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
