"""`wan-r1 sft`: supervised fine-tuning by a recipe."""

import argparse
import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wan_r1.cli.command import DONE, INTERRUPTED, Command, add_json_option
from wan_r1.cli.console import Advance, print_json, progress, say

if TYPE_CHECKING:
    from torch import Tensor

    from wan_r1.cli.recipe import SFTRecipe
    from wan_r1.cli.tracking import Tracking
    from wan_r1.distributed import World
    from wan_r1.policies.wan import WanPolicy
    from wan_r1.rewards import ScorePool
    from wan_r1.runs import RunFolder
    from wan_r1.training.data import Encoded

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", metavar="RECIPE", type=Path, help="a TOML file")
    parser.add_argument(
        "overrides", metavar="section.key=value", nargs="*", help="settings in place of the recipe's; values are TOML"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint of the run folder")
    add_json_option(parser)


def _run(args: argparse.Namespace) -> int:
    import torch

    from wan_r1.cli.comparison import print_side
    from wan_r1.cli.recipe import SFTRecipe, load_recipe
    from wan_r1.cli.tracking import tracking
    from wan_r1.cli.wiring import load_policy, save_model, say_changes, stop_on_interrupt, stopped
    from wan_r1.config import dump
    from wan_r1.distributed import join_world
    from wan_r1.reports.page import write_page
    from wan_r1.rewards import ScorePool
    from wan_r1.runs import RunFolder
    from wan_r1.training.state import can_go_on

    began = time.monotonic()
    recipe = load_recipe(args.recipe, SFTRecipe, args.overrides)
    torch.set_num_threads(recipe.threads)
    world, run = join_world(recipe.device), RunFolder(Path(recipe.run))
    if args.resume:
        can_go_on(run, recipe.sft.checkpoint_every)  # refused before anything is written
    if world.is_main:
        say_changes(run.start(dump(recipe), resume=args.resume))
    with tracking(recipe.log_with, run, world) as trackers, ScorePool(recipe.reward, recipe.score_workers) as scorer:
        policy = load_policy(recipe.policy, None, world.device)
        if recipe.fresh:
            policy.reset(recipe.sft.seed)
        with stop_on_interrupt() as asked:
            weights = _train(recipe, policy, scorer, run, world, trackers, asked, args.resume)
        if stopped(asked, run, world):
            return INTERRUPTED
        with policy.weights(weights):
            save_model(policy, run, world)
            summary = _judge(recipe, policy, scorer, run, world, began)
        if not world.is_main:
            return DONE
    write_page(run.report, [run])
    if args.json:
        print_json(summary)
    elif summary:
        print_side(summary["sft"])
    say(f"report: {run.report}; model: {run.path / 'model'}")
    return DONE


def _encode(recipe: "SFTRecipe", policy: "WanPolicy", world: "World", asked: Callable[[], bool]) -> "Encoded":
    from wan_r1.training.data import encode_examples

    cache = None if recipe.cache is None else Path(recipe.cache)
    with ExitStack() as stack:
        bar: list[Advance] = []
        done = 0

        def report(what: str, now: int, total: int) -> None:
            nonlocal done
            if asked():  # there is no checkpoint yet, and nothing to lose
                raise KeyboardInterrupt
            if not bar:  # the first report, of 0, tells how many there are
                bar.append(stack.enter_context(progress(what, total, shown=world.is_main)))
            bar[0](now - done)
            done = now

        return encode_examples(policy, recipe.data, recipe.num_examples, cache, report, world=world)


def _train(
    recipe: "SFTRecipe",
    policy: "WanPolicy",
    scorer: "ScorePool",
    run: "RunFolder",
    world: "World",
    trackers: "Tracking",
    asked: Callable[[], bool],
    resume: bool,
) -> "dict[str, Tensor]":
    """Train, and return the average of the weights."""
    from wan_r1.cli.wiring import evaluation_of, reporter
    from wan_r1.training.sft import SFTTrainer

    max_minutes = recipe.max_minutes or math.inf
    with ExitStack() as stack:
        reports: list[Callable[[int, int, dict[str, float]], None]] = []

        def examples() -> "Encoded":
            encoded = _encode(recipe, policy, world, asked)
            bar = reporter("training", recipe.sft.steps, run, trackers, world, max_minutes)
            reports.append(stack.enter_context(bar))  # only now: encoding is no part of the time limit
            return encoded

        return SFTTrainer(
            policy=policy,
            examples=examples,
            settings=recipe.sft,
            optimizer=recipe.optimizer,
            run=run,
            world=world,
            evaluate=evaluation_of(scorer, recipe.validation, world, trackers),
            report=lambda step, total, numbers: reports[0](step, total, numbers),
        ).train(resume=resume, until=asked, max_minutes=max_minutes)


def _judge(
    recipe: "SFTRecipe", policy: "WanPolicy", scorer: "ScorePool", run: "RunFolder", world: "World", began: float
) -> dict[str, Any]:
    """The policy on the test tasks: summary.json and videos; empty without test tasks and in other processes."""
    from wan_r1.cli.comparison import plain_sampler, save_outcomes, save_videos, side_numbers
    from wan_r1.cli.wiring import evaluate_with, training_seconds
    from wan_r1.runs import write_json

    if not recipe.test.num_tasks:
        return {}
    if world.is_main:
        say(f"evaluating on {recipe.test.num_tasks} held-out tasks")
    result = evaluate_with(policy, scorer, recipe.test, keep=recipe.num_videos, measure=True, world=world)
    if not world.is_main:
        return {}
    tasks = recipe.test.source.tasks(0, recipe.test.num_tasks)
    sampler = plain_sampler(recipe.test.sampler)
    summary = {
        "algorithm": "sft",
        "sampler": sampler,
        "sft": side_numbers(result, tasks),
        **training_seconds(run),
        "seconds": time.monotonic() - began,
    }
    save_videos(run, "after", result.rollouts)
    save_outcomes(run, after=result)
    write_json(run.summary, summary)
    return summary


COMMAND = Command(
    summary="train on videos that show the solution",
    description="Supervised fine-tuning by a recipe, on solver videos of tasks or on your own videos\n"
    '(data.name = "videos", data.path = a folder with metadata.csv: video,prompt,input_image).\n'
    "The run folder gets the resolved recipe, metrics, checkpoints, summary.json, a diffusers folder (model/) and\n"
    "report.html. Ctrl-C stops after a checkpoint; several processes: torchrun --nproc-per-node N -m wan_r1 sft RECIPE",
    examples=(
        "wan-r1 sft recipes/sft/maze_tiny.toml",
        "wan-r1 sft recipes/sft/maze_tiny.toml data.name=videos data.path=data/mine run=runs/mine",
        "wan-r1 sft recipes/sft/maze_tiny.toml --resume",
    ),
    add_arguments=_add_arguments,
    run=_run,
)
