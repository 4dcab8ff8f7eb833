"""Tasks of all games, levels and skins: each is solvable, and its solution video is judged solved at several sizes.

    python benchmarks/all_levels.py [--num 10000] [--seconds S] [--workers W] [--out benchmarks/results/all_levels.json]

A size at which the smallest sprite is below 6 px may be refused, with an error that says so; from 6 px on it must be
judged solved. Tasks come from all sides of the split in turn, and no layout may lie on two sides. Exit code 1 if
anything fails; --seconds ends earlier, and the number of tasks that were made is reported.
"""

import argparse
import json
import math
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from wan_r1.errors import ConfigError, TrackingError
from wan_r1.rewards import TrajectoryReward
from wan_r1.tasks import make_family, task_seed
from wan_r1.tasks.skins import SKINS
from wan_r1.tasks.split import SPLITS, split_of
from wan_r1.types import Task

GAMES = ("maze", "trapfield", "sokoban", "irregular_maze", "maze3d")
LEVELS = ("tiny", "easy", "medium", "hard")
SIZES = (64, 256, 512)
LEAST_SPRITE_PX = 6.0
FEW_LAYOUTS = (("maze", "easy"), ("sokoban", "easy"))
"""Levels with so few layouts that a side of the split may be empty: their tasks come from all sides at once."""
NUM_FRAMES = 33
SEED = 41


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one task.

    sides: side that was asked for (None: any) and side of its layout; by_size: size in px -> solved, refused, too_small
    (not solved, with a sprite below 6 px) or failed; notes: what went wrong.
    """

    game: str
    level: str
    layout: str
    sides: tuple[str | None, str]
    by_size: dict[int, str]
    notes: list[str]


def jobs() -> Iterator[tuple[str, str, int]]:
    """Game, level and index of all tasks, evenly over games and levels, without end."""
    index = 0
    while True:
        yield from ((game, level, index) for level in LEVELS for game in GAMES)
        index += 1


def check(job: tuple[str, str, int]) -> Outcome:
    """Make one task, draw its solution and judge it at all sizes."""
    game, level, index = job
    skin = list(SKINS)[index % len(SKINS)]
    asked = None if (game, level) in FEW_LAYOUTS else SPLITS[index % len(SPLITS)]
    family: Any = make_family(game, level=level, skin=skin, split=asked)
    task = family.generate(task_seed(SEED, index))
    key = family.layout_key(task)
    found, notes = {}, []
    for size in SIZES:
        found[size], note = _judged(game, level, skin, task, size)
        if note:
            notes.append(f"{game} {level} {index} {skin} {size} px: {note}")
    side = split_of(key)
    if asked not in (None, side):
        notes.append(f"{game} {level} {index}: asked for {asked}, got {side}")
    return Outcome(game=game, level=level, layout=key.hex(), sides=(asked, side), by_size=found, notes=notes)


def _judged(game: str, level: str, skin: str, native: Task, size: int) -> tuple[str, str]:
    """What became of a task at one size, and a note if that is wrong."""
    sprite_px = _smallest_sprite(native) * size / max(native.first_frame.shape[:2])
    try:
        family: Any = make_family(game, level=level, skin=skin, size=size)
        task = family.task(native.state, native.seed)
        sprite_px = _smallest_sprite(task)
        verdict = TrajectoryReward()(task, family.render(task, task.solution, NUM_FRAMES, size)).verdict
    except (TrackingError, ConfigError) as error:
        return ("refused", "") if sprite_px < LEAST_SPRITE_PX else ("failed", f"sprite {sprite_px:.1f} px: {error}")
    if verdict is not None and verdict.solved and verdict.optimal:
        return "solved", ""
    return ("too_small", "") if sprite_px < LEAST_SPRITE_PX else ("failed", f"sprite {sprite_px:.1f} px: {verdict}")


def _smallest_sprite(task: Task) -> float:
    """Width in px of the disc that covers as much as the smallest sprite that is tracked."""
    return min(2 * math.sqrt(float(task.sprites[name].alpha.sum()) / math.pi) for name in task.objects)


def summary(outcomes: list[Outcome]) -> dict[str, Any]:
    """Counts by game, level and size; distinct layouts by side; everything that failed."""
    sides: dict[str, set[str]] = {}
    failures = [note for outcome in outcomes for note in outcome.notes]
    for outcome in outcomes:
        sides.setdefault(f"{outcome.game} {outcome.level} {outcome.layout}", set()).add(outcome.sides[1])
    failures += [f"{layout[:60]}: on the sides {sorted(on)}" for layout, on in sides.items() if len(on) > 1]
    rows = []
    for game in GAMES:
        for level in LEVELS:
            ours = [each for each in outcomes if (each.game, each.level) == (game, level)]
            layouts = Counter(side for _, side in {(each.layout, each.sides[1]) for each in ours})
            sizes = {str(size): dict(Counter(each.by_size[size] for each in ours)) for size in SIZES}
            rows.append(
                {"game": game, "level": level, "tasks": len(ours), "layouts": dict(layouts), "by_size_px": sizes}
            )
    return {"tasks": len(outcomes), "frames": NUM_FRAMES, "seed": SEED, "failures": failures, "rows": rows}


def _run(num: int, seconds: float, workers: int) -> list[Outcome]:
    """Outcomes of the first `num` jobs, or of as many as `seconds` allow."""
    start, outcomes, work = time.perf_counter(), [], islice(jobs(), num)
    if workers == 1:
        for job in work:
            outcomes.append(check(job))
            if time.perf_counter() - start > seconds:
                break
        return outcomes
    chunk = 4 * workers * len(GAMES) * len(LEVELS)
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        while (batch := list(islice(work, chunk))) and time.perf_counter() - start < seconds:
            outcomes += pool.map(check, batch, chunksize=len(GAMES))
            print(f"{len(outcomes)} of {num} tasks", flush=True)
    return outcomes


def main() -> int:
    """Check and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=np.inf, help="end after this time")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "all_levels.json")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    record = summary(_run(options.num, options.seconds, options.workers))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print("| game | level | tasks | layouts | " + " | ".join(f"{size} px" for size in SIZES) + " |")
    print("|---|---|---|---|" + "---|" * len(SIZES))
    for row in record["rows"]:
        counts = [", ".join(f"{n} {what}" for what, n in sorted(found.items())) for found in row["by_size_px"].values()]
        layouts = sum(row["layouts"].values())
        print(f"| {row['game']} | {row['level']} | {row['tasks']} | {layouts} | {' | '.join(counts)} |")
    print(f"\n{record['tasks']} tasks, {len(record['failures'])} failures")
    print("\n".join(record["failures"]))
    return 1 if record["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
