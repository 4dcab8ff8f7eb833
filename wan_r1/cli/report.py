"""`wan-r1 report`: run folders become one HTML page."""

import argparse
from pathlib import Path

from wan_r1.cli.command import DONE, Command, add_json_option
from wan_r1.cli.console import print_json, say
from wan_r1.errors import ConfigError

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", metavar="RUN", type=Path, nargs="+", help="run folders")
    parser.add_argument("--out", metavar="FILE", type=Path, help="the page (default: report.html in the first folder)")
    add_json_option(parser)


def _run(args: argparse.Namespace) -> int:
    from wan_r1.reports.page import write_page
    from wan_r1.runs import RunFolder, make_folder

    runs = [RunFolder(path) for path in args.runs]
    for run in runs:
        if not (run.metrics.exists() or run.summary.exists()):
            raise ConfigError(f"{run.path}: no run folder (neither metrics.jsonl nor summary.json)")
    out = args.out or runs[0].report
    make_folder(out.parent)
    write_page(out, runs)
    if args.json:
        print_json({"out": str(out), "bytes": out.stat().st_size})
    else:
        say(f"wrote {out}")
    return DONE


COMMAND = Command(
    summary="make one HTML page of run folders",
    description="Make one self-contained HTML page of run folders: table, curves, videos before and after, failures.\n"
    "The page needs no network and can be sent as a file.",
    examples=("wan-r1 report runs/demo", "wan-r1 report runs/seed1 runs/seed2 runs/seed3 --out seeds.html"),
    add_arguments=_add_arguments,
    run=_run,
)
