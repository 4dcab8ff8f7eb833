"""`wan-r1 generate`: videos of a policy for anyone's task."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wan_r1.cli.command import DONE, Command, above_zero, add_json_option, at_least, positive
from wan_r1.cli.console import print_json, print_rows, say

if TYPE_CHECKING:
    from wan_r1.types import Score

__all__ = ["COMMAND"]

FPS = 8
CRF = 10
"""Small pictures lose too much colour at the usual quality."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--policy", metavar="DIR", default="wan-tiny", help="a Wan folder in diffusers format")
    parser.add_argument("--state", metavar="STATE.json", type=Path, required=True, help="VR-Bench's state of the task")
    parser.add_argument(
        "--image", metavar="FIRST.png", type=Path, help="first picture (default: ../images/STEM.png beside the state)"
    )
    parser.add_argument("--prompt", metavar="TEXT", help="in place of the task's own prompt")
    parser.add_argument("--num-samples", metavar="K", type=positive, default=1, help="videos to make")
    parser.add_argument("--seed", metavar="S", type=at_least(0), default=0, help="seed of the noise")
    parser.add_argument("--steps", metavar="N", type=positive, help="sampler steps (default: of evaluations)")
    parser.add_argument("--guidance", metavar="G", type=above_zero, default=1.0, help="guidance scale; 1 is off")
    parser.add_argument("--frames", metavar="T", type=positive, default=17, help="frames of the video, 4n + 1")
    parser.add_argument("--height", metavar="PX", type=positive, default=80, help="height of the video")
    parser.add_argument("--width", metavar="PX", type=positive, default=80, help="width of the video")
    parser.add_argument(
        "--text-length", metavar="N", type=positive, default=32, help="text tokens; released models: 512"
    )
    parser.add_argument("--device", help="cpu, cuda, ... (default: a GPU if there is one)")
    parser.add_argument("--score", action="store_true", help="score the videos with the trajectory reward as well")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder for STEM_0.mp4, STEM_1.mp4, ...")
    add_json_option(parser)


def _run(args: argparse.Namespace) -> int:
    from wan_r1.cli.score import plain_score
    from wan_r1.rewards import TrajectoryReward, score_all
    from wan_r1.tasks.vr_bench import read_state
    from wan_r1.video import write_video

    task = read_state(args.state, args.image)
    videos = _sample(args, task)
    files = [args.out / f"{args.state.stem}_{index}.mp4" for index in range(len(videos))]
    for file, video in zip(files, videos, strict=True):
        write_video(file, video, fps=FPS, crf=CRF)
    scores = score_all(TrajectoryReward(), [task] * len(videos), list(videos)) if args.score else [None] * len(videos)
    results = [
        {"file": str(file), **({} if score is None else plain_score(score))}
        for file, score in zip(files, scores, strict=True)
    ]
    if args.json:
        print_json({"videos": results})
    elif args.score:
        print_rows([("file", "value", "verdict"), *(_row(f, s) for f, s in zip(files, scores, strict=True))])
    else:
        say(f"wrote {len(files)} videos to {args.out}")
    return DONE


def _sample(args: argparse.Namespace, task: Any) -> Any:
    """Videos [K, T, H, W, 3] uint8; video k depends on the seed and k only."""
    import torch

    from wan_r1.cli.recipe import shipped_folder
    from wan_r1.distributed import join_world
    from wan_r1.evaluation.evaluate import EVALUATION_SAMPLER
    from wan_r1.policies.policy import draw_latents
    from wan_r1.policies.wan import WanConfig
    from wan_r1.tasks import task_seed

    torch.set_num_threads(1)
    policy = WanConfig(
        path=shipped_folder(args.policy),
        num_frames=args.frames,
        height=args.height,
        width=args.width,
        max_sequence_length=args.text_length,
        train="nothing",
    ).load(join_world(args.device).device)
    sampler = EVALUATION_SAMPLER
    if args.steps is not None or args.guidance != 1:
        from dataclasses import replace

        sampler = replace(sampler, num_steps=args.steps or sampler.num_steps, guidance_scale=args.guidance)
    generators = [torch.Generator().manual_seed(task_seed(args.seed, index)) for index in range(args.num_samples)]
    condition = policy.encode_inputs([args.prompt or task.prompt], [task.first_frame]).repeat(args.num_samples)
    trace = draw_latents(policy, condition, policy.noise(generators), sampler)
    return policy.decode(trace.result)


def _row(file: Path, score: "Score | None") -> tuple[str, str, str]:
    if score is None or score.verdict is None:
        return str(file), "", ""
    verdict = score.verdict
    words = [f"{each.kind} in frame {each.frame}" for each in verdict.violations[:1]]
    text = "solved" if verdict.solved else (words or ["goal not reached and held"])[0]
    return str(file), f"{score.value:.3f}", text


COMMAND = Command(
    summary="make videos for anyone's task",
    description="Let a policy make videos for a task in VR-Bench's format: its state and its first picture,\n"
    "of any size and skin. The picture is resized to the size of the video.",
    examples=(
        "wan-r1 generate --state data/states/easy_0001.json --num-samples 4 --score --out out",
        "wan-r1 generate --policy models/Wan2.2-TI2V-5B-Diffusers --state easy_0001.json --image easy_0001.png "
        "--frames 81 --height 480 --width 480 --text-length 512 --steps 40 --guidance 5 --out out",
    ),
    add_arguments=_add_arguments,
    run=_run,
)
