"""`wan-r1 score`: what a video of a task is worth, and why."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wan_r1.cli.command import DONE, Command, add_json_option
from wan_r1.cli.console import print_json
from wan_r1.cli.reward_options import add_reward_options, chosen_reward

if TYPE_CHECKING:
    from wan_r1.types import Score

__all__ = ["COMMAND", "plain_score"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("video", metavar="VIDEO", type=Path, help="the video to judge")
    parser.add_argument("--state", metavar="STATE.json", type=Path, required=True, help="VR-Bench's state of the task")
    parser.add_argument(
        "--image", metavar="FIRST.png", type=Path, help="first picture (default: ../images/STEM.png beside the state)"
    )
    add_reward_options(parser)
    add_json_option(parser)


def _run(args: argparse.Namespace) -> int:
    from wan_r1.rewards.reward import score_each
    from wan_r1.tasks.vr_bench import read_state
    from wan_r1.video import read_video

    reward = chosen_reward(args)
    [score] = score_each(reward, [read_state(args.state, args.image)], [read_video(args.video)])
    print_json(plain_score(score), indent=None if args.json else 2)
    return DONE


def plain_score(score: "Score") -> dict[str, Any]:
    """A score as plain values: value, parts, verdict (solved, optimal, progress, violations with kind and frame)."""
    verdict = None
    if score.verdict is not None:
        violations = [{"kind": each.kind, "frame": int(each.frame)} for each in score.verdict.violations]
        verdict = {**asdict(score.verdict), "violations": violations}
    return {"value": float(score.value), "parts": {k: float(v) for k, v in score.parts.items()}, "verdict": verdict}


COMMAND = Command(
    summary="score a video by the rules of its task",
    description="Read from a video what its agent does, judge it by the rules of the task, and print\n"
    '  {"value", "parts", "verdict": {"solved", "optimal", "progress", "violations": [{"kind", "frame"}]}}\n'
    "Video and picture may have any size and length. A bad video gets a low score, not an error.",
    examples=(
        "wan-r1 score out/easy_0001.mp4 --state data/states/easy_0001.json",
        "wan-r1 score out/a.mp4 --state easy_0001.json --image easy_0001.png --json",
        "wan-r1 score out/a.mp4 --state easy_0001.json --reward learned --set path=judge.safetensors",
    ),
    add_arguments=_add_arguments,
    run=_run,
)
