"""`wan-r1 make`: tasks with solver videos, in the layout of VR-Bench, or of Target-Bench for navigation."""

import argparse
import csv
import io
import math
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from wan_r1.cli.command import DONE, Command, add_json_option, at_least, positive
from wan_r1.cli.console import Advance, print_json, progress, say
from wan_r1.cli.family_options import SHORT_FRAMES, add_family_options, default_frames, family_settings
from wan_r1.errors import ConfigError, DatasetError, VideoError, WanR1Error

if TYPE_CHECKING:
    from wan_r1.types import Task

__all__ = ["COMMAND"]

METADATA_COLUMNS = ("video", "prompt", "input_image")  # DiffSynth's
LAYOUTS = ("flat", "vr-bench")

Row = tuple[str, str, str]


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
    layout: str


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_family_options(parser)
    parser.add_argument("--num", metavar="N", type=positive, default=8, help="how many tasks")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder to write to; made if absent")
    parser.add_argument(
        "--layout", choices=LAYOUTS, default="flat", help="vr-bench puts images/, states/, videos/ into DIR/SKIN/LEVEL"
    )
    parser.add_argument(
        "--frames",
        metavar="T",
        type=positive,
        help="frames per video, 4n + 1 (default: by size; layout vr-bench: at VR-Bench's speed, then rest)",
    )
    parser.add_argument("--fps", type=at_least(1, 1000), default=24, help="frames per second of the files")
    parser.add_argument("--crf", type=at_least(0, 51), default=18, help="H.264 quality, 0 (lossless RGB) to 51")
    parser.add_argument("--workers", metavar="W", type=positive, default=1, help="worker processes")
    add_json_option(parser)


def _run(args: argparse.Namespace) -> int:
    from wan_r1.runs import write_text
    from wan_r1.tasks import make_family, task_seed
    from wan_r1.tasks.skins import SKINS
    from wan_r1.tasks.vr_bench import WRITERS, check_readable
    from wan_r1.video import check_num_frames

    settings = family_settings(args)
    family = make_family(args.family, **settings)
    if args.family not in WRITERS and args.layout == "vr-bench":
        raise ConfigError(f"--layout vr-bench: {args.family} is no game of VR-Bench; leave the option out")
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
            layout=args.layout,
        )
        for index in range(args.num)
    ]
    first = family.generate(task_seed(args.seed, 0))
    if args.skin is not None and args.skin not in SKINS and args.family in WRITERS:
        check_readable(first, args.skin)  # a skin of ones own may hide the agent
    place = args.out / _place(first, args.layout)
    _refuse_other_tasks(place, args.family)
    if args.skin is not None and args.layout == "vr-bench":
        _refuse_other_skins(place, args.skin)
    metadata = args.out / "metadata.csv"
    there = _rows_of(metadata)
    with progress(f"making {args.family} tasks", args.num) as advance:
        rows = _write_all(jobs, args.workers, advance)
    ours = {row[0] for row in rows}
    write_text(metadata, _csv([*(row for row in there if row[0] not in ours), *rows]))
    folder = args.out / _folder(rows[0]) if args.family in WRITERS else args.out
    if args.json:
        print_json({"out": str(args.out), "folder": str(folder), "num": len(rows), "metadata": str(metadata)})
    else:
        names = "images/, states/, videos/" if args.family in WRITERS else "Benchmark/, wm_videos/"
        say(f"wrote {len(rows)} tasks to {folder}: {names}; and {metadata}")
    return DONE


def _write_all(jobs: list[_Job], workers: int, advance: Advance) -> list[Row]:
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
    except BrokenProcessPool as error:
        raise VideoError(f"a worker process died ({error}): killed, or out of memory: take fewer --workers") from error
    finally:
        pool.shutdown(cancel_futures=True)
    return rows


def _write_one(job: _Job) -> Row:
    """Write picture, state and video of one task; returns its row of metadata.csv, paths relative to the folder."""
    from wan_r1.tasks import frames_needed, make_family, task_seed
    from wan_r1.tasks.target_bench import write_segment
    from wan_r1.tasks.vr_bench import WRITERS, write_state
    from wan_r1.video import write_image, write_video

    family = make_family(job.family, **job.settings)
    task = family.generate(task_seed(job.seed, job.index))
    size = max(task.first_frame.shape[:2])
    name = f"{_level(task)}_{job.index + 1:04d}"  # VR-Bench counts from 0001
    if job.frames is not None and job.frames < frames_needed(task):
        needed = frames_needed(task)
        raise ConfigError(f"--frames {job.frames}: the solution of {name} takes {needed} frames at this level's speed")
    if job.family not in WRITERS:
        frames = job.frames or default_frames(size)
        film, picture = write_segment(job.out, name, task, frames, fps=job.fps, crf=job.crf)
        return str(film), task.prompt, str(picture)
    video = family.render(task, task.solution, job.frames or _num_frames(job, task, size), size)
    place = _place(task, job.layout)
    row = (f"{place}videos/{name}.mp4", task.prompt, f"{place}images/{name}.png")
    write_image(job.out / row[2], task.first_frame)
    write_video(job.out / row[0], video, fps=job.fps, crf=job.crf)
    write_state(job.out / place / "states" / f"{name}.json", task)
    return row


def _num_frames(job: _Job, task: "Task", size: int) -> int:
    """Frames where the user gives none: in VR-Bench's layout the motion is as slow as VR-Bench's, and a rest follows.

    The small levels have a speed of their own.
    """
    from wan_r1.tasks.draw import MOTION_SHARE
    from wan_r1.tasks.vr_bench.timing import solution_frames

    if job.layout != "vr-bench" or default_frames(size) == SHORT_FRAMES:
        return default_frames(size)
    moving = math.ceil((solution_frames(task) - 1) / MOTION_SHARE)
    return 4 * math.ceil(moving / 4) + 1


def _place(task: "Task", layout: str) -> str:
    """The folder of a task inside --out, with a slash at its end, or nothing."""
    from wan_r1.tasks.skin_folders import skin_of

    return f"{skin_of(task.settings['skin']).name}/{_level(task)}/" if layout == "vr-bench" else ""


def _level(task: "Task") -> str:
    return str(task.settings.get("level", task.family))


def _folder(row: Row) -> str:
    """The folder, relative to metadata.csv, whose videos/ holds the video of a row."""
    return str(PurePosixPath(row[0]).parent.parent)


def _refuse_other_tasks(out: Path, family: str) -> None:
    """ConfigError if the folder holds states of another game: files are named by level, and would be written over."""
    from wan_r1.tasks.vr_bench import read_state

    for state in sorted((out / "states").glob("*.json"))[:1]:
        try:
            there = read_state(state).family
        except WanR1Error:
            there = "something else"
        if there != family:
            raise ConfigError(f"--out {out}: holds tasks of {there} already; choose another folder")


def _refuse_other_skins(place: Path, skin: str) -> None:
    """ConfigError if a folder of skin and level holds states drawn with another skin of the same name."""
    from wan_r1.tasks.skins import SKINS
    from wan_r1.tasks.vr_bench import skin_written

    for state in sorted((place / "states").glob("*.json"))[:1]:
        there = skin_written(state)
        if there is None or (there not in SKINS and not Path(there).is_dir()):
            return  # nothing tells: not one of ours, or its skin has moved
        if there != skin and (SKINS.keys() & {there, skin} or Path(there).resolve() != Path(skin).resolve()):
            raise ConfigError(f"--skin {skin}: {place} holds tasks of the skin {there} already; choose another --out")


def _rows_of(metadata: Path) -> list[Row]:
    """The rows that stand in metadata.csv already. DatasetError if they cannot be kept beside new ones."""
    if not metadata.is_file():
        return []
    try:
        with metadata.open(newline="", encoding="utf-8") as file:
            head, *there = list(csv.reader(file)) or [[]]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{metadata}: cannot be read ({error}); move it away to have it written anew") from error
    if tuple(head) != METADATA_COLUMNS or any(len(row) != len(METADATA_COLUMNS) for row in there):
        raise DatasetError(
            f"{metadata}: expected columns {','.join(METADATA_COLUMNS)} only; move it away to have it written anew"
        )
    return [(row[0], row[1], row[2]) for row in there]


def _csv(rows: list[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(METADATA_COLUMNS)
    writer.writerows(rows)
    return text.getvalue()


COMMAND = Command(
    summary="make tasks with solver videos",
    description="Make tasks with their solution as video, in VR-Bench's formats:\n"
    "  DIR/images/LEVEL_0001.png  DIR/states/LEVEL_0001.json  DIR/videos/LEVEL_0001.mp4  DIR/metadata.csv\n"
    "--layout vr-bench: DIR/SKIN/LEVEL/{images,states,videos}, several skins and levels beside each other, one\n"
    "DIR/metadata.csv for all. VR-Bench's own code wants DIR to be .../GAME and knows easy, medium and hard only.\n"
    "--skin takes a skin folder of VR-Bench too: its pictures or colours, and its words for the prompt.\n"
    "navigation in Target-Bench's: DIR/Benchmark/SEGMENT/  DIR/wm_videos/gt_videos/SEGMENT.mp4  DIR/metadata.csv\n"
    "Task i depends on the seed and i only: the same command writes the same files with any number of workers.",
    examples=(
        "wan-r1 make maze --level tiny --num 100 --seed 0 --out data/train --split train",
        "wan-r1 make navigation --level easy --size 128 --frames 49 --num 50 --out data/rooms",
        "wan-r1 make maze --level hard --num 20 --size 512 --frames 193 --workers 4 --out data/hard",
        "wan-r1 make sokoban --level easy --num 96 --layout vr-bench --skin skins/sokoban/2 --out data/train/sokoban",
    ),
    add_arguments=_add_arguments,
    run=_run,
)
