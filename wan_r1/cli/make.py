"""`wan-r1 make`: tasks with solver videos, in the layout of VR-Bench, or of Target-Bench for navigation."""

import argparse
import csv
import io
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wan_r1.cli.command import DONE, Command, add_json_option, positive
from wan_r1.cli.console import Advance, print_json, progress, say
from wan_r1.cli.family_options import add_family_options, default_frames, family_settings

__all__ = ["COMMAND"]

METADATA_COLUMNS = ("video", "prompt", "input_image")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    """One task to write; plain values, so that a worker process can be handed it."""

    family: str
    settings: dict[str, Any]
    seed: int
    index: int
    frames: int | None
    fps: int
    crf: int
    out: Path


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_family_options(parser)
    parser.add_argument("--num", metavar="N", type=positive, default=8, help="how many tasks")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder to write to; made if absent")
    parser.add_argument("--frames", metavar="T", type=positive, help="frames per video, 4n + 1 (default: by size)")
    parser.add_argument("--fps", type=positive, default=24, help="frames per second of the files")
    parser.add_argument("--crf", type=int, default=18, help="H.264 quality, 0 (lossless RGB) to 51")
    parser.add_argument("--workers", metavar="W", type=positive, default=1, help="worker processes")
    add_json_option(parser)


def _run(args: argparse.Namespace) -> int:
    from wan_r1.runs import write_text
    from wan_r1.tasks import make_family
    from wan_r1.video import check_num_frames

    settings = family_settings(args)
    make_family(args.family, **settings)
    if args.frames is not None:
        check_num_frames(args.frames, "--frames")
    jobs = [
        _Job(
            family=args.family,
            settings=settings,
            seed=args.seed,
            index=index,
            frames=args.frames,
            fps=args.fps,
            crf=args.crf,
            out=args.out,
        )
        for index in range(args.num)
    ]
    with progress(f"making {args.family} tasks", args.num) as advance:
        rows = _write_all(jobs, args.workers, advance)
    write_text(args.out / "metadata.csv", _csv(rows))
    if args.json:
        print_json({"out": str(args.out), "num": len(rows), "metadata": str(args.out / "metadata.csv")})
    else:
        folders = "Benchmark/, wm_videos/" if args.family == "navigation" else "images/, states/, videos/"
        say(f"wrote {len(rows)} tasks to {args.out}: {folders} and metadata.csv")
    return DONE


def _write_all(jobs: list[_Job], workers: int, advance: Advance) -> list[tuple[str, str, str]]:
    rows = []
    if workers == 1:
        for job in jobs:
            rows.append(_write_one(job))
            advance(1)
        return rows
    pool = ProcessPoolExecutor(min(workers, len(jobs)), mp_context=multiprocessing.get_context("spawn"))
    try:
        for row in pool.map(_write_one, jobs, chunksize=max(1, min(4, len(jobs) // (4 * workers)))):
            rows.append(row)
            advance(1)
    finally:
        pool.shutdown(cancel_futures=True)
    return rows


def _write_one(job: _Job) -> tuple[str, str, str]:
    """Write picture, state and video of one task; returns its row of metadata.csv, paths relative to the folder."""
    from wan_r1.tasks import make_family, task_seed
    from wan_r1.tasks.target_bench import write_segment
    from wan_r1.tasks.vr_bench import write_state
    from wan_r1.video import write_image, write_video

    family = make_family(job.family, **job.settings)
    task = family.generate(task_seed(job.seed, job.index))
    size = max(task.first_frame.shape[:2])
    frames = job.frames or default_frames(size)
    # VR-Bench counts from 0001.
    name = f"{task.settings.get('level', job.family)}_{job.index + 1:04d}"
    if job.family == "navigation":
        film, picture = write_segment(job.out, name, task, frames, fps=job.fps, crf=job.crf)
        return str(film), task.prompt, str(picture)
    video = family.render(task, task.solution, frames, size)
    row = (f"videos/{name}.mp4", task.prompt, f"images/{name}.png")
    write_image(job.out / row[2], task.first_frame)
    write_video(job.out / row[0], video, fps=job.fps, crf=job.crf)
    write_state(job.out / "states" / f"{name}.json", task)
    return row


def _csv(rows: list[tuple[str, str, str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(METADATA_COLUMNS)
    writer.writerows(rows)
    return text.getvalue()


COMMAND = Command(
    summary="make tasks with solver videos",
    description="Make tasks with their solution as video, in VR-Bench's layout:\n"
    "  DIR/images/LEVEL_0001.png  DIR/states/LEVEL_0001.json  DIR/videos/LEVEL_0001.mp4  DIR/metadata.csv\n"
    "navigation in Target-Bench's: DIR/Benchmark/SEGMENT/  DIR/wm_videos/gt_videos/SEGMENT.mp4  DIR/metadata.csv\n"
    "Task i depends on the seed and i only: the same command writes the same files with any number of workers.",
    examples=(
        "wan-r1 make maze --level tiny --num 100 --seed 0 --out data/train --split train",
        "wan-r1 make navigation --level easy --size 128 --frames 49 --num 50 --out data/rooms",
        "wan-r1 make maze --level hard --num 20 --size 512 --frames 193 --workers 4 --out data/hard",
    ),
    add_arguments=_add_arguments,
    run=_run,
)
