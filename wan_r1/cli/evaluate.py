"""`wan-r1 evaluate`: a policy on held-out tasks, or anyone's videos of a benchmark."""

import argparse
from pathlib import Path

from wan_r1.cli.command import DONE, Command, add_json_option, examples_text, positive
from wan_r1.cli.console import print_json
from wan_r1.cli.evaluate_paths import add_paths
from wan_r1.cli.evaluate_videos import add_videos

__all__ = ["COMMAND"]

EXAMPLES = (
    "wan-r1 evaluate videos data/vr_bench/maze out/maze",
    "wan-r1 evaluate videos data/vr_bench/maze out/maze --tracker csrt --workers 4 --pictures",
    "wan-r1 evaluate paths data/rooms data/rooms/wm_videos",
    "wan-r1 evaluate policy recipes/rl/maze_tiny.toml --checkpoint runs/rl_maze_tiny/model",
    "wan-r1 evaluate policy recipes/rl/maze_tiny.toml --num-tasks 64 --num-samples 16 --json",
)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    add_videos(kinds, EXAMPLES[:2])
    add_paths(kinds, EXAMPLES[2:3])
    policy = kinds.add_parser(
        "policy",
        help="a policy on the tasks of a recipe",
        description="Sample videos for the held-out tasks of a recipe and judge them: fixed seeds, one fixed sampler.",
        epilog=examples_text(EXAMPLES[3:]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    policy.add_argument("recipe", metavar="RECIPE", type=Path, help="a recipe of rl or sft; its [test] section counts")
    policy.add_argument("overrides", metavar="section.key=value", nargs="*", help="settings in place of the recipe's")
    policy.add_argument(
        "--checkpoint", metavar="DIR", type=Path, help="a diffusers folder, a checkpoint or a run folder"
    )
    policy.add_argument("--num-tasks", metavar="N", type=positive, help="how many tasks (default: of the recipe)")
    policy.add_argument("--num-samples", metavar="K", type=positive, help="videos per task; more than 1 gives pass@k")
    policy.add_argument("--split", choices=["validation", "test"], default="test", help="section of the recipe")
    add_json_option(policy)
    policy.set_defaults(run_kind=_run_policy)


def _run(args: argparse.Namespace) -> int:
    code: int = args.run_kind(args)
    return code


def _run_policy(args: argparse.Namespace) -> int:
    from dataclasses import replace

    import torch

    from wan_r1.cli.comparison import plain_sampler, print_side, side_numbers
    from wan_r1.cli.recipe import load_any
    from wan_r1.cli.wiring import evaluate_with, load_policy
    from wan_r1.distributed import join_world
    from wan_r1.rewards import ScorePool

    recipe = load_any(args.recipe, args.overrides)
    torch.set_num_threads(recipe.threads)
    settings = recipe.test if args.split == "test" else recipe.validation
    settings = replace(
        settings,
        num_tasks=args.num_tasks or settings.num_tasks,
        num_samples=args.num_samples or settings.num_samples,
    )
    world = join_world(recipe.device)
    policy = load_policy(recipe.policy, args.checkpoint, world.device)
    with ScorePool(recipe.reward, recipe.score_workers) as scorer:
        result = evaluate_with(policy, scorer, settings, measure=True, world=world)
    if not world.is_main:
        return DONE
    numbers = side_numbers(result, settings.source.tasks(0, settings.num_tasks))
    if args.json:
        print_json({**numbers, "sampler": plain_sampler(settings.sampler)})
    else:
        print_side(numbers)
    return DONE


COMMAND = Command(
    summary="measure how often tasks are solved: by a policy, or in videos",
    description="Measure how often tasks are solved, with 95 % intervals and pass@k.\n"
    "  videos  generated videos of VR-Bench levels: its metrics SR, EM, PR, SD, MF, and the rules of the games\n"
    "  paths   first-person videos by the way of their camera, as Target-Bench does\n"
    "  policy  a policy on the held-out tasks of a recipe, with fixed seeds and one fixed sampler\n"
    "wan-r1 evaluate KIND --help explains a kind.",
    examples=EXAMPLES,
    add_arguments=_add_arguments,
    run=_run,
)
