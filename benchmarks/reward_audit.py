"""Which cheats beat which reward: the zoo of every family, scored by our rewards and by VR-Bench's metrics.

    python benchmarks/reward_audit.py [--num N] [--trackers ncc csrt] [--out benchmarks/results/reward_audit.json]
    python benchmarks/reward_audit.py --judges runs/reward_study --level tiny --frames 17 --trackers ncc \
        --family maze trapfield sokoban --out benchmarks/results/judge_audit.json

VR-Bench's SR, PR and EM are taken from its own trackers (those of TRACKERS that are named) and from the sprite
tracker, with the options of its script. The learned judges of a folder (judge_FAMILY.safetensors of reward_study.py,
for tiny levels) are asked too. A cheat beats a reward in a family if, in some task, it is paid above 0.3 or above the
honest half-way video of that task. Prints a Markdown table: in how many families each video does.
"""

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from games_job import GAMES
from numpy.typing import NDArray

from wan_r1.cli.console import progress
from wan_r1.rewards import LearnedReward, PaperReward, SparseReward, TrajectoryReward
from wan_r1.rewards.audit import MAX_CHEAT, MIN_HONEST
from wan_r1.rewards.cheats import zoo
from wan_r1.tasks import make_tasks
from wan_r1.trackers import TRACKERS
from wan_r1.types import Task
from wan_r1.video import read_video, write_video

CRF, SEED = 23, 3
SIZES = {"irregular_maze": 512, "maze3d": 512}
"""Easy pictures of 1024 and 740 px are drawn smaller, as the perturbed golden videos are; others keep their size."""

METRICS = {"SR": "success", "PR": "precision", "EM": "exact"}


Scorer = Callable[[Task, NDArray[np.uint8]], dict[str, float]]


def scorers(trackers: list[str], judge: Path | None) -> list[Scorer]:
    """(task, video) -> value of each reward that one pass over the video gives."""

    def ours(task: Task, video: NDArray[np.uint8]) -> dict[str, float]:
        return {"trajectory": TrajectoryReward()(task, video).value, "sparse": SparseReward()(task, video).value}

    def theirs(name: str) -> Scorer:
        def score(task: Task, video: NDArray[np.uint8]) -> dict[str, float]:
            result = PaperReward(tracker=name)(task, video)
            values = {f"{metric} ({name})": result.parts[part] for metric, part in METRICS.items()}
            return {**values, f"paper ({name})": result.value}

        return score

    found = [ours, *(theirs(name) for name in ("sprite", *trackers))]
    if judge is not None:
        learned = LearnedReward(path=str(judge))
        found.append(lambda task, video: {"learned": learned(task, video).value})
    return found


def encoded(video: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The video as it comes out of an H.264 file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        write_video(path, video, crf=CRF)
        return read_video(path)[:, : video.shape[1], : video.shape[2]]


def rows_of(task: Task, num_frames: int, rewards: list[Scorer]) -> Iterator[dict[str, Any]]:
    """What each video of the zoo is and what each reward gives it."""
    for example in zoo(task, num_frames, pairs=False):
        video, values = encoded(example.video), dict[str, float]()
        for score in rewards:
            values |= score(task, video)
        rounded = {name: round(value, 3) for name, value in values.items()}
        yield {"video": example.name, "kind": example.kind, "values": rounded}


def beaten(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of one task with whether each reward is wrong: a cheat that beats it, or honest work that it pays less."""
    half = next(row["values"] for row in rows if row["video"] == "prefix50")
    wrong = {
        "cheat": lambda name, value: value > min(MAX_CHEAT, half[name]),
        "honest": lambda name, value: value < MIN_HONEST,
    }
    return [
        {**row, "wrong": [name for name, value in row["values"].items() if wrong[row["kind"]](name, value)]}
        for row in rows
        if row["kind"] in wrong
    ]


def print_table(rows: list[dict[str, Any]]) -> None:
    """In how many families each video is paid wrongly, of those whose zoo has it."""
    names = list(rows[0]["values"])
    families: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    wrong: defaultdict[tuple[str, str], defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in rows:
        key = (row["kind"], row["video"])
        families[key].add(row["family"])
        for name in row["wrong"]:
            wrong[key][name].add(row["family"])
    print(f"| kind | video | families | {' | '.join(names)} |")
    print("|" + "---|" * (len(names) + 3))
    for key in sorted(families, key=lambda each: each[0], reverse=True):
        cells = (str(len(wrong[key][name])) if wrong[key][name] else "" for name in names)
        print(f"| {key[0]} | {key[1]} | {len(families[key])} | {' | '.join(cells)} |")


def write(path: Path, record: dict[str, Any]) -> None:
    """What is measured so far, one line a row, so that a run that is stopped leaves the families that it has done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = ",\n".join(json.dumps(row) for row in record["rows"])
    head = json.dumps({"crf": CRF, "seed": SEED, **record, "rows": []}).removesuffix("]}")
    path.write_text(f"{head}\n{rows}\n]}}\n", encoding="utf-8")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num", type=int, default=1, help="tasks of each family")
    parser.add_argument("--level", default="easy")
    parser.add_argument("--frames", type=int, default=49)
    parser.add_argument("--judges", type=Path, help="folder of the learned judges")
    parser.add_argument("--trackers", nargs="*", choices=list(TRACKERS), default=["ncc"])
    parser.add_argument("--family", nargs="+", choices=GAMES, default=GAMES)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "reward_audit.json")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    rows: list[dict[str, Any]] = []
    with progress("tasks", len(options.family) * options.num) as advance:
        for family in options.family:
            size = {"size": SIZES[family]} if family in SIZES and options.level == "easy" else {}
            judge = options.judges / f"judge_{family}.safetensors" if options.judges else None
            rewards = scorers(options.trackers, judge)
            for index, task in enumerate(make_tasks(family, SEED, options.num, level=options.level, **size)):
                scored = []
                for row in rows_of(task, options.frames, rewards):
                    scored.append({"family": family, "task": index, **row})
                    advance(0, f"{family}: {row['video']}")
                rows += beaten(scored)
                write(options.out, {"level": options.level, "num": options.num, "frames": options.frames, "rows": rows})
                advance(1)
    print_table(rows)


if __name__ == "__main__":
    main()
