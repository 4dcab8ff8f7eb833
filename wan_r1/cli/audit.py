"""`wan-r1 audit`: does a reward pay cheats?"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from wan_r1.cli.command import DONE, SAID_NO, Command, add_json_option, positive
from wan_r1.cli.console import print_json, print_rows, progress, say
from wan_r1.cli.family_options import add_family_options, family_settings
from wan_r1.cli.reward_options import add_reward_options, chosen_reward
from wan_r1.errors import ConfigError

if TYPE_CHECKING:
    from wan_r1.reports.audit_page import AuditClip
    from wan_r1.rewards.audit import AuditReport
    from wan_r1.rewards.cheats import Example
    from wan_r1.types import Score, Task

__all__ = ["COMMAND"]

NUM_TASKS = 4
CHECKS = {
    "exact": "every honest solution scores at least 0.95",
    "prefixes": "longer legal prefixes score more",
    "cheats": "no cheat scores above 0.3, nor above half an honest solution of its task",
    "roc": "the area under the ROC curve is at least 0.99",
    "search": "no edit of a frozen video scores above 0.3",
}
"""What the checks of an audit ask."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_family_options(parser, optional=True)
    parser.add_argument("--family", metavar="FAMILY", dest="named_family", help="the same as FAMILY")
    parser.add_argument(
        "--state", metavar="FILE", type=Path, nargs="+", help="levels of VR-Bench instead, with ../images/STEM.png"
    )
    add_reward_options(parser, default=None, default_words="trajectory; for navigation: embedding")
    parser.add_argument(
        "--num", metavar="N", type=positive, help=f"tasks, each with the whole zoo (default: {NUM_TASKS})"
    )
    parser.add_argument("--frames", metavar="T", type=positive, default=49, help="frames per video, 4n + 1")
    parser.add_argument(
        "--search", metavar="N", type=positive, default=0, help="also try N random edits of a frozen video in each task"
    )
    parser.add_argument("--workers", metavar="W", type=positive, default=1, help="worker processes")
    parser.add_argument("--report", metavar="FILE", type=Path, help="also write a page with the videos of one task")
    add_json_option(parser)


def _run(args: argparse.Namespace) -> int:
    from wan_r1.rewards.audit import audit_tasks
    from wan_r1.runs import make_folder
    from wan_r1.tasks.first_person import is_first_person
    from wan_r1.video import check_num_frames

    check_num_frames(args.frames, "--frames")
    tasks = _tasks(args)
    args.reward = args.reward or ("embedding" if is_first_person(tasks[0]) else "trajectory")
    reward = chosen_reward(args)
    if args.report:
        make_folder(args.report.parent)  # a fault is told before the work
    clips: list[AuditClip] = []
    with progress("auditing tasks", len(tasks)) as advance:
        done = 0

        def watch(index: int, example: "Example", score: "Score") -> None:
            nonlocal done
            advance(index - done, f"{example.name} {score.value:.3f}")
            done = index
            if args.report and index == 0:
                clips.append(_clip(example, score))

        result = audit_tasks(
            reward,
            tasks,
            args.frames,
            args.seed,
            workers=args.workers if args.workers > 1 else 0,
            num_edits=args.search,
            watch=watch,
        )
        advance(len(tasks) - done)
    if args.json:
        print_json({**asdict(result), "passed": result.passed})
    else:
        _print_table(result)
    if args.report:
        _write_page(args, result, clips)
    return DONE if result.passed else SAID_NO


def _tasks(args: argparse.Namespace) -> "Sequence[Task]":
    from wan_r1.tasks import make_tasks
    from wan_r1.tasks.vr_bench import read_state

    family = args.named_family or args.family
    if args.state:
        if family or args.num or family_settings(args):
            raise ConfigError("--state names the levels; leave out the family, --num and the options of a family")
        return [read_state(path) for path in args.state]
    if args.named_family and args.family and args.named_family != args.family:
        raise ConfigError(f"--family {args.named_family} and {args.family}: name one")
    return make_tasks(family or "maze", args.seed, args.num or NUM_TASKS, **family_settings(args))


def _clip(example: "Example", score: "Score") -> "AuditClip":
    from wan_r1.reports.audit_page import clip_of
    from wan_r1.rewards.audit import MAX_CHEAT, MIN_HONEST

    wrong = {"cheat": score.value > MAX_CHEAT, "honest": score.value < MIN_HONEST}.get(example.kind, False)
    return clip_of(example.name, example.kind, example.video, score, wrong)


def _write_page(args: argparse.Namespace, result: "AuditReport", clips: "Sequence[AuditClip]") -> None:
    from wan_r1.reports.audit_page import AuditTable, write_audit_page

    where = ", ".join(path.stem for path in args.state) if args.state else args.named_family or args.family or "maze"
    sentence = (
        f"{sum(row.num_videos for row in result.rows)} videos. Area under the ROC curve of honest against cheating "
        f"videos: {result.roc_area:.4f}. {'The reward is sound here.' if result.passed else 'A bar is missed.'}"
    )
    if result.found:
        sentence += f" Best score of a search over {args.search} edited frozen videos: {max(result.found):.3f}."
    table = AuditTable(
        title=f"Reward {args.reward} on {where}",
        sentence=sentence,
        checks=result.checks,
        rows=[(r.name, r.kind, r.num_videos, r.lowest, r.mean, r.highest) for r in result.rows],
    )
    write_audit_page(args.report, table, clips)
    say(f"wrote {args.report}")


def _print_table(result: "AuditReport") -> None:
    rows = [("video", "kind", "videos", "lowest", "mean", "highest")]
    rows += [
        (row.name, row.kind, str(row.num_videos), f"{row.lowest:.3f}", f"{row.mean:.3f}", f"{row.highest:.3f}")
        for row in result.rows
    ]
    print_rows(rows)
    print()
    for name, holds in result.checks.items():
        print(f"{'yes' if holds else 'NO '}  {name}: {CHECKS[name]}")
    print(f"area under the ROC curve of honest against cheat: {result.roc_area:.4f}", flush=True)
    if result.found:
        print(
            f"best score of the search in each task: {', '.join(f'{value:.3f}' for value in result.found)}", flush=True
        )


COMMAND = Command(
    summary="try to cheat a reward",
    description="Score a zoo of honest and cheating videos with a reward. It is sound if every honest solution scores\n"
    "at least 0.95, longer legal prefixes score more, and no cheat scores above 0.3 or above half an honest solution.\n"
    "--search looks for holes that the zoo does not know: it edits a frozen video at random (patches pasted, moved,\n"
    "erased, recoloured) and goes on from what the reward pays best; nothing may score above 0.3 there either.\n"
    "Exit code 1 if one of these checks fails.",
    examples=(
        "wan-r1 audit",
        "wan-r1 audit navigation --num 8",
        "wan-r1 audit maze --level hard --reward paper --num 2",
        "wan-r1 audit --family sokoban --search 1000 --report audit.html",
        "wan-r1 audit --reward my_rewards:MyReward --workers 2 --json",
        "wan-r1 audit --state data/states/easy_0001.json",
    ),
    add_arguments=_add_arguments,
    run=_run,
)
