"""`wan-r1 evaluate videos`: VR-Bench's evaluation of anyone's videos."""

import argparse
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wan_r1.cli.command import DONE, add_json_option, examples_text, positive
from wan_r1.cli.console import Advance, print_json, print_rows, progress, say

if TYPE_CHECKING:
    from wan_r1.evaluation.suite import SuiteResult
    from wan_r1.evaluation.videos import VideoSettings

__all__ = ["add_videos"]

SHOWN_ERRORS = 20

DESCRIPTION = """\
Evaluate generated videos of VR-Bench levels. DATASET holds images/, states/ and videos/ at any depth; a video in
OUTPUT is matched by its name, and by the folders SKIN/DIFFICULTY where levels share names. Several samples of a
level: easy_0001_s1.mp4, easy_0001_s2.mp4, or one folder for each sample; they give pass@k.

Trackers: sprite (ours) sees all objects in all frames, so that the rules of the game are checked too (solved,
optimal); csrt (VR-Bench's paper), ncc (its default) and optical_flow are for comparison with published numbers.
A level without a video, or with one that cannot be read, counts as a failure and is listed."""


def add_videos(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]", examples: Sequence[str]) -> None:
    """Add the sub-command `videos`."""
    from wan_r1.trackers import TRACKERS

    parser = kinds.add_parser(
        "videos",
        help="generated videos of VR-Bench levels",
        description=DESCRIPTION,
        epilog=examples_text(examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("dataset", metavar="DATASET", type=Path, help="folder with images/, states/, videos/ below it")
    parser.add_argument("output", metavar="OUTPUT", type=Path, help="folder with the generated videos")
    parser.add_argument("--out", metavar="DIR", type=Path, help="folder for the tables (default: OUTPUT/evaluation)")
    parser.add_argument("--tracker", choices=list(TRACKERS), default="sprite", help="default: sprite")
    parser.add_argument(
        "--options",
        choices=["script", "cli"],
        default="script",
        help="VR-Bench's options: of its shell script (0.05, 1000; default) or of its command line (0.01, 100)",
    )
    parser.add_argument("--threshold", metavar="X", type=float, help="largest distance in PR, in picture widths")
    parser.add_argument("--samples", metavar="N", type=positive, help="points of equal arc length in PR")
    parser.add_argument("--given-only", action="store_true", help="leave out levels without any video")
    parser.add_argument("--pictures", action="store_true", help="draw the last frame of each video with both paths")
    parser.add_argument("--workers", metavar="W", type=positive, default=1, help="worker processes; default: 1")
    parser.add_argument(
        "--cache",
        metavar="DIR",
        type=Path,
        help="folder for tracks of solution videos (default: ~/.cache/wan_r1/tracks)",
    )
    add_json_option(parser)
    parser.set_defaults(run_kind=_run)


def _run(args: argparse.Namespace) -> int:
    import cv2

    from wan_r1.evaluation.suite import evaluate_videos
    from wan_r1.evaluation.table import group_rows, markdown, table_rows, video_rows
    from wan_r1.runs import make_folder, write_json, write_text

    cv2.setNumThreads(1)
    out = args.out or args.output / "evaluation"
    settings = _settings(args, out)
    if args.out is not None or args.output.is_dir():
        make_folder(out)  # a fault is told before the work
    with ExitStack() as stack:
        advances: list[Advance] = []
        result = evaluate_videos(
            args.dataset,
            args.output,
            settings,
            workers=args.workers,
            given_only=args.given_only,
            start=lambda total: advances.append(stack.enter_context(progress("evaluating levels", total))),
            progress=lambda steps: advances[0](steps),
        )
    rows, errors = group_rows(result), _errors(result)
    used = _plain_settings(args, settings)
    summary = {"settings": used, "groups": rows, "left_out": result.left_out}
    write_json(out / "evaluation.json", {**summary, "videos": video_rows(result), "errors": errors})
    facts = [f"{name}: {value}" for name, value in used.items()]
    facts += [f"levels without a video that were left out: {result.left_out}"] if result.left_out else []
    title = "Evaluation of generated videos"
    wrong, notes = ([_line(error) for error in errors if (error["kind"] == "note") == asked] for asked in (False, True))
    write_text(out / "evaluation.md", markdown(title, facts, rows, wrong, notes))
    if args.json:
        print_json({**summary, "errors": errors})
    else:
        print_rows(table_rows(rows))
    _say_errors(wrong, notes, out)
    return DONE


def _settings(args: argparse.Namespace, out: Path) -> "VideoSettings":
    from dataclasses import replace

    from wan_r1.evaluation.reference import TrackCache
    from wan_r1.evaluation.videos import VideoSettings
    from wan_r1.metrics.vr_bench import CLI, SCRIPT
    from wan_r1.reports.overlay import draw_paths
    from wan_r1.trackers import TRACKERS

    options = SCRIPT if args.options == "script" else CLI
    if args.threshold is not None:
        options = replace(options, threshold=args.threshold)
    if args.samples is not None:
        options = replace(options, num_samples=args.samples)
    cache = args.cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wan_r1" / "tracks"
    return VideoSettings(
        tracker=TRACKERS[args.tracker](),
        options=options,
        cache=TrackCache(folder=cache),
        pictures=out / "pictures" if args.pictures else None,
        draw=draw_paths if args.pictures else None,
    )


def _plain_settings(args: argparse.Namespace, settings: "VideoSettings") -> dict[str, Any]:
    from wan_r1 import __version__
    from wan_r1.evaluation.datasets import shown

    return {
        "dataset": shown(args.dataset),
        "output": shown(args.output),
        "tracker": args.tracker,
        "threshold": settings.options.threshold,
        "samples": settings.options.num_samples,
        "version": __version__,
    }


def _errors(result: "SuiteResult") -> list[dict[str, str]]:
    """Everything that was wrong: kind (dataset, video, unmatched, note) and one line that names the file."""
    problems = [*result.problems, *(problem for level in result.levels for problem in level.problems)]
    lines = [{"kind": str(problem.kind), "error": problem.text} for problem in problems]
    return lines + [{"kind": "note", "error": note} for level in result.levels for note in level.notes]


def _line(error: dict[str, str]) -> str:
    return f"{error['kind']}: {error['error']}"


def _say_errors(wrong: Sequence[str], notes: Sequence[str], out: Path) -> None:
    from wan_r1.evaluation.datasets import shown

    lines = [*wrong, *notes]
    for line in lines[:SHOWN_ERRORS]:
        say(line)
    if len(lines) > SHOWN_ERRORS:
        say(f"... and {len(lines) - SHOWN_ERRORS} more")
    counted = [
        f"{len(each)} {name}{'s' * (len(each) > 1)}" for each, name in ((wrong, "error"), (notes, "note")) if each
    ]
    say(f"wrote {shown(out)}: evaluation.json, evaluation.md" + (f" ({', '.join(counted)})" if counted else ""))
