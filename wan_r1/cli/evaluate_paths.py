"""`wan-r1 evaluate paths`: first-person videos judged by the way of their camera, as Target-Bench does."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wan_r1.cli.command import DONE, add_json_option, examples_text
from wan_r1.cli.console import print_json, print_rows, progress, say

if TYPE_CHECKING:
    from wan_r1.evaluation.paths import PathEvaluation

__all__ = ["add_paths"]

DESCRIPTION = """\
Decode the camera's way from each video and compare it with the reference path of its segment.

  DATASET  Target-Bench's folder (Benchmark/SEGMENT/...), or one of `wan-r1 make navigation`
  OUTPUT   folder of videos, MODEL/SEGMENT.mp4, or a folder that holds wm_videos/

Numbers: overall in [0, 0.90] (with the official weights a perfect path has 0.90), ade and fde in metres, miss_rate in
per cent, soft_endpoint (se), approach_consistency (ac). A video that is missing or cannot be decoded counts 0 in
`overall`; `compatible` skips it, as Target-Bench's own scripts do, and the other columns are means of the decoded ones.
The visual odometry assumes a field of view of 70 degrees. What is wrong in the data set is said in one line each, and
the rest is judged."""
CONSTANTS = ("official", "defaults", "vipe")


def add_paths(kinds: Any, examples: Sequence[str]) -> None:
    """Add the kind `paths` to the kinds of `wan-r1 evaluate`."""
    parser: argparse.ArgumentParser = kinds.add_parser(
        "paths",
        help="first-person videos against Target-Bench's paths",
        description=DESCRIPTION,
        epilog=examples_text(examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("dataset", metavar="DATASET", type=Path, help="folder with Benchmark/ below it")
    parser.add_argument("output", metavar="OUTPUT", type=Path, help="folder with the generated videos")
    parser.add_argument(
        "--decoder",
        choices=["visual_odometry", "pose_regressor", "vggt", "oracle"],
        default="visual_odometry",
        help="what reads the way; pose_regressor knows drawn rooms at 64 to 80 px only",
    )
    parser.add_argument(
        "--constants", choices=CONSTANTS, default="official", help="Target-Bench's sets of constants of the metrics"
    )
    parser.add_argument("--horizon", choices=["2s", "4s"], help="the variants of the segments that begin later")
    parser.add_argument("--out", metavar="DIR", type=Path, help="write results.json and a plot of each segment there")
    add_json_option(parser)
    parser.set_defaults(run_kind=_run)


def _run(args: argparse.Namespace) -> int:
    """Judge, print the tables, write the plots."""
    from wan_r1.evaluation.paths import evaluate_paths
    from wan_r1.metrics.target_bench import DEFAULTS, OFFICIAL, VIPE
    from wan_r1.runs import make_folder
    from wan_r1.tasks.target_bench import list_segments, list_videos
    from wan_r1.trackers import DECODERS

    constants = dict(zip(CONSTANTS, (OFFICIAL, DEFAULTS, VIPE), strict=True))[args.constants]
    if args.out is not None:
        make_folder(args.out)
    total = len(list_videos(args.output)) * len(list_segments(args.dataset))
    with progress("decoding videos", total) as advance:
        found = evaluate_paths(
            args.dataset,
            args.output,
            DECODERS[args.decoder](),
            constants,
            args.horizon,
            report=lambda done, all_videos: advance(1),
        )
    for problem in found.problems:
        say(f"wan-r1: left out: {' '.join(problem.split())}")
    plain = _plain(found)
    if args.json:
        print_json(plain)
    else:
        _print(found)
    if args.out is not None:
        _write(args.out, found, plain)
    return DONE


def _plain(found: "PathEvaluation") -> dict[str, Any]:
    segments = [
        {
            "model": result.model,
            "segment": result.segment,
            "numbers": None if result.numbers is None else asdict(result.numbers),
            "failure": result.failure,
        }
        for result in found.results
    ]
    return {"models": [asdict(row) for row in found.rows()], "segments": segments, "problems": list(found.problems)}


def _print(found: "PathEvaluation") -> None:
    names = ("ade", "fde", "miss_rate", "soft_endpoint", "approach_consistency")
    heads = ("ade", "fde", "mr", "se", "ac")
    lines: list[tuple[str, ...]] = [("model", "segment", "overall", *heads)]
    for result in found.results:
        numbers = result.numbers
        cells = ("-",) * len(heads) if numbers is None else tuple(f"{getattr(numbers, name):.3f}" for name in names)
        lines.append((result.model, result.segment, f"{numbers.overall:.3f}" if numbers else "failed", *cells))
    print_rows(lines)
    print()
    lines = [("model", "videos", "failed", "overall", "95 %", "compatible", *heads)]
    for row in found.rows():
        cells = tuple(f"{row.means[name]:.3f}" if row.means else "-" for name in names)
        interval = f"{row.overall.low:.3f}..{row.overall.high:.3f}" if row.num_videos > 1 else "-"
        compatible = "-" if row.compatible is None else f"{row.compatible:.3f}"
        numbers_of_videos = (str(row.num_videos), str(row.num_failed))
        lines.append((row.model, *numbers_of_videos, f"{row.overall.mean:.3f}", interval, compatible, *cells))
    print_rows(lines)
    for result in found.results:
        if result.failure:
            say(f"wan-r1: counted 0: {result.model}/{result.segment}: {result.failure}")


def _write(folder: Path, found: "PathEvaluation", plain: dict[str, Any]) -> None:
    from wan_r1.reports.path_plots import plot_paths
    from wan_r1.runs import write_json

    write_json(folder / "results.json", plain)
    for segment in dict.fromkeys(result.segment for result in found.results):
        same = [result for result in found.results if result.segment == segment]
        ways = {result.model: result.points for result in same if result.points is not None}
        plot_paths(folder / f"{segment}.png", segment, same[0].reference, ways)
