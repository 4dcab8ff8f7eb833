"""`wan-r1 audit`: does a reward pay cheats?"""

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from wan_r1.cli.command import DONE, SAID_NO, Command, add_json_option, positive
from wan_r1.cli.console import print_json, print_rows
from wan_r1.cli.family_options import add_family_options, family_settings
from wan_r1.cli.reward_options import add_reward_options, chosen_reward

if TYPE_CHECKING:
    from wan_r1.rewards.audit import AuditReport

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_family_options(parser, default="maze")
    add_reward_options(parser)
    parser.add_argument("--num", metavar="N", type=positive, default=4, help="tasks, each with the whole zoo")
    parser.add_argument("--frames", metavar="T", type=positive, default=49, help="frames per video, 4n + 1")
    parser.add_argument("--workers", metavar="W", type=positive, default=1, help="worker processes")
    add_json_option(parser)


def _run(args: argparse.Namespace) -> int:
    from wan_r1.rewards.audit import audit
    from wan_r1.video import check_num_frames

    check_num_frames(args.frames, "--frames")
    result = audit(
        chosen_reward(args),
        args.family,
        num_tasks=args.num,
        seed=args.seed,
        num_frames=args.frames,
        workers=args.workers if args.workers > 1 else 0,
        **family_settings(args),
    )
    if args.json:
        print_json({**asdict(result), "passed": result.passed})
    else:
        _print_table(result)
    return DONE if result.passed else SAID_NO


def _print_table(result: "AuditReport") -> None:
    rows = [("video", "kind", "videos", "lowest", "mean", "highest")]
    rows += [
        (row.name, row.kind, str(row.num_videos), f"{row.lowest:.3f}", f"{row.mean:.3f}", f"{row.highest:.3f}")
        for row in result.rows
    ]
    print_rows(rows)
    print()
    for name, holds in result.checks.items():
        print(f"{'yes' if holds else 'NO '}  {name}")
    print(f"area under the ROC curve of honest against cheat: {result.roc_area:.4f}", flush=True)


COMMAND = Command(
    summary="try to cheat a reward",
    description="Score a zoo of honest and cheating videos with a reward. It is sound if every honest solution scores\n"
    "at least 0.95, longer legal prefixes score more, and no cheat scores above 0.3 or above half an honest solution.\n"
    "Exit code 1 if a cheat beats honesty.",
    examples=(
        "wan-r1 audit",
        "wan-r1 audit maze --level hard --reward paper --num 2",
        "wan-r1 audit --reward my_rewards:MyReward --workers 2 --json",
    ),
    add_arguments=_add_arguments,
    run=_run,
)
