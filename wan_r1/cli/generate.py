"""`wan-r1 generate`: videos of a policy for anyone's task."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wan_r1.cli.command import DONE, Command, above_zero, add_json_option, at_least, positive
from wan_r1.cli.console import print_json, print_rows, progress, say
from wan_r1.errors import ConfigError

if TYPE_CHECKING:
    from wan_r1.policies.wan import WanPolicy
    from wan_r1.types import Score

__all__ = ["COMMAND"]

FPS = 8
CRF = 10
"""Small pictures lose too much colour at the usual quality."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--policy", metavar="DIR", default="wan-tiny", help="a Wan folder in diffusers format")
    parser.add_argument(
        "--state", metavar="STATE.json", type=Path, nargs="+", required=True, help="VR-Bench's states of the tasks"
    )
    parser.add_argument(
        "--image", metavar="FIRST.png", type=Path, help="first picture of one state (default: ../images/STEM.png)"
    )
    parser.add_argument("--prompt", metavar="TEXT", help="in place of the task's own prompt")
    parser.add_argument("--num-samples", metavar="K", type=positive, default=1, help="videos of each task")
    parser.add_argument("--seed", metavar="S", type=at_least(0), default=0, help="seed of the noise")
    parser.add_argument("--steps", metavar="N", type=positive, help="sampler steps (default: of evaluations)")
    parser.add_argument("--guidance", metavar="G", type=above_zero, default=1.0, help="guidance scale; 1 is off")
    parser.add_argument("--frames", metavar="T", type=positive, default=17, help="frames of the video, 4n + 1")
    parser.add_argument("--height", metavar="PX", type=positive, default=80, help="height of the video")
    parser.add_argument("--width", metavar="PX", type=positive, default=80, help="width of the video")
    parser.add_argument(
        "--text-length", metavar="N", type=positive, default=32, help="text tokens; released models: 512"
    )
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help="of the network")
    parser.add_argument("--text-device", help="where the text encoder stays, for example cpu (default: --device)")
    parser.add_argument("--device", help="cpu, cuda, ... (default: a GPU if there is one)")
    parser.add_argument("--score", action="store_true", help="score the videos with the trajectory reward as well")
    parser.add_argument("--out", metavar="DIR", type=Path, required=True, help="folder for STEM_0.mp4, STEM_1.mp4, ...")
    add_json_option(parser)


def _run(args: argparse.Namespace) -> int:
    from wan_r1.cli.score import plain_score
    from wan_r1.rewards import TrajectoryReward, score_all
    from wan_r1.tasks.vr_bench import read_state
    from wan_r1.video import write_video

    stems = [state.stem for state in args.state]
    if len(set(stems)) < len(stems) or (args.image is not None and len(stems) > 1):
        raise ConfigError("--state: several states need different names, and no --image")
    tasks = {state.stem: read_state(state, args.image) for state in args.state}
    policy, files, scores = _load(args), list[Path](), list["Score | None"]()
    with progress("videos of tasks", len(tasks)) as advance:
        for stem, task in tasks.items():
            videos = _sample(args, policy, task)
            files += [args.out / f"{stem}_{index}.mp4" for index in range(len(videos))]
            for file, video in zip(files[-len(videos) :], videos, strict=True):
                write_video(file, video, fps=FPS, crf=CRF)
            same = [task] * len(videos)
            scores += score_all(TrajectoryReward(), same, list(videos)) if args.score else [None] * len(videos)
            advance(1)
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


def _load(args: argparse.Namespace) -> "WanPolicy":
    import torch

    from wan_r1.cli.recipe import shipped_folder
    from wan_r1.distributed import join_world
    from wan_r1.policies.wan import WanConfig

    torch.set_num_threads(1)
    return WanConfig(
        path=shipped_folder(args.policy),
        num_frames=args.frames,
        height=args.height,
        width=args.width,
        max_sequence_length=args.text_length,
        dtype=args.dtype,
        text_device=args.text_device,
        train="nothing",
    ).load(join_world(args.device).device)


def _sample(args: argparse.Namespace, policy: "WanPolicy", task: Any) -> Any:
    """Videos [K, T, H, W, 3] uint8; video k depends on the seed and k only."""
    import torch

    from wan_r1.evaluation.evaluate import EVALUATION_SAMPLER
    from wan_r1.policies.policy import draw_latents
    from wan_r1.tasks import task_seed

    sampler = EVALUATION_SAMPLER
    if args.steps is not None or args.guidance != 1:
        from dataclasses import replace

        sampler = replace(sampler, num_steps=args.steps or sampler.num_steps, guidance_scale=args.guidance)
    generators = [torch.Generator().manual_seed(task_seed(args.seed, index)) for index in range(args.num_samples)]
    prompt = task.prompt if args.prompt is None else args.prompt
    condition = policy.encode_inputs([prompt], [task.first_frame]).repeat(args.num_samples)
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
    description="Let a policy make videos for tasks in VR-Bench's format: states and their first pictures,\n"
    "of any size and skin. Pictures are resized to the size of the video. `wan-r1 evaluate videos` takes the files\n"
    "STEM_0.mp4, STEM_1.mp4, ... as samples of STEM.",
    examples=(
        "wan-r1 generate --state data/states/easy_0001.json --num-samples 4 --score --out out",
        "wan-r1 generate --policy models/Wan2.2-TI2V-5B-Diffusers --state data/states/*.json --dtype bfloat16 "
        "--text-device cpu --frames 81 --height 480 --width 480 --text-length 512 --steps 40 --guidance 5 --out out",
    ),
    add_arguments=_add_arguments,
    run=_run,
)
